"""Small linear least-squares problems, many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from mmdiscover.decompositions.sparse import sum_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.arguments import Array

LARGEST_BATCHED = 16
"""Up to so many unknowns a slice, all normal matrices are summed at once; beyond, one slice after another by BLAS."""


def ridge_solve(gram: Array, right: Array, ridge: float) -> Array:
    """(M + ridge 1)⁻¹ b for positive semidefinite M; the shortest least-squares solution where that is singular.

    Parameters
    ----------
    gram : ndarray, shape (…, p, p)
    right : ndarray, shape (p,) or (…, p, q)
    ridge : float
    """
    size = gram.shape[-1]
    matrix = gram + ridge * np.eye(size) if ridge else gram
    if matrix.ndim == 2:
        try:
            factor = scipy.linalg.cho_factor(matrix, check_finite=False)
            return np.asarray(scipy.linalg.cho_solve(factor, right, check_finite=False))
        except np.linalg.LinAlgError:
            return np.asarray(np.linalg.pinv(matrix, size * np.finfo(matrix.dtype).eps, hermitian=True) @ right)
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrix, size * np.finfo(matrix.dtype).eps, hermitian=True) @ right)


def sliced_ridge_solve(rows: Array, values: Array, targets: NDArray[np.intp], size: int, ridge: float) -> Array:
    """For each slice i the vector that minimises Σ (⟨rows[c], x⟩ − values[c])² + ridge ‖x‖² over its cells c.

    Parameters
    ----------
    rows : ndarray, shape (m, p)
    values : ndarray, shape (m,)
    targets : ndarray of int, shape (m,)
        For each cell its slice.
    size : int
        Number of slices.
    ridge : float

    Returns
    -------
    ndarray, shape (size, p)
        The shortest minimiser where there are several, as for slices without a cell.
    """
    unknowns = rows.shape[1]
    counts = np.bincount(targets, minlength=size)
    right = sum_rows(values[:, None] * rows, targets, size)
    if unknowns <= LARGEST_BATCHED:
        products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
        grams = sum_rows(products, targets, size).reshape(size, unknowns, unknowns)
        solution = np.zeros_like(right)
        # Slices with fewer cells than unknowns have singular matrices, which need not look singular after rounding.
        for where, scarce in ((counts >= unknowns, False), (counts < unknowns, True)):
            if not where.any():
                continue
            if scarce and not ridge:
                inverses = np.linalg.pinv(grams[where], 1e-12, hermitian=True)
                solution[where] = (inverses @ right[where][..., None])[..., 0]
            else:
                solution[where] = ridge_solve(grams[where], right[where][..., None], ridge)[..., 0]
        return solution
    order = np.argsort(targets, kind="stable")
    ends = np.cumsum(counts)
    solution = np.zeros_like(right)
    for index, (end, count) in enumerate(zip(ends, counts, strict=True)):
        own = rows[order[end - count : end]]
        gram = own.T @ own
        if ridge or count >= unknowns:
            solution[index] = ridge_solve(gram, right[index], ridge)
        elif count:
            solution[index] = np.linalg.pinv(gram, 1e-12, hermitian=True) @ right[index]
    return solution
