"""Connections and transactions, and what SQLite needs to be told about them."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from mmdiscover.errors import DatabaseError, MMDiscoverError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from results_db.location import Location

LOCK_SECONDS = 30.0
"""How long a writer waits for another one."""

# One wait inside SQLite does not listen to Ctrl-C, so the long wait is made of short ones.
_BUSY_MILLISECONDS = 500
_BEGIN = "mmdiscover_begin"


class Database:
    """An open results database. Made by `results_db.open_database`; a context manager that closes itself.

    `read` and `write` are for the modules of this package: each gives one connection in one transaction, and turns
    whatever goes wrong in it into a `DatabaseError` of one line.

    Parameters
    ----------
    location : Location
        A checked one.

    Raises
    ------
    DatabaseError
        If the driver for this kind of database is not installed.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._engine = _make_engine(location)

    @property
    def url(self) -> str:
        """The address, password hidden."""
        return self._location.url.set(query={}).render_as_string(hide_password=True)

    @property
    def name(self) -> str:
        """The address as messages show it: the path of a file, or the URL without password."""
        return self._location.shown

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file."""
        return self._engine.dialect.name == "sqlite"

    def __repr__(self) -> str:
        return f"Database({self.url!r})"

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent view of the database."""
        return self._transaction("BEGIN")

    def write(self) -> AbstractContextManager[Connection]:
        """One transaction that is committed as a whole, or not at all."""
        # IMMEDIATE: one that begins by reading and writes later fails at once under SQLite, without waiting, when
        # another process has written in between.
        return self._transaction("BEGIN IMMEDIATE")

    def use_write_ahead_log(self) -> None:
        """Let readers and one writer of an SQLite file work side by side; written in the file once and for all."""
        if self.is_sqlite:
            # It cannot be set inside a transaction, so it takes the place of BEGIN.
            with self._transaction("PRAGMA journal_mode=WAL"):
                pass

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(**{_BEGIN: begin}) as connection, connection.begin():
                yield connection
        except MMDiscoverError:
            raise
        except (SQLAlchemyError, ValueError, TypeError, OverflowError) as error:
            # Beside SQLAlchemy's: a stored value that does not parse or has another type, a number beyond 64 bits.
            raise DatabaseError(f"database {self.name}: {_reason(error, self._location.url.password)}") from error


def _make_engine(location: Location) -> Engine:
    try:
        engine = create_engine(location.url, json_serializer=partial(json.dumps, allow_nan=False))
    except ImportError:  # of psycopg, or of the library that it needs
        raise DatabaseError(
            f"database {location.shown} needs a driver that is not installed: pip install 'mmdiscover[postgres]'"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    # None: transactions begin where `_begin_sqlite` says so, not where the driver guesses it from the statement.
    connection.isolation_level = None
    # NORMAL: with the write-ahead log a killed process loses nothing. A power cut may take back the last trials, never
    # break the file; those trials can be repeated from their seeds, while FULL would wait for the disk at every trial.
    for pragma in ("foreign_keys=ON", f"busy_timeout={_BUSY_MILLISECONDS}", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options()[_BEGIN]
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.exec_driver_sql(statement)
        except OperationalError as error:
            if not _is_locked(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _is_locked(error: Exception) -> bool:
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def _reason(error: Exception, password: str | None) -> str:
    """The first line of what the driver says: what SQLAlchemy adds, statement and parameters, helps no user."""
    if _is_locked(error):
        return f"locked by another program, waited {LOCK_SECONDS:g} s"
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    reason = lines[0] if lines else type(error).__name__
    return reason.replace(password, "***") if password else reason
