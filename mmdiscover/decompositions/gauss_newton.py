"""Damped Gauss–Newton steps for the CP decomposition of a third-order tensor.

Minimise φ(θ) = ‖T − ⟦A,B,C⟧‖² over θ = (A, B, C) with A (I×R), B (J×R), C (K×R). With J the Jacobian of the model,
H = JᵀJ and g = Jᵀ(⟦A,B,C⟧ − T), a step solves systems with H + μI. Write G_A = AᵀA and so on; then

    H_AA = I ⊗ (G_B∘G_C),    H_AB[(i,r),(j,s)] = (G_C)_rs A_is B_jr,    and cyclically

(Phan, Tichavský, Cichocki, SIAM J. Matrix Anal. Appl. 34 (2013)). The block of the third mode, H_CC + μI = I ⊗ M with
M = G_A∘G_B + μI, is inverted exactly, so that only its Schur complement, a system of size (I+J)R, is factored. Callers
put the largest mode last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotrs

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


def squared_norm(triple: Triple) -> float:
    """Sum of squares over three arrays."""
    return float(sum(np.vdot(x, x) for x in triple))


def inner(x: Triple, y: Triple) -> float:
    """Inner product of two parameter vectors kept as three arrays."""
    return float(sum(np.vdot(p, q) for p, q in zip(x, y, strict=True)))


def add(x: Triple, y: Triple) -> Triple:
    """Sum of two parameter vectors kept as three arrays."""
    return x[0] + y[0], x[1] + y[1], x[2] + y[2]


def residual(tensor: Array, factors: Triple) -> Array:
    """⟦A,B,C⟧ − T.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    factors : three ndarrays, shapes (I, R), (J, R), (K, R)

    Returns
    -------
    ndarray, shape (I, J, K)
    """
    a, b, c = factors
    pairs = (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[1])
    return (pairs @ c.T).reshape(tensor.shape) - tensor


@dataclass(frozen=True)
class Linearization:
    """The quadratic model of φ at a point.

    Parameters
    ----------
    factors : three ndarrays, shapes (I, R), (J, R), (K, R)
    objective : float
        φ at the point.
    gradient : three ndarrays
        g = Jᵀ(⟦A,B,C⟧ − T), half the gradient of φ, in the shapes of `factors`.
    grams : three ndarrays, shape (R, R)
        AᵀA, BᵀB, CᵀC.
    """

    factors: Triple
    objective: float
    gradient: Triple
    grams: Triple


def linearize(factors: Triple, error: Array) -> Linearization:
    """Gradient and Gram matrices at a point.

    Parameters
    ----------
    factors : three ndarrays, shapes (I, R), (J, R), (K, R)
    error : ndarray, shape (I, J, K)
        The residual there.
    """
    a, b, c = factors
    rows, columns, depth = error.shape
    along_c = (error.reshape(-1, depth) @ c).reshape(rows, columns, -1)
    gradient_a = np.einsum("ijr,jr->ir", along_c, b)
    gradient_b = np.einsum("ijr,ir->jr", along_c, a)
    pairs = (a[:, None, :] * b[None, :, :]).reshape(-1, a.shape[1])
    gradient_c = error.reshape(-1, depth).T @ pairs
    return Linearization(
        factors,
        float(np.vdot(error, error)),
        (gradient_a, gradient_b, gradient_c),
        (a.T @ a, b.T @ b, c.T @ c),
    )


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


class DampedSystem:
    """The factored matrix H + μI at a point.

    Parameters
    ----------
    at : Linearization
    damping : float
        μ > 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite in floating point.
    """

    def __init__(self, at: Linearization, damping: float) -> None:
        self._at = at
        a, b, _ = at.factors
        gram_a, gram_b, gram_c = at.grams
        rank = a.shape[1]
        size_a, size = a.size, a.size + b.size
        self._eliminated = cholesky(gram_a * gram_b + damping * np.eye(rank))
        # Row (x, r) of the coupling is L[(x, r), s], where H_xC[(x, r), (k, s)] = L[(x, r), s] C_kr.
        coupling = np.empty((size, rank))
        coupling[:size_a] = (a[:, None, :] * gram_b).reshape(-1, rank)
        coupling[size_a:] = (b[:, None, :] * gram_a).reshape(-1, rank)
        half = solve_triangular(self._eliminated, coupling.T, lower=True, check_finite=False)
        schur = half.T @ half
        np.negative(schur, out=schur)
        # Every block of the complement carries the factor (G_C)_rs, so E − FᵀF is scaled by it at once.
        schur[:size_a, size_a:] += (a[:, None, None, :] * b.T[None, :, :, None]).reshape(size_a, -1)
        for start in range(0, size, rank):
            schur[start : start + rank, start : start + rank] += gram_b if start < size_a else gram_a
        blocks = schur.reshape(size // rank, rank, size // rank, rank)
        blocks *= gram_c[:, None, :]
        schur.flat[:: size + 1] += damping
        self._reduced = cholesky(schur.T)

    def solve(self, right: Triple) -> Triple:
        """(H + μI)⁻¹ applied to one parameter vector."""
        a, b, c = self._at.factors
        gram_a, gram_b, _ = self._at.grams
        eliminated = cholesky_solve(self._eliminated, right[2].T).T
        mixed = c.T @ eliminated
        reduced = np.concatenate(
            [(right[0] - a @ (gram_b * mixed).T).ravel(), (right[1] - b @ (gram_a * mixed).T).ravel()]
        )
        solution = cholesky_solve(self._reduced, reduced)
        step_a, step_b = solution[: a.size].reshape(a.shape), solution[a.size :].reshape(b.shape)
        mixed = gram_b * (step_a.T @ a) + gram_a * (step_b.T @ b)
        step_c = cholesky_solve(self._eliminated, (right[2] - c @ mixed).T).T
        return step_a, step_b, step_c


def damped_step(at: Linearization, system: DampedSystem) -> Triple:
    """The Levenberg–Marquardt step d = −(H + μI)⁻¹ g."""
    return _negate(system.solve(at.gradient))


def tangent_step(at: Linearization, system: DampedSystem, unconstrained: Triple) -> Triple:
    """The step that minimises the damped model in the plane θᵀd = 0, tangent to the sphere through θ.

    d = −(H+μI)⁻¹g + λ (H+μI)⁻¹θ with λ = θᵀ(H+μI)⁻¹g / θᵀ(H+μI)⁻¹θ (Tichavský, Phan and Cichocki,
    arXiv:1603.01372, eq. 10).

    Parameters
    ----------
    at : Linearization
    system : DampedSystem
    unconstrained : three ndarrays
        The step without the constraint, from `damped_step`.
    """
    radial = system.solve(at.factors)
    multiplier = -inner(at.factors, unconstrained) / inner(at.factors, radial)
    a, b, c = (d + multiplier * x for d, x in zip(unconstrained, radial, strict=True))
    return a, b, c


def _negate(triple: Triple) -> Triple:
    a, b, c = triple
    return -a, -b, -c
