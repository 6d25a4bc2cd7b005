"""Every attempt to make a fit exact leaves a trace, once and as a whole."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy import Engine, event, text

import results_db
from mmdiscover.core.format import Format
from mmdiscover.errors import DatabaseError, InputError
from results_db import models, queries, repository, schema
from results_db.attempts import StageRecord
from results_db.repository import RecordedRun
from results_db.rows import Stored
from tests.results_db.samples import attempt, fit, refinement, schemes, target, trial
from tests.results_db.test_experience import migrate
from tests.results_db.test_repository import rows
from tests.results_db.test_survival import start

if TYPE_CHECKING:
    from pathlib import Path

    from results_db import Database

STRASSEN, THIRDS, HALVES = (schemes()[name] for name in ("strassen", "thirds", "halves"))


@pytest.fixture
def fit_id(db: Database) -> int:
    """An open fit with one vain attempt."""
    recorded = repository.record_trial(db, target(db), trial(0), fit=fit(), refinement=refinement())
    assert recorded.fit_id is not None
    return recorded.fit_id


def everything(db: Database) -> list[list[dict[str, Any]]]:
    tables = (models.Fit, models.Attempt, models.Scheme, models.Certificate, models.Discovery)
    return [rows(db, model) for model in tables]


def state(db: Database, fit_id: int) -> str:
    return queries.fit_row(db, fit_id).state


def test_the_attempts_of_a_trial_come_back(db: Database) -> None:
    run = refinement(STRASSEN, THIRDS)
    recorded = repository.record_trial(db, target(db), trial(0), fit=fit(), refinement=run)
    assert recorded.schemes == (Stored(1, new=True), Stored(2, new=True))
    attempts = queries.attempts_of_fit(db, 1)
    made_at = datetime.fromisoformat(attempts[0].made_at)
    assert abs(made_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert [(row.run, row.number, row.scheme_id) for row in attempts] == [(0, 0, None), (0, 1, 1), (0, 2, 2)]
    for row, given in zip(attempts, run.attempts, strict=True):
        assert (row.status, row.ring, row.reason, row.resolves) == (
            given.status,
            given.ring,
            given.reason,
            given.resolves,
        )
        assert row.stages == given.stages
        assert row.seed == {"entropy": str(2**127 + 1), "spawn_key": [3, 0]}
        assert row.settings == {"attempts": 8, "preference": "ternary,additions"}
        assert row.cpu_seconds == 0.75
    assert json.loads(json.dumps([row.as_json() for row in attempts]))[0] == {
        "run": 0,
        "number": 0,
        "seed": {"entropy": str(2**127 + 1), "spawn_key": [3, 0]},
        "settings": {"attempts": 8, "preference": "ternary,additions"},
        "status": "stuck",
        "ring": None,
        "reason": "the last six entries are not rational",
        "stages": [
            {"name": "zeros", "zeros": 40, "fixed": 40, "free": 44, "residual": 3e-29},
            {"name": "fix", "zeros": 40, "fixed": 78, "free": 6, "residual": 0.1 + 0.2},
        ],
        "resolves": 11,
        "cpu_seconds": 0.75,
        "scheme_id": None,
        "made_at": attempts[0].made_at,
    }


def test_values_from_numpy_are_stored_as_numbers(db: Database, fit_id: int) -> None:
    stage: Any = {"zeros": np.int64(1), "fixed": np.int32(2), "free": np.uint8(3), "residual": np.float64("nan")}
    one = attempt(stages=(StageRecord(name="zeros", **stage),), resolves=np.int64(4), reason="a\0b")
    repository.record_refinement(db, fit_id, refinement(attempts=(one,), cpu_seconds=float("inf"), run=1))
    stored = queries.attempts_of_fit(db, fit_id)[-1]
    assert stored.stages == (StageRecord(name="zeros", zeros=1, fixed=2, free=3, residual=None),)
    assert (stored.resolves, stored.reason, stored.cpu_seconds) == (4, "a\\x00b", None)


def test_a_vain_refinement_leaves_the_fit_open(db: Database, fit_id: int) -> None:
    assert repository.record_refinement(db, fit_id, refinement(run=1)) == RecordedRun(1, ())
    assert repository.record_refinement(db, fit_id, refinement(run=2)) == RecordedRun(2, ())
    row = queries.fit_row(db, fit_id)
    assert (row.state, row.runs, row.attempts, row.scheme_ids) == ("open", 2, 3, ())
    assert (row.status, row.reason) == ("stuck", "the last six entries are not rational")
    assert rows(db, models.Discovery) == []


def test_a_fit_that_became_exact_stays_refined(db: Database, fit_id: int) -> None:
    found = repository.record_refinement(db, fit_id, refinement(STRASSEN, run=1))
    assert found == RecordedRun(1, (Stored(1, new=True),))
    assert state(db, fit_id) == "refined"
    repository.record_refinement(db, fit_id, refinement(run=2))
    assert state(db, fit_id) == "refined"
    # Taken up again, it leads to more.
    more = repository.record_refinement(db, fit_id, refinement(THIRDS, HALVES, STRASSEN, run=3))
    assert more == RecordedRun(3, (Stored(2, new=True), Stored(3, new=True), Stored(1, new=False)))
    row = queries.fit_row(db, fit_id)
    assert (row.state, row.runs, row.attempts, row.scheme_ids) == ("refined", 3, 8, (1, 2, 3))
    assert [row.scheme_id for row in queries.attempts_of_fit(db, fit_id)] == [None, None, 1, None, None, 2, 3, 1]
    assert [(row["scheme_id"], row["kind"], row["trial_id"], row["detail"]) for row in rows(db, models.Discovery)] == [
        (1, "refinement", 1, "fit 1, run 1"),
        (2, "refinement", 1, "fit 1, run 3"),
        (3, "refinement", 1, "fit 1, run 3"),
    ]
    assert [row.source for row in queries.list_schemes(db, source="refinement")] == ["refinement"] * 3


def test_campaigns_count_fits_that_became_exact_later(db: Database, fit_id: int) -> None:
    assert fit_id == 1
    repository.record_trial(db, 1, trial(1), fit=fit(), refinement=refinement(STRASSEN, THIRDS))
    repository.record_trial(db, 1, trial(2), fit=fit(), refinement=refinement())

    def counts() -> tuple[int, int, int, int]:
        (summary,) = queries.campaign_summary(db, 1).targets
        return summary.trials, summary.fits, summary.exact, summary.distinct

    assert counts() == (3, 3, 1, 2)
    repository.record_refinement(db, fit_id, refinement(HALVES, STRASSEN, run=1))
    assert counts() == (3, 3, 2, 3)
    repository.record_refinement(db, fit_id, refinement(THIRDS, run=2))
    assert counts() == (3, 3, 2, 3)


def test_a_scheme_that_was_not_kept_links_to_nothing(db: Database, fit_id: int) -> None:
    run = refinement(STRASSEN, THIRDS, run=1)
    repository.record_refinement(db, fit_id, replace(run, verified=(THIRDS,)))
    assert [(row.status, row.ring, row.scheme_id) for row in queries.attempts_of_fit(db, fit_id)[1:]] == [
        ("stuck", None, None),
        ("exact", "ZT", None),
        ("exact", "Q", 1),
    ]
    assert state(db, fit_id) == "refined"


def test_the_same_run_is_recorded_once(db: Database, fit_id: int) -> None:
    run = refinement(STRASSEN, run=1)
    first = repository.record_refinement(db, fit_id, run)
    before = everything(db)
    # How long it took is another matter.
    again = repository.record_refinement(db, fit_id, replace(run, cpu_seconds=9.0))
    assert again == RecordedRun(1, (Stored(1, new=False),))
    assert first.run == again.run
    assert everything(db) == before


@pytest.mark.parametrize(
    "change",
    [
        {"seed_entropy": 1},
        {"spawn_key": (3, 2)},
        {"settings": {"attempts": 9}},
        {"attempts": (attempt(),)},
        {"attempts": (attempt(), attempt(STRASSEN, reason="otherwise"))},
        {"attempts": (attempt(stages=()), attempt(STRASSEN))},
    ],
)
def test_another_run_is_recorded_beside_it(db: Database, fit_id: int, change: dict[str, Any]) -> None:
    run = refinement(STRASSEN, run=1)
    repository.record_refinement(db, fit_id, run)
    assert repository.record_refinement(db, fit_id, replace(run, **change)).run == 2
    # Of another fit it is another one, too.
    other = repository.record_trial(db, 1, trial(1), fit=fit(), refinement=refinement()).fit_id
    assert other is not None
    assert repository.record_refinement(db, other, run).run == 1


def test_what_belongs_nowhere_is_refused(db: Database) -> None:
    with pytest.raises(
        InputError, match=f"fit 7 is not in database {re.escape(db.name)}, expected the number of a stored fit"
    ):
        repository.record_refinement(db, 7, refinement(STRASSEN))
    with pytest.raises(InputError, match="there is a refinement but no fit"):
        repository.record_trial(db, target(db), trial(0), refinement=refinement(STRASSEN))
    with pytest.raises(InputError, match="refinement settings cannot be stored"):
        repository.record_refinement(db, 7, refinement(settings={"attempts": float("nan")}))
    assert everything(db) == [[], [], [], [], []]


def test_an_error_in_the_middle_stores_nothing(db: Database, fit_id: int) -> None:
    before = everything(db)

    def fail_at_the_last(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE fits"):
            raise KeyboardInterrupt

    event.listen(Engine, "before_cursor_execute", fail_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        repository.record_refinement(db, fit_id, refinement(STRASSEN, THIRDS, run=1))
    assert everything(db) == before
    with pytest.raises(KeyboardInterrupt):
        repository.record_trial(db, 1, trial(1), fit=fit(), refinement=refinement(STRASSEN, THIRDS))
    assert everything(db) == before
    assert len(rows(db, models.Trial)) == 1
    event.remove(Engine, "before_cursor_execute", fail_at_the_last)
    assert repository.record_refinement(db, fit_id, refinement(STRASSEN, THIRDS, run=1)).run == 1


KILLED_IN_THE_MIDDLE = """
import sqlalchemy

@sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
def die(connection, cursor, statement, *_):
    if "UPDATE fits" in statement:  # the last one
        os.kill(os.getpid(), signal.SIGKILL)

db = results_db.open_database(sys.argv[1])
repository.record_refinement(db, 1, refinement(schemes()["strassen"], run=1))
"""


def test_a_run_that_was_recorded_by_half_is_not_there(db: Database, database_url: str, fit_id: int) -> None:
    before = everything(db)
    with start(KILLED_IN_THE_MIDDLE, database_url) as process:
        assert process.wait() == -9
    assert everything(db) == before
    recorded = repository.record_refinement(db, fit_id, refinement(STRASSEN, run=1))
    assert (recorded.run, [stored.new for stored in recorded.schemes]) == (1, [True])


REFINE_SOME = """
with results_db.open_database(sys.argv[1]) as db:
    # Runs 0 to 9 are the same in both processes.
    for run in [*range(1, 10), *(100 * int(sys.argv[2]) + number for number in range(20))]:
        repository.record_refinement(db, 1, refinement(schemes()["thirds"], run=run))
"""


def test_two_processes_refine_the_same_fit(db: Database, database_url: str, fit_id: int) -> None:
    processes = [start(REFINE_SOME, database_url, number) for number in (1, 2)]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    attempts = queries.attempts_of_fit(db, fit_id)
    keys: dict[int, Any] = {row.run: row.seed["spawn_key"] for row in attempts}
    # Nothing twice, nothing lost, and no number left out.
    assert sorted(keys) == list(range(50))
    assert sorted(keys.values()) == [[3, run] for run in [*range(10), *range(100, 120), *range(200, 220)]]
    assert len(attempts) == 1 + 2 * 49
    assert [len(table) for table in everything(db)[2:]] == [1, 1, 1]


def test_fits_are_listed(db: Database) -> None:
    small, large = target(db, Format(2, 3, 2), 12), target(db, Format(3, 3, 3), 23)
    repository.record_trial(db, small, trial(0), fit=fit(schemes()["classical 2x2x3"].scheme))
    repository.record_trial(
        db, large, trial(0), fit=fit(schemes()["laderman"].scheme), refinement=refinement(schemes()["laderman"])
    )
    repository.record_trial(db, large, trial(1), fit=fit(schemes()["laderman"].scheme), refinement=refinement())
    first, second, third = queries.list_fits(db)
    assert json.loads(json.dumps(second.as_json())) == {
        "fit": 2,
        "scheme": "3x3x3:23",
        "format": "3x3x3",
        "rank": 23,
        "state": "refined",
        "runs": 0,
        "attempts": 2,
        "status": "exact",
        "reason": "all entries are rational",
        "scheme_ids": [1],
        "found_at": second.found_at,
    }
    assert (third.state, third.attempts, third.scheme_ids) == ("open", 1, ())
    # No attempt is on record: the trial has said how its refinement ended.
    assert (first.runs, first.attempts, first.status, first.reason) == (0, 0, "exact", "two steps")

    def ids(**conditions: Any) -> list[int]:
        return [row.id for row in queries.list_fits(db, **conditions)]

    assert ids(fmt=Format(3, 2, 2)) == ids(rank=12) == [1]
    assert ids(state="open") == [1, 3]
    assert ids(state="open", fmt=Format(3, 3, 3), rank=23) == [3]
    assert ids(rank=24) == []
    with pytest.raises(InputError, match="state 'closed', expected one of open, refined"):
        queries.list_fits(db, state="closed")
    for ask in (queries.fit_row, queries.load_fit):
        with pytest.raises(InputError, match="fit 4 is not in database"):
            ask(db, 4)
    factors = queries.load_fit(db, 2)
    assert all(
        np.array_equal(x, y) for x, y in zip(factors.arrays, fit(schemes()["laderman"].scheme).arrays, strict=True)
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("u = x'00'", "factor u has 1 bytes, expected 224"),
        ("rank = 8", "factor u has 224 bytes, expected 256"),
        ("rank = 'seven'", "seven"),
        ("n = 0", "size n is 0"),
    ],
)
def test_a_damaged_fit_is_named(db: Database, path: Path, fit_id: int, change: str, reason: str) -> None:
    with db.write() as connection:
        connection.execute(text(f"UPDATE fits SET {change}"))
    with pytest.raises(DatabaseError, match=f"database {path}: fit 1 is damaged: .*{reason}"):
        queries.load_fit(db, fit_id)
    if change.startswith(("rank = '", "n")):
        for ask in (queries.list_fits, lambda db: queries.fit_row(db, 1)):
            with pytest.raises(DatabaseError, match=f"fit 1 is damaged: .*{reason}"):
                ask(db)


@pytest.mark.parametrize(
    "change",
    [
        "trace = '[1]'",
        "trace = '[{}]'",
        "trace = '5'",
        """trace = '[{"name": "a", "zeros": "many", "fixed": 1, "free": 1, "residual": 0}]'""",
        "seed = '3'",
        "settings = '[1]'",
        "resolves = 'few'",
        "cpu_seconds = 'long'",
    ],
)
def test_a_damaged_attempt_is_named(db: Database, path: Path, fit_id: int, change: str) -> None:
    with db.write() as connection:
        connection.execute(text(f"UPDATE attempts SET {change}"))
    with pytest.raises(DatabaseError, match=f"database {path}: attempt 0 in run 0 of fit 1 is damaged: "):
        queries.attempts_of_fit(db, fit_id)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("change", ["trace = '{'", "made_at = 'yesterday'"])
def test_a_column_that_cannot_be_read_is_an_error_of_one_line(db: Database, fit_id: int, change: str) -> None:
    with db.write() as connection:
        connection.execute(text(f"UPDATE attempts SET {change}"))
    with pytest.raises(DatabaseError) as caught:
        queries.attempts_of_fit(db, fit_id)
    assert str(caught.value).isprintable()


def test_older_databases_keep_their_fits(path: Path) -> None:
    migrate(str(path), "mmdiscover_0002")
    factors = [value for array in fit().arrays for value in (array.tobytes(),)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO campaigns (name, kind, seed, settings, state) VALUES ('a', 'discover', '1', '{}', 'stopped')"
        )
        connection.execute(
            "INSERT INTO targets (campaign_id, position, n, m, p, sorted_format, rank, settings) "
            "VALUES (1, 0, 2, 2, 2, '2x2x2', 7, '{}')"
        )
        connection.execute(
            "INSERT INTO trials (target_id, trial_index, state, seed, settings, status, refine_status, refine_detail) "
            "VALUES (1, 0, 'finished', '{}', '{}', 'exact', 'stuck', 'it was long ago')"
        )
        connection.execute(
            "INSERT INTO fits (trial_id, n, m, p, sorted_format, rank, state, u, v, w) "
            "VALUES (1, 2, 2, 2, '2x2x2', 7, 'open', ?, ?, ?)",
            factors,
        )
    with pytest.raises(DatabaseError, match=r"older schema mmdiscover_0002, .* run `mmdiscover db upgrade`"):
        results_db.open_database(str(path))
    assert results_db.upgrade(str(path)) == ("mmdiscover_0002", schema.HEAD)
    with results_db.open_database(str(path), create=False) as db:
        (row,) = queries.list_fits(db)
        assert (row.state, row.attempts, row.status, row.reason) == ("open", 0, "stuck", "it was long ago")
        assert queries.attempts_of_fit(db, 1) == []
        # Run 0 was that of the trial, although nothing was kept of it.
        assert repository.record_refinement(db, 1, refinement(STRASSEN, run=1)).run == 1
        assert queries.fit_row(db, 1).state == "refined"
