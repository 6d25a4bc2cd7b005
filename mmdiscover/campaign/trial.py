"""One trial: a search start and, when its fit is exact, the refinement; or a walk and the lifting."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Protocol

from threadpoolctl import ThreadpoolController

from mmdiscover.campaign.reduced import ReducedStart, run_reduced
from mmdiscover.campaign.walks import Objective, WalkChoice
from mmdiscover.core.ring import Ring
from mmdiscover.discrete.settings import WalkSettings, WalkStatus
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
    from mmdiscover.discrete.lifting import Lifted
    from mmdiscover.discrete.settings import Walked
    from mmdiscover.refine import Refined, RefineSettings
    from mmdiscover.search import Fit, SearchSettings

FAILED = "failed"
"""Status of a trial that ended in an unexpected exception."""
NOT_LIFTED = "not lifted"
"""Status of a walk modulo 2 whose scheme does not lift to characteristic zero, as was asked for."""


class Phase(StrEnum):
    """What a trial is busy with."""

    SEARCHING = "searching"
    WALKING = "walking"
    REFINING = "refining"
    LIFTING = "lifting"
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


class Walk(Protocol):
    """The signature of `mmdiscover.discrete.walk.walk`."""

    def __call__(
        self, fmt: Format, rank: int, settings: WalkSettings, seed: np.random.SeedSequence, start: Scheme | None, /
    ) -> Walked:
        """Walk from a start, None for a fresh one."""


class Lift(Protocol):
    """The signature of `mmdiscover.discrete.ternary.lift_of_orbit`."""

    def __call__(self, scheme: Scheme, seed: np.random.SeedSequence, /) -> Lifted:
        """Make a scheme modulo 2 one of characteristic zero, of the same rank."""


def _walk(
    fmt: Format, rank: int, settings: WalkSettings, seed: np.random.SeedSequence, start: Scheme | None, /
) -> Walked:
    from mmdiscover.discrete.walk import walk

    return walk(fmt, rank, settings, seed, start)


def _lift(scheme: Scheme, seed: np.random.SeedSequence, /) -> Lifted:
    from mmdiscover.discrete.ternary import lift_of_orbit

    return lift_of_orbit(scheme, seed)


def _lift_to_few(scheme: Scheme, seed: np.random.SeedSequence, /) -> Lifted:
    from mmdiscover.discrete.ternary import lift_to_few_additions

    return lift_to_few_additions(scheme, seed)


@dataclass(frozen=True)
class Kernels:
    """The functions that do the work of a trial: pure ones."""

    search: Search = run_start
    refine: Refine = refine
    walk: Walk = _walk
    lift: Lift = _lift
    lift_to_few: Lift = _lift_to_few
    """Where few additions are the objective."""


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
        Of the search, or the walk.
    refine_seconds : float or None
        Of the refinement, or the lifting.
    cpu_seconds : float
        Processor time of both.
    refine_cpu_seconds : float
        Processor time of the refinement.
    walked : Walked or None
        None for a numerical search, and when the walk itself failed.
    lifted : Lifted or None
        None when there was nothing to lift, or lifting failed.
    """

    task: TrialTask
    fit: Fit | None
    refined: Refined | None
    error: str | None
    search_seconds: float
    refine_seconds: float | None
    cpu_seconds: float
    refine_cpu_seconds: float
    walked: Walked | None = None
    lifted: Lifted | None = None

    @property
    def index(self) -> int:
        """Number of the trial within its target."""
        return self.task.index

    @property
    def status(self) -> str:
        """How the search, or the walk and its lifting, ended."""
        if self.walked is not None:
            at_the_rank = self.walked.status is WalkStatus.EXACT
            return NOT_LIFTED if at_the_rank and self.candidate is None else str(self.walked.status)
        return FAILED if self.fit is None else str(self.fit.status)

    @property
    def exact_fit(self) -> bool:
        """Whether the search found an exact float fit, or the walk a scheme."""
        return self.status == "exact"

    @property
    def iterations(self) -> int:
        """Of the search, or flips of the walk."""
        if self.walked is not None:
            return self.walked.flips
        return 0 if self.fit is None else self.fit.iterations

    @property
    def candidate(self) -> Scheme | None:
        """The exact scheme that the target asks for, not yet verified."""
        if self.walked is not None:
            if self.walked.status is not WalkStatus.EXACT:
                return None
            if not must_lift(self.task):
                return self.walked.scheme
            return None if self.lifted is None or self.lifted.scheme.modulus else self.lifted.scheme
        return None if self.refined is None else self.refined.scheme

    @property
    def step(self) -> Scheme | None:
        """What a walk ended with that is not what its target asks for, not yet verified."""
        if self.walked is None or self.walked.status is WalkStatus.INCONSISTENT or self.candidate is not None:
            return None
        return self.walked.scheme


def must_lift(task: TrialTask) -> bool:
    """Whether a trial walks modulo 2 for a target of characteristic zero."""
    return isinstance(task.search, WalkChoice) and task.search.walk.ring is Ring.Z2 and task.target.ring is None


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
    work = _Work(task, kernels or Kernels(), announce or _no_announcement)
    with nullcontext() if task.walks else one_thread():
        error = None
        try:
            work.prepare()
            work.begin()
            if task.walks:
                work.walk()
            else:
                work.search()
        except Exception as failure:  # noqa: BLE001 (one broken trial must not end a campaign of thousands)
            error = f"{type(failure).__name__}: {failure}"
    return work.outcome(error)


class _Work:
    """A trial at work: what it has brought so far, and when."""

    def __init__(self, task: TrialTask, kernels: Kernels, announce: Callable[[int, Phase], None]) -> None:
        self._task, self._kernels, self._announce = task, kernels, announce
        self._fit: Fit | None = None
        self._refined: Refined | None = None
        self._walked: Walked | None = None
        self._lifted: Lifted | None = None
        # Wall and processor time when it began and when the search was over.
        self._begun = _now()
        self._searched: tuple[float, float] | None = None

    def prepare(self) -> None:
        """Compile walks once per process, and not on the account of the first trial."""
        if isinstance(self._task.search, WalkChoice) and self._kernels.walk is _walk:
            _prepare_walks(self._task.target.format, self._task.search.walk)

    def begin(self) -> None:
        self._begun = _now()

    def search(self) -> None:
        target, (seed, refine_seed) = self._task.target, self._task.seeds()
        settings, origin = self._task.search, self._task.origin
        assert not isinstance(settings, WalkChoice)
        self._announce(self._task.index, Phase.SEARCHING)
        if isinstance(settings, ReducedStart) and origin is not None:
            self._fit = run_reduced(origin.start, settings, seed)
        else:
            search = settings.search if isinstance(settings, ReducedStart) else settings
            self._fit = self._kernels.search(target.format, target.rank, search, seed)
        if self._fit.exact:
            self._searched = _now()
            self._announce(self._task.index, Phase.REFINING)
            self._refined = self._kernels.refine(self._fit.factors, target.refine, refine_seed)

    def walk(self) -> None:
        target, (seed, lift_seed) = self._task.target, self._task.seeds()
        assert isinstance(self._task.search, WalkChoice)
        start = None if self._task.origin is None else self._task.origin.start
        self._announce(self._task.index, Phase.WALKING)
        self._walked = walked = self._kernels.walk(target.format, target.rank, self._task.search.walk, seed, start)
        if walked.status is WalkStatus.EXACT and walked.scheme is not None and must_lift(self._task):
            self._searched = _now()
            self._announce(self._task.index, Phase.LIFTING)
            few = target.objective is Objective.ADDITIONS
            self._lifted = (self._kernels.lift_to_few if few else self._kernels.lift)(walked.scheme, lift_seed)

    def outcome(self, error: str | None) -> TrialOutcome:
        ended, cpu_ended = _now()
        self._announce(self._task.index, Phase.FINISHED)
        begun, cpu_begun = self._begun
        searched, cpu_searched = self._searched or (ended, cpu_ended)
        return TrialOutcome(
            task=self._task,
            fit=self._fit,
            refined=self._refined,
            error=error,
            search_seconds=searched - begun,
            refine_seconds=None if self._searched is None else ended - searched,
            cpu_seconds=cpu_ended - cpu_begun,
            refine_cpu_seconds=cpu_ended - cpu_searched,
            walked=self._walked,
            lifted=self._lifted,
        )


def _now() -> tuple[float, float]:
    """Wall time, and processor time of this thread."""
    return time.perf_counter(), time.thread_time()


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
def _prepare_walks(fmt: Format, settings: WalkSettings) -> None:
    from mmdiscover.discrete.walk import compile_walks

    compile_walks(fmt, settings)


@cache
def _thread_pools() -> ThreadpoolController:
    # Once per process: looking for the loaded BLAS libraries takes longer than a small start.
    return ThreadpoolController()


def _no_announcement(index: int, phase: Phase) -> None:
    pass
