"""What tests of both models share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array


def block_scores(estimates: Any, exact: Any) -> Array:
    """Standard scores of the mean of independent estimates, entry by entry (symmetric entries once)."""
    estimates = np.asarray(estimates)
    shape = exact.shape
    once = np.ravel_multi_index(np.array([cell for cell in np.ndindex(shape) if list(cell) == sorted(cell)]).T, shape)
    rows = estimates.reshape(len(estimates), -1)[:, once]
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    scores: Array = (rows.mean(axis=0) - exact.ravel()[once]) / error
    return scores


def slope(sizes: Any, errors: Any) -> float:
    """Of the line through the logarithms; errors of several seeds in rows."""
    return float(np.polyfit(np.log(sizes), np.log(errors).mean(axis=0), 1)[0])
