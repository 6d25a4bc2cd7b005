"""Connections and transactions, and what SQLite needs to be told about them."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from mmdiscover.errors import DatabaseError, DatabaseUnavailable, MMDiscoverError
from results_db.failures import is_locked, is_transient, reason

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
# Under PostgreSQL's default each statement of a transaction would see another state.
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# Seconds: without them a host that vanished is waited for up to two hours. What stands in the address comes first.
_POSTGRES_DEFAULTS = {"connect_timeout": 15, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


class Database:
    """An open results database. Made by `results_db.open_database`; a context manager that closes itself.

    `read` and `write` are for the modules of this package: each gives one connection in one transaction, and turns
    whatever goes wrong in it into a `DatabaseError` of one line: a `DatabaseUnavailable` where trying again may help.
    A connection that broke is replaced when the next transaction begins.

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
        return self._transaction("BEGIN", **_SNAPSHOT)

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
    def _transaction(self, begin: str, **postgres_options: Any) -> Iterator[Connection]:
        options = {_BEGIN: begin} if self.is_sqlite else postgres_options
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except MMDiscoverError:
            raise
        except (SQLAlchemyError, ValueError, TypeError, OverflowError) as error:
            # Beside SQLAlchemy's: a stored value that does not parse or has another type, a number beyond 64 bits.
            kind = DatabaseUnavailable if is_transient(error) else DatabaseError
            why = reason(error, self._location.secrets, LOCK_SECONDS)
            raise kind(f"database {self.name}: {why}") from error


def _make_engine(location: Location) -> Engine:
    options: dict[str, Any] = {"json_serializer": partial(json.dumps, allow_nan=False)}
    if location.path is None:
        defaults = {name: value for name, value in _POSTGRES_DEFAULTS.items() if name not in location.url.query}
        options |= {"pool_pre_ping": True, "connect_args": defaults}
    try:
        engine = create_engine(location.url, **options)
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
            if not is_locked(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.02)
        else:
            return
