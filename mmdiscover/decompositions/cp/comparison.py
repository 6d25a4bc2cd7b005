"""How much two CP tensors have in common."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from mmdiscover.decompositions.norms import column_lengths

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.cp.tensor import CPTensor


def factor_match_score(a: CPTensor, b: CPTensor) -> float:
    """Mean congruence of the terms of two CP tensors, paired so that it is largest.

    The congruence of two terms is the cosine of the angle between the rank-one tensors, ∏ₙ ⟨aⁿ, bⁿ⟩/(‖aⁿ‖‖bⁿ‖) times
    the signs of the weights (real parts for complex tensors): order, scale, and signs that cancel within a term do not
    matter, sizes of terms do not either. A term without a partner, as ranks differ, counts zero.

    Parameters
    ----------
    a, b : CPTensor
        Of one shape.

    Returns
    -------
    float
        1 if the terms are the same up to positive scale, at least −1.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
    >>> a = random_cp((4, 5, 6), 2)
    >>> b = CPTensor(tuple(2 * factor[:, ::-1] for factor in a.factors))
    >>> print(f"{factor_match_score(a, b):.6f}")
    1.000000
    """
    if a.shape != b.shape:
        raise ValueError(f"b has shape {b.shape}, expected {a.shape} as a")
    cosines = [_unit(x).conj().T @ _unit(y) for x, y in zip(a.absorbed(), b.absorbed(), strict=True)]
    congruence = np.real(reduce(np.multiply, cosines))
    rows, columns = linear_sum_assignment(congruence, maximize=True)
    return float(congruence[rows, columns].sum() / max(a.rank, b.rank))


def _unit(factor: Array) -> Array:
    """Columns of length one; those of length zero stay."""
    lengths = column_lengths(factor)
    scaled: Array = factor / np.where(lengths > 0, lengths, 1)
    return scaled
