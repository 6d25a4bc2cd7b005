"""Which failures may pass, and which will not."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from mmdiscover.errors import DatabaseError, DatabaseUnavailable
from results_db.failures import is_locked, is_transient


def sqlite(code: int) -> OperationalError:
    error = sqlite3.OperationalError("database is …")
    error.sqlite_errorcode = code
    return OperationalError("INSERT", {}, error)


def postgres(state: str | None, message: str = "", *, broken: bool = False) -> OperationalError:
    class PsycopgError(Exception):
        sqlstate = state

    PsycopgError.__name__ = "OperationalError"
    return OperationalError("INSERT", {}, PsycopgError(message), connection_invalidated=broken)


@pytest.mark.parametrize(
    ("code", "transient"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR_WRITE, True),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_READONLY, False),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, False),
    ],
)
def test_what_passes_of_a_file(code: int, transient: bool) -> None:
    assert is_transient(sqlite(code)) is transient


def test_only_locks_are_locks() -> None:
    assert is_locked(sqlite(sqlite3.SQLITE_BUSY_RECOVERY))
    assert not is_locked(sqlite(sqlite3.SQLITE_FULL))
    assert not is_locked(ValueError("locked"))


@pytest.mark.parametrize(
    ("state", "transient"),
    [
        ("08006", True),  # connection failure
        ("40001", True),  # serialization failure
        ("40P01", True),  # deadlock
        ("53100", True),  # disk full
        ("53300", True),  # too many connections
        ("55P03", True),  # lock not available
        ("57P01", True),  # shutdown
        ("57P03", True),  # starting up
        ("58030", True),  # input or output
        ("57P04", False),  # the database was dropped
        ("23505", False),  # unique violation
        ("42P01", False),  # no such table
        ("28P01", False),  # wrong password
        ("XX001", False),  # data corrupted
    ],
)
def test_what_passes_of_a_server(state: str, transient: bool) -> None:
    assert is_transient(postgres(state)) is transient


@pytest.mark.parametrize(
    ("message", "transient"),
    [
        ("connection failed: … failed: Connection refused\n\tIs the server running …?", True),
        ("connection failed: … failed: FATAL:  sorry, too many clients already", True),
        ("connection failed: … failed: FATAL:  the database system is starting up", True),
        ("connection failed: … failed: FATAL:  the database system is shutting down", True),
        ("connection timeout expired", True),
        ("connection failed: … failed: No route to host", True),
        ("the connection is lost", True),
        ('connection failed: … failed: FATAL:  password authentication failed for user "u"', False),
        ("connection failed: … failed: fe_sendauth: no password supplied", False),
        ('connection failed: … failed: FATAL:  database "x" does not exist', False),
        ('connection failed: … failed: FATAL:  no pg_hba.conf entry for host "…"', False),
        ("failed to resolve host 'x': [Errno -2] Name or service not known", False),
        ("connection failed: … failed: server does not support SSL, but SSL was required", False),
    ],
)
def test_what_passes_while_connecting(message: str, transient: bool) -> None:
    assert is_transient(postgres(None, message)) is transient


def test_a_connection_that_broke_may_be_made_again() -> None:
    assert is_transient(postgres("XX000", "server closed the connection unexpectedly", broken=True))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("locked"),
        IntegrityError("INSERT", {}, Exception("full")),
        OperationalError("SELECT", {}, sqlite3.OperationalError("Could not decode to UTF-8")),  # has no code
    ],
)
def test_other_errors_last(error: Any) -> None:
    assert not is_transient(error)


def test_what_may_pass_is_a_database_error() -> None:
    assert issubclass(DatabaseUnavailable, DatabaseError)
