"""Killed, full, locked, shared: nothing is lost, nothing is stored by half or twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import results_db
from mmdiscover.errors import DatabaseError
from results_db import database, queries, repository
from tests.results_db.samples import fit, refinement, schemes, target, trial

if TYPE_CHECKING:
    from results_db import Database

ROOT = Path(__file__).resolve().parents[2]


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process that can use the samples."""
    imports = "import os, signal, sys, results_db; from results_db import repository"
    text = f"{imports}\nfrom tests.results_db.samples import *\n{program}"
    command = [sys.executable, "-c", text, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


RECORD_FOR_EVER = """
db, index = results_db.open_database(sys.argv[1]), 0
while True:
    repository.record_trial(db, 1, trial(index), fit=fit(), refinement=refinement(schemes()["strassen"]))
    print(index, flush=True)
    index += 1
"""


def test_a_killed_process_loses_no_finished_trial(database_url: str) -> None:
    with results_db.open_database(database_url) as db:
        target(db)
    with start(RECORD_FOR_EVER, database_url) as process:
        assert process.stdout is not None
        finished = [int(process.stdout.readline()) for _ in range(20)]
        process.kill()
        finished += [int(line) for line in process.stdout.read().split()]
    with results_db.open_database(database_url, create=False) as db:
        assert queries.check_storage(db) == []
        tables = queries.stats(db).tables
        # One more may be stored whose number was not printed any more.
        assert len(finished) <= tables["trials"] <= len(finished) + 1
        assert tables["trials"] == tables["fits"] == tables["discoveries"]
        assert tables["schemes"] == tables["certificates"] == 1
        # Resumed, it goes on where it stopped.
        again = [repository.record_trial(db, 1, trial(index)) for index in finished]
        assert {recorded.schemes[0].scheme_id for recorded in again} == {1}
        assert queries.stats(db).tables == tables


KILLED_IN_THE_MIDDLE = """
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

db = results_db.open_database(sys.argv[1])
verified = schemes()["strassen"]
repository._store_schemes = die
repository.record_trial(db, 1, trial(0), fit=fit(), refinement=refinement(verified))
"""


def test_a_trial_that_was_recorded_by_half_is_not_there(database_url: str) -> None:
    with results_db.open_database(database_url) as db:
        target(db)
    with start(KILLED_IN_THE_MIDDLE, database_url) as process:
        assert process.wait() == -9
    with results_db.open_database(database_url, create=False) as db:
        tables = queries.stats(db).tables
        assert [tables[name] for name in ("trials", "fits", "schemes", "discoveries")] == [0, 0, 0, 0]
        assert repository.record_trial(db, 1, trial(0), fit=fit(), refinement=refinement(schemes()["strassen"])).schemes


KILLED_WHILE_MIGRATING = """
import sqlalchemy

@sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
def die(connection, cursor, statement, *_):
    if "CREATE TABLE fits" in statement:
        os.kill(os.getpid(), signal.SIGKILL)

results_db.open_database(sys.argv[1])
"""


@pytest.mark.without_tables
def test_a_database_that_was_made_by_half_is_made_anew(database_url: str) -> None:
    with start(KILLED_WHILE_MIGRATING, database_url) as process:
        assert process.wait() == -9
    with pytest.raises(DatabaseError, match="is empty"):
        results_db.open_database(database_url, create=False)
    with results_db.open_database(database_url) as db:
        assert set(queries.stats(db).tables.values()) == {0}


RECORD_SOME = """
with results_db.open_database(sys.argv[1]) as db:
    target_id = target(db)
    for index in range(40):
        repository.record_trial(db, target_id, trial(index), fit=fit(), refinement=refinement(schemes()["thirds"]))
"""


@pytest.mark.without_tables
def test_two_processes_share_a_database_from_its_first_moment(database_url: str) -> None:
    processes = [start(RECORD_SOME, database_url) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    with results_db.open_database(database_url, create=False) as db:
        tables = queries.stats(db).tables
        assert [tables[name] for name in ("campaigns", "trials", "discoveries", "schemes")] == [2, 80, 80, 1]
        summaries = [queries.campaign_summary(db, campaign) for campaign in (1, 2)]
        assert {summary.name for summary in summaries} == {"discover-1", "discover-2"}
        assert [summary.targets[0].trials for summary in summaries] == [40, 40]
        assert queries.check_storage(db) == []


def test_a_full_disk_stores_nothing_by_half(db: Database, path: Path) -> None:
    target_id = target(db)
    with db.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    big = fit(schemes()["laderman"].scheme)
    with pytest.raises(DatabaseError) as caught:  # noqa: PT012 - which trial is the first not to fit is up to SQLite
        for index in range(200):
            repository.record_trial(db, target_id, trial(index), fit=big)
    assert str(caught.value) == f"database {path}: database or disk is full"
    tables = queries.stats(db).tables
    assert tables["trials"] == tables["fits"] < 200
    with db.write() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 100}")
    assert repository.record_trial(db, target_id, trial(200), fit=big).trial_id == tables["trials"] + 1


def test_a_locked_database_is_readable_and_the_wait_ends(
    db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.store_scheme(db, schemes()["strassen"], source_kind="import")
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError) as caught:
            repository.store_scheme(db, schemes()["strassen"], source_kind="import")
        assert str(caught.value) == f"database {path}: locked by another program, waited 0.1 s"
        assert len(queries.list_schemes(db)) == 1
        other.execute("ROLLBACK")
    assert not repository.store_scheme(db, schemes()["strassen"], source_kind="import").new


def test_a_writer_waits_for_another_one(db: Database, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        # Longer than one wait inside SQLite.
        release = threading.Timer(0.8, other.execute, ["COMMIT"])
        release.start()
        assert repository.store_scheme(db, schemes()["strassen"], source_kind="import").new
        release.join()


def test_a_reader_sees_one_moment(db: Database) -> None:
    with db.read() as connection:
        count = "SELECT count(*) FROM schemes"
        assert connection.exec_driver_sql(count).scalar_one() == 0
        repository.store_scheme(db, schemes()["strassen"], source_kind="import")
        assert connection.exec_driver_sql(count).scalar_one() == 0
    assert len(queries.list_schemes(db)) == 1
