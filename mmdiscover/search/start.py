"""One start: from a seed to a `Fit`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.factors import Factors
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.cp_fit import CPFit, FitSettings, fit_cp
from mmdiscover.decompositions.outcome import Ending
from mmdiscover.errors import InputError
from mmdiscover.search.settings import SearchSettings, complete_settings
from mmdiscover.search.symmetry import symmetric_problem

if TYPE_CHECKING:
    from mmdiscover.core.format import Format
    from mmdiscover.decompositions.gauss_newton import Triple

EXACT_RESIDUAL = 1e-20
"""φ below which a fit counts as exact: single entries are then right to about 1e-10."""

# A trade, measured in reports/stopping.md: 3 to 29 % of the starts that would become exact are given up, but the others
# end so much earlier that a fit of a scheme where many fail costs a fifth to two fifths of the time.
_STALL_WINDOW = 15
_STALL_DECREASE = 0.02


class FitStatus(StrEnum):
    """How a start ended."""

    EXACT = "exact"
    PLATEAU = "plateau"
    """At a whole number of missing ones of the tensor."""
    STALLED = "stalled"
    """At another local minimum, or on the sphere where no further descent is worth waiting for."""
    ITERATION_LIMIT = "iteration limit"


@dataclass(frozen=True)
class Fit:
    """What one start found.

    Parameters
    ----------
    factors : Factors
    status : FitStatus
    residual : float
        φ = ‖T − ⟦U,V,W⟧‖².
    squared_norm : float
        ‖θ‖².
    iterations : int
    settings : SearchSettings
        As used, defaults filled in.
    """

    factors: Factors
    status: FitStatus
    residual: float
    squared_norm: float
    iterations: int
    settings: SearchSettings

    @property
    def exact(self) -> bool:
        """Whether the fit is exact to floating-point precision."""
        return self.status is FitStatus.EXACT


def random_start(shape: tuple[int, ...], rank: int, scale: float, rng: np.random.Generator) -> Triple:
    """Normally distributed factors for a tensor of `shape`, with standard deviation `scale`."""
    a, b, c = (scale * rng.standard_normal((rows, rank)) for rows in shape)
    return a, b, c


def run_start(fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence) -> Fit:
    """Run one start of the constrained Levenberg–Marquardt search.

    Run it on one BLAS thread (``threadpoolctl.threadpool_limits(1)``): with several, matrices of this size cost many
    times as much.

    Parameters
    ----------
    fmt : Format
        The format ⟨n,m,p⟩.
    rank : int
        Number of products r.
    settings : SearchSettings
    seed : numpy.random.SeedSequence
        Decides the start; nothing else is random.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If rank or settings cannot work, see `complete_settings`.
    """
    settings = complete_settings(fmt, rank, settings)
    rng = np.random.default_rng(seed)
    if settings.symmetry is None:
        return _run(fmt, random_start(fmt.shape, rank, settings.start_scale, rng), settings)
    problem = symmetric_problem(fmt, rank, settings.symmetry)
    start = random_start(problem.tensor.shape, rank, settings.start_scale, rng)
    result = fit_cp(problem.tensor, start, _limits(settings), problem.symmetry)
    return _fit(Factors(fmt, *problem.factors(result.factors)), result, settings)


def run_from(factors: Factors, settings: SearchSettings) -> Fit:
    """Run the search from given factors instead of random ones.

    Parameters
    ----------
    factors : Factors
        Pulled onto the ball when they lie outside.
    settings : SearchSettings
        Without a symmetry; the start scale has no influence.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If the settings cannot work, see `complete_settings`, or name a symmetry.
    """
    if settings.symmetry is not None:
        raise InputError("a search from given factors has no symmetry, expected settings without one")
    return _run(factors.format, factors.arrays, complete_settings(factors.format, factors.rank, settings))


def _run(fmt: Format, start: Triple, settings: SearchSettings) -> Fit:
    result = fit_cp(matmul_tensor(fmt), start, _limits(settings))
    return _fit(Factors(fmt, *result.factors), result, settings)


def _limits(settings: SearchSettings) -> FitSettings:
    return FitSettings(
        bound=settings.bound,
        max_iterations=settings.max_iterations,
        stall_window=_STALL_WINDOW,
        stall_decrease=_STALL_DECREASE,
    )


def _fit(factors: Factors, result: CPFit, settings: SearchSettings) -> Fit:
    return Fit(factors, _status(result), result.objective, factors.squared_norm(), result.iterations, settings)


def _status(result: CPFit) -> FitStatus:
    if result.objective <= EXACT_RESIDUAL:
        return FitStatus.EXACT
    missing = round(result.objective)
    if missing >= 1 and abs(result.objective - missing) < 1e-3:
        return FitStatus.PLATEAU
    return FitStatus.ITERATION_LIMIT if result.status is Ending.ITERATION_LIMIT else FitStatus.STALLED
