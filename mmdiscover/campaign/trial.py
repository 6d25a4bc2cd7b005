"""One trial: a search start and, when its fit is exact, the refinement."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Protocol

from threadpoolctl import ThreadpoolController

from mmdiscover.refine import refine
from mmdiscover.search import compile_kernels, run_start

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import numpy as np

    from mmdiscover.campaign.plan import TrialTask
    from mmdiscover.core.factors import Factors
    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme
    from mmdiscover.refine import Refined, RefineSettings
    from mmdiscover.search import Fit, SearchSettings

FAILED = "failed"
"""Status of a trial that ended in an unexpected exception."""


class Phase(StrEnum):
    """What a trial is busy with."""

    SEARCHING = "searching"
    REFINING = "refining"
    FINISHED = "finished"
    """Until its outcome is received."""


class Search(Protocol):
    """The signature of `mmdiscover.search.run_start`."""

    def __call__(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        """Run one start."""


class Refine(Protocol):
    """The signature of `mmdiscover.refine.refine`."""

    def __call__(self, factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:
        """Make an exact fit exact in the other sense."""


@dataclass(frozen=True)
class Kernels:
    """The pure functions that do the work of a trial."""

    search: Search = run_start
    refine: Refine = refine


@dataclass(frozen=True)
class TrialOutcome:
    """What a trial brought.

    Parameters
    ----------
    task : TrialTask
    fit : Fit or None
        None when the search itself failed.
    refined : Refined or None
        None when there was no exact fit to refine, or the refinement failed.
    error : str or None
        The unexpected exception that ended the trial.
    search_seconds : float
    refine_seconds : float or None
    cpu_seconds : float
        Processor time of both.
    refine_cpu_seconds : float
        Processor time of the refinement.
    """

    task: TrialTask
    fit: Fit | None
    refined: Refined | None
    error: str | None
    search_seconds: float
    refine_seconds: float | None
    cpu_seconds: float
    refine_cpu_seconds: float

    @property
    def index(self) -> int:
        """Number of the trial within its target."""
        return self.task.index

    @property
    def status(self) -> str:
        """How the search ended."""
        return FAILED if self.fit is None else str(self.fit.status)

    @property
    def exact_fit(self) -> bool:
        """Whether the search found an exact float fit."""
        return self.fit is not None and self.fit.exact

    @property
    def candidate(self) -> Scheme | None:
        """The exact scheme, not yet verified."""
        return None if self.refined is None else self.refined.scheme


def run_trial(
    task: TrialTask, announce: Callable[[int, Phase], None] | None = None, kernels: Kernels | None = None
) -> TrialOutcome:
    """Run one trial on one BLAS thread.

    Parameters
    ----------
    task : TrialTask
    announce : callable, optional
        Told the trial's index and phase whenever a phase begins.
    kernels : Kernels, optional

    Returns
    -------
    TrialOutcome
        Whatever happens: an exception becomes its `error`.
    """
    kernels = kernels or Kernels()
    announce = announce or _no_announcement
    search_seed, refine_seed = task.seeds()
    fit, refined, error = None, None, None
    with one_thread():
        begun, cpu_begun, searched, cpu_searched = time.perf_counter(), time.thread_time(), None, None
        try:
            announce(task.index, Phase.SEARCHING)
            target = task.target
            fit = kernels.search(target.format, target.rank, task.search, search_seed)
            if fit.exact:
                searched, cpu_searched = time.perf_counter(), time.thread_time()
                announce(task.index, Phase.REFINING)
                refined = kernels.refine(fit.factors, target.refine, refine_seed)
        except Exception as failure:  # noqa: BLE001 (one broken trial must not end a campaign of thousands)
            error = f"{type(failure).__name__}: {failure}"
    ended, cpu_ended = time.perf_counter(), time.thread_time()
    announce(task.index, Phase.FINISHED)
    return TrialOutcome(
        task=task,
        fit=fit,
        refined=refined,
        error=error,
        search_seconds=(searched or ended) - begun,
        refine_seconds=None if searched is None else ended - searched,
        cpu_seconds=cpu_ended - cpu_begun,
        refine_cpu_seconds=0.0 if cpu_searched is None else cpu_ended - cpu_searched,
    )


def one_thread() -> AbstractContextManager[object]:
    """What trials work in: one BLAS thread, and kernels that are compiled."""
    _prepare()
    limited: AbstractContextManager[object] = _thread_pools().limit(limits=1)
    return limited


@cache
def _prepare() -> None:
    # Once per process, and not on the account of its first trial.
    compile_kernels()


@cache
def _thread_pools() -> ThreadpoolController:
    # Once per process: looking for the loaded BLAS libraries takes longer than a small start.
    return ThreadpoolController()


def _no_announcement(index: int, phase: Phase) -> None:
    pass
