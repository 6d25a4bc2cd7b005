"""Databases that released versions made are upgraded, and keep what they hold.

The files in released/ were made by the code of their time: three runs of `mmdiscover discover` (2x2x2:7, 3x2x2:11,
2x2x3:10 in vain), schemes of every ring imported, a fit that was not made exact, and a trial whose residual overflowed.
That of mmdiscover_0007 is the one before, upgraded by the code of its time, with the origin of a trial.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

import results_db
from mmdiscover.core.format import Format
from mmdiscover.errors import DatabaseError
from mmdiscover.verify import verify
from results_db import models, queries, repository, schema
from tests.results_db.samples import refinement, schemes, trial
from tests.results_db.test_experience import migrate

if TYPE_CHECKING:
    from results_db import Database

FILES = sorted((Path(__file__).parent / "released").glob("*.db.gz"))


@pytest.fixture(params=FILES, ids=lambda file: file.name.partition(".")[0])
def released(request: pytest.FixtureRequest, path: Path) -> str:
    """The revision of a database that stands at `path`."""
    path.write_bytes(gzip.decompress(request.param.read_bytes()))
    return str(request.param.name.partition(".")[0])


def contents(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as SQLite gives it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1")] for name in names}


def upgraded(path: Path) -> Database:
    results_db.upgrade(str(path))
    return results_db.open_database(str(path), create=False)


def test_there_is_a_file_of_every_older_schema() -> None:
    assert [file.name for file in FILES] == [f"{revision}.db.gz" for revision in schema.REVISIONS[:-1]]


def test_the_upgrade_keeps_every_value(path: Path, released: str) -> None:
    before = contents(path)
    assert before.pop("alembic_version") == [{"version_num": released}]
    with pytest.raises(DatabaseError, match=f"older schema {released}, .* run `mmdiscover db upgrade`"):
        results_db.open_database(str(path))
    assert results_db.upgrade(str(path)) == (released, schema.HEAD)
    after = contents(path)
    assert len(before["trials"]) == 7
    assert len(before["schemes"]) == 11
    for name, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        if name == "schemes":  # are labelled anew
            for row in (*rows, *kept):
                del row["orbit_class"]
        assert kept == rows


def test_an_upgraded_database_is_sound(path: Path, released: str) -> None:
    assert released
    with upgraded(path) as db:
        checked = list(queries.check_schemes(db))
        assert [entry.reason for entry in checked] == [None] * 11
        assert all(verify(entry.scheme).verified for entry in checked if entry.scheme)
        assert queries.check_storage(db) == []
        with db.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, models.Base.metadata) == []


def test_an_upgraded_database_is_worked_on(path: Path, released: str) -> None:
    assert released
    with upgraded(path) as db:
        assert {row.hash for row in queries.list_schemes(db)} >= {one.hash for one in schemes().values()}
        known = sum(row.starts for row in queries.experience(db, Format(2, 2, 3), 10))
        assert known == 3
        repository.record_trial(db, 3, trial(99))
        assert sum(row.starts for row in queries.experience(db, Format(2, 2, 3), 10)) == 4
        (fit, *_) = queries.list_fits(db, state="open")
        assert repository.record_refinement(db, fit.id, refinement(schemes()["strassen"], run=1)).schemes


def test_copies_that_are_upgraded_apart_name_their_campaigns_alike(path: Path, released: str) -> None:
    assert released
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    upgraded(path).close()
    upgraded(copy).close()
    names = [row["uuid"] for row in contents(path)["campaigns"]]
    assert len({UUID(name) for name in names}) == 4
    assert [row["uuid"] for row in contents(copy)["campaigns"]] == names


OLD_ROWS = (
    (
        "INSERT INTO campaigns (name, kind, seed, settings, state, created_at) "
        "VALUES ('a', 'discover', '1', '{}', 'stopped', '2026-01-02 03:04:05+00:00')"
    ),
    (
        "INSERT INTO targets (campaign_id, position, n, m, p, sorted_format, rank, settings) "
        "VALUES (1, 0, 2, 2, 2, '2x2x2', 7, '{}')"
    ),
    (
        "INSERT INTO trials (target_id, trial_index, state, seed, settings, status, iterations, search_seconds) "
        "VALUES (1, 0, 'finished', '{}', '{\"bound\": 1}', 'exact', 5, 0.5)"
    ),
)


@pytest.mark.without_tables
@pytest.mark.parametrize("revision", schema.REVISIONS[:-1])
def test_older_schemas_of_both_kinds_are_upgraded(database_url: str, revision: str) -> None:
    migrate(database_url, revision, OLD_ROWS)
    assert results_db.upgrade(database_url) == (revision, schema.HEAD)
    with results_db.open_database(database_url, create=False) as db:
        assert queries.campaign_summary(db, 1).targets[0].trials == 1
        with db.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, models.Base.metadata) == []
            # Made from name, kind, seed and moment: the same on every machine and in every version.
            found = connection.execute(text("SELECT uuid FROM campaigns")).scalar_one()
        if revision < "mmdiscover_0005":
            assert found == "79b2aed5-2ade-508a-a2b1-e4877d182f8a"
        if revision < "mmdiscover_0002":
            (known,) = queries.experience(db, Format(2, 2, 2), 7)
            assert (known.starts, json.dumps(known.settings)) == (1, '{"bound": 1}')
