"""`db check` finds every kind of damage, and survives it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

import results_db
from mmdiscover.errors import DatabaseError, DatabaseUnavailable, MMDiscoverError
from results_db import queries, repository
from tests.results_db.samples import fit, refinement, schemes, target, trial

if TYPE_CHECKING:
    from pathlib import Path

    from results_db import Database


@pytest.fixture
def filled(path: Path) -> Path:
    with results_db.open_database(str(path)) as db:
        for verified in schemes().values():
            repository.store_scheme(db, verified, source_kind="import")
    return path


def damage(path: Path, statement: str, *parameters: object) -> list[queries.CheckedScheme]:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, parameters)
    with results_db.open_database(str(path), create=False) as db:
        return list(queries.check_schemes(db))


def test_what_is_sound_is_found_sound(filled: Path) -> None:
    with results_db.open_database(str(filled), create=False) as db:
        checked = list(queries.check_schemes(db))
        assert queries.check_storage(db) == []
    assert [(entry.scheme, entry.reason) for entry in checked] == [(one.scheme, None) for one in schemes().values()]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("factors = replace(factors, '-1', '1')", "hash is "),
        ("factors = '[]'", "cannot be read: TypeError"),
        ("factors = x'ff00'", "cannot be read: "),
        ("factors = 5", "cannot be read: "),
        ("hash = '00'", "hash is '00', expected "),
        ("sorted_format = '2x2x3'", "sorted_format is '2x2x3', expected '2x2x2'"),
        ("ring = 'Z'", "ring is 'Z', expected 'ZT'"),
        ("ring = 'Z2'", "hash is "),
        ("additions = 17", "additions is 17, expected 18"),
        ("nonzeros = 1", "nonzeros is 1, expected 36"),
        ("growth_factor = NULL", "growth_factor is None, expected 12.0"),
        ("orbit_class = '00000000'", "orbit_class is '00000000', expected '58b60d4de2cd'"),
        ("orbit_class = NULL", "orbit_class is None, expected '58b60d4de2cd'"),
        ("null_space = 24", "null_space is 24, expected 23"),
        ("orbit_dimension = NULL", "orbit_dimension is None, expected 23"),
        ("rank = 8", "u has 7 items, expected 8 rows"),
        ("rank = 'seven'", "u has 7 items, expected seven rows"),
        ("n = 3", "u[0] has 4 items, expected 6 entries"),
        ("n = 'two'", "size n is 'two'"),
        ("n = 0", "size n is 0"),
        ("found_at = 'yesterday'", "yesterday"),
    ],
)
def test_a_damaged_row_is_reported_and_the_others_are_not(filled: Path, change: str, reason: str) -> None:
    checked = damage(filled, f"UPDATE schemes SET {change} WHERE id = 1")
    assert [entry.id for entry in checked if entry.reason] == [1]
    assert reason in (checked[0].reason or "")
    assert len(checked) == len(schemes())


@pytest.mark.parametrize(
    "change",
    [
        "rank = 'seven'",
        "ring = x'ff00'",
        "nonzeros = 'many'",
        "growth_factor = 'big'",
        "null_space = 'big'",
        "found_at = 5",
        "n = ''",
    ],
)
def test_a_damaged_row_is_refused_wherever_it_is_read(filled: Path, change: str) -> None:
    damage(filled, f"UPDATE schemes SET {change} WHERE id = 1")
    with results_db.open_database(str(filled), create=False) as db:
        with pytest.raises(MMDiscoverError):
            queries.list_schemes(db)
        with pytest.raises(DatabaseError):
            queries.load_scheme(db, "1")
        if change.startswith(("rank", "ring")):
            with pytest.raises(DatabaseError):
                queries.best_ranks(db)


def test_text_that_is_not_utf8_is_reported(filled: Path) -> None:
    checked = damage(filled, "UPDATE schemes SET factors = CAST(x'fffe' AS TEXT) WHERE id = 2")
    assert [entry.id for entry in checked if entry.reason] == [2]
    assert "Could not decode to UTF-8" in (checked[1].reason or "")


def test_damaged_pages_are_reported(filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    start = content.find(b'{"u":') // 4096 * 4096
    content[start : start + 4096] = b"\xff" * 4096
    filled.write_bytes(content)
    with results_db.open_database(str(filled), create=False) as db:
        assert queries.check_storage(db) != []
        try:
            reasons = [entry.reason for entry in queries.check_schemes(db)]
        except DatabaseError as error:  # which page was hit is up to SQLite
            reasons = [str(error)]
    assert any(reasons)


def test_rows_that_point_nowhere_are_reported(filled: Path) -> None:
    checked = damage(filled, "DELETE FROM schemes WHERE id = 1")
    assert [entry.id for entry in checked] == list(range(2, len(schemes()) + 1))
    with results_db.open_database(str(filled), create=False) as db:
        assert queries.check_references(db) == [
            queries.CheckedRow("certificates", 1, "scheme_id points to a missing row of schemes"),
            queries.CheckedRow("discoveries", 1, "scheme_id points to a missing row of schemes"),
        ]


def everything(db: Database) -> list[tuple[str, int, str]]:
    found = [*queries.check_rows(db), *queries.check_references(db), *queries.check_experience(db)]
    return [(row.table, row.id, row.reason) for row in found if row.reason is not None]


def fill(db: Database) -> None:
    """Two trials of a campaign, a fit with three attempts, and a scheme."""
    target_id = target(db)
    repository.record_trial(db, target_id, trial(0, status="plateau"))
    repository.record_trial(db, target_id, trial(1), fit=fit(), refinement=refinement(schemes()["strassen"]))
    repository.record_refinement(db, 1, refinement(run=1))


def test_every_row_is_counted_and_found_sound(db: Database) -> None:
    fill(db)
    assert everything(db) == []
    read = [row.table for row in queries.check_rows(db)]
    tables = queries.stats(db).tables
    assert {name: read.count(name) for name in set(read)} | {"schemes": 1} == dict(tables)
    assert len(read) + 1 == queries.count_rows(db)


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("campaigns", "uuid = NULL", "it has no uuid"),
        ("campaigns", "uuid = 'x'", "badly formed"),
        ("campaigns", "seed = 'seven'", "invalid literal"),
        ("campaigns", "settings = '[]'", "settings are []"),
        ("targets", "n = 0", "size n is 0"),
        ("targets", "sorted_format = '2x2x3'", "sorted_format is '2x2x3', expected '2x2x2'"),
        ("targets", "rank = 0", "rank is 0"),
        ("trials", "status = NULL", "it is finished without status"),
        ("trials", "settings = '[]'", "settings are []"),
        ("fits", "rank = 8", "factor u has 224 bytes, expected 256"),
        ("fits", "sorted_format = '2x2x3'", "sorted_format is"),
        ("attempts", "trace = '[{}]'", "KeyError"),
        ("attempts", "seed = '{}'", "KeyError: 'entropy'"),
        ("attempts", "ring = 'R'", "'R' is not a valid Ring"),
        ("certificates", "checks = '{}'", "checks are {}"),
        ("certificates", "checks = '{\"brent\": false}'", "checks are"),
        ("experience", "settings = '{'", "cannot be read"),
        ("experience", "starts = 3", "starts, fits, iterations, seconds are [3, 1, 74, 0.5], those of the trials [2"),
        ("experience", "iterations = 75", "75"),
    ],
)
def test_damage_of_any_row_is_reported_by_table_and_number(db: Database, table: str, change: str, reason: str) -> None:
    fill(db)
    with db.write() as connection:
        connection.execute(text(f"UPDATE {table} SET {change} WHERE id = (SELECT max(id) FROM {table})"))
    damaged = everything(db)
    named = [entry for entry in damaged if entry[0] == table]
    assert named
    assert reason in " ".join(entry[2] for entry in named)
    assert len({entry[1] for entry in named} - {0}) == 1
    assert {entry[0] for entry in damaged} <= {table, "experience"}


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("trials", "iterations = 'many'", "iterations is 'many'"),
        ("trials", "settings = '{'", "Expecting property name"),
        ("trials", "finished_at = 'yesterday'", "yesterday"),
        ("trials", "residual = x'00'", "residual"),
        ("fits", "u = 'text'", "u is 'text'"),
        ("attempts", "cpu_seconds = 'long'", "cpu_seconds"),
        ("attempts", "settings = CAST(x'fffe' AS TEXT)", "settings"),
        ("discoveries", "kind = 5", None),
        ("discoveries", "kind = x'00'", "kind is"),
    ],
)
def test_values_of_another_type_are_reported(db: Database, table: str, change: str, reason: str | None) -> None:
    fill(db)
    with db.write() as connection:
        connection.execute(text(f"UPDATE {table} SET {change} WHERE id = 1"))
    damaged = [entry for entry in everything(db) if entry[0] == table]
    assert [entry[:2] for entry in damaged] == ([(table, 1)] if reason else [])
    assert not reason or reason in damaged[0][2]


def test_schemes_without_certificate_are_reported(db: Database) -> None:
    fill(db)
    with db.write() as connection:
        connection.execute(text("DELETE FROM certificates"))
    assert everything(db) == [("schemes", 1, "it has no certificate")]


def test_experience_that_is_missing_is_reported(db: Database) -> None:
    fill(db)
    with db.write() as connection:
        connection.execute(text("DELETE FROM experience"))
    assert everything(db) == [("experience", 0, '2x2x2:7 with {"bound":50.0,"scale":0.5} is missing')]


def test_a_server_that_is_gone_is_no_damage(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise DatabaseUnavailable("the server is gone")

    fill(db)
    monkeypatch.setattr("results_db.queries.checks._read", gone)
    for check in (queries.check_schemes, queries.check_rows):
        with pytest.raises(DatabaseUnavailable):
            list(check(db))
