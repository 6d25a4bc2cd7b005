"""The run of a target: trials out, outcomes in, everything recorded by one writer."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from math import inf
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from mmdiscover.campaign.interrupts import Interrupts
from mmdiscover.campaign.learning import Learner
from mmdiscover.campaign.outcomes import new_trial, prove_outcome
from mmdiscover.campaign.phases import phase_board
from mmdiscover.campaign.plan import options, waves
from mmdiscover.campaign.pool import run_in_process, run_in_threads, run_in_workers
from mmdiscover.campaign.starts import Starts
from mmdiscover.campaign.traces import Proofs, refine_settings_mapping
from mmdiscover.campaign.trial import Phase, run_trial
from mmdiscover.campaign.walks import Objective, WalkChoice
from mmdiscover.core.metrics import additions
from mmdiscover.errors import MMDiscoverError
from results_db import queries, repository

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from mmdiscover.campaign.learning import Settings
    from mmdiscover.campaign.phases import PhaseBoard
    from mmdiscover.campaign.plan import Budget, Target, TrialTask
    from mmdiscover.campaign.trial import Kernels, TrialOutcome
    from mmdiscover.core.verified import VerifiedScheme
    from results_db import Database

BROKEN_TRIALS = 20
"""A run whose first trials all end in unexpected exceptions is given up."""


@dataclass(frozen=True)
class Plan:
    """What `discover` is to do.

    Parameters
    ----------
    target : Target
    seed : int
    workers : int
        Processes, or threads for walks; 1 for this process alone. Has no influence on what is found.
    budget : Budget
    """

    target: Target
    seed: int
    workers: int
    budget: Budget


@dataclass(frozen=True)
class Tally:
    """Sums over the finished trials; `best_rank` is the least that a walk has reached."""

    trials: int = 0
    fits: int = 0
    candidates: int = 0
    broken: int = 0
    best_residual: float = inf
    cpu_seconds: float = 0.0
    walks: int = 0
    flips: int = 0
    walk_seconds: float = 0.0
    best_rank: int | None = None

    def plus(self, outcome: TrialOutcome) -> Tally:
        """The sums with one more trial."""
        residual = inf if outcome.fit is None else outcome.fit.residual
        walked = outcome.walked
        ranks = [] if self.best_rank is None else [self.best_rank]
        ranks += [] if walked is None else [walked.rank]
        return Tally(
            trials=self.trials + 1,
            fits=self.fits + outcome.exact_fit,
            candidates=self.candidates + (outcome.candidate is not None),
            broken=self.broken + (outcome.error is not None),
            best_residual=min(self.best_residual, residual),
            cpu_seconds=self.cpu_seconds + outcome.cpu_seconds,
            walks=self.walks + (walked is not None),
            flips=self.flips + (0 if walked is None else walked.flips),
            walk_seconds=self.walk_seconds + (0.0 if walked is None else outcome.search_seconds),
            best_rank=min(ranks, default=None),
        )


class Observer(Protocol):
    """Is told how a run goes on."""

    def recalled(self, starts: int) -> None:
        """The settings are chosen by what so many earlier starts have taught; 0 for none. Comes first."""

    def trial(self, outcome: TrialOutcome, rejected: str | None, tally: Tally) -> None:
        """A trial is finished; `rejected` says why its candidate failed verification."""

    def busy(self, phases: Counter[Phase]) -> None:
        """How many trials are in which phase; comes often."""


@dataclass(frozen=True)
class Found:
    """The verified scheme that answers the question, its row in the database, and the trial it comes from.

    `others` are the rows of further schemes that were made from the same fit.
    """

    verified: VerifiedScheme
    scheme_id: int
    new: bool
    others: tuple[int, ...]
    trial: int
    settings: Settings

    @property
    def walked(self) -> bool:
        """Whether a walk found it."""
        return isinstance(self.settings, WalkChoice)


@dataclass(frozen=True)
class Discovery:
    """How a run ended.

    Parameters
    ----------
    campaign_id : int
    found : Found or None
    tally : Tally
    open_fits : tuple of int
        Exact fits that no scheme was stored for: they can be taken up again.
    interrupted : bool
        Whether the user ended it.
    """

    campaign_id: int
    found: Found | None
    tally: Tally
    open_fits: tuple[int, ...]
    interrupted: bool


def discover(
    db: Database,
    plan: Plan,
    observer: Observer,
    kernels: Kernels | None = None,
    interrupts: Interrupts | None = None,
) -> Discovery:
    """Run trials until one verified scheme is stored or the budget ends; until then in any case for few additions.

    The scheme is that of the successful trial with the lowest index: when a trial succeeds, those before it are waited
    for and none is begun after it. So the scheme depends on the seed and not on the number of workers or their speed,
    unless the budget of time or the user ends the run in between. Trials after the successful one that are finished by
    then are recorded with their fit and their attempts, without their scheme. Where few additions are the objective,
    the schemes of all trials are stored, and the one with the fewest additions is the answer.

    Parameters
    ----------
    db : Database
    plan : Plan
    observer : Observer
    kernels : Kernels, optional
    interrupts : Interrupts, optional
        Installed ones; left out, interrupts are handled while the trials run.

    Returns
    -------
    Discovery

    Raises
    ------
    DatabaseError
        If a result cannot be written; everything before it is kept.
    MMDiscoverError
        If the workers or the trials break down.
    """
    target, budget = plan.target, plan.budget
    campaign_id = repository.create_campaign(
        db, name=None, kind="discover", seed=plan.seed, settings=asdict(budget) | {"workers": plan.workers}
    )
    settings = {
        "search": asdict(target.pins),
        "refine": refine_settings_mapping(target.refine),
        "method": target.method,
        "ring": target.ring,
    }
    target_id = repository.add_target(db, campaign_id, target.position, target.format, target.rank, settings)
    choices = options(target)
    learner = Learner(target.format, target.rank, choices)
    known = learner.recall(queries.experience(db, target.format, target.rank))
    observer.recalled(known if len(choices) > 1 else 0)
    ledger = _Ledger(db, target_id, observer, learner, target)
    found, state = None, "stopped"
    try:
        with nullcontext(interrupts) if interrupts else Interrupts().installed() as stop:
            stop.limit(budget.seconds)
            try:
                _run(plan, kernels, ledger, stop)
            finally:
                found = ledger.settle()
        if found is not None or not stop.by_user:
            state = "finished"
    finally:
        repository.set_campaign_state(db, campaign_id, state)
    return Discovery(campaign_id, found, ledger.tally, tuple(sorted(ledger.open_fits)), stop.by_user)


def _run(plan: Plan, kernels: Kernels | None, ledger: _Ledger, interrupts: Interrupts) -> None:
    planned = waves(plan.target, plan.seed, plan.budget.starts, ledger.learner)
    workers = min(plan.workers, plan.budget.starts or plan.workers)
    with phase_board() as board:
        run = partial(run_trial, announce=board.announce, kernels=kernels)
        for wave in planned:
            if plan.target.objective is Objective.ADDITIONS or not all(task.walks for task in wave):
                # The search for few additions is not compiled, nor are numerical fits altogether.
                planned = chain([wave], planned)
                break
            # Compiled walks hold no lock: threads do, and are there at once. Meanwhile the verifier is loaded.
            Thread(target=_load_verifier, daemon=True).start()
            for tasks in ledger.until_found([wave]):
                _receive(ledger, run_in_threads(run, tasks, interrupts, workers), board)
            if ledger.over or interrupts.requested:
                return
        rest = ledger.until_found(planned)
        if workers == 1:
            run = partial(run_trial, announce=ledger.announce, kernels=kernels)
            _receive(ledger, run_in_process(run, chain.from_iterable(rest), interrupts), board)
        else:
            _receive(ledger, run_in_workers(run, rest, interrupts, workers), board)


def _load_verifier() -> None:
    # Most of its time is that of importing sympy.
    import mmdiscover.verify.symbolic  # noqa: F401


def _receive(ledger: _Ledger, outcomes: Generator[TrialOutcome | None], board: PhaseBoard) -> None:
    """Take in outcomes until there are no more, or the answer is decided."""
    with closing(outcomes):
        for outcome in outcomes:
            if outcome is not None:
                ledger.receive(outcome)
                if ledger.decided:
                    return
            ledger.observer.busy(board.count(ledger.in_flight()))


class _Ledger:
    """Records outcomes in whatever order they come, and knows when the answer is decided."""

    def __init__(self, db: Database, target_id: int, observer: Observer, learner: Learner, target: Target) -> None:
        self.tally = Tally()
        self.open_fits: list[int] = []
        self.observer = observer
        self.learner = learner
        self._db, self._target_id, self._target = db, target_id, target
        self._starts = Starts(db)
        self._worth_keeping: dict[int, int] = {}
        self._begun = 0
        self._finished: set[int] = set()
        self._lowest_unfinished = 0
        self._winner: tuple[TrialOutcome, Proofs] | None = None
        # With what it is compared by; there is no winner then.
        self._fewest: tuple[tuple[int, ...], Found] | None = None

    def until_found(self, planned: Iterable[Iterable[TrialTask]]) -> Iterator[Iterator[TrialTask]]:
        """The tasks of the waves, until one of them has succeeded."""
        for wave in planned:
            if self._winner is not None:
                return
            # All at once, when everything before the wave is recorded: in which order its trials end is not to matter.
            self._worth_keeping = {mod: self._starts.worth_keeping(self._target.format, mod) for mod in (0, 2)}
            yield self._until_found([self._starts.of(task) for task in wave])

    def _until_found(self, wave: Iterable[TrialTask]) -> Iterator[TrialTask]:
        for task in wave:
            if self._winner is not None:
                return
            self._begun = task.index + 1
            yield task

    def announce(self, _index: int, phase: Phase) -> None:
        """Tell the observer about the one trial that runs in this process."""
        self.observer.busy(Counter() if phase is Phase.FINISHED else Counter([phase]))

    def in_flight(self) -> list[int]:
        """Indices of trials that are begun or about to."""
        return [index for index in range(self._lowest_unfinished, self._begun) if index not in self._finished]

    @property
    def over(self) -> bool:
        """Whether a trial has succeeded."""
        return self._winner is not None

    @property
    def decided(self) -> bool:
        """Whether no unfinished trial can take the place of the successful one."""
        return self._winner is not None and self._lowest_unfinished > self._winner[0].index

    def receive(self, outcome: TrialOutcome) -> None:
        """Verify and record one outcome; the successful one is recorded when it is decided, see `settle`."""
        self._finished.add(outcome.index)
        while self._lowest_unfinished in self._finished:
            self._finished.remove(self._lowest_unfinished)
            self._lowest_unfinished += 1
        self.tally = self.tally.plus(outcome)
        if outcome.error is None or outcome.fit is not None or outcome.walked is not None:
            self.learner.learn(outcome.task.search, int(outcome.exact_fit), outcome.iterations)
        proofs = None
        if self._winner is None or outcome.index < self._winner[0].index:
            proofs = prove_outcome(outcome, lambda step: step.rank <= self._worth_keeping[step.modulus])
            if proofs is not None and proofs.verified and self._target.objective is Objective.RANK:
                overtaken, self._winner = self._winner, (outcome, proofs)
                self.observer.trial(outcome, None, self.tally)
                if overtaken is not None:
                    self._record(overtaken[0], None)
                return
        recorded = self._record(outcome, proofs)
        if proofs is not None and proofs.verified:
            self._compare(_found(outcome, proofs, recorded))
        self.observer.trial(outcome, None if proofs is None else proofs.reason, self.tally)
        if BROKEN_TRIALS <= self.tally.broken == self.tally.trials:
            raise MMDiscoverError(f"the first {self.tally.broken} trials all failed, the last one by {outcome.error}")

    def settle(self) -> Found | None:
        """Store the schemes of the successful trial, if there is one; or what has the fewest additions."""
        if self._winner is None:
            return None if self._fewest is None else self._fewest[1]
        outcome, proofs = self._winner
        return _found(outcome, proofs, self._record(outcome, proofs))

    def _compare(self, found: Found) -> None:
        scheme = found.verified.scheme
        key = (additions(scheme), scheme.rank, found.trial)
        if self._fewest is None or key < self._fewest[0]:
            self._fewest = key, found

    def _record(self, outcome: TrialOutcome, proofs: Proofs | None) -> repository.Recorded:
        new = new_trial(self._target_id, outcome, proofs)
        recorded = repository.record_trial(
            self._db, new.target_id, new.record, fit=new.fit, refinement=new.refinement, found=new.found
        )
        if any(scheme.new for scheme in (*recorded.schemes, *recorded.steps)):
            self._starts.forget()
        if recorded.fit_id is not None and not recorded.schemes:
            self.open_fits.append(recorded.fit_id)
        return recorded


def _found(outcome: TrialOutcome, proofs: Proofs, recorded: repository.Recorded) -> Found:
    first, *others = recorded.schemes
    return Found(
        verified=proofs.verified[0],
        scheme_id=first.scheme_id,
        new=first.new,
        others=tuple(stored.scheme_id for stored in others),
        trial=outcome.index,
        settings=outcome.task.search,
    )
