"""CP decomposition by damped Gauss–Newton (Levenberg–Marquardt) steps, entries missing or not, bounded or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial, reduce
from math import inf, isfinite, prod, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from mmdiscover.decompositions.arguments import as_real_array, check_count
from mmdiscover.decompositions.cp.als import cp_start
from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.cp_fit import FitSettings, fit_cp
from mmdiscover.decompositions.damping import Damping
from mmdiscover.decompositions.gauss_newton import damped_solve
from mmdiscover.decompositions.levenberg_marquardt import StallWatch, Trial, minimize
from mmdiscover.decompositions.norms import norm_of
from mmdiscover.decompositions.outcome import Ending, Fitted, finish
from mmdiscover.decompositions.products import mttkrp_unchecked
from mmdiscover.decompositions.sparse import SparseTensor, khatri_rao_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.outcome import Progress

_ON_SPHERE = 1e-12
# Norms of targets that are fitted as they are.
_PLAIN = 1e-3, 1e3


def cp_lm(
    target: ArrayLike | SparseTensor,
    rank: int,
    *,
    start: CPTensor | None = None,
    seed: Seed = 0,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
) -> Fitted[CPTensor]:
    """Minimise φ = ‖T − ⟦A₁, …, A_N⟧‖², over the observed entries when some are missing, within a ball when asked.

    Steps solve (JᵀJ + μI) d = −g for all factors together, which converges where alternating methods creep: collinear
    factors, matrix multiplication tensors. A dense tensor of order three goes to the compiled engine of the search
    (`fit_cp`), any other to the same iteration with normal equations of order P = R·Σdₙ formed here, in O(P³)
    operations and O(P²) memory: for P up to a few thousand.

    Parameters
    ----------
    target : array_like, shape (d₁, …, d_N), or SparseTensor
        Real. The cells of a `SparseTensor` are the observed ones, all others are missing.
    rank : int
    start : CPTensor, optional
        Random when left out; its weights go into the first factor.
    seed : int, SeedSequence or Generator
        Of the random start.
    settings : FitSettings, optional
        Norm bound, limits and tolerances. When left out: no bound, 500 iterations, exact at φ ≤ 1e-26·‖T‖², and
        converged when φ falls by less than 1e-8 of itself in 20 iterations.
    progress : Progress, optional

    Returns
    -------
    Fitted[CPTensor]
        Weights are ones: with a bound, ‖A₁‖² + … + ‖A_N‖² ≤ c. The history is φ.

    Raises
    ------
    ValueError
        If the target is zero or not finite, or the start does not fit.
    """
    advice = (
        "try more iterations, another seed, a larger rank, or a norm bound (FitSettings.bound) when factors diverge"
    )
    model, status, history = fit_unwarned(target, rank, start, seed, settings, progress)
    return finish(model, status, history, "cp_lm", advice)


def fit_unwarned(
    target: ArrayLike | SparseTensor,
    rank: int,
    start: CPTensor | None,
    seed: Seed,
    settings: FitSettings | None,
    progress: Progress | None = None,
) -> tuple[CPTensor, Ending, Array]:
    """`cp_lm` for those who try many starts: the model, how it ended, and the history of φ."""
    check_count("rank", rank)
    if isinstance(target, SparseTensor):
        cells, shape = as_real_array("target", target.values), target.shape
        size = norm_of("target", cells)
        norm = float(cells.std() + abs(cells.mean())) * sqrt(prod(shape))
    else:
        cells = as_real_array("target", target, least_order=2).astype(np.float64)
        shape = cells.shape
        size = norm = norm_of("target", cells)
    begin = cp_start(shape, cells.dtype, norm, rank, start, seed)
    if any(np.iscomplexobj(array) for array in (*begin.factors, begin.weights)):
        raise ValueError("start is complex, expected real numbers")
    if not _PLAIN[0] <= size <= _PLAIN[1]:
        return _fit_scaled(target, size, begin, settings, progress)
    settings = settings or FitSettings(tolerance=1e-26 * size**2, stall_window=20, stall_decrease=1e-8)
    watch = _Watch(settings, progress)
    if len(shape) == 3 and not isinstance(target, SparseTensor):
        a, b, c = begin.absorbed()
        end = fit_cp(cells, (a, b, c), replace(settings, stall_window=0), monitor=watch)
        factors, status, history = end.factors, end.status, end.history
        return CPTensor(factors), watch.judge(status), history
    linearize = partial(_observed, target) if isinstance(target, SparseTensor) else partial(_dense, cells)
    theta = _into_ball(np.concatenate([factor.ravel() for factor in begin.absorbed()]), settings.bound)
    at = linearize(_factors(theta, shape))
    damping = Damping(settings.initial_damping * max(float(np.sum(f**2, axis=0).max()) for f in _factors(theta, shape)))
    at, status, history = minimize(
        at,
        partial(_attempt, partial(_at, linearize, shape), settings.bound),
        damping,
        max_iterations=settings.max_iterations,
        tolerance=settings.tolerance,
        monitor=watch,
    )
    return CPTensor(_factors(at.theta, shape)), watch.judge(status), history


def _fit_scaled(
    target: ArrayLike | SparseTensor,
    size: float,
    begin: CPTensor,
    settings: FitSettings | None,
    progress: Progress | None,
) -> tuple[CPTensor, Ending, Array]:
    """The fit of the target divided by its norm, brought back: the damping has limits that do not know its scale."""
    root, square = size ** (1 / begin.order), size**2
    if settings is not None:
        bound = None if settings.bound is None else settings.bound / root**2
        settings = replace(settings, bound=bound, tolerance=settings.tolerance / square)
    if isinstance(target, SparseTensor):
        target = SparseTensor(target.indices, target.values / size, target.shape)
    else:
        target = np.asarray(target, dtype=np.float64) / size
    start = CPTensor(tuple(factor / root for factor in begin.absorbed()))

    def report(iteration: int, objective: float) -> bool | None:
        return None if progress is None else progress(iteration, objective * square)

    model, status, history = fit_unwarned(target, begin.rank, start, 0, settings, report)
    return CPTensor(tuple(root * factor for factor in model.factors)), status, history * square


class _Watch:
    """Tells whoever asked for it how far the iteration is, and notices when φ has ceased to fall."""

    def __init__(self, settings: FitSettings, progress: Progress | None) -> None:
        window = settings.stall_window
        self._stall = StallWatch(window, settings.stall_decrease) if window else None
        self._progress = progress
        self._iteration = 0
        self._settled = False

    def __call__(self, objective: float) -> bool:
        self._iteration += 1
        if self._progress is not None and self._progress(self._iteration, objective):
            return True
        self._settled = self._stall is not None and self._stall(objective)
        return self._settled

    def judge(self, status: Ending) -> Ending:
        """A minimum that is not zero is one too."""
        return Ending.CONVERGED if status is Ending.STOPPED and self._settled else status


@dataclass(frozen=True)
class _Point:
    theta: Array
    objective: float
    gradient: Array
    normal: Array


def _factors(theta: Array, shape: Sequence[int]) -> tuple[Array, ...]:
    return tuple(np.split(theta.reshape(sum(shape), -1), np.cumsum(shape)[:-1]))


def _into_ball(theta: Array, bound: float | None) -> Array:
    """θ, scaled back onto the ball ‖θ‖² ≤ c when it lies outside."""
    size = float(theta @ theta)
    return theta if bound is None or size <= bound else theta * np.sqrt(bound / size)


def _at(linearize: Callable[[tuple[Array, ...]], _Point], shape: Sequence[int], theta: Array) -> _Point:
    return linearize(_factors(theta, shape))


def _attempt(
    at_point: Callable[[Array], _Point], bound: float | None, at: _Point, damping: float
) -> Trial[_Point] | None:
    """A damped step; in the tangent plane where it would leave the sphere (Tichavský, Phan, Cichocki, eq. 10)."""
    limit = inf if bound is None else bound
    theta = at.theta
    step = damped_solve(at.normal, damping, -at.gradient)
    if step is None:
        return None
    if theta @ theta >= limit * (1 - _ON_SPHERE) and (theta + step) @ (theta + step) > limit:
        along = damped_solve(at.normal, damping, theta)
        assert along is not None
        step -= (theta @ step) / (theta @ along) * along
    predicted = damping * float(step @ step) - float(at.gradient @ step)
    there = at_point(_into_ball(theta + step, bound))
    decrease = at.objective - there.objective
    return Trial(decrease / predicted if predicted > 0 and isfinite(decrease) else -1.0, lambda: there)


def _dense(tensor: Array, factors: tuple[Array, ...]) -> _Point:
    """All entries observed: blocks of JᵀJ from Gram matrices (Phan et al., SIAM J. Matrix Anal. Appl. 34 (2013))."""
    error = CPTensor(factors).to_full() - tensor
    gradient = np.concatenate([mttkrp_unchecked(error, factors, mode).ravel() for mode in range(len(factors))])
    grams, rank = [factor.T @ factor for factor in factors], factors[0].shape[1]
    starts = np.cumsum([0, *(factor.size for factor in factors)])
    normal = np.empty((starts[-1], starts[-1]))
    for n, a in enumerate(factors):
        for m, b in enumerate(factors[n:], n):
            rest = reduce(
                np.multiply, (gram for other, gram in enumerate(grams) if other not in {n, m}), np.ones((rank, rank))
            )
            block = (
                np.kron(np.eye(len(a)), rest)
                if n == m
                else np.einsum("is,jr,rs->irjs", a, b, rest).reshape(a.size, b.size)
            )
            normal[starts[n] : starts[n + 1], starts[m] : starts[m + 1]] = block
            normal[starts[m] : starts[m + 1], starts[n] : starts[n + 1]] = block.T
    theta = np.concatenate([factor.ravel() for factor in factors])
    return _Point(theta, float(np.sum(error**2)), gradient, normal)


def _observed(target: SparseTensor, factors: tuple[Array, ...]) -> _Point:
    """Some entries observed: J has a row for each of them, with N·R entries that are not zero."""
    indices, rank = target.indices, factors[0].shape[1]
    starts = np.cumsum([0, *(factor.size for factor in factors)])
    blocks = [khatri_rao_rows(factors, indices, skip=mode) for mode in range(len(factors))]
    rows = np.concatenate(blocks, axis=1)
    columns = [start + indices[:, mode, None] * rank + np.arange(rank) for mode, start in enumerate(starts[:-1])]
    error = (blocks[0] * factors[0][indices[:, 0]]).sum(axis=1) - target.values
    ends = np.arange(len(error) + 1) * rows.shape[1]
    jacobian = csr_array((rows.ravel(), np.concatenate(columns, axis=1).ravel(), ends), shape=(len(error), starts[-1]))
    theta = np.concatenate([factor.ravel() for factor in factors])
    normal = (jacobian.T @ jacobian).toarray()
    return _Point(theta, float(error @ error), jacobian.T @ error, normal)
