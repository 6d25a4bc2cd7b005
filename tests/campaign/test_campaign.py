"""Campaigns: shared, interrupted, killed, resumed; in the end they are what an undisturbed one would have been."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from joblib import Parallel

from mmdiscover.campaign import campaign as module
from mmdiscover.campaign import sharing
from mmdiscover.campaign.agenda import Agenda
from mmdiscover.campaign.campaign import Patience, run_campaign
from mmdiscover.campaign.pool import LocalWorkers
from mmdiscover.campaign.runners import new_runner
from mmdiscover.campaign.spec import parse_campaign
from mmdiscover.campaign.stored import load_spec, open_campaign
from mmdiscover.campaign.trial import Kernels
from mmdiscover.errors import DatabaseError, DatabaseUnavailable, InputError, MMDiscoverError
from results_db import claims, queries, repository
from tests.campaign.fakes import ScriptedRefine, ScriptedSearch
from tests.schemes import strassen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from mmdiscover.campaign.campaign import CampaignEnd
    from mmdiscover.campaign.trial import TrialOutcome
    from mmdiscover.core.format import Format
    from mmdiscover.search import Fit, SearchSettings
    from results_db import Database
    from results_db.queries import TargetSummary
    from results_db.repository import Recorded

TEXT = """\
name = "three"
seed = 3
[[target]]
scheme = "2x2x2:7"
method = "numeric"
starts = 30
[[target]]
scheme = "2x2x3:11"
method = "numeric"
starts = 20
[[target]]
scheme = "2x2x2:8"
method = "numeric"
starts = 9
"""
SPEC = parse_campaign(TEXT)
KERNELS = Kernels(ScriptedSearch(frozenset({2, 5, 12})), ScriptedRefine({2: strassen(), 12: strassen()}))


class Log:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.trials: list[tuple[int, int]] = []
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.running: list[Sequence[int]] = []

    def trial(self, target: int, outcome: TrialOutcome, recorded: Recorded, rejected: str | None) -> None:  # noqa: ARG002
        self.trials.append((target, outcome.index))
        if outcome.error is not None:
            self.errors.append(outcome.error)

    def progress(self, targets: Sequence[TargetSummary], running: Sequence[int]) -> None:  # noqa: ARG002
        self.running.append(running)

    def note(self, message: str) -> None:
        self.notes.append(message)


@dataclass
class Threads:
    """Workers that begin at once; they cannot be ended."""

    count: int = 3
    shown: str = "threads"

    def parallel(self) -> Parallel:
        return Parallel(n_jobs=self.count, backend="threading", return_as="generator_unordered", batch_size=1)

    def end(self) -> None:
        pass


def run(db: Database, log: Log | None = None, **options: Any) -> CampaignEnd:
    stored, _ = open_campaign(db, options.pop("spec", SPEC))
    given: dict[str, Any] = {"workers": Threads(), "kernels": KERNELS} | options
    return run_campaign(db, stored, log or Log(), **given)


def state(db: Database) -> object:
    """Everything that seed and campaign decide."""
    with db.read() as connection:
        trials = connection.exec_driver_sql(
            "SELECT t.position, r.trial_index, r.status, r.residual, r.iterations, r.settings, r.seed, r.state, f.u "
            "FROM trials r JOIN targets t ON t.id = r.target_id LEFT JOIN fits f ON f.trial_id = r.id "
            "ORDER BY t.position, r.trial_index"
        ).all()
        found = connection.exec_driver_sql(
            "SELECT t.position, r.trial_index, s.hash FROM discoveries d JOIN schemes s ON s.id = d.scheme_id "
            "JOIN trials r ON r.id = d.trial_id JOIN targets t ON t.id = r.target_id "
            "ORDER BY t.position, r.trial_index, s.hash"
        ).all()
        known = connection.exec_driver_sql("SELECT settings, starts, fits FROM experience ORDER BY settings").all()
    return [list(map(tuple, rows)) for rows in (trials, found, known)]


@pytest.fixture
def undisturbed(tmp_path: Path) -> object:
    from results_db import open_database

    with open_database(str(tmp_path / "undisturbed.db")) as other:
        run(other)
        return state(other)


def test_all_targets_are_done(db: Database) -> None:
    log = Log()
    end = run(db, log)
    assert (end.state, end.interrupted) == ("finished", False)
    assert [target.trials for target in end.summary.targets] == [30, 20, 9]
    assert [target.fits for target in end.summary.targets] == [3, 3, 2]
    assert [(target.exact, target.distinct) for target in end.summary.targets] == [(2, 1), (2, 1), (1, 1)]
    assert sorted(log.trials) == [(place, index) for place, count in enumerate([30, 20, 9]) for index in range(count)]
    assert queries.list_campaigns(db)[0].state == "finished"
    # Again there is nothing to do.
    log = Log()
    assert run(db, log).summary == end.summary
    assert log.trials == []


@pytest.mark.parametrize("count", [1, 7])
def test_the_number_of_workers_decides_nothing(db: Database, undisturbed: object, count: int) -> None:
    run(db, workers=Threads(count))
    assert state(db) == undisturbed


def test_in_worker_processes(db: Database, undisturbed: object) -> None:
    assert run(db, workers=2).state == "finished"
    assert state(db) == undisturbed


def test_one_worker_process_runs_one_trial_at_a_time(db: Database, tmp_path: Path) -> None:
    log = Log()
    kernels = replace(KERNELS, search=ExclusiveSearch(tmp_path / "mark"))
    spec = parse_campaign(TEXT.replace("30", "6").replace("20", "2").replace("9", "1"))
    run(db, log, spec=spec, workers=LocalWorkers(1), kernels=kernels)
    assert len(log.trials) == 9
    assert log.errors == []


@dataclass(frozen=True)
class ExclusiveSearch:
    """Fails when it runs twice at the same time."""

    mark: Path

    def __call__(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        self.mark.touch(exist_ok=False)
        time.sleep(0.1)
        self.mark.unlink()
        return ScriptedSearch()(fmt, rank, settings, seed)


def test_several_at_once(db: Database, undisturbed: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MOST_AHEAD", 4)
    stored, _ = open_campaign(db, SPEC)
    kernels = replace(KERNELS, search=ScriptedSearch(frozenset({2, 5, 12}), default_seconds=0.1))
    logs = [Log() for _ in range(4)]
    ends: list[CampaignEnd] = []

    def work(log: Log) -> None:
        ends.append(run_campaign(db, stored, log, Threads(), kernels))

    threads = [threading.Thread(target=work, args=[log]) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [end.state for end in ends] == ["finished"] * 4
    begun = [trial for log in logs for trial in log.trials]
    assert len(begun) == len(set(begun)) == 59
    assert sum(bool(log.trials) for log in logs) > 1
    assert state(db) == undisturbed


class InterruptAfter(Log):
    """Sends a signal to this process when so many trials are recorded."""

    def __init__(self, trials: int) -> None:
        super().__init__()
        self._left = trials

    def trial(self, *args: Any) -> None:
        super().trial(*args)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("trials", [1, 10, 33])
def test_an_interrupted_campaign_goes_on(db: Database, undisturbed: object, trials: int) -> None:
    kernels = replace(KERNELS, search=ScriptedSearch(frozenset({2, 5, 12}), default_seconds=0.08))
    first = InterruptAfter(trials)
    end = run(db, first, kernels=kernels)
    assert (end.state, end.interrupted) == ("stopped", True)
    stored = claims.load_campaign(db, "three")
    assert stored is not None
    assert claims.list_claims(db, stored.id) == []
    second = Log()
    assert run_campaign(db, stored, second, Threads(), KERNELS).state == "finished"
    assert not set(first.trials) & set(second.trials)
    assert state(db) == undisturbed


def test_a_request_to_stop_is_heard(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.1)

    class Stop(Log):
        def trial(self, *args: Any) -> None:
            super().trial(*args)
            if len(self.trials) == 5:
                claims.change_state(db, 1, "stopped")

    kernels = replace(KERNELS, search=ScriptedSearch(default_seconds=0.05))
    log = Stop()
    end = run(db, log, kernels=kernels)
    assert (end.state, end.interrupted) == ("stopped", False)
    assert 5 <= len(log.trials) < 59
    assert log.notes == ["the campaign is asked to stop"]
    assert claims.list_claims(db, 1) == []


def claimed_by(db: Database, runner: str, indices: Sequence[int]) -> None:
    """Claims of another process on the first target."""
    stored, _ = open_campaign(db, SPEC)
    agenda = Agenda(load_spec(stored).targets[0], stored.seed, [])
    tasks = [agenda.task(index) for index in indices]
    new = [
        claims.NewClaim(stored.targets[0].id, task.index, stored.seed, task.spawn_key, asdict(task.search))
        for task in tasks
    ]
    assert all(claims.claim_new(db, runner, new))


def test_the_trials_of_the_dead_are_taken_over(db: Database, undisturbed: object) -> None:
    mine = new_runner()
    machine, pid, _, _ = mine.rsplit(":", 3)
    claimed_by(db, f"{machine}:{pid}:1.00:dead", [0, 3, 9])
    assert run(db).state == "finished"
    assert state(db) == undisturbed


def test_expired_claims_are_taken_over(db: Database, undisturbed: object, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed_by(db, "elsewhere:1:2.00:abc", [1, 2])
    monkeypatch.setattr(claims, "LEASE_SECONDS", -2)
    assert run(db).state == "finished"
    assert state(db) == undisturbed


def test_the_trials_of_the_living_are_left_to_them(db: Database, undisturbed: object) -> None:
    claimed_by(db, "elsewhere:1:2.00:abc", [1, 2])
    log = InterruptAfter(57)
    end = run(db, log)
    # The other one is at work.
    assert (end.state, end.interrupted) == ("running", True)
    assert len(log.trials) == 57
    assert {(0, 1), (0, 2)}.isdisjoint(log.trials)
    claims.release(db, "elsewhere:1:2.00:abc")
    assert run(db).state == "finished"
    assert state(db) == undisturbed


def test_what_others_finish_is_waited_for(db: Database, undisturbed: object) -> None:
    claimed_by(db, "elsewhere:1:2.00:abc", [28, 29] if False else [1, 2])

    class Other(Log):
        def trial(self, *args: Any) -> None:
            super().trial(*args)
            if len(self.trials) == 57:
                threading.Timer(1, claims.release, [db, "elsewhere:1:2.00:abc"]).start()

    log = Other()
    assert run(db, log).state == "finished"
    assert len(log.trials) == 59
    assert state(db) == undisturbed


@dataclass(frozen=True)
class KillingSearch:
    """Kills its process at some trials: once for each of them, or whenever they are tried."""

    folder: Path
    deadly: frozenset[int]
    once: bool
    search: ScriptedSearch = field(default_factory=lambda: ScriptedSearch(frozenset({2, 5, 12}), default_seconds=0.02))

    def __call__(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        index = seed.spawn_key[1]
        mark = self.folder / f"{fmt}-{rank}-{index}"
        if fmt.p == 3 and index in self.deadly and not (self.once and mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.search(fmt, rank, settings, seed)


def test_a_worker_that_dies_costs_nothing(db: Database, undisturbed: object, tmp_path: Path) -> None:
    kernels = replace(KERNELS, search=KillingSearch(tmp_path, frozenset({4}), once=True))
    log = Log()
    assert run(db, log, workers=2, kernels=kernels).state == "finished"
    assert log.errors == []
    assert any("tried again one by one" in note for note in log.notes)
    assert state(db) == undisturbed


def test_a_trial_that_kills_its_worker_is_recorded_as_failed(db: Database, tmp_path: Path) -> None:
    kernels = replace(KERNELS, search=KillingSearch(tmp_path, frozenset({4}), once=False))
    log = Log()
    end = run(db, log, workers=2, kernels=kernels)
    assert (end.state, [target.trials for target in end.summary.targets]) == ("finished", [30, 20, 9])
    assert log.errors == ["its worker process died, 2 times while nothing else ran"]
    (failed,) = [one for one in claims.finished_trials(db, 2) if one.status == "failed"]
    assert failed.index == 4


@dataclass
class Broken(Threads):
    """Workers that cannot be started."""

    def parallel(self) -> Parallel:
        raise OSError("no more processes")


def test_workers_that_cannot_be_started(db: Database) -> None:
    with pytest.raises(MMDiscoverError, match="the worker processes broke down: no more processes"):
        run(db, workers=Broken())
    assert claims.list_claims(db, 1) == []


def test_a_trial_that_hangs_is_recorded_as_failed(db: Database) -> None:
    spec = replace(SPEC, trial_seconds=10.0)
    kernels = replace(KERNELS, search=HangingSearch(4))
    log = Log()
    end = run(db, log, workers=2, spec=spec, kernels=kernels)
    assert (end.state, [target.trials for target in end.summary.targets]) == ("finished", [30, 20, 9])
    assert log.errors == ["no end after 10 s"]
    assert [one.index for one in claims.finished_trials(db, 2) if one.status == "failed"] == [4]


@dataclass(frozen=True)
class HangingSearch:
    """Does not end at one trial of the second target."""

    index: int

    def __call__(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        if fmt.p == 3 and seed.spawn_key[1] == self.index:
            time.sleep(3600)
        return ScriptedSearch()(fmt, rank, settings, seed)


def test_trials_are_not_blamed_for_workers_that_cannot_be_had(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass
    class Gone(Threads):
        """Breaks in the middle, and cannot be had again."""

        calls: int = 0

        def parallel(self) -> Parallel:
            self.calls += 1
            if self.calls > 1:
                raise OSError("no more processes")
            return super().parallel()

    def break_down(*_: Any, **__: Any) -> TrialOutcome:
        raise OSError("the connection is lost")

    monkeypatch.setattr(module, "run_trial", break_down)
    with pytest.raises(MMDiscoverError, match="no more processes"):
        run(db, workers=Gone())
    assert claims.finished_trials(db, 1) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("room", "name"),
    [(repository, "record_trials"), (claims, "claim_new"), (claims, "list_claims"), (claims, "release")],
)
def test_a_database_that_is_gone_for_a_while(
    db: Database, undisturbed: object, monkeypatch: pytest.MonkeyPatch, room: Any, name: str
) -> None:
    act, calls = getattr(room, name), []

    def sometimes(*args: Any, **options: Any) -> Any:
        calls.append(args)
        if len(calls) % 3:
            raise DatabaseUnavailable("database or disk is full")
        return act(*args, **options)

    monkeypatch.setattr(room, name, sometimes)
    log = Log()
    assert run(db, log).state == "finished"
    assert log.notes[:2] == [
        "database or disk is full; trying again for up to 600 s",
        "the database is there again",
    ]
    assert state(db) == undisturbed


@pytest.mark.usefixtures("impatient")
def test_a_database_that_does_not_come_back(db: Database, monkeypatch: pytest.MonkeyPatch, undisturbed: object) -> None:
    act, calls = repository.record_trials, []

    def once(*args: Any) -> Any:
        calls.append(args)
        if len(calls) > 1:
            raise DatabaseUnavailable("the server is gone")
        return act(*args)

    with monkeypatch.context() as patch:
        patch.setattr(repository, "record_trials", once)
        slow = replace(KERNELS, search=ScriptedSearch(frozenset({2, 5, 12}), default_seconds=0.1))
        with pytest.raises(DatabaseUnavailable, match="the server is gone"):
            run(db, patience=Patience(0.05), kernels=slow)
    # The claims of this process are those of a living one, so somebody else has to wait for them; here it is dead.
    patch.setattr(module, "is_dead", lambda _: True)
    assert run(db).state == "finished"
    assert state(db) == undisturbed


def test_other_errors_of_the_database_end_it(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise DatabaseError("malformed")

    monkeypatch.setattr(repository, "record_trials", failing)
    with pytest.raises(DatabaseError, match="malformed"):
        run(db)
    assert claims.list_claims(db, 1) == []


def test_what_the_dead_leave_of_targets_that_are_done(db: Database) -> None:
    machine, pid, _, _ = new_runner().rsplit(":", 3)
    claimed_by(db, f"{machine}:{pid}:1.00:dead", [28, 29])
    spec = parse_campaign(TEXT.replace("30", "12"))
    end = run(db, spec=spec)
    assert (end.state, end.summary.targets[0].trials) == ("finished", 12)
    assert claims.list_claims(db, 1) == []


def test_nobody_waits_for_expired_claims_on_targets_that_are_done(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed_by(db, "elsewhere:1:2.00:abc", [28, 29])
    monkeypatch.setattr(claims, "LEASE_SECONDS", -2)
    end = run(db, spec=parse_campaign(TEXT.replace("30", "12")))
    assert (end.state, end.summary.targets[0].trials) == ("finished", 12)
    assert claims.list_claims(db, 1) == []


def test_trials_that_all_fail_end_it(db: Database) -> None:
    kernels = replace(KERNELS, search=ScriptedSearch(broken=frozenset(range(30))))
    with pytest.raises(MMDiscoverError, match=r"the first \d+ trials all failed, the last one by ZeroDivisionError"):
        run(db, kernels=kernels)


def test_limits(db: Database) -> None:
    spec = parse_campaign(
        'name = "limits"\nseed = 1\n[[target]]\nscheme = "2x2x2:7"\nmethod = "numeric"\ndistinct = 1\n'
        '[[target]]\nscheme = "2x2x3:11"\nmethod = "numeric"\nstarts = 3\ntime = "1h"'
    )
    kernels = replace(KERNELS, search=ScriptedSearch(frozenset(range(90)), default_seconds=0.1))
    end = run(db, spec=spec, kernels=kernels)
    assert end.state == "finished"
    assert end.summary.targets[0].distinct == 1
    assert 3 <= end.summary.targets[0].trials < 60
    assert end.summary.targets[1].trials == 3


def test_time_is_processor_time_of_all_processes(db: Database) -> None:
    spec = parse_campaign('name = "t"\nseed = 1\n[[target]]\nscheme = "2x2x2:7"\nmethod = "numeric"\ntime = "0.5s"')
    end = run(db, spec=spec, kernels=replace(KERNELS, search=BusySearch(0.05)), workers=Threads(1))
    assert end.state == "finished"
    assert 0.5 <= end.summary.targets[0].cpu_seconds < 1.5
    again = run(db, Log(), spec=spec)
    assert again.summary == end.summary


@dataclass(frozen=True)
class BusySearch:
    """Takes processor time."""

    seconds: float

    def __call__(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        end = time.thread_time() + self.seconds
        while time.thread_time() < end:
            pass
        return ScriptedSearch()(fmt, rank, settings, seed)


def test_shares(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "AHEAD_SECONDS", 0.1)
    spec = parse_campaign(
        'name = "shares"\nseed = 1\n[[target]]\nscheme = "2x2x2:7"\nmethod = "numeric"\n'
        '[[target]]\nscheme = "2x2x3:11"\nmethod = "numeric"\nshare = 3'
    )

    @dataclass(frozen=True)
    class ByFormat:
        def __call__(self, fmt: Format, *args: Any) -> Fit:
            return BusySearch(0.01 if fmt.p == 2 else 0.005)(fmt, *args)

    run(db, InterruptAfter(400), spec=spec, kernels=replace(KERNELS, search=ByFormat()), workers=Threads(1))
    one, three = queries.campaign_summary(db, 1).targets
    assert 1.7 < three.cpu_seconds / one.cpu_seconds < 6


def test_a_campaign_is_stored_once(db: Database) -> None:
    stored, new = open_campaign(db, SPEC)
    assert new
    assert load_spec(stored) == SPEC
    again, new = open_campaign(db, SPEC)
    assert not new
    assert again == stored


def test_limits_may_change_and_targets_may_be_added(db: Database) -> None:
    run(db)
    spec = parse_campaign(TEXT.replace("30", "35") + '[[target]]\nscheme = "2x2x4:14"\nmethod = "numeric"\nstarts = 4')
    log = Log()
    end = run(db, log, spec=spec)
    assert end.state == "finished"
    assert [target.trials for target in end.summary.targets] == [35, 20, 9, 4]
    assert len(log.trials) == 9


def test_another_campaign_of_the_same_name(db: Database) -> None:
    open_campaign(db, SPEC)
    with pytest.raises(InputError, match="campaign 'three' is stored with seed 3 instead of 4: give this one another"):
        open_campaign(db, replace(SPEC, seed=4))
    repository.create_campaign(db, name="other", kind="discover", seed=1, settings={})
    with pytest.raises(InputError, match="campaign 'other' was made by 'discover', expected one made by"):
        open_campaign(db, replace(SPEC, name="other"))


def test_what_others_learn_later_decides_nothing(db: Database, undisturbed: object) -> None:
    stored, _ = open_campaign(db, SPEC)
    before = replace(SPEC, name="before", seed=77)
    run(db, spec=before)
    run_campaign(db, stored, Log(), Threads(), KERNELS)
    with db.read() as connection:
        settings = connection.exec_driver_sql(
            "SELECT r.settings FROM trials r JOIN targets t ON t.id = r.target_id JOIN campaigns c "
            "ON c.id = t.campaign_id WHERE c.name = 'three' ORDER BY t.position, r.trial_index"
        ).all()
    assert isinstance(undisturbed, list)
    assert [row[0] for row in settings] == [trial[5] for trial in undisturbed[0]]
