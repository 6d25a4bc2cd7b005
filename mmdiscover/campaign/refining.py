"""Stored fits taken up again: refined, verified and recorded, each as soon as it is done."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mmdiscover.campaign.interrupts import Interrupts
from mmdiscover.campaign.plan import require_refinement_memory
from mmdiscover.campaign.pool import run_in_process, run_in_workers, worker_count
from mmdiscover.campaign.traces import REJECTED, Run, prove
from mmdiscover.campaign.trial import FAILED, one_thread
from mmdiscover.errors import DatabaseError
from mmdiscover.refine import refine
from results_db import queries, repository

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from mmdiscover.campaign.trial import Refine
    from mmdiscover.core.factors import Factors
    from mmdiscover.core.verified import VerifiedScheme
    from mmdiscover.refine import RefineSettings
    from results_db import Database
    from results_db.attempts import AttemptRecord
    from results_db.queries import FitRow
    from results_db.rows import Stored

EXACT = "exact"
"""Status of a fit that led to a verified scheme."""
DAMAGED = "damaged"
"""Status of a fit that could not be read."""


@dataclass(frozen=True)
class RefinePlan:
    """Which fits are taken up again, and how.

    Parameters
    ----------
    fits : tuple of FitRow
    settings : RefineSettings
    seed : int
        With it, the fit and the number of its run decide all random choices.
    workers : int
        Processes; 1 for this one alone. Has no influence on what is found.
    """

    fits: tuple[FitRow, ...]
    settings: RefineSettings
    seed: int
    workers: int


def plan_refinement(fits: Iterable[FitRow], settings: RefineSettings, seed: int, workers: int | None) -> RefinePlan:
    """Plan to take up fits again.

    Parameters
    ----------
    fits : iterable of FitRow
    settings : RefineSettings
    seed : int
    workers : int or None
        None for as many as the machine has cores, fewer where there are fewer fits, and 1 where fits are small.

    Raises
    ------
    InputError
        If there can be no such number of workers.
    CapacityError
        If refining one of the fits would not fit in memory.
    """
    chosen = tuple(fits)
    for fit in chosen:
        require_refinement_memory(fit.format, fit.rank)
    entries = max((sum(fit.format.shape) * fit.rank for fit in chosen), default=1)
    count = worker_count(workers, entries)
    return RefinePlan(chosen, settings, seed, max(1, min(count, len(chosen))))


@dataclass(frozen=True)
class RefineTask:
    """One run of the refinement of a fit. Factors, settings and seed decide its result.

    Parameters
    ----------
    fit : FitRow
    factors : Factors or None
        None where they could not be read.
    damage : str or None
        Why they could not be read.
    settings : RefineSettings
    seed : int
    run : int
        Number of the run among those of the fit, as far as known when it begins.
    """

    fit: FitRow
    factors: Factors | None
    damage: str | None
    settings: RefineSettings
    seed: int
    run: int

    def seeds(self) -> np.random.SeedSequence:
        """What decides its random choices."""
        return np.random.SeedSequence(self.seed, spawn_key=(self.fit.id, self.run))


@dataclass(frozen=True)
class RefineOutcome:
    """What a run brought; None instead of it where the fit could not be read."""

    task: RefineTask
    run: Run | None


def run_refinement(task: RefineTask, refine: Refine = refine) -> RefineOutcome:
    """Refine one fit on one BLAS thread; an exception becomes part of the outcome."""
    if task.factors is None:
        return RefineOutcome(task, None)
    refined, error, seed = None, None, task.seeds()
    with one_thread():
        begun = time.thread_time()
        try:
            refined = refine(task.factors, task.settings, seed)
        except Exception as failure:  # noqa: BLE001 (one broken fit must not keep the others from being refined)
            error = f"{type(failure).__name__}: {failure}"
        return RefineOutcome(task, Run(seed, task.settings, refined, error, time.thread_time() - begun))


@dataclass(frozen=True)
class FitResult:
    """What became of a fit that was taken up again.

    Parameters
    ----------
    fit : FitRow
        As it was before.
    status : str
        ``exact`` when it led to a verified scheme; else how it ended, see `RefineStatus`, ``rejected`` when
        verification did not accept what came of it, ``failed`` or ``damaged``.
    reason : str or None
        Why it did not become exact: where the attempt that came nearest got stuck.
    verified : tuple of VerifiedScheme
        The preferred one first.
    stored : tuple of Stored
        Where these are stored.
    attempts : tuple of AttemptRecord
    cpu_seconds : float
    """

    fit: FitRow
    status: str
    reason: str | None
    verified: tuple[VerifiedScheme, ...] = ()
    stored: tuple[Stored, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    cpu_seconds: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether it led to a verified scheme."""
        return bool(self.stored)


def nearest(attempts: Iterable[AttemptRecord]) -> AttemptRecord | None:
    """The vain attempt that came nearest: fewest entries not fixed, then the least residual; None where all broke."""

    def distance(attempt: AttemptRecord) -> tuple[int, float]:
        last = attempt.stages[-1]
        return last.free, inf if last.residual is None else last.residual

    vain = (attempt for attempt in attempts if attempt.stages and attempt.status != EXACT)
    return min(vain, key=distance, default=None)


def describe(attempt: AttemptRecord) -> str:
    """Where an attempt that was not exact ended, and why; a near miss has no entry left to fix."""
    if not attempt.stages:
        return f"{attempt.status}: {attempt.reason}"
    last = attempt.stages[-1]
    residual = "no residual" if last.residual is None else f"residual {last.residual:.2g}"
    if last.free == 0:
        return f"near miss in {last.name}: all {last.fixed} entries fixed, {residual}: {attempt.reason}"
    entries = last.fixed + last.free
    return f"{attempt.status} in {last.name}: {last.free} of {entries} entries free, {residual}: {attempt.reason}"


class RefineObserver(Protocol):
    """Is told how a run goes on."""

    def fit(self, result: FitResult) -> None:
        """A fit is done with, and recorded."""


@dataclass(frozen=True)
class Refinements:
    """How it ended: the fits that are done with, by their numbers, and whether the user ended it."""

    results: tuple[FitResult, ...]
    interrupted: bool


def refine_fits(
    db: Database,
    plan: RefinePlan,
    observer: RefineObserver,
    refine: Refine = refine,
    interrupts: Interrupts | None = None,
) -> Refinements:
    """Take up stored fits again.

    Every fit is recorded as soon as it is refined, so that an interrupt loses only those that are being refined.

    Parameters
    ----------
    db : Database
    plan : RefinePlan
    observer : RefineObserver
    refine : callable, optional
    interrupts : Interrupts, optional
        Installed ones; left out, interrupts are handled while the fits are refined.

    Returns
    -------
    Refinements

    Raises
    ------
    DatabaseError
        If a result cannot be written; everything before it is kept.
    MMDiscoverError
        If the workers break down.
    """
    results = []
    with nullcontext(interrupts) if interrupts else Interrupts().installed() as stop:
        run, tasks = partial(run_refinement, refine=refine), _tasks(db, plan)
        outcomes: Generator[RefineOutcome | None]
        if plan.workers == 1:
            outcomes = run_in_process(run, tasks, stop)
        else:
            outcomes = run_in_workers(run, [tasks], stop, plan.workers)
        with closing(outcomes):
            for outcome in outcomes:
                if outcome is not None:
                    results.append(_record(db, outcome))
                    observer.fit(results[-1])
    return Refinements(tuple(sorted(results, key=lambda result: result.fit.id)), stop.by_user)


def _tasks(db: Database, plan: RefinePlan) -> Iterator[RefineTask]:
    """Read one fit at a time: there may be many."""
    for fit in plan.fits:
        factors, damage = None, None
        try:
            factors = queries.load_fit(db, fit.id)
        except DatabaseError as error:
            damage = str(error)
        yield RefineTask(fit, factors, damage, plan.settings, plan.seed, fit.runs + 1)


def _record(db: Database, outcome: RefineOutcome) -> FitResult:
    task, run = outcome.task, outcome.run
    if run is None:
        return FitResult(task.fit, DAMAGED, task.damage)
    proofs = None if run.refined is None else prove(run.refined)
    record = run.record(proofs)
    stored = repository.record_refinement(db, task.fit.id, record).schemes
    if stored:
        status, reason = EXACT, None
    else:
        failed = nearest(record.attempts) or record.attempts[-1]
        status = REJECTED if proofs is not None and proofs.rejected else _status(run)
        reason = describe(failed)
    return FitResult(task.fit, status, reason, record.verified, stored, record.attempts, run.cpu_seconds)


def _status(run: Run) -> str:
    return FAILED if run.refined is None else str(run.refined.status)
