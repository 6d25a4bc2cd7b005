"""The run of a target: which scheme wins, what is recorded, and how a run ends early."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from joblib import cpu_count

from mmdiscover.campaign.interrupts import Interrupts
from mmdiscover.campaign.learning import Pins, settings_from_mapping
from mmdiscover.campaign.phases import phase_board
from mmdiscover.campaign.plan import Budget, plan_target
from mmdiscover.campaign.pool import worker_count
from mmdiscover.campaign.runner import Plan, discover
from mmdiscover.campaign.trial import Kernels, Phase
from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import sandwich
from mmdiscover.errors import DatabaseError, InputError, MMDiscoverError
from results_db import open_database, queries, repository
from tests.campaign.fakes import Log, PreferringSearch, ScriptedRefine, ScriptedSearch
from tests.schemes import strassen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mmdiscover.campaign.plan import Target
    from mmdiscover.campaign.trial import Search
    from mmdiscover.core.scheme import Scheme
    from results_db import Database


def variant(number: int) -> Scheme:
    """Different valid schemes."""
    shear = np.array([[1, number], [0, 1]])
    return sandwich(strassen(), shear, np.eye(2, dtype=int), np.eye(2, dtype=int))


def wrong() -> Scheme:
    u = strassen().u.copy()
    u[0, 0] += 1
    return strassen().with_arrays(strassen().format, [u, strassen().v, strassen().w])


def succeeding_at(*indices: int, seconds: dict[int, float] | None = None, default_seconds: float = 0.0) -> Kernels:
    search = ScriptedSearch(frozenset(indices), seconds or {}, default_seconds=default_seconds)
    return Kernels(search, ScriptedRefine({index: variant(index) for index in indices}))


def summary(db: Database, campaign_id: int = 1) -> tuple[str, int, int, int]:
    campaign = queries.campaign_summary(db, campaign_id)
    (target,) = campaign.targets
    return campaign.state, target.trials, target.fits, target.exact


@pytest.mark.parametrize("workers", [1, 2])
def test_the_lowest_successful_trial_wins(db: Database, plan: Plan, workers: int) -> None:
    # Trial 1 succeeds long after trials 2 and 4 have.
    kernels = succeeding_at(1, 2, 4, seconds={1: 1.0})
    discovery = discover(db, replace(plan, workers=workers), Log(), kernels)
    assert discovery.found is not None
    assert discovery.found.trial == 1
    (row,) = queries.list_schemes(db)
    assert row.hash == discovery.found.verified.hash
    assert queries.load_scheme(db, str(discovery.found.scheme_id)).scheme == discovery.found.verified.scheme
    state, trials, fits, exact = summary(db)
    assert (state, exact) == ("finished", 1)
    assert trials == discovery.tally.trials
    assert fits == discovery.tally.fits
    if workers == 1:
        assert (trials, fits) == (2, 1)
    else:
        # The overtaken ones keep their fits.
        assert fits >= 2


def test_a_winner_may_wait_for_a_trial_that_then_fails(db: Database, plan: Plan) -> None:
    discovery = discover(db, replace(plan, workers=2), Log(), succeeding_at(1, seconds={0: 1.0}))
    assert discovery.found is not None
    assert discovery.found.trial == 1
    assert summary(db)[3] == 1


def test_busy_later_trials_are_not_waited_for(db: Database, plan: Plan) -> None:
    begun = time.monotonic()
    discovery = discover(db, replace(plan, workers=2), Log(), succeeding_at(0, seconds={0: 0.5}, default_seconds=60))
    assert discovery.found is not None
    assert time.monotonic() - begun < 30
    assert multiprocessing.active_children() == []


def test_no_trial_is_begun_after_a_success(db: Database, plan: Plan) -> None:
    kernels = succeeding_at(1, seconds={0: 2.0}, default_seconds=0.02)
    discovery = discover(db, replace(plan, workers=2, budget=Budget(starts=1000)), Log(), kernels)
    assert discovery.found is not None
    # A few are always on their way.
    assert discovery.tally.trials < 15


@pytest.mark.parametrize("workers", [1, 2])
def test_every_trial_of_a_vain_run_is_recorded(db: Database, plan: Plan, workers: int) -> None:
    kernels = Kernels(ScriptedSearch(exact=frozenset({3, 5}), broken=frozenset({2})), ScriptedRefine({}))
    log = Log()
    discovery = discover(db, replace(plan, workers=workers), log, kernels)
    assert discovery.found is None
    assert not discovery.interrupted
    assert sorted(log.indices) == list(range(12))
    assert summary(db) == ("finished", 12, 2, 0)
    tally = discovery.tally
    assert (tally.trials, tally.fits, tally.candidates, tally.broken) == (12, 2, 0, 1)
    assert tally.best_residual == 1e-25
    assert [row.id for row in queries.list_fits(db, state="open")] == list(discovery.open_fits) == [1, 2]


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> dict[int, repository.TrialRecord]:
    """What is recorded of each trial from now on; a later run replaces an earlier one."""
    found: dict[int, repository.TrialRecord] = {}
    record_trial = repository.record_trial

    def recording(database: Database, target_id: int, record: repository.TrialRecord, **rest: object) -> object:
        found[record.index] = record
        return record_trial(database, target_id, record, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(repository, "record_trial", recording)
    return found


def test_what_is_recorded_repeats_the_trial(
    db: Database, plan: Plan, records: dict[int, repository.TrialRecord]
) -> None:
    kernels = Kernels(
        ScriptedSearch(exact=frozenset({1, 2, 3}), broken=frozenset({4})), ScriptedRefine({2: wrong(), 5: strassen()})
    )
    log = Log()
    discover(db, replace(plan, budget=Budget(starts=6)), log, kernels)
    assert {(record.seed_entropy, record.spawn_key) for record in records.values()} == {(5, (0, i)) for i in range(6)}
    assert [records[index].status for index in range(6)] == ["stalled", "exact", "exact", "exact", "failed", "stalled"]
    assert [index for index in range(6) if records[index].refine_status == "rejected"] == [2]
    assert "Brent equations" in (records[2].refine_detail or "")
    assert records[2].refine_detail == log.rejected[2]
    assert records[1].refine_detail == "stuck in fix (3 zeros, 2 entries free): by script"
    assert records[4].refine_detail == "ZeroDivisionError: trial 4 is broken"
    assert records[0].refine_status is None
    assert (records[0].residual, records[0].iterations) == (0.5, 10)
    for outcome in log.outcomes:
        assert settings_from_mapping(records[outcome.index].settings) == outcome.task.search
    assert queries.list_schemes(db) == []


def vain_run(db: Database, plan: Plan, workers: int, search: Search, starts: int = 60) -> Log:
    """Several waves in which fits are found and none is made exact."""
    log = Log()
    plan = replace(plan, workers=workers, budget=Budget(starts=starts))
    assert discover(db, plan, log, Kernels(search, ScriptedRefine({}))).found is None
    assert sorted(log.indices) == list(range(starts))
    return log


def test_settings_do_not_depend_on_the_number_of_workers(
    tmp_path: Path, plan: Plan, records: dict[int, repository.TrialRecord]
) -> None:
    def run(name: str, workers: int, plan: Plan = plan) -> list[Mapping[str, object]]:
        with open_database(str(tmp_path / name)) as db:
            log = vain_run(db, plan, workers, PreferringSearch(41.0))
            assert workers == 1 or log.indices != sorted(log.indices)
        return [records[index].settings for index in range(60)]

    alone = run("1.db", workers=1)
    assert run("2.db", workers=2) == alone
    assert run("3.db", workers=1, plan=replace(plan, seed=6)) != alone
    # It was learnt from: most of the last wave is like what brought fits.
    bounds = [settings["bound"] for settings in alone]
    early, late = (sum(bound < 42 for bound in part) for part in (bounds[:8], bounds[-28:]))  # type: ignore[operator]
    assert late / 28 > max(0.5, early / 8)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_history_in_the_database_changes_the_choice(
    tmp_path: Path, plan: Plan, records: dict[int, repository.TrialRecord], workers: int
) -> None:
    def run(db: Database, workers: int, number_known: int) -> list[Mapping[str, object]]:
        log = vain_run(db, plan, workers, PreferringSearch(41.0), starts=20)
        assert log.earlier_starts == number_known
        return [records[index].settings for index in range(20)]

    with open_database(str(tmp_path / "one.db")) as one, open_database(str(tmp_path / "other.db")) as other:
        fresh = run(one, 1, 0)
        assert run(other, workers, 0) == fresh
        taught = run(one, 1, 20)
        assert taught != fresh
        # The same history, the same choice.
        assert run(other, workers, 20) == taught
        # Another format has a history of its own.
        target = plan_target(Format(2, 2, 3), 11)
        log = Log()
        discover(one, replace(plan, target=target), log, succeeding_at(0))
        assert log.earlier_starts == 0


def test_where_all_is_pinned_nothing_is_learnt(db: Database, plan: Plan) -> None:
    pinned = replace(plan, target=plan_target(Format(2, 2, 2), 7, Pins(bound=45.0, symmetries=(None,))))
    for _ in range(2):
        log = vain_run(db, pinned, 1, ScriptedSearch(), starts=3)
        assert log.earlier_starts == 0
    assert vain_run(db, plan, 1, ScriptedSearch(), starts=3).earlier_starts == 6


def test_a_trial_that_broke_teaches_nothing(
    db: Database, plan: Plan, records: dict[int, repository.TrialRecord]
) -> None:
    broken = frozenset(range(8))
    assert vain_run(db, plan, 1, ScriptedSearch(broken=broken), starts=16).earlier_starts == 0
    settings = [records[index].settings for index in range(16)]
    assert sum(known.starts for known in queries.experience_of_all(db)) == 8
    with open_database(f"{db.name}.other") as other:
        vain_run(other, plan, 1, ScriptedSearch(), starts=16)
    assert settings[:8] == [records[index].settings for index in range(8)]
    assert settings[8:] != [records[index].settings for index in range(8, 16)]


def test_the_settings_of_the_winner_are_told(db: Database, plan: Plan) -> None:
    log = Log()
    found = discover(db, plan, log, succeeding_at(4)).found
    assert found is not None
    (winner,) = [outcome for outcome in log.outcomes if outcome.index == 4]
    assert found.settings == winner.task.search


def test_a_scheme_that_is_known_already_is_found_again(db: Database, plan: Plan) -> None:
    first, second = (discover(db, plan, Log(), succeeding_at(0)).found for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.new, second.new) == (True, False)
    assert first.scheme_id == second.scheme_id


def test_a_run_whose_trials_all_break_is_given_up(db: Database, plan: Plan) -> None:
    kernels = Kernels(ScriptedSearch(broken=frozenset(range(1000))), ScriptedRefine({}))
    with pytest.raises(MMDiscoverError, match=r"the first 20 trials all failed, the last one by ZeroDivisionError"):
        discover(db, replace(plan, budget=Budget()), Log(), kernels)
    assert summary(db)[:2] == ("stopped", 20)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_end_of_time_ends_busy_trials(db: Database, plan: Plan, workers: int) -> None:
    kernels = Kernels(ScriptedSearch(seconds={0: 0.01, 1: 0.01}, default_seconds=60), ScriptedRefine({}))

    class LimitAfterTwo(Log):
        def trial(self, *args: object) -> None:
            super().trial(*args)  # type: ignore[arg-type]
            if len(self.outcomes) == 2:
                stop.limit(0.5)

    begun = time.monotonic()
    with Interrupts().installed() as stop:
        discovery = discover(db, replace(plan, workers=workers), LimitAfterTwo(), kernels, stop)
    assert time.monotonic() - begun < 50
    assert discovery.found is None
    assert not discovery.interrupted
    assert summary(db) == ("finished", 2, 0, 0)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_time_is_a_budget(db: Database, plan: Plan, workers: int) -> None:
    kernels = Kernels(ScriptedSearch(default_seconds=60), ScriptedRefine({}))
    begun = time.monotonic()
    discovery = discover(db, replace(plan, workers=workers, budget=Budget(seconds=0.2)), Log(), kernels)
    assert time.monotonic() - begun < 50
    assert (discovery.found, discovery.interrupted) == (None, False)
    assert summary(db) == ("finished", 0, 0, 0)
    assert multiprocessing.active_children() == []


class InterruptAfter(Log):
    """Sends a signal to this process when so many trials are finished."""

    def __init__(self, trials: int, number: signal.Signals) -> None:
        super().__init__()
        self._trials, self._number = trials, number

    def trial(self, *args: object) -> None:
        super().trial(*args)  # type: ignore[arg-type]
        if len(self.outcomes) == self._trials:
            threading.Timer(0.3, os.kill, (os.getpid(), self._number)).start()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_is_heard_in_the_background(db: Database, plan: Plan, workers: int) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        log = InterruptAfter(3, signal.SIGINT)
        kernels = Kernels(ScriptedSearch(seconds=dict.fromkeys(range(3), 0.01), default_seconds=5), ScriptedRefine({}))
        discovery = discover(db, replace(plan, workers=workers), log, kernels)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert discovery.interrupted
    assert discovery.tally.trials == 3


def test_the_end_of_the_terminal_stays_ignored(db: Database, plan: Plan) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        discovery = discover(
            db, plan, InterruptAfter(3, signal.SIGHUP), Kernels(ScriptedSearch(default_seconds=0.1), ScriptedRefine({}))
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not discovery.interrupted
    assert discovery.tally.trials == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_keeps_what_is_finished(db: Database, plan: Plan, workers: int, number: signal.Signals) -> None:
    handler = signal.getsignal(number)
    kernels = Kernels(ScriptedSearch(seconds=dict.fromkeys(range(3), 0.01), default_seconds=60), ScriptedRefine({}))
    log = InterruptAfter(3, number)
    begun = time.monotonic()
    discovery = discover(db, replace(plan, workers=workers, budget=Budget()), log, kernels)
    assert time.monotonic() - begun < 30
    assert discovery.interrupted
    assert discovery.found is None
    assert summary(db) == ("stopped", 3, 0, 0)
    assert multiprocessing.active_children() == []
    assert signal.getsignal(number) is handler


def test_an_interrupt_stops_a_flood_of_results(db: Database, plan: Plan) -> None:
    plan = replace(plan, workers=2, budget=Budget(starts=3000))
    discovery = discover(db, plan, InterruptAfter(3, signal.SIGINT), succeeding_at())
    assert discovery.interrupted
    assert discovery.tally.trials < 3000
    assert summary(db) == ("stopped", discovery.tally.trials, 0, 0)


def test_an_interrupt_keeps_a_scheme_that_was_waiting(db: Database, plan: Plan) -> None:
    kernels = succeeding_at(1, seconds={1: 0.1}, default_seconds=60)
    discovery = discover(db, replace(plan, workers=2), InterruptAfter(1, signal.SIGINT), kernels)
    assert discovery.interrupted
    assert discovery.found is not None
    assert summary(db) == ("finished", 1, 1, 1)


def test_a_killed_worker_is_an_error(db: Database, plan: Plan) -> None:
    class KillOne(Log):
        def busy(self, phases: object) -> None:
            del phases
            for process in multiprocessing.active_children()[:1]:
                os.kill(process.pid or 0, signal.SIGKILL)

    kernels = Kernels(ScriptedSearch(default_seconds=60), ScriptedRefine({}))
    with pytest.raises(MMDiscoverError, match="worker"):
        discover(db, replace(plan, workers=2), KillOne(), kernels)
    assert summary(db)[0] == "stopped"
    assert multiprocessing.active_children() == []


def test_a_lost_database_ends_the_run(db: Database, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise DatabaseError("database or disk is full")

    monkeypatch.setattr(repository, "record_trial", failing)
    with pytest.raises(DatabaseError, match="disk is full"):
        discover(db, replace(plan, workers=2), Log(), succeeding_at())
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_the_observer_hears_what_goes_on(db: Database, plan: Plan, workers: int) -> None:
    log = Log()
    kernels = Kernels(ScriptedSearch(exact=frozenset(range(12)), default_seconds=0.2), ScriptedRefine({}, seconds=0.3))
    discover(db, replace(plan, workers=workers, budget=Budget(starts=4)), log, kernels)
    seen = {phase for phases in log.phases for phase in phases}
    assert seen == {Phase.SEARCHING, Phase.REFINING}
    assert max(sum(phases.values()) for phases in log.phases) <= workers


def test_trials_that_wait_to_be_received_are_not_busy() -> None:
    with phase_board() as board:
        for index, phase in [(0, Phase.SEARCHING), (2, Phase.REFINING), (70, Phase.SEARCHING), (3, Phase.FINISHED)]:
            board.announce(index, phase)
        assert board.count(range(100)) == {Phase.SEARCHING: 2, Phase.REFINING: 1}
        assert board.count([1, 2, 500]) == {Phase.REFINING: 1}
    # A worker that goes on after the run has ended must not fail.
    board.announce(1, Phase.SEARCHING)
    assert not board.count([1])


@pytest.mark.parametrize("workers", [0, -1, 10**6])
def test_nonsense_numbers_of_workers_are_refused(workers: int) -> None:
    with pytest.raises(InputError, match=f"number of workers is {workers}, expected 1 to"):
        worker_count(workers, 84)


def test_the_number_of_workers_defaults_to_the_cores(target: Target) -> None:
    assert worker_count(None, plan_target(Format(3, 3, 3), 23).entries) == cpu_count()
    assert worker_count(3, target.entries) == 3


def test_the_smallest_targets_need_no_processes(target: Target) -> None:
    assert worker_count(None, target.entries) == 1
    assert worker_count(None, plan_target(Format(2, 2, 3), 11).entries) == 1
