"""A campaign: many targets, many trials, several processes; whatever is interrupted goes on where it stopped."""

from __future__ import annotations

import time
from collections import Counter, deque
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from mmdiscover.campaign.agenda import Agenda
from mmdiscover.campaign.feed import Feed
from mmdiscover.campaign.interrupts import Interrupts
from mmdiscover.campaign.outcomes import new_trial, prove_outcome
from mmdiscover.campaign.pool import LocalWorkers, Workers, WorkersBrokeError, run_in_workers
from mmdiscover.campaign.runners import is_dead, new_runner
from mmdiscover.campaign.sharing import Progress, choose, trials_ahead
from mmdiscover.campaign.starts import Starts
from mmdiscover.campaign.stored import load_spec
from mmdiscover.campaign.trial import TrialOutcome, run_trial
from mmdiscover.errors import DatabaseUnavailable, MMDiscoverError
from results_db import claims, queries, repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mmdiscover.campaign.plan import TrialTask
    from mmdiscover.campaign.trial import Kernels
    from results_db import Database
    from results_db.queries import TargetSummary

T = TypeVar("T")

BEAT_SECONDS = 5.0
"""Between two heartbeats; so soon a request to stop is heard."""
BATCH_SECONDS = 0.5
"""So long finished trials may wait to be recorded together."""
RETRY_SECONDS = 1.0
LOOK_SECONDS, IDLE_LOOK_SECONDS = 5.0, 0.5
"""Between two looks at what other processes do, while there is something to do here and while there is not."""
LOOK_SHARE = 0.05
"""Part of the time that looking may take in a large database."""
PROGRESS_SECONDS = 0.2
SOLO_TRIES = 2
"""A trial that kills its worker so often, running alone, is recorded as failed."""
MOST_BREAKS = 5
"""Workers that break down so often without an outcome in between are given up."""
BROKEN_TRIALS = 20
"""A run whose first trials all end in unexpected exceptions is given up."""


class CampaignObserver(Protocol):
    """Is told how a campaign goes on."""

    def trial(self, target: int, outcome: TrialOutcome, recorded: repository.Recorded, rejected: str | None) -> None:
        """A trial of the target at this position is recorded."""

    def progress(self, targets: Sequence[TargetSummary], running: Sequence[int]) -> None:
        """How far the targets are, and how many trials of each run here; comes often."""

    def note(self, message: str) -> None:
        """Something else is worth telling."""


@dataclass(frozen=True)
class CampaignEnd:
    """How a run ended.

    Parameters
    ----------
    state : str
        ``finished``, or ``stopped`` when there is more to do.
    interrupted : bool
        Whether the user of this process ended it.
    summary : CampaignSummary
    """

    state: str
    interrupted: bool
    summary: queries.CampaignSummary


@dataclass(frozen=True)
class Patience:
    """How long a campaign waits.

    Parameters
    ----------
    database : float
        Seconds that it waits for a database that is locked, full or gone.
    """

    database: float = 600.0


def run_campaign(
    db: Database,
    stored: claims.CampaignRecord,
    observer: CampaignObserver,
    workers: int | Workers,
    kernels: Kernels | None = None,
    interrupts: Interrupts | None = None,
    patience: Patience | None = None,
) -> CampaignEnd:
    """Work on a campaign until all its targets are done, alone or beside other processes.

    Every trial is claimed before it is begun, and recorded with all it found when it is finished. Free workers go to
    the target that has had the least processor time for its share.

    Parameters
    ----------
    db : Database
    stored : CampaignRecord
    observer : CampaignObserver
    workers : int or Workers
        Their number on this machine, or others.
    kernels : Kernels, optional
    interrupts : Interrupts, optional
        Installed ones; left out, interrupts are handled while the trials run.
    patience : Patience, optional

    Returns
    -------
    CampaignEnd

    Raises
    ------
    DatabaseError
        If a result cannot be written; everything before it is kept, what was not written is repeated by a resumed run.
    MMDiscoverError
        If the trials break down.
    """
    if interrupts is None:
        with Interrupts().installed() as installed:
            return run_campaign(db, stored, observer, workers, kernels, installed, patience)
    pool = LocalWorkers(workers) if isinstance(workers, int) else workers
    work = _Work(db, stored, observer, pool, kernels, interrupts, patience or Patience())
    return work.run()


class _Work:
    """One run of a campaign by this process."""

    def __init__(
        self,
        db: Database,
        stored: claims.CampaignRecord,
        observer: CampaignObserver,
        pool: Workers,
        kernels: Kernels | None,
        interrupts: Interrupts,
        patience: Patience,
    ) -> None:
        self._db, self._campaign_id, self._observer, self._pool = db, stored.id, observer, pool
        self._run_trial = partial(run_trial, kernels=kernels)
        self._interrupts, self._patience = interrupts, patience
        self._runner = new_runner()
        spec = load_spec(stored)
        self._trial_seconds = spec.trial_seconds
        summary = queries.campaign_summary(db, stored.id)
        self._targets = [
            Progress(target.id, one, Agenda(one, spec.seed, target.settings["experience"]), so_far)
            for target, one, so_far in zip(stored.targets, spec.targets, summary.targets, strict=True)
        ]
        self._starts = Starts(db)
        self._tasks: dict[tuple[int, int], TrialTask] = {}
        self._waiting: list[TrialOutcome] = []
        self._waiting_since = 0.0
        self._next_beat = self._next_progress = self._last_look = self._look_pause = 0.0
        self._stopped = self._broke_down = False
        self._finished_here = self._broken_here = self._breaks_in_vain = 0

    def run(self) -> CampaignEnd:
        claims.change_state(self._db, self._campaign_id, "running")
        self._next_beat = time.monotonic() + BEAT_SECONDS
        with self._leaving():
            while not self._over():
                self._work_on(list(self._tasks.values()))
        if all(target.done for target in self._targets):
            self._persist(self._release_abandoned)
            # Where somebody else still works on it, it is for them to say so.
            self._persist(partial(claims.change_state, self._db, self._campaign_id, "finished", unless_claimed=True))
        summary = self._persist(partial(queries.campaign_summary, self._db, self._campaign_id))
        return CampaignEnd(summary.state, self._interrupts.by_user, summary)

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        """Record what is finished and give up the other claims, whatever ends the run."""
        try:
            yield
        except DatabaseUnavailable:
            raise  # nothing can be given up now; the claims are taken over from the dead
        except BaseException:
            with suppress(MMDiscoverError):
                self._record_all()
            with suppress(MMDiscoverError):
                claims.release(self._db, self._runner)
            raise
        else:
            self._record_all()
            self._persist(lambda: claims.release(self._db, self._runner))

    def _over(self) -> bool:
        """Whether there is nothing to do here any more."""
        if self._interrupts.requested or self._stopped:
            return True
        return all(target.done for target in self._targets) and not any(target.others for target in self._targets)

    # Running

    def _work_on(self, again: list[TrialTask]) -> None:
        """Run trials, those that were ended in the middle first, until the work is over or workers had to be ended."""
        if self._broke_down:
            # A worker may have died of any of them.
            self._run_one_by_one(deque(again))
            if self._tasks:
                return
            again, self._broke_down = [], False
        feed = Feed(self._interrupts)
        feed.add(again)
        try:
            self._pump(feed)
        except WorkersBrokeError as failure:
            self._broke_down = True
            self._record_all()
            self._breaks_in_vain += 1
            if self._breaks_in_vain == MOST_BREAKS:
                raise
            if self._tasks:
                self._observer.note(f"{failure}; the trials that were running are tried again one by one")

    def _run_one_by_one(self, suspects: deque[TrialTask]) -> None:
        """Run trials each by itself, so that one that kills its worker is known; ends early when the run is over."""
        deaths: Counter[tuple[int, int]] = Counter()
        while suspects:
            feed = Feed(self._interrupts)
            try:
                self._pump(feed, suspects)
            except WorkersBrokeError:
                self._record_all()
                if not feed.begun:
                    # Workers that cannot be had are no fault of a trial.
                    self._breaks_in_vain += 1
                    if self._breaks_in_vain == MOST_BREAKS:
                        raise
                    continue
                if suspects[0].spawn_key not in self._tasks:
                    suspects.popleft()  # it was finished by then
                    continue
                task = suspects[0]
                deaths[task.spawn_key] += 1
                if deaths[task.spawn_key] == SOLO_TRIES:
                    reason = f"its worker process died, {SOLO_TRIES} times while nothing else ran"
                    self._fail(suspects.popleft(), reason)
            else:
                return

    def _pump(self, feed: Feed, one_by_one: deque[TrialTask] | None = None) -> None:
        """Keep the workers busy and take in what they bring, until nothing is left to do or to wait for."""
        if one_by_one is not None:
            feed.add([one_by_one[0]])
        else:
            self._look_around(feed)
            self._top_up(feed)
        feed.watch(self._pool.count)
        outcomes = run_in_workers(self._run_trial, feed.waves(), self._interrupts, self._pool)
        try:
            with closing(outcomes), closing(feed):
                for outcome in outcomes:
                    if outcome is not None:
                        self._receive(outcome, feed)
                    self._tick(feed)
                    if self._stopped or (outcome is None and self._hung(feed)):
                        return
                    if one_by_one is None:
                        self._look_now_and_then(feed)
                        self._top_up(feed)
                    elif one_by_one[0].spawn_key not in self._tasks:
                        one_by_one.popleft()
                        feed.add([one_by_one[0]] if one_by_one else [])
                    if not self._tasks and (one_by_one is not None or self._over()):
                        return
        finally:
            if one_by_one is None:
                self._give_up(feed.take_back(lambda _: True))

    def _give_up(self, tasks: Sequence[TrialTask]) -> None:
        """Let others begin trials that were claimed and not begun."""
        for task in tasks:
            del self._tasks[task.spawn_key]
            self._targets[task.target.position].mine.discard(task.index)
        if tasks:
            indices = [(self._targets[task.target.position].id, task.index) for task in tasks]
            self._persist(lambda: claims.release(self._db, self._runner, indices))

    def _hung(self, feed: Feed) -> bool:
        """Whether a trial takes so long that its worker must be ended; such trials are recorded as failed."""
        hung = [key for key in feed.overdue(self._trial_seconds) if key in self._tasks]
        for key in hung:
            self._fail(self._tasks[key], f"no end after {self._trial_seconds:g} s")
        return bool(hung)

    # What finished trials bring

    def _receive(self, outcome: TrialOutcome, feed: Feed) -> None:
        key = outcome.task.spawn_key
        feed.begun.pop(key, None)
        feed.working()
        self._breaks_in_vain = 0
        if key not in self._tasks:
            return  # given up before
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting.append(outcome)
        self._finished_here += 1
        self._broken_here += outcome.error is not None
        if BROKEN_TRIALS <= self._broken_here == self._finished_here:
            raise MMDiscoverError(f"the first {self._broken_here} trials all failed, the last one by {outcome.error}")

    def _fail(self, task: TrialTask, reason: str) -> None:
        """Record a trial that had no end of its own."""
        self._observer.note(f"{task.target.name} start {task.index}: {reason}; recorded as failed")
        self._waiting.append(TrialOutcome(task, None, None, reason, 0.0, None, 0.0, 0.0))
        self._record_all()

    def _record_all(self) -> None:
        """Record what is finished, all in one transaction."""
        outcomes, self._waiting = self._waiting, []
        if not outcomes:
            return
        proofs = [self._persist(partial(prove_outcome, one, self._starts.is_better)) for one in outcomes]
        prepared = [
            new_trial(self._targets[one.task.target.position].id, one, proof)
            for one, proof in zip(outcomes, proofs, strict=True)
        ]
        try:
            recorded = self._persist(partial(repository.record_trials, self._db, prepared))
        except BaseException:
            self._waiting = outcomes
            raise
        if any(scheme.new for stored in recorded for scheme in (*stored.schemes, *stored.steps)):
            self._starts.forget()
        for outcome, proof, stored in zip(outcomes, proofs, recorded, strict=True):
            self._account(outcome, stored)
            rejected = None if proof is None else proof.reason
            self._observer.trial(outcome.task.target.position, outcome, stored, rejected)

    def _account(self, outcome: TrialOutcome, stored: repository.Recorded) -> None:
        task = outcome.task
        target = self._targets[task.target.position]
        del self._tasks[task.spawn_key]
        target.mine.discard(task.index)
        settings = asdict(task.search)
        if target.agenda.is_finished(task.index):
            return  # somebody else was faster, and it is counted
        finished = claims.FinishedTrial(task.index, settings, outcome.status, outcome.iterations)
        target.agenda.take_in([finished])
        so_far = target.summary
        new = {scheme.scheme_id for scheme in stored.schemes if scheme.new}
        if target.spec.goal.distinct is not None:
            new = {scheme.scheme_id for scheme in stored.schemes} - target.schemes
            target.schemes |= new
        target.summary = replace(
            so_far,
            trials=so_far.trials + 1,
            fits=so_far.fits + outcome.exact_fit,
            exact=so_far.exact + bool(stored.schemes),
            distinct=so_far.distinct + len(new),
            cpu_seconds=so_far.cpu_seconds + outcome.cpu_seconds,
        )

    # What is to be done next

    def _top_up(self, feed: Feed) -> None:
        """Claim trials when the workers are about to run out of them; give up those of targets that are done."""
        self._give_up(feed.take_back(lambda task: self._targets[task.target.position].done))
        ahead = trials_ahead(self._targets, self._pool.count)
        if self._over() or len(feed) > ahead // 2:
            return
        wanted = choose(self._targets, ahead - len(feed))
        wanted = [self._persist(partial(self._starts.of, task)) for task in wanted]
        if not wanted:
            if not len(feed):
                self._look_now_and_then(feed, IDLE_LOOK_SECONDS)
            return
        new = [
            claims.NewClaim(
                target_id=self._targets[task.target.position].id,
                index=task.index,
                seed_entropy=task.campaign_seed,
                spawn_key=task.spawn_key,
                settings=asdict(task.search),
                origin=None if task.origin is None else task.origin.as_json(),
            )
            for task in wanted
        ]
        gained = self._persist(partial(claims.claim_new, self._db, self._runner, new))
        for task, mine in zip(wanted, gained, strict=True):
            target = self._targets[task.target.position]
            (target.mine if mine else target.others).add(task.index)
            if mine:
                self._tasks[task.spawn_key] = task
        feed.add(task for task, mine in zip(wanted, gained, strict=True) if mine)
        if not any(gained):
            # Others are ahead: where, a look tells.
            self._look_now_and_then(feed, IDLE_LOOK_SECONDS)

    def _tick(self, feed: Feed) -> None:
        now = time.monotonic()
        if self._waiting and now - self._waiting_since >= BATCH_SECONDS:
            self._record_all()
        if now >= self._next_beat:
            state = self._persist(lambda: claims.beat(self._db, self._campaign_id, self._runner))
            self._next_beat = time.monotonic() + BEAT_SECONDS
            if state == "stopped":
                self._stopped = True
                self._observer.note("the campaign is asked to stop")
        feed.watch(self._pool.count)
        if now < self._next_progress:
            return
        self._next_progress = now + PROGRESS_SECONDS
        running = Counter(position for position, _ in list(feed.begun))
        self._observer.progress(
            [target.summary for target in self._targets], [running[place] for place in range(len(self._targets))]
        )

    # What others do

    def _look_now_and_then(self, feed: Feed, pause: float = LOOK_SECONDS) -> None:
        if time.monotonic() >= self._last_look + max(pause, self._look_pause):
            self._look_around(feed)

    def _look_around(self, feed: Feed) -> None:
        """Take in what other processes have finished, and take over what the dead have left behind."""
        self._record_all()
        begun = time.monotonic()
        claimed = self._persist(lambda: claims.list_claims(self._db, self._campaign_id))
        summary = self._persist(lambda: queries.campaign_summary(self._db, self._campaign_id))
        places = {target.id: place for place, target in enumerate(self._targets)}
        for target, so_far in zip(self._targets, summary.targets, strict=True):
            target.summary = so_far
            if target.spec.goal.distinct is not None:
                target.schemes = self._persist(partial(claims.scheme_ids, self._db, target.id))
            target.agenda.take_in(
                self._persist(partial(claims.finished_trials, self._db, target.id, target.agenda.first_unsettled))
            )
            target.others.clear()
        for claim in claimed:
            target = self._targets[places[claim.target_id]]
            if claim.runner == self._runner or target.agenda.is_finished(claim.index):
                continue
            dead = is_dead(claim.runner)
            if (
                (dead or claim.expired)
                and target.agenda.wants(claim.index)
                and not target.done
                and self._persist(partial(claims.take_over, self._db, self._runner, claim, dead=dead))
            ):
                task = target.agenda.task(claim.index, claim.settings, claim.origin)
                self._tasks[task.spawn_key] = task
                target.mine.add(task.index)
                feed.add([task])
            elif not dead and not claim.expired:
                target.others.add(claim.index)
        self._last_look = time.monotonic()
        self._look_pause = (self._last_look - begun) / LOOK_SHARE

    def _release_abandoned(self) -> None:
        """Remove the claims of the dead on trials that nobody needs any more."""
        for claim in claims.list_claims(self._db, self._campaign_id):
            if claim.expired or is_dead(claim.runner):
                claims.release(self._db, claim.runner, [(claim.target_id, claim.index)])

    # The database

    def _persist(self, act: Callable[[], T]) -> T:
        """Do something with the database, also when it is locked, full or gone for a while."""
        deadline, told = time.monotonic() + self._patience.database, False
        while True:
            try:
                result = act()
            except DatabaseUnavailable as error:
                if self._interrupts.requested or time.monotonic() >= deadline:
                    raise
                if not told:
                    told = True
                    self._observer.note(f"{error}; trying again for up to {self._patience.database:g} s")
                time.sleep(RETRY_SECONDS)
            else:
                if told:
                    self._observer.note("the database is there again")
                return result
