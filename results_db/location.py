"""Where a database lives: what the user typed, checked before anything is opened."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from mmdiscover.errors import DatabaseError

EXPECTED = "a file such as results.db, sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"

_DRIVERS = {"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"}
_SQLITE_MAGIC = b"SQLite format 3\x00"
# Two letters at least, so that C:\results.db stays a path.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}:(//)?")


@dataclass(frozen=True)
class Location:
    """A database's address.

    Parameters
    ----------
    url : sqlalchemy.URL
        With the password.
    shown : str
        For messages: the file's path, or the address without password and options.
    path : Path or None
        The file of an SQLite database.
    """

    url: URL
    shown: str
    path: Path | None

    @property
    def secrets(self) -> frozenset[str]:
        """What no message may show."""
        values = [self.url.password or ""]
        for name, value in self.url.query.items():
            if "password" in name:
                values += [value] if isinstance(value, str) else value
        return frozenset(values) - {""}


def parse_location(text: str) -> Location:
    """Read a database's address: a URL, or the path of an SQLite file.

    Raises
    ------
    DatabaseError
        If `text` is malformed or names a kind of database that is not supported.
    """
    scheme = _SCHEME.match(text)
    if scheme is None:
        url = URL.create("sqlite", database=text.strip())
    else:
        # No more than the scheme is shown: in a malformed address the password may stand anywhere.
        error = DatabaseError(f"database {scheme[0]}… is not a supported address, expected {EXPECTED}")
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise error from None
        if url.drivername not in _DRIVERS or (url.query and url.get_backend_name() == "sqlite"):
            raise error
        if "@" in (url.host or ""):
            # The end of a password with an @ that is not written as %40.
            raise error
    if url.get_backend_name() != "sqlite":
        # The driver is named, for SQLAlchemy 2.0 would take another one by default.
        shown = url.set(query={}).render_as_string(hide_password=True)
        return Location(url.set(drivername="postgresql+psycopg"), shown, None)
    if not url.database or url.database == ":memory:":
        raise DatabaseError(f"database {_shown(text)!r} names no file, expected {EXPECTED}")
    return Location(url, _shown(url.database), Path(url.database))


def _shown(text: str) -> str:
    short = text if len(text) <= 200 else text[:200] + "…"
    return short if short.isprintable() else repr(short)


def check_file(location: Location, *, create: bool) -> None:
    """Check that the file of an SQLite database is one, or may be made.

    Raises
    ------
    DatabaseError
        If it is missing and `create` is false, cannot be made, cannot be read or is something else than a database.
    """
    path, name = location.path, f"database {location.shown}"
    if path is None:
        return
    try:
        mode = path.stat().st_mode
        head = _head(path) if stat.S_ISREG(mode) else b""
    except (FileNotFoundError, NotADirectoryError):
        if not create:
            raise DatabaseError(
                f"{name} does not exist, expected an existing results database (mmdiscover discover makes one)"
            ) from None
        _check_folder(path.parent, name)
        return
    except (OSError, ValueError) as error:
        raise DatabaseError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise DatabaseError(f"{name} is {kind}, expected {EXPECTED}")
    if head not in {b"", _SQLITE_MAGIC}:
        raise DatabaseError(f"{name} is not a database: the file begins with {head[:8]!r}, expected {EXPECTED}")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_SQLITE_MAGIC))


def _check_folder(folder: Path, name: str) -> None:
    if not folder.is_dir():
        raise DatabaseError(f"{name} cannot be made: there is no folder {_shown(str(folder))}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DatabaseError(f"{name} cannot be made: folder {_shown(str(folder))} is not writable")
