"""What a failed transaction means: in one line, and whether trying again may help."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PROTOCOL,  # gave up on the lock of the write-ahead log
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: 08 connection, 40 rollback of the transaction
# (serialization, deadlock), 53 insufficient resources (disk full, too many connections), 55P03 lock not available,
# 57P shutdown, crash, starting up, 58030 input or output; but 57P04: the database was dropped.
_POSTGRES = re.compile(r"08...|40...|53...|55P03|57P0[^4]|58030|25P03")
# Without a code: no connection was made. In English whatever the server's language is; what is not listed, such as a
# refused connection, may pass.
_LASTING = re.compile(
    r"password|authentication|pg_hba|does not exist|permission denied|not permitted|not currently accepting"
    r"|not known|translate host name|certificate|SSL was required|invalid",
    re.IGNORECASE,
)


def is_locked(error: Exception) -> bool:
    """Whether another program holds the SQLite file."""
    return _sqlite_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_transient(error: Exception) -> bool:
    """Whether the same transaction may succeed when it is tried again later."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error) in _SQLITE
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return _POSTGRES.fullmatch(state) is not None
    return type(error.orig).__name__ == "OperationalError" and not _LASTING.search(str(error.orig))


def reason(error: Exception, secrets: Iterable[str], waited: float) -> str:
    """The first line of what the driver says: what SQLAlchemy adds, statement and parameters, helps no user.

    Parameters
    ----------
    error : Exception
    secrets : iterable of str
        Never shown.
    waited : float
        Seconds, for a file that is locked.
    """
    if is_locked(error):
        return f"locked by another program, waited {waited:g} s"
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    for secret in secrets:
        line = line.replace(secret, "***")
    return line


def _sqlite_code(error: Exception) -> int | None:
    """The primary result code; None for what SQLite did not say."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
