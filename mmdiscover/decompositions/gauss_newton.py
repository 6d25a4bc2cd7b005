"""The normal equations of the CP decomposition of a third-order tensor, and its parameters as one vector.

φ(θ) = ‖T − ⟦A,B,C⟧‖² over θ = (A, B, C) with A (I×R), B (J×R), C (K×R); J is the Jacobian of the model, H = JᵀJ and
g = Jᵀ(⟦A,B,C⟧ − T). See `mmdiscover.decompositions.kernels` for formulas and for the structured solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from mmdiscover.decompositions import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Triple = tuple[Array, Array, Array]


def cholesky(matrix: Array) -> Array:
    """Lower Cholesky factor; `matrix` may be overwritten, and the upper triangle of the result is arbitrary.

    Raises
    ------
    numpy.linalg.LinAlgError
        If `matrix` is not positive definite in floating point.
    """
    factor: Array
    factor, info = dpotrf(matrix, lower=True, overwrite_a=True, clean=False)
    if info:
        raise np.linalg.LinAlgError(f"leading minor {info} is not positive definite")
    return factor


def cholesky_solve(factor: Array, right: Array) -> Array:
    """Solve with a factor from `cholesky`; `right` has shape (n,) or (n, k)."""
    solution: Array
    solution, _ = dpotrs(factor, right, lower=True)
    return solution


def flatten(triple: Triple) -> Array:
    """One vector of all entries, A before B before C, each row by row."""
    return np.concatenate([factor.ravel() for factor in triple])


def unflatten(vector: Array, rows: Sequence[int]) -> Triple:
    """The inverse of `flatten`, as views.

    Parameters
    ----------
    vector : ndarray, shape ((I+J+K)R,)
    rows : (I, J, K)
    """
    a, b, c = np.split(vector.reshape(sum(rows), -1), np.cumsum(rows)[:2])
    return a, b, c


@dataclass(frozen=True)
class Linearization:
    """The linear model of the residual at a point.

    Parameters
    ----------
    objective : float
        φ at the point.
    gradient : ndarray, shape ((I+J+K)R,)
        g, half the gradient of φ.
    """

    objective: float
    gradient: Array


def linearize(tensor: Array, vector: Array) -> Linearization:
    """Objective and gradient at a point.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
        Row by row in memory.
    vector : ndarray, shape ((I+J+K)R,)
        Flattened factors.
    """
    point = kernels.make_point(tensor.shape, len(vector) // sum(tensor.shape))
    point.theta[:] = vector
    objective = kernels.evaluate(tensor, point.theta, point.error)
    kernels.linearize(point)
    return Linearization(objective, point.gradient)


def normal_matrix(factors: Triple) -> Array:
    """The whole matrix H = JᵀJ.

    Parameters
    ----------
    factors : three ndarrays, shapes (I, R), (J, R), (K, R)

    Returns
    -------
    ndarray, shape (N, N) with N = (I+J+K)R
        Unknowns in the order of A, B, C, each row by row.
    """
    grams = [factor.T @ factor for factor in factors]
    ends = np.cumsum([0, *(factor.size for factor in factors)])
    rank = factors[0].shape[1]
    matrix = np.zeros((ends[3], ends[3]))
    for mode in range(3):
        one, other = (k for k in range(3) if k != mode)
        block = grams[one] * grams[other]
        for start in range(ends[mode], ends[mode + 1], rank):
            matrix[start : start + rank, start : start + rank] = block
        cross = factors[one][:, None, None, :] * factors[other].T[None, :, :, None] * grams[mode][None, :, None, :]
        cross = cross.reshape(factors[one].size, -1)
        matrix[ends[one] : ends[one + 1], ends[other] : ends[other + 1]] = cross
        matrix[ends[other] : ends[other + 1], ends[one] : ends[one + 1]] = cross.T
    return matrix
