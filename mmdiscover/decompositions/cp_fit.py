"""CP decomposition of a third-order tensor by Levenberg–Marquardt: within a ball, or with some entries fixed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.damping import Damping
from mmdiscover.decompositions.gauss_newton import (
    DampedSystem,
    Linearization,
    add,
    cholesky,
    cholesky_solve,
    damped_step,
    flatten,
    inner,
    linearize,
    normal_matrix,
    residual,
    squared_norm,
    tangent_step,
    unflatten,
)
from mmdiscover.decompositions.levenberg_marquardt import LMStatus, Monitor, StallWatch, Trial, minimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array, Triple

_ON_SPHERE = 1e-6


@dataclass(frozen=True)
class FitSettings:
    """Settings of `fit_cp`.

    Parameters
    ----------
    bound : float or None
        Squared radius c of the ball ‖θ‖² ≤ c; None for no constraint.
    max_iterations : int
    tolerance : float
        φ at which the fit counts as exact.
    initial_damping : float
        First μ, relative to the largest entry of the Gram matrices.
    """

    bound: float | None = None
    max_iterations: int = 500
    tolerance: float = 1e-26
    initial_damping: float = 0.1


@dataclass(frozen=True)
class CPFit:
    """Where the iteration ended.

    Parameters
    ----------
    factors : three ndarrays, shapes (I, R), (J, R), (K, R)
    objective : float
        φ = ‖T − ⟦A,B,C⟧‖².
    status : LMStatus
    iterations : int
        Damped steps tried, rejected ones included.
    """

    factors: Triple
    objective: float
    status: LMStatus
    iterations: int


def fit_cp(tensor: Array, start: Triple, settings: FitSettings, monitor: Monitor | None = None) -> CPFit:
    """Minimise ‖T − ⟦A,B,C⟧‖², subject to ‖A‖² + ‖B‖² + ‖C‖² ≤ c when a bound is given.

    The method of Tichavský, Phan and Cichocki (arXiv:1603.01372, step 1): a start or step outside the ball is scaled
    back onto it, and a step that would leave the sphere is replaced by the minimiser in its tangent plane.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    start : three ndarrays, shapes (I, R), (J, R), (K, R)
        Not changed.
    settings : FitSettings
    monitor : Monitor, optional
        Watches φ and may stop the iteration.

    Returns
    -------
    CPFit
        In the order of modes of `tensor`, whichever mode is eliminated inside.

    Raises
    ------
    ValueError
        If shapes do not meet, an entry is not finite, or the bound is not positive.
    """
    _check_problem(tensor, start)
    if settings.bound is not None and not 0 < settings.bound < inf:
        raise ValueError(f"bound is {settings.bound!r}, expected a positive number or None")
    # The largest mode goes last, where it is eliminated exactly.
    order = sorted(range(3), key=lambda mode: tensor.shape[mode])
    a, b, c = (np.ascontiguousarray(start[mode], dtype=np.float64) for mode in order)
    tensor = np.ascontiguousarray(tensor.transpose(order))
    factors = _into_ball((a, b, c), settings.bound)
    at = linearize(factors, residual(tensor, factors))
    damping = Damping(settings.initial_damping * max(float(gram.max()) for gram in at.grams))
    at, status, iterations = minimize(
        at,
        partial(_ball_step, tensor, settings.bound),
        damping,
        max_iterations=settings.max_iterations,
        tolerance=settings.tolerance,
        monitor=monitor,
    )
    a, b, c = (at.factors[order.index(mode)] for mode in range(3))
    return CPFit((a, b, c), at.objective, status, iterations)


def _check_problem(tensor: Array, factors: Triple) -> None:
    if tensor.ndim != 3:
        raise ValueError(f"tensor has {tensor.ndim} modes, expected 3")
    rank = factors[0].shape[-1]
    shapes, expected = [factor.shape for factor in factors], [(rows, rank) for rows in tensor.shape]
    if shapes != expected or rank < 1:
        raise ValueError(f"factors have shapes {shapes}, expected {expected} with a rank of at least 1")
    for name, array in zip(
        ("tensor", "first factor", "second factor", "third factor"), (tensor, *factors), strict=True
    ):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has a NaN or infinite entry, expected finite numbers")


def _ball_step(tensor: Array, bound: float | None, at: Linearization, damping: float) -> Trial[Linearization] | None:
    try:
        system = DampedSystem(at, damping)
    except np.linalg.LinAlgError:
        return None
    step = damped_step(at, system)
    on_sphere = bound is not None and squared_norm(at.factors) >= bound * (1 - _ON_SPHERE)
    if bound is not None and on_sphere and squared_norm(add(at.factors, step)) > bound:
        step = tangent_step(at, system, step)
    factors = _into_ball(add(at.factors, step), bound)
    error = residual(tensor, factors)
    # φ(θ) − model(θ+d) = −2gᵀd − dᵀHd, and (H+μI)d = −g + λθ with θᵀd = 0 turns dᵀHd into −gᵀd − μ‖d‖².
    predicted = damping * squared_norm(step) - inner(at.gradient, step)
    gain = _gain(at.objective - float(np.vdot(error, error)), predicted)
    return Trial(gain, lambda: linearize(factors, error))


def _gain(decrease: float, predicted: float) -> float:
    return decrease / predicted if predicted > 0 and isfinite(decrease) else -1.0


def _into_ball(factors: Triple, bound: float | None) -> Triple:
    size = squared_norm(factors)
    if bound is None or size <= bound:
        return factors
    a, b, c = (factor * sqrt(bound / size) for factor in factors)
    return a, b, c


@dataclass(frozen=True)
class _PartlyFixed:
    """A point with its normal equations over the free entries."""

    vector: Array
    objective: float
    gradient: Array
    normal: Array


def fit_cp_fixed(
    tensor: Array, start: Triple, free: NDArray[np.bool_], max_iterations: int = 25, tolerance: float = 1e-26
) -> CPFit:
    """Minimise ‖T − ⟦A,B,C⟧‖² over the free entries only, starting near a solution.

    Exact fits lie on manifolds, so the normal matrix is singular there; the damping starts so small that each step is
    nearly the shortest one that solves the linearised equations.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    start : three ndarrays, shapes (I, R), (J, R), (K, R)
        Not changed.
    free : ndarray of bool, shape ((I+J+K)R,)
        Entries of the flattened factors (see `flatten`) that may move.
    max_iterations : int
    tolerance : float
        φ at which the fit counts as exact.

    Returns
    -------
    CPFit
        ``STOPPED`` when φ has not halved within six iterations: such a fit is not going to become exact.

    Raises
    ------
    ValueError
        If shapes do not meet, or an entry is not finite.
    """
    _check_problem(tensor, start)
    indices = np.flatnonzero(free)
    at = _partly_fixed(tensor, flatten(start), indices)
    # Near a solution φ tells how far the linear model can be trusted, and μ may fall fast.
    first = 1e-3 * min(1.0, sqrt(at.objective)) * float(at.normal.diagonal().max(initial=0.0))
    at, status, iterations = minimize(
        at,
        partial(_fixed_step, tensor, indices),
        Damping(first, smallest_factor=0.1),
        max_iterations=max_iterations if len(indices) else 0,
        tolerance=tolerance,
        monitor=StallWatch(window=6, least_decrease=0.5),
    )
    return CPFit(unflatten(at.vector, tensor.shape), at.objective, status, iterations)


def _partly_fixed(tensor: Array, vector: Array, indices: NDArray[np.intp]) -> _PartlyFixed:
    factors = unflatten(vector, tensor.shape)
    at = linearize(factors, residual(tensor, factors))
    normal = normal_matrix(factors)[np.ix_(indices, indices)]
    return _PartlyFixed(vector, at.objective, flatten(at.gradient)[indices], normal)


def _fixed_step(
    tensor: Array, indices: NDArray[np.intp], at: _PartlyFixed, damping: float
) -> Trial[_PartlyFixed] | None:
    matrix = at.normal.copy()
    matrix.flat[:: len(indices) + 1] += damping
    try:
        step = cholesky_solve(cholesky(matrix), -at.gradient)
    except np.linalg.LinAlgError:
        return None
    vector = at.vector.copy()
    vector[indices] += step
    error = residual(tensor, unflatten(vector, tensor.shape))
    predicted = damping * float(step @ step) - float(at.gradient @ step)
    gain = _gain(at.objective - float(np.vdot(error, error)), predicted)
    return Trial(gain, lambda: _partly_fixed(tensor, vector, indices))
