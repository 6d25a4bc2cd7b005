"""Whether what is stored is still what was stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme, content_hash
from mmdiscover.errors import DatabaseError, InputError
from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results_db.database import Database


@dataclass(frozen=True)
class CheckedScheme:
    """A stored scheme that was read again: `reason` says what is wrong with its row, `scheme` is None if unreadable."""

    id: int
    scheme: Scheme | None
    reason: str | None


def check_schemes(db: Database) -> Iterator[CheckedScheme]:
    """Read every scheme again, and compare hash and metrics with the stored ones.

    Whether the scheme is one, that is whether the Brent equations hold, is for `mmdiscover.verify` to say.

    Raises
    ------
    DatabaseError
        If the file is so damaged that its schemes cannot even be listed.
    """
    with db.read() as connection:
        ids = connection.scalars(select(models.Scheme.id).order_by(models.Scheme.id)).all()
    for scheme_id in ids:
        scheme, reason = None, None
        try:
            scheme, reason = _check_scheme(db, scheme_id)
        except (DatabaseError, InputError, TypeError, ArithmeticError) as error:
            # TypeError: SQLite columns may hold anything, damaged ones do.
            reason = str(error)
        yield CheckedScheme(scheme_id, scheme, reason)


def _check_scheme(db: Database, scheme_id: int) -> tuple[Scheme | None, str | None]:
    with db.read() as connection:
        row = connection.execute(select(models.Scheme.__table__).where(models.Scheme.id == scheme_id)).one_or_none()
    if row is None:
        return None, "its row is gone"
    fmt = Format(row.n, row.m, row.p)
    scheme = codec.scheme_from_text(fmt, row.rank, row.ring, row.factors)
    expected = {
        "hash": content_hash(scheme),
        "sorted_format": str(fmt.sorted()),
        **codec.scheme_metrics(scheme),
    }
    wrong = [
        f"{name} is {getattr(row, name)!r}, expected {value!r}"
        for name, value in expected.items()
        if getattr(row, name) != value
    ]
    return scheme, "; ".join(wrong) or None


def check_storage(db: Database) -> list[str]:
    """What SQLite itself finds wrong: damaged pages, rows that point nowhere. Empty when the file is sound."""
    if not db.is_sqlite:
        return []
    found = []
    try:
        with db.read() as connection:
            found += [str(line) for line in connection.scalars(text("PRAGMA integrity_check")) if line != "ok"]
            for row in connection.execute(text("PRAGMA foreign_key_check")):
                found.append(f"row {row.rowid} of {row.table} points to a missing row of {row.parent}")
    except DatabaseError as error:
        found.append(str(error))
    return found
