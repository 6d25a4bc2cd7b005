"""A PostgreSQL server that refuses, breaks, goes away and comes back."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, func, make_url, select

import results_db
from mmdiscover.errors import DatabaseError, DatabaseUnavailable
from results_db import queries, repository, schema
from tests import postgres
from tests.databases import execute
from tests.results_db.samples import schemes, target, trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results_db import Database


@pytest.fixture
def remote(postgres_url: str) -> Iterator[Database]:
    with results_db.open_database(postgres_url) as db:
        yield db


def refusal(url: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        results_db.open_database(url)
    message = str(caught.value)
    assert message.isprintable()  # one line
    assert "quite-secret" not in message
    return caught.value


def test_a_wrong_password_is_refused_and_not_shown(postgres_url: str) -> None:
    url = make_url(postgres_url)
    wrong = url.set(password="quite-secret")
    hidden = url.set(password=None).update_query_dict({"password": "quite-secret"})
    for one in (wrong, hidden):
        error = refusal(one.render_as_string(hide_password=False))
        assert type(error) is DatabaseError  # no use in trying again
        assert "password authentication failed" in str(error)


def test_what_is_not_there_is_named(postgres_url: str) -> None:
    url = make_url(postgres_url)
    missing = refusal(url.set(database="nowhere").render_as_string(hide_password=False))
    assert 'database "nowhere" does not exist' in str(missing)
    assert type(missing) is DatabaseError
    refused = refusal(f"postgresql://tester:quite-secret@127.0.0.1:{postgres.free_port()}/postgres")
    assert "Connection refused" in str(refused)
    assert type(refused) is DatabaseUnavailable
    unknown = refusal("postgresql://tester:quite-secret@host.invalid/postgres")
    assert "host.invalid" in str(unknown)


def test_unknown_options_do_not_tell_the_others(postgres_url: str) -> None:
    error = refusal(f"{postgres_url}?password=quite-secret&quite-secret=1")
    assert "invalid connection option" in str(error)


def test_a_role_with_too_many_connections_may_get_one_later(postgres_url: str) -> None:
    url, role = make_url(postgres_url), f"limited_{os.getpid()}"
    execute(url, f"CREATE ROLE {role} LOGIN PASSWORD 'quite-secret' CONNECTION LIMIT 0")
    try:
        limited = url.set(username=role, password="quite-secret")
        error = refusal(limited.render_as_string(hide_password=False))
    finally:
        execute(url, f"DROP ROLE {role}")
    assert "too many connections" in str(error)
    assert type(error) is DatabaseUnavailable


END_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid != pg_backend_pid()"
)


def test_a_connection_that_broke_between_two_transactions_is_not_noticed(remote: Database, postgres_url: str) -> None:
    target_id = target(remote)
    execute(make_url(postgres_url), END_ALL)
    repository.record_trial(remote, target_id, trial(0))
    execute(make_url(postgres_url), END_ALL)
    assert queries.stats(remote).tables["trials"] == 1


def test_a_transaction_that_broke_in_the_middle_stores_nothing(remote: Database, postgres_url: str) -> None:
    with pytest.raises(DatabaseUnavailable) as caught, remote.write() as connection:  # noqa: PT012
        connection.exec_driver_sql("INSERT INTO campaigns VALUES (1, 'a', 'b', '1', '{}', 'running')")
        execute(make_url(postgres_url), END_ALL)
        connection.exec_driver_sql("SELECT 1")
    assert str(caught.value).isprintable()
    assert queries.stats(remote).tables["campaigns"] == 0


def test_of_two_transactions_that_wait_for_one_another_one_can_be_tried_again(remote: Database) -> None:
    ids = [target(remote) for _ in range(2)]
    both_hold_one = threading.Barrier(2)
    failures: list[DatabaseError] = []

    def work(first: int, second: int) -> None:
        try:
            with remote.write() as connection:
                connection.exec_driver_sql(f"UPDATE targets SET rank = 8 WHERE id = {first}")
                both_hold_one.wait()
                connection.exec_driver_sql(f"UPDATE targets SET rank = 8 WHERE id = {second}")
        except DatabaseError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=order) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (failure,) = failures
    assert type(failure) is DatabaseUnavailable
    assert "deadlock detected" in str(failure)


@pytest.fixture
def own_server() -> Iterator[Path]:
    """A server that a test may stop."""
    if postgres.binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="mmdiscover-postgres-"))
    folder.chmod(0o711)
    yield folder / "server"
    postgres.stop(folder / "server")
    shutil.rmtree(folder)


def test_a_server_that_went_away_and_came_back(own_server: Path) -> None:
    with results_db.open_database(postgres.start(own_server)) as db:
        target_id = target(db)
        repository.record_trial(db, target_id, trial(0))
        postgres.stop(own_server)
        for attempt in (lambda: repository.record_trial(db, target_id, trial(1)), lambda: queries.stats(db)):
            with pytest.raises(DatabaseUnavailable) as caught:
                attempt()
            assert str(caught.value).isprintable()
        postgres.start(own_server)
        repository.record_trial(db, target_id, trial(1))
        repository.store_scheme(db, schemes()["strassen"], source_kind="import")
        tables = queries.stats(db).tables
        assert (tables["trials"], tables["schemes"]) == (2, 1)


def test_reading_sees_one_moment_and_writes_nothing(remote: Database) -> None:
    with remote.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM campaigns").scalar_one() == 0
        target(remote)
        assert connection.exec_driver_sql("SELECT count(*) FROM campaigns").scalar_one() == 0
    with pytest.raises(DatabaseError, match="read-only transaction"), remote.read() as connection:
        connection.exec_driver_sql("DELETE FROM targets")


@pytest.mark.without_tables
def test_whoever_makes_the_tables_second_waits(postgres_url: str) -> None:
    engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
    second = threading.Thread(target=lambda: results_db.open_database(postgres_url).close())
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with engine.connect() as first, engine.connect() as observer:
        first.execute(select(func.pg_advisory_xact_lock(schema._MIGRATION_LOCK)))
        second.start()
        while second.is_alive() and not observer.exec_driver_sql(waiting).scalar_one():
            observer.rollback()
            time.sleep(0.01)
        assert second.is_alive()
        first.rollback()
        second.join()
    engine.dispose()
    results_db.open_database(postgres_url, create=False).close()
