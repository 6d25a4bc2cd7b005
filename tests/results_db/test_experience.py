"""What was learnt about settings: counted once for each trial, kept by the upgrade of older databases, and read."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import FrozenInstanceError, replace
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

import results_db
from mmdiscover.campaign import trial as campaign_trial
from mmdiscover.core.format import Format
from mmdiscover.errors import DatabaseError
from mmdiscover.search import FitStatus
from results_db import models, queries, repository, schema
from results_db.database import Database
from results_db.location import parse_location
from results_db.queries import Experience
from tests.results_db.samples import fit, refinement, schemes, target, trial
from tests.results_db.test_survival import start

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SETTINGS = {"bound": 50.0, "scale": 0.5}
FORMAT = Format(2, 2, 2)


def stored(db: Database) -> list[tuple[Any, ...]]:
    with db.read() as connection:
        found = connection.execute(text("SELECT * FROM experience ORDER BY sorted_format, rank, settings"))
        return [tuple(row)[1:] for row in found]


def test_the_statuses_are_those_of_the_trials() -> None:
    assert models.EXACT == FitStatus.EXACT
    assert models.FAILED == campaign_trial.FAILED


def test_trials_add_up(db: Database) -> None:
    target_id = target(db)
    repository.record_trial(db, target_id, trial(0), fit=fit(), refinement=refinement(schemes()["strassen"]))
    repository.record_trial(db, target_id, trial(1, status="plateau", iterations=500, search_seconds=1.5))
    # An exact fit is one, whatever became of it; and the next campaign goes on adding.
    repository.record_trial(db, target(db), trial(0, refine_status="stuck", iterations=2**33), fit=fit())
    repository.record_trial(db, target_id, trial(2, status="stalled", search_seconds=float("nan")))
    assert stored(db) == [("2x2x2", 7, '{"bound":50.0,"scale":0.5}', 4, 2, 37 + 500 + 2**33 + 37, 2.0)]


def test_what_counts_is_sorted_format_rank_and_settings(db: Database) -> None:
    for fmt, rank in ((Format(3, 2, 4), 20), (Format(4, 3, 2), 20), (Format(2, 3, 4), 21)):
        repository.record_trial(db, target(db, fmt, rank), trial(0))
    target_id = target(db, Format(2, 4, 3), 20)
    for index, settings in enumerate(({"scale": 0.5, "bound": 50.0}, {"bound": 50.0}, {"bound": 50.5, "scale": 0.5})):
        repository.record_trial(db, target_id, trial(index, settings=settings))
    assert [row[:4] for row in stored(db)] == [
        ("2x3x4", 20, '{"bound":50.0,"scale":0.5}', 3),
        ("2x3x4", 20, '{"bound":50.0}', 1),
        ("2x3x4", 20, '{"bound":50.5,"scale":0.5}', 1),
        ("2x3x4", 21, '{"bound":50.0,"scale":0.5}', 1),
    ]


def test_a_trial_counts_once(db: Database) -> None:
    target_id = target(db)
    with db.write() as connection:  # somebody has claimed it
        connection.execute(
            text(
                f"INSERT INTO trials (target_id, trial_index, state, seed, settings) "
                f"VALUES ({target_id}, 0, 'claimed', '{{}}', '{{}}')"
            )
        )
    assert stored(db) == []
    for settings in (SETTINGS, SETTINGS, {"bound": 9.0}):
        repository.record_trial(db, target_id, trial(0, settings=settings))
    assert stored(db) == [("2x2x2", 7, '{"bound":50.0,"scale":0.5}', 1, 1, 37, 0.25)]


def test_a_trial_that_failed_tells_nothing(db: Database) -> None:
    target_id = target(db)
    repository.record_trial(db, target_id, trial(0, status="failed", iterations=0))
    assert stored(db) == []
    # From now on it is immutable, so it does not count later either.
    repository.record_trial(db, target_id, trial(0))
    assert stored(db) == []


def test_a_trial_that_is_not_stored_does_not_count(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    target_id = target(db)
    monkeypatch.setattr(repository, "_store_schemes", fail)
    with pytest.raises(KeyboardInterrupt):
        repository.record_trial(db, target_id, trial(0), fit=fit(), refinement=refinement(schemes()["strassen"]))
    assert stored(db) == []
    monkeypatch.undo()
    # Nor is one stored that does not count.
    monkeypatch.setattr(repository, "add_experience", fail)
    with pytest.raises(KeyboardInterrupt):
        repository.record_trial(db, target_id, trial(0))
    assert queries.stats(db).tables["trials"] == 0


RECORD_SOME = """
with results_db.open_database(sys.argv[1]) as db:
    target_id = target(db, Format(2, 3, 2) if int(sys.argv[2]) else Format(2, 2, 3), 11)
    for index in range(40):
        repository.record_trial(db, target_id, trial(index, status="exact" if index % 4 else "plateau"))
"""


def test_two_processes_add_to_one_row(database_url: str) -> None:
    results_db.open_database(database_url).close()
    processes = [start(RECORD_SOME, database_url, number) for number in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    with results_db.open_database(database_url, create=False) as db:
        assert stored(db) == [("2x2x3", 11, '{"bound":50.0,"scale":0.5}', 80, 60, 80 * 37, 20.0)]


def test_experience_is_read_for_any_order_of_the_format(db: Database) -> None:
    for fmt, rank, settings in (
        (Format(3, 2, 2), 11, SETTINGS),
        (Format(2, 3, 2), 11, {"symmetry": None, "bound": 9}),
        (Format(2, 3, 2), 12, SETTINGS),
        (FORMAT, 7, SETTINGS),
    ):
        repository.record_trial(db, target(db, fmt, rank), trial(0, settings=settings))
    expected = [
        Experience("2x2x3", 11, SETTINGS, starts=1, fits=1, iterations=37, seconds=0.25),
        Experience("2x2x3", 11, {"bound": 9, "symmetry": None}, starts=1, fits=1, iterations=37, seconds=0.25),
    ]
    for fmt in (Format(2, 2, 3), Format(2, 3, 2), Format(3, 2, 2)):
        assert queries.experience(db, fmt, 11) == expected
    assert queries.experience(db, Format(3, 3, 3), 11) == []
    first, last = (replace(expected[0], sorted_format="2x2x2", rank=7), replace(expected[0], rank=12))
    assert queries.experience_of_all(db) == [first, *expected, last]
    with pytest.raises(FrozenInstanceError):
        first.starts = 2  # type: ignore[misc]


def test_formats_are_ordered_by_their_sizes_and_settings_by_their_text(db: Database) -> None:
    for p, bounds in ((10, (1,)), (9, (2, 10, 1))):
        target_id = target(db, Format(2, 2, p), 99)
        for index, bound in enumerate(bounds):
            repository.record_trial(db, target_id, trial(index, settings={"bound": bound}))
    found = [(row.sorted_format, row.settings["bound"]) for row in queries.experience_of_all(db)]
    assert found == [("2x2x9", 10), ("2x2x9", 1), ("2x2x9", 2), ("2x2x10", 1)]


@pytest.mark.parametrize(
    ("damaged", "reason"), [("{", "cannot be read"), ("[]", "are '\\[\\]', expected a JSON object")]
)
def test_damage_is_reported_in_one_line(db: Database, damaged: str, reason: str) -> None:
    repository.record_trial(db, target(db), trial(0))
    with db.write() as connection:
        connection.execute(text("UPDATE experience SET settings = :damaged"), {"damaged": damaged})
    expected = f"database {re.escape(db.name)}: experience 1 is damaged: the stored settings {reason}"
    with pytest.raises(DatabaseError, match=expected):
        queries.experience_of_all(db)


# The settings as text, on purpose in several forms; (target, status, iterations, seconds) beside them.
TEXTS = ('{"bound": 50.0, "scale": 0.5}', '{"scale":0.5,"bound":50.0}', '{"bound": 40.0, "scale": 0.5}')
OLD_TRIALS = [
    (1, "finished", TEXTS[0], "exact", 37, 0.25),
    (1, "finished", TEXTS[0], "plateau", 2**31, 1.5),
    (1, "finished", TEXTS[0], "exact", 2**31, None),
    (2, "finished", TEXTS[1], "exact", 3, 0.125),
    (2, "finished", TEXTS[2], "iteration limit", 500, None),
    (2, "finished", TEXTS[2], "failed", 0, 8.0),
    (2, "finished", TEXTS[2], "stalled", None, 8.0),
    (2, "claimed", TEXTS[2], "exact", 5, 0.5),
    (3, "finished", TEXTS[0], "stalled", 20, 0.5),
]


@pytest.fixture
def old(path: Path) -> Path:
    """A database of the first schema with targets 2x3x4:20 in two orders and 2x3x4:21."""
    migrate(str(path), "mmdiscover_0001")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO campaigns (name, kind, seed, settings, state) VALUES ('a', 'discover', '1', '{}', 'stopped')"
        )
        connection.executemany(
            "INSERT INTO targets (campaign_id, position, n, m, p, sorted_format, rank, settings) "
            "VALUES (1, ?, ?, ?, ?, '2x3x4', ?, '{}')",
            [(0, 2, 3, 4, 20), (1, 4, 3, 2, 20), (2, 2, 3, 4, 21)],
        )
        connection.executemany(
            "INSERT INTO trials (target_id, trial_index, state, seed, settings, status, iterations, search_seconds) "
            "VALUES (?, ?, ?, '{}', ?, ?, ?, ?)",
            [(number, index, *values) for index, (number, *values) in enumerate(OLD_TRIALS)],
        )
    return path


def migrate(url: str, revision: str, statements: Sequence[str] = ()) -> None:
    """Make a database of an older schema, and fill it."""
    config = Config()
    config.set_main_option("script_location", "results_db:migrations")
    with Database(parse_location(url)) as db, db.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_the_upgrade_keeps_what_older_trials_have_taught(old: Path) -> None:
    with pytest.raises(DatabaseError, match=r"older schema mmdiscover_0001, .* run `mmdiscover db upgrade`"):
        results_db.open_database(str(old))
    assert results_db.upgrade(str(old)) == ("mmdiscover_0001", schema.HEAD)
    with results_db.open_database(str(old), create=False) as db:
        assert stored(db) == [
            ("2x3x4", 20, '{"bound":40.0,"scale":0.5}', 1, 0, 500, 0.0),
            ("2x3x4", 20, '{"bound":50.0,"scale":0.5}', 4, 3, 2**32 + 40, 1.875),
            ("2x3x4", 21, '{"bound":50.0,"scale":0.5}', 1, 0, 20, 0.5),
        ]
        # New trials add to it.
        repository.record_trial(db, 2, trial(99))
        assert stored(db)[1] == ("2x3x4", 20, '{"bound":50.0,"scale":0.5}', 5, 4, 2**32 + 77, 2.125)


def test_the_upgrade_counts_as_recording_does(db: Database, path: Path) -> None:
    settings = {"scale": 0.1 + 0.2, "symmetry": "Z₃", "bound": 1e22, "limits": [1, {"b": None, "a": 5e-324}]}
    for fmt in (FORMAT, Format(3, 2, 2)):
        target_id = target(db, fmt)
        for index, status in enumerate(("exact", "plateau", "failed", "exact")):
            repository.record_trial(db, target_id, trial(index, status=status, settings=settings))
    recorded = stored(db)
    assert [row[3] for row in recorded] == [3, 3]
    with db.write() as connection:
        connection.execute(text("DROP TABLE experience"))
        connection.execute(text("DROP TABLE attempts"))
        connection.execute(text("DROP INDEX ix_schemes_sorted_format_rank_orbit_class_additions_id_ring"))
        connection.execute(text("DROP INDEX ix_trials_target_id_state_status_cpu_seconds"))
        for column in (
            "schemes.null_space",
            "schemes.orbit_dimension",
            "campaigns.uuid",
            "trials.origin",
            "trials.trace",
        ):
            table, _, name = column.partition(".")
            if name == "uuid":
                connection.execute(text("DROP INDEX ix_campaigns_uuid"))
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {name}"))
        connection.execute(text("UPDATE alembic_version SET version_num = 'mmdiscover_0001'"))
    results_db.upgrade(str(path))
    assert stored(db) == recorded
    assert json.loads(recorded[0][2]) == settings


def test_an_upgrade_that_fails_leaves_the_older_schema(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE trials SET settings = '{' WHERE id = 2")
        before = list(connection.iterdump())
    with pytest.raises(DatabaseError, match=f"database {old}: Expecting property name"):
        results_db.upgrade(str(old))
    with closing(sqlite3.connect(old)) as connection:
        assert list(connection.iterdump()) == before
