"""The exact solution of what is left, where the Brent equations are linear in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr

from mmdiscover.core.exact import solve
from mmdiscover.decompositions.gauss_newton import unflatten
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array

_MOST_UNKNOWNS = 200


def solve_linear_rest(
    tensor: Array, fixed: NDArray[np.object_], free: NDArray[np.bool_], wanted: Sequence[Fraction]
) -> list[Fraction] | None:
    """Solve for the free entries over the rationals, when no product has some in two of its vectors.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
        With integer entries.
    fixed : ndarray of exact numbers, shape ((I+J+K)R,)
        Flattened factors; what stands where entries are free is not read.
    free : ndarray of bool, shape ((I+J+K)R,)
    wanted : sequence of Fraction
        What those free entries get that the equations leave open, in the order of the free entries.

    Returns
    -------
    list of Fraction, or None
        None when the rest is not linear, is too large, or has no solution.
    """
    entries = np.flatnonzero(free)
    in_vector = [part.any(axis=0) for part in unflatten(free, tensor.shape)]
    if not 0 < len(entries) <= _MOST_UNKNOWNS or np.sum(in_vector, axis=0).max() > 1:
        return None
    matrix, right = _equations(tensor, fixed, entries)
    # Floats only choose which equations and unknowns to take; what they choose is solved and checked exactly.
    approximate = matrix.astype(float)
    _, upper, unknowns = qr(approximate, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(upper))
    rank = int((diagonal > 1e-9 * diagonal[0]).sum())
    unknowns, given = np.sort(unknowns[:rank]), np.sort(unknowns[rank:])
    _, _, rows = qr(approximate[:, unknowns].T, mode="economic", pivoting=True)
    values = np.array(wanted, dtype=object)
    right = right - matrix[:, given] @ values[given]
    rows = rows[:rank]
    try:
        values[unknowns] = solve(matrix[np.ix_(rows, unknowns)], right[rows])
    except InputError:  # singular: the floats chose wrongly
        return None
    return None if (matrix[:, unknowns] @ values[unknowns] - right).any() else list(values)


def _equations(
    tensor: Array, fixed: NDArray[np.object_], entries: NDArray[np.intp]
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Matrix and right side of the equations in the free entries."""
    rank = len(fixed) // sum(tensor.shape)
    constant = fixed.copy()
    constant[entries] = 0
    a, b, c = unflatten(constant, tensor.shape)
    matrix = np.zeros((tensor.size, len(entries)), dtype=object)
    starts = np.cumsum([0, *tensor.shape])
    for column, entry in enumerate(entries):
        row, product = divmod(int(entry), rank)
        mode = int(np.searchsorted(starts, row, side="right")) - 1
        vectors = [factor[:, product] for factor in (a, b, c)]
        unit = np.zeros(tensor.shape[mode], dtype=object)
        unit[row - starts[mode]] = 1
        vectors[mode] = unit
        matrix[:, column] = _product(*vectors)
    right = tensor.astype(int).astype(object).ravel()
    for q in range(rank):
        right = right - _product(a[:, q], b[:, q], c[:, q])
    return matrix, right


def _product(*vectors: NDArray[np.object_]) -> NDArray[np.object_]:
    a, b, c = vectors
    product: NDArray[np.object_] = np.multiply.outer(np.multiply.outer(a, b), c).ravel()
    return product
