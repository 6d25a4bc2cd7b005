"""`db check` finds every kind of damage, and survives it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import results_db
from mmdiscover.errors import DatabaseError, MMDiscoverError
from results_db import queries, repository
from tests.results_db.samples import schemes

if TYPE_CHECKING:
    from pathlib import Path


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
        assert set(queries.check_storage(db)) == {
            "row 1 of certificates points to a missing row of schemes",
            "row 1 of discoveries points to a missing row of schemes",
        }
