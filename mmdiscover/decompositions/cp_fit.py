"""CP decomposition of a third-order tensor by Levenberg–Marquardt: within a ball, or with some entries fixed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions import kernels
from mmdiscover.decompositions.damping import Damping
from mmdiscover.decompositions.gauss_newton import (
    Linearization,
    damped_solve,
    flatten,
    linearize,
    normal_matrix,
    unflatten,
)
from mmdiscover.decompositions.levenberg_marquardt import Monitor, StallWatch, Trial, minimize
from mmdiscover.decompositions.outcome import Ending

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array, Triple

# Compiled code does not hear signals, so it comes back after about a tenth of a second.
_MULTIPLICATIONS_PER_CALL = 1e9

_STATUS = {
    kernels.CONVERGED: Ending.CONVERGED,
    kernels.STOPPED: Ending.STOPPED,
    kernels.STALLED: Ending.STALLED,
    kernels.ITERATION_LIMIT: Ending.ITERATION_LIMIT,
}


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
    stall_window, stall_decrease : int, float
        Stop when φ has fallen by less than this share over so many iterations; a window of 0 for never.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """

    bound: float | None = None
    max_iterations: int = 500
    tolerance: float = 1e-26
    initial_damping: float = 0.1
    stall_window: int = 0
    stall_decrease: float = 0.0

    def __post_init__(self) -> None:
        if self.bound is not None and not 0 < self.bound < inf:
            raise ValueError(f"bound is {self.bound!r}, expected a positive number or None")
        if not 0 <= self.max_iterations < 2**31 or self.max_iterations % 1:
            raise ValueError(f"iteration limit is {self.max_iterations!r}, expected 0 to {2**31 - 1}")
        if not 0 < self.initial_damping < inf:
            raise ValueError(f"initial damping is {self.initial_damping!r}, expected a positive number")
        if not 0 <= self.tolerance < inf:
            raise ValueError(f"tolerance is {self.tolerance!r}, expected a number >= 0")
        if not (0 <= self.stall_window < inf and 0 <= self.stall_decrease <= 1):
            raise ValueError(
                f"stall rule is {self.stall_decrease!r} in {self.stall_window!r} iterations, "
                "expected a share from 0 to 1 and a number >= 0"
            )


@dataclass(frozen=True)
class PairSymmetry:
    """A symmetry of a tensor, T_ijk = ±T_jik, that its decomposition is to have too.

    Terms are fixed, (a, a, c), or come in pairs (a, b, c), (b, a, c′), where c′ is c with the signs of the slices.

    Parameters
    ----------
    fixed : int
        Number of fixed terms; the others are pairs. In the factors, fixed terms come first, those of a pair one after
        the other.
    even : int
        Number of slices along the third mode with the sign +; they come first.
    """

    fixed: int
    even: int


@dataclass(frozen=True)
class FreeAction:
    """Orthogonal matrices X, Y, Z of order two up to signs that leave a tensor as it is, and its decomposition too.

    Terms come in pairs (a, b, c), (Xa, Yb, Zc), one after the other in the factors.

    Parameters
    ----------
    images : three ndarrays, shapes (I, I), (J, J), (K, K)
        X, Y and Z. Applied twice they change signs at most, an even number of them.
    """

    images: Triple


@dataclass(frozen=True)
class CPFit:
    """Where the iteration ended.

    Parameters
    ----------
    factors : three ndarrays, shapes (I, R), (J, R), (K, R)
    objective : float
        φ = ‖T − ⟦A,B,C⟧‖².
    status : Ending
    history : ndarray, shape (iterations + 1,)
        φ at the start and after each iteration.
    """

    factors: Triple
    objective: float
    status: Ending
    history: Array

    @property
    def iterations(self) -> int:
        """Damped steps tried, rejected ones included."""
        return len(self.history) - 1


def fit_cp(
    tensor: Array,
    start: Triple,
    settings: FitSettings,
    symmetry: PairSymmetry | FreeAction | None = None,
    monitor: Monitor | None = None,
) -> CPFit:
    """Minimise ‖T − ⟦A,B,C⟧‖², subject to ‖A‖² + ‖B‖² + ‖C‖² ≤ c when a bound is given.

    The method of Tichavský, Phan and Cichocki (arXiv:1603.01372, step 1): a start or step outside the ball is scaled
    back onto it, and a step that would leave the sphere is replaced by the minimiser in its tangent plane.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    start : three ndarrays, shapes (I, R), (J, R), (K, R)
        Not changed.
    settings : FitSettings
    symmetry : PairSymmetry or FreeAction, optional
        Of the tensor; only decompositions with this symmetry are looked for. The start is made symmetric: see
        `kernels.symmetrize` for what counts of it. Under a `PairSymmetry` the system that is factored has half the
        size.
    monitor : Monitor, optional
        Watches φ and may stop the iteration.

    Returns
    -------
    CPFit
        In the order of modes of `tensor`, whichever mode is eliminated inside.

    Raises
    ------
    ValueError
        If shapes do not meet, an entry is not finite, or the tensor does not have the symmetry.
    """
    _check_problem(tensor, start)
    # The largest mode goes last, where it is eliminated exactly; a symmetry tells which one goes last.
    order = sorted(range(3), key=lambda mode: tensor.shape[mode])
    if isinstance(symmetry, PairSymmetry):
        order = [0, 1, 2]
    # Copies: Numba compiles anew for arrays that cannot be written to.
    tensor = np.array(tensor.transpose(order), dtype=np.float64, order="C")
    rank = start[0].shape[1]
    point, trial = kernels.make_point(tensor.shape, rank), kernels.make_point(tensor.shape, rank)
    bound = settings.bound or inf
    point.theta[:] = np.concatenate([start[mode].ravel() for mode in order])
    exchange = (symmetry.fixed, symmetry.even) if isinstance(symmetry, PairSymmetry) else None
    if isinstance(symmetry, PairSymmetry):
        _check_exchange(tensor, rank, symmetry)
    system = kernels.make_system(tensor.shape, rank, exchange)
    if isinstance(symmetry, FreeAction):
        x, y, z = (np.array(symmetry.images[mode], dtype=np.float64, order="C") for mode in order)
        _check_action(tensor, rank, (x, y, z))
        system = kernels.with_action(system, (x, y, z))
    kernels.symmetrize(point.theta, tensor, system)
    kernels.into_ball(point.theta, float(bound))
    history = np.empty(settings.max_iterations + 1)
    history[0] = point.objective[0] = kernels.evaluate(tensor, point.theta, point.error)
    kernels.linearize(point)
    damping = max(settings.initial_damping * float(point.grams.max()), kernels.SMALLEST_DAMPING)
    state = kernels.State(np.zeros(1, dtype=np.int64), np.array([damping, 2.0]), history)
    # Another type of a number would be compiled for anew.
    limits = kernels.Limits(
        float(bound),
        float(settings.tolerance),
        Damping.LARGEST * max(damping, 1.0),
        float(settings.stall_window),
        float(settings.stall_decrease),
    )
    pause = 1 if monitor else max(1, int(_MULTIPLICATIONS_PER_CALL / max(len(system.reduced), 1) ** 3))
    code, stopped = kernels.PAUSED, False
    while code == kernels.PAUSED and not stopped:
        done = int(state.iteration[0])
        code = kernels.iterate(tensor, point, system, trial, state, limits, done + pause)
        if monitor is not None and state.iteration[0] > done:
            stopped = monitor(float(history[state.iteration[0]]))
    factors = unflatten(point.theta, tensor.shape)
    a, b, c = (factors[order.index(mode)] for mode in range(3))
    history = history[: state.iteration[0] + 1].copy()
    status = Ending.STOPPED if stopped and code == kernels.PAUSED else _STATUS[code]
    return CPFit((a, b, c), float(history[-1]), status, history)


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
        if np.iscomplexobj(array):
            raise ValueError(f"{name} is complex, expected real numbers")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has a NaN or infinite entry, expected finite numbers")


def _check_exchange(tensor: Array, rank: int, symmetry: PairSymmetry) -> None:
    rows, columns, depth = tensor.shape
    if rows != columns or not 0 <= symmetry.even <= depth:
        raise ValueError(
            f"tensor has shape {tensor.shape}, expected the first two sizes equal and {symmetry.even} even slices"
        )
    if not 0 <= symmetry.fixed <= rank or (rank - symmetry.fixed) % 2:
        raise ValueError(f"{symmetry.fixed} of {rank} terms are fixed, expected the others to make pairs")
    image = tensor.transpose(1, 0, 2) * np.where(np.arange(depth) < symmetry.even, 1.0, -1.0)
    if not np.allclose(tensor, image, rtol=0, atol=1e-12 * np.abs(tensor).max(initial=0.0)):
        raise ValueError("tensor does not have the symmetry T_ijk = ±T_jik")


def _check_action(tensor: Array, rank: int, images: Triple) -> None:
    shapes, expected = [image.shape for image in images], [(size, size) for size in tensor.shape]
    if shapes != expected:
        raise ValueError(f"images have shapes {shapes}, expected {expected}, modes in the order of their sizes")
    if rank % 2:
        raise ValueError(f"rank is {rank}, expected an even one for pairs of terms")
    signs = [round(float(np.trace(image @ image)) / len(image)) for image in images]
    for image, sign in zip(images, signs, strict=True):
        one = np.eye(len(image))
        if not (np.allclose(image @ image.T, one) and np.allclose(image @ image, sign * one)):
            raise ValueError("an image is not orthogonal of order two up to its sign")
    # Mode by mode: all at once would take as many operations as the tensor has pairs of cells, seconds for 4x5x6.
    image = np.einsum("ijk,xi,yj,zk->xyz", tensor, *images, optimize=True)
    if np.prod(signs) < 0 or not np.allclose(tensor, image, rtol=0, atol=1e-12 * np.abs(tensor).max(initial=0.0)):
        raise ValueError("tensor is not left as it is by the action")


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
        Row by row in memory.
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
    vector = flatten(start)
    at = _partly_fixed(tensor, vector, linearize(tensor, vector), indices)
    # Near a solution φ tells how far the linear model can be trusted, and μ may fall fast.
    first = 1e-3 * min(1.0, sqrt(at.objective)) * float(at.normal.diagonal().max(initial=0.0))
    at, status, history = minimize(
        at,
        partial(_fixed_step, tensor, indices),
        Damping(first, smallest_factor=0.1),
        max_iterations=max_iterations if len(indices) else 0,
        tolerance=tolerance,
        monitor=StallWatch(window=6, least_decrease=0.5),
    )
    return CPFit(unflatten(at.vector, tensor.shape), at.objective, status, history)


def _partly_fixed(tensor: Array, vector: Array, linear: Linearization, indices: NDArray[np.intp]) -> _PartlyFixed:
    normal = normal_matrix(tensor.shape, vector, indices)
    return _PartlyFixed(vector, linear.objective, linear.gradient[indices], normal)


def _fixed_step(
    tensor: Array, indices: NDArray[np.intp], at: _PartlyFixed, damping: float
) -> Trial[_PartlyFixed] | None:
    step = damped_solve(at.normal, damping, -at.gradient)
    if step is None:
        return None
    vector = at.vector.copy()
    vector[indices] += step
    linear = linearize(tensor, vector)
    predicted = damping * float(step @ step) - float(at.gradient @ step)
    decrease = at.objective - linear.objective
    gain = decrease / predicted if predicted > 0 and isfinite(decrease) else -1.0
    return Trial(gain, lambda: _partly_fixed(tensor, vector, linear, indices))
