"""Stored fits taken up again: recorded as they come, repeatable, and ended at any moment without losing any."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from joblib import cpu_count
from sqlalchemy import text

from mmdiscover.campaign.refining import (
    FitResult,
    RefinePlan,
    RefineTask,
    describe,
    nearest,
    plan_refinement,
    refine_fits,
    run_refinement,
)
from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.errors import CapacityError, DatabaseError, InputError, MMDiscoverError
from mmdiscover.refine import RefineSettings, parse_preference
from mmdiscover.search import SearchSettings, run_start
from results_db import open_database, queries, repository
from results_db.attempts import AttemptRecord, StageRecord
from tests.campaign.fakes import refined
from tests.campaign.test_traces import FOUR, ONE, THREE, WRONG
from tests.results_db.samples import fit, refinement, target, trial

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mmdiscover.core.factors import Factors
    from mmdiscover.core.scheme import Scheme
    from mmdiscover.refine import Refined
    from results_db import Database


@dataclass(frozen=True)
class ByFit:
    """The schemes written down for each fit; it sleeps, or raises, where it is told to."""

    schemes: Mapping[int, tuple[Scheme, ...]] = field(default_factory=dict)
    seconds: Mapping[int, float] = field(default_factory=dict)
    broken: frozenset[int] = frozenset()

    def __call__(self, factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:  # noqa: ARG002
        fit_id = seed.spawn_key[0]
        time.sleep(self.seconds.get(fit_id, 0.0))
        if fit_id in self.broken:
            raise ZeroDivisionError(f"fit {fit_id} is broken")
        return refined(*self.schemes.get(fit_id, ()))


class Log:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.results: list[FitResult] = []

    def fit(self, result: FitResult) -> None:
        self.results.append(result)


@pytest.fixture
def db(tmp_path: Path) -> Any:
    """Fits 1 to 5 are open."""
    with open_database(str(tmp_path / "results.db")) as database:
        target_id = target(database)
        for index in range(5):
            repository.record_trial(database, target_id, trial(index), fit=fit(), refinement=refinement())
        yield database


def plan(db: Database, workers: int = 1, **changes: Any) -> RefinePlan:
    settings = RefineSettings(attempts=3, preference=parse_preference("nonzeros"), schemes=2)
    fits = queries.list_fits(db, state="open")
    return replace(plan_refinement(fits, settings, 5, workers), workers=workers, **changes)


def statuses(db: Database, fit_id: int) -> list[str]:
    return [row.status for row in queries.attempts_of_fit(db, fit_id) if row.run > 0]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_fit_is_refined_verified_and_recorded(db: Database, workers: int) -> None:
    work = ByFit({1: (ONE,), 3: (THREE, FOUR), 4: (WRONG,)}, {1: 0.5}, frozenset({5}))
    log = Log()
    done = refine_fits(db, plan(db, workers), log, work)
    assert not done.interrupted
    assert [result.fit.id for result in done.results] == [1, 2, 3, 4, 5]
    assert sorted(log.results, key=lambda result: result.fit.id) == list(done.results)
    assert [result.status for result in done.results] == ["exact", "stuck", "exact", "rejected", "failed"]
    assert [result.exact for result in done.results] == [True, False, True, False, False]
    assert [len(result.stored) for result in done.results] == [1, 0, 2, 0, 0]
    assert done.results[2].verified[0].scheme == THREE
    assert [row.state for row in queries.list_fits(db)] == ["refined", "open", "refined", "open", "open"]
    assert [statuses(db, fit_id) for fit_id in range(1, 6)] == [
        ["exact"],
        ["stuck"],
        ["exact", "exact"],
        ["rejected"],
        ["failed"],
    ]
    (summary,) = queries.campaign_summary(db, 1).targets
    assert (summary.fits, summary.exact, summary.distinct) == (5, 2, 3)
    ids = {stored.scheme_id for result in done.results for stored in result.stored}
    assert {queries.load_scheme(db, str(number)).scheme for number in ids} == {ONE, THREE, FOUR}


def test_why_a_fit_did_not_become_exact_is_told(db: Database) -> None:
    results = refine_fits(db, plan(db), Log(), ByFit({1: (ONE,), 4: (WRONG,)}, broken=frozenset({5}))).results
    assert [result.reason for result in results[:3]] == [
        None,
        "stuck in fix: 2 of 6 entries free, residual 0: by script",
        "stuck in fix: 2 of 6 entries free, residual 0: by script",
    ]
    assert (results[3].reason or "").startswith("near miss in verify: all 84 entries fixed, residual 4: ")
    assert "Brent equations are violated" in (results[3].reason or "")
    assert results[4].reason == "failed: ZeroDivisionError: fit 5 is broken"


def attempt(free: int, residual: float | None, status: str = "stuck") -> AttemptRecord:
    stages = (StageRecord(name="a", zeros=0, fixed=0, free=84, residual=0.0),)
    last = StageRecord(name="b", zeros=1, fixed=84 - free, free=free, residual=residual)
    return AttemptRecord(status=status, ring=None, reason="so it is", stages=(*stages, last), resolves=1)


def test_the_nearest_attempt_is_the_one_that_is_told() -> None:
    broken = replace(attempt(1, 0.0), stages=(), status="failed")
    attempts = [
        attempt(5, 1e-30),
        broken,
        attempt(3, None),
        attempt(3, 1e-3),
        attempt(3, 1e-2),
        attempt(0, 0.0, "exact"),
    ]
    assert nearest(attempts) == attempts[3]
    assert nearest([broken]) is None
    assert nearest([attempts[2], attempts[0]]) == attempts[2]
    assert describe(attempts[2]) == "stuck in b: 3 of 84 entries free, no residual: so it is"
    assert describe(attempt(0, 1.5e-9, "lost")) == "near miss in b: all 84 entries fixed, residual 1.5e-09: so it is"
    assert describe(broken) == "failed: so it is"


def test_what_is_recorded_repeats_the_run(db: Database) -> None:
    seen: list[tuple[Any, ...]] = []

    def work(factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:
        seen.append((factors.u.tolist(), settings, seed.generate_state(4).tolist()))
        return refined()

    for _ in range(2):
        refine_fits(db, plan(db), Log(), work)
    rows = [
        row for run in (1, 2) for fit_id in range(1, 6) for row in queries.attempts_of_fit(db, fit_id) if row.run == run
    ]
    keys: list[Any] = [row.seed for row in rows]
    assert [key["spawn_key"] for key in keys] == [[fit_id, run] for run in (1, 2) for fit_id in range(1, 6)]
    again = [np.random.SeedSequence(int(key["entropy"]), spawn_key=key["spawn_key"]) for key in keys]
    assert [seed.generate_state(4).tolist() for seed in again] == [state for *_, state in seen]
    # Each run of each fit has random choices of its own.
    assert len({tuple(state) for *_, state in seen}) == 10
    assert {row.settings["preference"] for row in rows} == {"nonzeros"}
    assert {settings for _, settings, _ in seen} == {plan(db).settings}
    assert seen[0][0] == fit().u.tolist()


def test_the_number_of_workers_changes_nothing(db: Database) -> None:
    def draws(workers: int) -> list[Any]:
        return [
            result.attempts for result in refine_fits(db, replace(chosen, workers=workers), Log(), random_work).results
        ]

    chosen = plan(db)
    assert draws(2) == draws(1)
    # Both were one and the same run, so that it was recorded once.
    assert [row.runs for row in queries.list_fits(db)] == [1] * 5


def random_work(factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:  # noqa: ARG001
    """Says what it has drawn; the later fits end first."""
    time.sleep(0.05 * (5 - seed.spawn_key[0]))
    drawn = refined()
    return replace(drawn, attempts=(replace(drawn.attempts[0], reason=str(np.random.default_rng(seed).random())),))


def test_a_refined_fit_leads_to_more_schemes(db: Database) -> None:
    first = refine_fits(db, replace(plan(db), fits=(queries.fit_row(db, 2),)), Log(), ByFit({2: (ONE,)}))
    again = refine_fits(db, replace(plan(db), fits=(queries.fit_row(db, 2),)), Log(), ByFit({2: (THREE, ONE)}))
    vain = refine_fits(db, replace(plan(db), fits=(queries.fit_row(db, 2),)), Log(), ByFit())
    assert [len(done.results) for done in (first, again, vain)] == [1, 1, 1]
    assert [(stored.scheme_id, stored.new) for stored in again.results[0].stored] == [(2, True), (1, False)]
    row = queries.fit_row(db, 2)
    assert (row.state, row.runs, row.scheme_ids) == ("refined", 3, (1, 2))
    assert vain.results[0].status == "stuck"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_damaged_fit_does_not_keep_the_others_from_being_refined(db: Database, workers: int) -> None:
    with db.write() as connection:
        connection.execute(text("UPDATE fits SET v = x'00' WHERE id = 2"))
    done = refine_fits(db, plan(db, workers), Log(), ByFit(dict.fromkeys(range(1, 6), (ONE,))))
    assert [result.status for result in done.results] == ["exact", "damaged", "exact", "exact", "exact"]
    assert (
        done.results[1].reason
        == f"database {db.name}: fit 2 is damaged: factor v has 1 bytes, expected 224 for 2x2x2:7"
    )
    # It was not attempted.
    assert statuses(db, 2) == []


def test_numbers_that_are_no_fit_are_told_by_the_real_refinement(db: Database) -> None:
    (first, *_) = refine_fits(db, replace(plan(db), fits=plan(db).fits[:1]), Log()).results
    assert first.status == "failed"
    assert "InputError: factors of 2x2x2: residual" in (first.reason or "")
    assert statuses(db, 1) == ["failed"]


def test_the_real_refinement_makes_a_fit_exact(db: Database) -> None:
    found = next(
        one
        for seed in range(50)
        if (one := run_start(Format(2, 2, 2), 7, SearchSettings(), np.random.SeedSequence(seed))).exact
    )
    number = repository.record_trial(db, 1, trial(9), fit=found.factors, refinement=refinement()).fit_id
    assert number is not None
    only = plan_refinement([queries.fit_row(db, number)], RefineSettings(), 1, None)
    assert only.workers == 1
    (result,) = refine_fits(db, only, Log()).results
    assert result.status == "exact"
    u, v, w = (factor.astype(float) for factor in result.verified[0].scheme.arrays)
    assert np.array_equal(np.einsum("ar,br,cr->abc", u, v, w), matmul_tensor(Format(2, 2, 2)))
    assert queries.fit_row(db, number).state == "refined"
    assert result.cpu_seconds > 0


class InterruptAfter(Log):
    """Sends a signal to this process when so many fits are done."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self._fits = fits

    def fit(self, result: FitResult) -> None:
        super().fit(result)
        if len(self.results) == self._fits:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_keeps_what_is_done(db: Database, workers: int) -> None:
    handler = signal.getsignal(signal.SIGINT)
    work = ByFit({1: (ONE,)}, dict.fromkeys(range(3, 6), 60.0))
    begun = time.monotonic()
    done = refine_fits(db, plan(db, workers), InterruptAfter(2), work)
    assert time.monotonic() - begun < 50
    assert done.interrupted
    assert [result.fit.id for result in done.results] == [1, 2]
    assert [row.runs for row in queries.list_fits(db)] == [1, 1, 0, 0, 0]
    assert multiprocessing.active_children() == []
    assert signal.getsignal(signal.SIGINT) is handler
    # Those that were left go on from there.
    rest = refine_fits(db, plan(db), Log(), ByFit())
    assert [result.fit.id for result in rest.results] == [2, 3, 4, 5]


def test_a_killed_worker_is_an_error_and_what_was_done_is_kept(db: Database) -> None:
    class KillOne(Log):
        def fit(self, result: FitResult) -> None:
            super().fit(result)
            for process in multiprocessing.active_children()[:1]:
                os.kill(process.pid or 0, signal.SIGKILL)

    work = ByFit({1: (ONE,)}, dict.fromkeys(range(2, 6), 60.0))
    with pytest.raises(MMDiscoverError, match="worker"):
        refine_fits(db, plan(db, 2), KillOne(), work)
    assert [row.state for row in queries.list_fits(db)] == ["refined", "open", "open", "open", "open"]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_lost_database_ends_it(db: Database, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise DatabaseError("database or disk is full")

    monkeypatch.setattr(repository, "record_refinement", failing)
    with pytest.raises(DatabaseError, match="disk is full"):
        refine_fits(db, plan(db, workers), Log(), ByFit())
    assert multiprocessing.active_children() == []


def test_what_cannot_be_planned_is_refused(db: Database) -> None:
    row, settings = queries.fit_row(db, 1), RefineSettings()
    with pytest.raises(InputError, match="number of workers is 0"):
        plan_refinement([row], settings, 1, 0)
    huge = replace(row, format=Format(30, 30, 30), rank=20000)
    with pytest.raises(CapacityError, match="refining a fit of 30x30x30:20000 needs"):
        plan_refinement([row, huge], settings, 1, None)
    assert plan_refinement([], settings, 1, None).fits == ()


def test_workers_are_not_more_than_fits(db: Database) -> None:
    row, settings = queries.fit_row(db, 1), RefineSettings()
    large = replace(row, format=Format(3, 3, 3), rank=23)
    assert plan_refinement([large], settings, 1, None).workers == 1
    assert plan_refinement([row, large] * 20, settings, 1, None).workers == cpu_count()
    assert plan_refinement([row] * 20, settings, 1, None).workers == 1
    assert plan_refinement([row] * 3, settings, 1, 2).workers == 2


def test_an_interrupt_inside_a_run_is_not_an_outcome(db: Database) -> None:
    def work(*_: object) -> Refined:
        raise KeyboardInterrupt

    task = RefineTask(queries.fit_row(db, 1), fit(), None, RefineSettings(), 1, 1)
    with pytest.raises(KeyboardInterrupt):
        run_refinement(task, work)
