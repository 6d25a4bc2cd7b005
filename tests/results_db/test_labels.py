"""The upgrade of older databases: labels of orbits and dimensions of families are computed anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import results_db
from results_db import codec, queries, schema
from tests.results_db.samples import schemes
from tests.results_db.test_experience import migrate

if TYPE_CHECKING:
    from pathlib import Path

    from mmdiscover.core.scheme import Scheme

OLD_COLUMNS = ("hash", "n", "m", "p", "sorted_format", "rank", "ring", "nonzeros", "additions", "growth_factor")


@pytest.fixture
def old(path: Path) -> Path:
    """A database of the third schema with every sample."""
    migrate(str(path), "mmdiscover_0003")
    with closing(sqlite3.connect(path)) as connection, connection:
        for verified in schemes().values():
            row: dict[str, Any] = {name: verified.scheme.format.sizes[k] for k, name in enumerate("nmp")}
            row |= codec.scheme_metrics(verified.scheme) | {"hash": verified.hash, "rank": verified.scheme.rank}
            row["sorted_format"] = str(verified.scheme.format.sorted())
            connection.execute(
                f"INSERT INTO schemes ({', '.join(OLD_COLUMNS)}, orbit_class, factors) "
                f"VALUES ({', '.join('?' * len(OLD_COLUMNS))}, '4d4fb321', ?)",
                [*(row[name] for name in OLD_COLUMNS), codec.scheme_text(verified.scheme)],
            )
            connection.execute("INSERT INTO discoveries (scheme_id, kind) VALUES (last_insert_rowid(), 'import')")
    return path


def test_the_upgrade_labels_all_schemes(old: Path) -> None:
    assert results_db.upgrade(str(old)) == ("mmdiscover_0003", schema.HEAD)
    check_all(old)


def check_all(old: Path) -> None:
    with results_db.open_database(str(old), create=False) as db:
        assert [entry.reason for entry in queries.check_schemes(db)] == [None] * len(schemes())
        assert queries.check_storage(db) == []
        assert len(queries.list_classes(db)) == 4
        assert len(queries.list_schemes(db, source="import")) == len(schemes())


@pytest.mark.parametrize(
    "change", ["factors = '{'", "factors = CAST(x'fffe' AS TEXT)", "factors = x'ff00'", "n = 'two'", "n = 5"]
)
def test_damaged_schemes_keep_no_others_from_their_upgrade(old: Path, change: str) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute(f"UPDATE schemes SET {change} WHERE id = 2")
    results_db.upgrade(str(old))
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT id FROM schemes WHERE orbit_class IS NULL").fetchall() == [(2,)]
    with results_db.open_database(str(old), create=False) as db:
        assert [entry.id for entry in queries.check_schemes(db) if entry.reason] == [2]


def test_labelling_goes_on_where_it_was_interrupted(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_LABELLED_TOGETHER", 2)
    progress: list[tuple[int, int]] = []
    labelled = []

    def columns(scheme: Scheme) -> dict[str, str | int | None]:
        # Others can write while labels are computed.
        with closing(sqlite3.connect(old, timeout=0)) as connection, connection:
            connection.execute("UPDATE discoveries SET detail = 'meanwhile'")
        labelled.append(scheme)
        if len(labelled) == 6:
            raise KeyboardInterrupt
        return original(scheme)

    original = codec.orbit_columns
    with monkeypatch.context() as patch:
        patch.setattr(codec, "orbit_columns", columns)
        with pytest.raises(KeyboardInterrupt):
            results_db.upgrade(str(old), lambda *counts: progress.append(counts))
    assert progress == [(2, 9), (4, 9)]
    with closing(sqlite3.connect(old)) as connection:
        kept = connection.execute("SELECT id FROM schemes WHERE orbit_class IS NOT NULL ORDER BY id").fetchall()
    assert kept == [(1,), (2,), (3,), (4,)]
    assert results_db.upgrade(str(old), lambda *counts: progress.append(counts)) == (schema.HEAD, schema.HEAD)
    assert progress[2:] == [(2, 5), (4, 5), (5, 5)]
    check_all(old)


def test_a_new_database_is_not_searched_for_schemes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_label_schemes", None)
    results_db.open_database(str(path)).close()
