"""How long a Levenberg–Marquardt iteration takes, beside bare LAPACK solves and iterations of other programs."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy.linalg.lapack import dposv
from threadpoolctl import threadpool_limits

from mmdiscover.bench.references import has_parafac, run_least_squares, run_parafac
from mmdiscover.core.format import scheme_name
from mmdiscover.core.tensor import matmul_tensor, require_memory
from mmdiscover.decompositions import FitSettings, fit_cp
from mmdiscover.search.settings import SearchSettings, complete_settings
from mmdiscover.search.start import random_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.core.format import Format
    from mmdiscover.decompositions.gauss_newton import Array

T = TypeVar("T")

_LEAST_ROUNDS = 5
_MOST_ROUNDS = 1000
# In a round of small systems, iterations and solves take less than a millisecond each, and are mostly left undisturbed;
# of large ones as many are timed of either, so that what disturbs them does so alike. The memory that a fit asks for
# first costs as much as an iteration or two; 20 are still few for a start.
_SMALL = 200
_STARTS = 20
_ITERATIONS = 20
_SOLVES = 20
_STEPS = 10
_SWEEPS = 10
_MOST_SVD_WORK = 2e9
"""Cells times squared unknowns, up to which a singular value decomposition of the Jacobian is worth waiting for."""


@dataclass(frozen=True)
class LMTimes:
    """Medians in milliseconds, one BLAS thread.

    Parameters
    ----------
    scheme : str
    iteration_ms : float
        One iteration of `fit_cp` from random starts: linearization, damped system, solves, residual, and what the call
        costs, spread over its iterations.
    reduced_solve_ms : float
        LAPACK's dposv, one right side, of the size of the system that is factored: all unknowns but the largest mode's.
    full_solve_ms : float
        The same for all unknowns.
    least_squares_ms : float or None
        One step of SciPy's `least_squares`; None where it would take too long.
    parafac_ms : float or None
        One sweep of TensorLy's `parafac`; None where it is not installed or met a singular system.
    """

    scheme: str
    iteration_ms: float
    reduced_solve_ms: float
    full_solve_ms: float
    least_squares_ms: float | None
    parafac_ms: float | None

    @property
    def ratio(self) -> float:
        """Iteration by solution of the reduced system."""
        return self.iteration_ms / self.reduced_solve_ms


def time_lm(fmt: Format, rank: int, budget: float = 1.0) -> LMTimes:
    """Time iterations and bare solves in turn, so that a busy machine slows all of them alike.

    Parameters
    ----------
    fmt : Format
    rank : int
    budget : float
        Seconds after which no further round begins, once there have been a few; each other program gets as many.

    Raises
    ------
    InputError
        If no scheme can have this rank.
    CapacityError
        If the systems would not fit in memory.
    """
    settings = complete_settings(fmt, rank, SearchSettings())
    reduced, full = rank * (sum(fmt.shape) - max(fmt.shape)), rank * sum(fmt.shape)
    require_memory(16 * (reduced**2 + full**2), f"the benchmark of {scheme_name(fmt, rank)}")
    tensor = matmul_tensor(fmt)
    rng = np.random.default_rng(0)
    small = reduced <= _SMALL
    starts = [random_start(fmt.shape, rank, settings.start_scale, rng) for _ in range(_STARTS if small else 1)]
    limits = FitSettings(bound=settings.bound, max_iterations=settings.max_iterations if small else _ITERATIONS)
    systems = [_positive_definite(size) for size in (reduced, full)]

    def iterations(number: int) -> float:
        begin = perf_counter()
        fit = fit_cp(tensor, starts[number % len(starts)], limits)
        return (perf_counter() - begin) / max(1, fit.iterations)

    def one_round(number: int) -> list[float]:
        solves = (_SOLVES, _SOLVES) if small else (_ITERATIONS, 1)
        return [iterations(number), *(_solves(*pair) for pair in zip(systems, solves, strict=True))]

    def step(number: int) -> float:
        begin = perf_counter()
        _, steps = run_least_squares(tensor, starts[number % len(starts)], _STEPS if small else 1)
        return (perf_counter() - begin) / max(1, steps)

    def sweep(number: int) -> float | None:
        begin = perf_counter()
        end = run_parafac(tensor, starts[number % len(starts)], _SWEEPS)
        return None if end is None else (perf_counter() - begin) / _SWEEPS

    with threadpool_limits(1):
        own = [median(times) for times in zip(*_rounds(one_round, budget, _LEAST_ROUNDS), strict=True)]
        worth_it = tensor.size * full**2 <= _MOST_SVD_WORK
        steps = _rounds(step, budget, 1) if worth_it else []
        sweeps = [time for time in _rounds(sweep, budget, 1) if time is not None] if has_parafac() else []
    others = [1e3 * median(times) if times else None for times in (steps, sweeps)]
    return LMTimes(scheme_name(fmt, rank), *(1e3 * time for time in own), *others)


def _rounds(one_round: Callable[[int], T], budget: float, least: int) -> list[T]:
    """What rounds bring, after one to warm up."""
    one_round(0)
    end = perf_counter() + budget
    rounds: list[T] = []
    while len(rounds) < least or (perf_counter() < end and len(rounds) < _MOST_ROUNDS):
        rounds.append(one_round(len(rounds)))
    return rounds


def _positive_definite(size: int) -> Array:
    matrix = np.asfortranarray(np.random.default_rng(0).uniform(-1, 1, (size, size)))
    matrix += matrix.T.copy()
    matrix.flat[:: size + 1] += 2 * size
    return matrix


def _solves(matrix: Array, count: int) -> float:
    """Mean seconds of so many solves."""
    return sum(_solve(matrix) for _ in range(count)) / count


def _solve(matrix: Array) -> float:
    """Seconds that LAPACK takes, without the copy it destroys."""
    work, right = matrix.copy(order="F"), np.ones(len(matrix))
    begin = perf_counter()
    _, _, info = dposv(work, right, lower=True, overwrite_a=True, overwrite_b=True)
    seconds = perf_counter() - begin
    assert info == 0
    return seconds
