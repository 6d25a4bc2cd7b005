"""The normal equations of the CP decomposition of a third-order tensor, and its parameters as one vector.

φ(θ) = ‖T − ⟦A,B,C⟧‖² over θ = (A, B, C) with A (I×R), B (J×R), C (K×R); J is the Jacobian of the model, H = JᵀJ and
g = Jᵀ(⟦A,B,C⟧ − T). See `mmdiscover.decompositions.kernels` for formulas and for the structured solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from mmdiscover.decompositions import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Triple = tuple[Array, Array, Array]


def damped_solve(matrix: Array, damping: float | Array, right: Array) -> Array | None:
    """Solve (M + D) x = b, M given by its upper triangle as from `normal_matrix`.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        Row by row in memory; not changed.
    damping : float or ndarray, shape (n,)
        The diagonal D.
    right : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n,), or None
        None when M + D is not positive definite in floating point.
    """
    # In Fortran's order the upper triangle is the lower one, for which LAPACK is faster.
    damped = matrix.copy()
    damped.flat[:: len(matrix) + 1] += damping
    factor, info = dpotrf(damped.T, lower=True, overwrite_a=True, clean=False)
    if info:
        return None
    solution: Array
    solution, _ = dpotrs(factor, right, lower=True)
    return solution


def flatten(triple: Triple) -> Array:
    """One vector of all entries, A before B before C, each row by row."""
    return np.concatenate([factor.ravel() for factor in triple])


def unflatten(vector: NDArray[Any], rows: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
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


def normal_matrix(shape: Sequence[int], vector: Array, entries: NDArray[np.intp]) -> Array:
    """The matrix H = JᵀJ, J the Jacobian by some of the entries: its upper triangle, zeros below.

    Parameters
    ----------
    shape : (I, J, K)
        Of the tensor.
    vector : ndarray, shape ((I+J+K)R,)
        Flattened factors.
    entries : ndarray of int, shape (n,)
        Ascending indices into `vector`.

    Returns
    -------
    ndarray, shape (n, n)
    """
    grams = np.array([factor.T @ factor for factor in unflatten(vector, shape)])
    starts = np.cumsum([0, *shape]) * grams.shape[1]
    matrix = np.zeros((len(entries), len(entries)))
    kernels.normal_matrix(np.array(vector), grams, starts, entries, matrix)
    return matrix
