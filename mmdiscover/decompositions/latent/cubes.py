"""The weighted sum of third powers of samples, after a projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

CHUNK_ENTRIES = 2**18
"""Entries of the largest temporary array; a few MB stay in the cache."""


def sum_of_cubes(samples: Array, projection: Array | None = None, weights: Array | None = None) -> Array:
    """Σₙ ωₙ yₙ ∘ yₙ ∘ yₙ for y = Wᵀx, some samples at a time: O(n k³) operations, and no array of d³ entries.

    Parameters
    ----------
    samples : ndarray, shape (n, d)
    projection : ndarray, shape (d, k), optional
        W; the identity when left out.
    weights : ndarray, shape (n,), optional
        ω; ones when left out.

    Returns
    -------
    ndarray of float64, shape (k, k, k)
    """
    count, size = samples.shape if projection is None else (samples.shape[0], projection.shape[1])
    total = np.zeros((size, size**2))
    step = max(1, CHUNK_ENTRIES // size**2)
    for start in range(0, count, step):
        chunk = samples[start : start + step]
        rows = np.asarray(chunk if projection is None else chunk @ projection, dtype=np.float64)
        weighted = rows if weights is None else rows * weights[start : start + step, None]
        total += weighted.T @ (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
    return total.reshape(size, size, size)


def symmetrized(tensor: Array) -> Array:
    """T + its two cyclic permutations: Σᵢ of a ∘ bᵢ ∘ bᵢ in all three places."""
    return tensor + tensor.transpose(1, 2, 0) + tensor.transpose(2, 0, 1)
