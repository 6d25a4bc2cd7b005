"""What an exact fit costs: starts until some CPU seconds are spent, by the search and by other programs."""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from mmdiscover.bench.references import LEAST_SQUARES, PARAFAC, has_parafac, model, run_least_squares, run_parafac
from mmdiscover.core.format import scheme_name
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.search import EXACT_RESIDUAL, SearchSettings, complete_settings, run_start
from mmdiscover.search.start import random_start

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.core.format import Format
    from mmdiscover.decompositions.gauss_newton import Array, Triple

_STEPS = 300
_SWEEPS = 3000
_SWEEPS_AT_ONCE = 100


@dataclass(frozen=True)
class FitCosts:
    """How many starts of one method became exact, one BLAS thread.

    Parameters
    ----------
    scheme, method : str
    starts, exact : int
    cpu_seconds : float
    """

    scheme: str
    method: str
    starts: int
    exact: int
    cpu_seconds: float

    @property
    def exact_per_cpu_second(self) -> float:
        """Exact fits per CPU second."""
        return self.exact / self.cpu_seconds


def cost_of_fits(fmt: Format, rank: int, budget: float = 2.0) -> list[FitCosts]:
    """Count exact fits of each method, all from the same random starts in the same order.

    Exact means the same for all, φ ≤ `EXACT_RESIDUAL`. The search has its bound and its rules for giving up; the others
    are unconstrained and stop after 300 steps of `least_squares`, 3000 sweeps of `parafac`.

    Parameters
    ----------
    fmt : Format
    rank : int
    budget : float
        CPU seconds after which a method begins no further start.

    Raises
    ------
    InputError
        If no scheme can have this rank.
    """
    tensor = matmul_tensor(fmt)
    settings = complete_settings(fmt, rank, SearchSettings())

    def search(seed: np.random.SeedSequence) -> bool:
        return run_start(fmt, rank, settings, seed).exact

    def start(seed: np.random.SeedSequence) -> Triple:
        return random_start(fmt.shape, rank, settings.start_scale, np.random.default_rng(seed))

    def steps(seed: np.random.SeedSequence) -> bool:
        return _exact(tensor, run_least_squares(tensor, start(seed), _STEPS)[0])

    def sweeps(seed: np.random.SeedSequence) -> bool:
        # TensorLy's own measure of the error ends near 1e-8, so it is looked at from outside now and then.
        factors = start(seed)
        for _ in range(_SWEEPS // _SWEEPS_AT_ONCE):
            end = run_parafac(tensor, factors, _SWEEPS_AT_ONCE)
            if end is None or _exact(tensor, end):
                return end is not None
            factors = end
        return False

    methods = {"search": search, LEAST_SQUARES: steps} | ({PARAFAC: sweeps} if has_parafac() else {})
    with threadpool_limits(1):
        _warm_up(search, tensor, start(np.random.SeedSequence(0)))
        counts = {method: _count(attempt, budget) for method, attempt in methods.items()}
    return [FitCosts(scheme_name(fmt, rank), method, *count) for method, count in counts.items()]


def _warm_up(search: Callable[[np.random.SeedSequence], bool], tensor: Array, start: Triple) -> None:
    """Compile and import what will be timed."""
    search(np.random.SeedSequence(0))
    run_least_squares(tensor, start, 1)
    if has_parafac():
        run_parafac(tensor, start, 1)


def _exact(tensor: Array, factors: Triple) -> bool:
    return float(np.sum((model(factors) - tensor) ** 2)) <= EXACT_RESIDUAL


def _count(attempt: Callable[[np.random.SeedSequence], bool], budget: float) -> tuple[int, int, float]:
    """Starts, exact ones and CPU seconds."""
    starts = exact = 0
    begin = process_time()
    while not starts or process_time() - begin < budget:
        exact += attempt(np.random.SeedSequence(starts))
        starts += 1
    return starts, exact, process_time() - begin
