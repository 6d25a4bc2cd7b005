"""Levenberg–Marquardt for the CP decomposition of a third-order tensor, optionally within a ball."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mmdiscover.decompositions.gauss_newton import (
    DampedSystem,
    Linearization,
    damped_step,
    inner,
    linearize,
    residual,
    squared_norm,
    tangent_step,
)

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple

_LARGEST_DAMPING = 1e12
_ON_SPHERE = 1e-6


class LMStatus(StrEnum):
    """Why the iteration ended."""

    CONVERGED = "converged"
    """φ fell to the tolerance."""
    STOPPED = "stopped"
    """The monitor asked for it."""
    STALLED = "stalled"
    """No step lowers φ any more."""
    ITERATION_LIMIT = "iteration limit"


@dataclass(frozen=True)
class LMSettings:
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
class LMResult:
    """Where the iteration ended.

    Parameters
    ----------
    factors : three ndarrays, shapes (I, R), (J, R), (K, R)
    objective : float
        φ = ‖T − ⟦A,B,C⟧‖².
    status : LMStatus
    iterations : int
        Damped systems factored, rejected steps included.
    """

    factors: Triple
    objective: float
    status: LMStatus
    iterations: int


class Monitor(Protocol):
    """Watches the iteration; a true answer stops it."""

    def __call__(self, iteration: int, objective: float, /) -> bool:
        """Called after every iteration with the current φ."""


def fit_cp(tensor: Array, start: Triple, settings: LMSettings, monitor: Monitor | None = None) -> LMResult:
    """Minimise ‖T − ⟦A,B,C⟧‖², subject to ‖A‖² + ‖B‖² + ‖C‖² ≤ c when a bound is given.

    The method of Tichavský, Phan and Cichocki (arXiv:1603.01372, step 1): a start or step outside the ball is scaled back
    onto it, and a step that would leave the sphere is replaced by the minimiser in its tangent plane.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    start : three ndarrays, shapes (I, R), (J, R), (K, R)
        Not changed.
    settings : LMSettings
    monitor : callable, optional
        ``monitor(iteration, objective)``; iteration stops when it returns True.

    Returns
    -------
    LMResult
        In the order of modes of `tensor`, whichever mode is eliminated inside.
    """
    # The largest mode goes last, where it is eliminated exactly.
    order = [*(mode for mode in range(3) if mode != _largest(tensor.shape)), _largest(tensor.shape)]
    a, b, c = (np.ascontiguousarray(start[mode], dtype=np.float64) for mode in order)
    result = _iterate(np.ascontiguousarray(tensor.transpose(order)), (a, b, c), settings, monitor)
    a, b, c = (result.factors[order.index(mode)] for mode in range(3))
    return LMResult((a, b, c), result.objective, result.status, result.iterations)


def _largest(shape: tuple[int, ...]) -> int:
    return max(range(3), key=lambda mode: shape[mode])


def _iterate(tensor: Array, start: Triple, settings: LMSettings, monitor: Monitor | None) -> LMResult:
    factors = _into_ball(start, settings.bound)
    at = linearize(factors, residual(tensor, factors))
    damping = settings.initial_damping * max(float(gram.max()) for gram in at.grams)
    growth = 2.0
    for iteration in range(1, settings.max_iterations + 1):
        if at.objective <= settings.tolerance:
            return LMResult(at.factors, at.objective, LMStatus.CONVERGED, iteration - 1)
        trial = _trial_step(at, damping, settings.bound)
        gain = -1.0
        if trial is not None:
            moved, predicted = trial
            error = residual(tensor, moved)
            objective = float(np.vdot(error, error))
            gain = (at.objective - objective) / predicted if predicted > 0 and isfinite(objective) else -1.0
        if trial is not None and gain > 0:
            damping *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
            growth = 2.0
            at = linearize(moved, error)
        else:
            damping *= growth
            growth *= 2.0
            if damping > _LARGEST_DAMPING:
                return LMResult(at.factors, at.objective, LMStatus.STALLED, iteration)
        if monitor is not None and monitor(iteration, at.objective):
            return LMResult(at.factors, at.objective, LMStatus.STOPPED, iteration)
    status = LMStatus.CONVERGED if at.objective <= settings.tolerance else LMStatus.ITERATION_LIMIT
    return LMResult(at.factors, at.objective, status, settings.max_iterations)


def _trial_step(at: Linearization, damping: float, bound: float | None) -> tuple[Triple, float] | None:
    """The next point and the decrease of φ that the model predicts; None when H + μI cannot be factored."""
    try:
        system = DampedSystem(at, damping)
    except np.linalg.LinAlgError:
        return None
    step = damped_step(at, system)
    if bound is not None and squared_norm(at.factors) >= bound * (1 - _ON_SPHERE):
        if squared_norm(_add(at.factors, step)) > bound:
            step = tangent_step(at, system, step)
    # φ(θ) − model(θ+d) = −2gᵀd − dᵀHd, and (H+μI)d = −g + λθ with θᵀd = 0 turns dᵀHd into −gᵀd − μ‖d‖².
    predicted = damping * squared_norm(step) - inner(at.gradient, step)
    return _into_ball(_add(at.factors, step), bound), predicted


def _add(x: Triple, y: Triple) -> Triple:
    return x[0] + y[0], x[1] + y[1], x[2] + y[2]


def _into_ball(factors: Triple, bound: float | None) -> Triple:
    size = squared_norm(factors)
    if bound is None or size <= bound:
        return factors
    a, b, c = (factor * sqrt(bound / size) for factor in factors)
    return a, b, c
