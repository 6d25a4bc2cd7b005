"""How long a Levenberg–Marquardt iteration takes, beside bare LAPACK solves of the same systems."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dposv
from threadpoolctl import threadpool_limits

from mmdiscover.core.format import scheme_name
from mmdiscover.core.tensor import matmul_tensor, require_memory
from mmdiscover.decompositions import FitSettings, fit_cp
from mmdiscover.search.settings import SearchSettings, complete_settings
from mmdiscover.search.start import random_start

if TYPE_CHECKING:
    from mmdiscover.core.format import Format
    from mmdiscover.decompositions.gauss_newton import Array

_ITERATIONS = 10
_LEAST_ROUNDS = 5
_MOST_ROUNDS = 200


@dataclass(frozen=True)
class LMTimes:
    """Medians in milliseconds, one BLAS thread.

    Parameters
    ----------
    scheme : str
    iteration_ms : float
        One whole iteration of `fit_cp` from a random start on the sphere: linearization, damped system, solves,
        residual and all overhead.
    reduced_solve_ms : float
        LAPACK's dposv, one right side, of the size of the system that is factored: all unknowns but the largest mode's.
    full_solve_ms : float
        The same for all unknowns.
    """

    scheme: str
    iteration_ms: float
    reduced_solve_ms: float
    full_solve_ms: float


def time_lm(fmt: Format, rank: int, budget: float = 1.0) -> LMTimes:
    """Time iterations and bare solves in turn, so that a busy machine slows all of them alike.

    Parameters
    ----------
    fmt : Format
    rank : int
    budget : float
        Seconds after which no further round begins, once there have been a few.

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
    start = random_start(fmt.shape, rank, settings.start_scale, np.random.default_rng(0))
    limits = FitSettings(bound=settings.bound, max_iterations=_ITERATIONS, tolerance=0.0)
    systems = [_positive_definite(size) for size in (reduced, full)]

    def one_round() -> list[float]:
        begin = perf_counter()
        fit = fit_cp(tensor, start, limits)
        return [(perf_counter() - begin) / fit.iterations, *(_solve(system) for system in systems)]

    with threadpool_limits(1):
        one_round()  # to warm up
        end = perf_counter() + budget
        rounds: list[list[float]] = []
        while len(rounds) < _LEAST_ROUNDS or (perf_counter() < end and len(rounds) < _MOST_ROUNDS):
            rounds.append(one_round())
    return LMTimes(scheme_name(fmt, rank), *(1e3 * median(times) for times in zip(*rounds, strict=True)))


def _positive_definite(size: int) -> Array:
    matrix = np.asfortranarray(np.random.default_rng(0).uniform(-1, 1, (size, size)))
    matrix += matrix.T.copy()
    matrix.flat[:: size + 1] += 2 * size
    return matrix


def _solve(matrix: Array) -> float:
    """Seconds that LAPACK takes, without the copy it destroys."""
    work, right = matrix.copy(order="F"), np.ones(len(matrix))
    begin = perf_counter()
    _, _, info = dposv(work, right, lower=True, overwrite_a=True, overwrite_b=True)
    seconds = perf_counter() - begin
    assert info == 0
    return seconds
