"""Stored schemes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Row, Select, select

from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.ring import Ring
from mmdiscover.errors import DatabaseError, InputError
from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.core.scheme import Scheme
    from results_db.database import Database


@dataclass(frozen=True)
class SchemeRow:
    """What the database tells about a scheme; `source`: kind of its first discovery, `found_at`: ISO 8601 in UTC."""

    id: int
    scheme: str
    format: str
    rank: int
    ring: str
    nonzeros: int
    additions: int
    growth_factor: float | None
    orbit_class: str
    source: str | None
    found_at: str
    hash: str

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "id": self.id,
            "scheme": self.scheme,
            "format": self.format,
            "rank": self.rank,
            "ring": self.ring,
            "nonzeros": self.nonzeros,
            "additions": self.additions,
            "growth_factor": self.growth_factor,
            "class": self.orbit_class,
            "source": self.source,
            "found_at": self.found_at,
            "hash": self.hash,
        }


@dataclass(frozen=True)
class StoredScheme:
    """A stored scheme. Nothing has checked it since it was stored: verify `scheme` before it is exported."""

    row: SchemeRow
    scheme: Scheme


_SCHEME = models.Scheme
_SOURCE = (
    select(models.Discovery.kind)
    .where(models.Discovery.scheme_id == _SCHEME.id)
    .order_by(models.Discovery.id)
    .limit(1)
    .scalar_subquery()
)


class SchemeFilter(TypedDict, total=False):
    """Conditions on schemes; what is left out or None is no condition.

    Parameters
    ----------
    fmt : Format
        Any order of a format finds all of its orders.
    rank : int
    ring : Ring
        The smallest ring of the scheme, exactly this one.
    max_additions : int
    source : str
        A kind of discovery: ``trial``, ``import``, …; a scheme may have several.
    """

    fmt: Format | None
    rank: int | None
    ring: Ring | None
    max_additions: int | None
    source: str | None


def _found_by(kind: str) -> ColumnElement[bool]:
    found = select(models.Discovery.id)
    return found.where(models.Discovery.scheme_id == _SCHEME.id, models.Discovery.kind == kind).exists()


_CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "fmt": lambda fmt: _SCHEME.sorted_format == str(fmt.sorted()),
    "rank": lambda rank: _SCHEME.rank == rank,
    "ring": lambda ring: _SCHEME.ring == str(ring),
    "max_additions": lambda most: _SCHEME.additions <= most,
    "source": _found_by,
}
# Ties fall to the older scheme; `found` shows the newest first.
_SORTS = {
    "rank": (_SCHEME.rank, _SCHEME.additions, _SCHEME.id),
    "additions": (_SCHEME.additions, _SCHEME.id),
    "nonzeros": (_SCHEME.nonzeros, _SCHEME.id),
    "format": (_SCHEME.sorted_format, _SCHEME.rank, _SCHEME.additions, _SCHEME.id),
    "found": (_SCHEME.found_at.desc(), _SCHEME.id.desc()),
    "id": (_SCHEME.id,),
}
SORTS = tuple(_SORTS)
"""What `list_schemes` can sort by."""


def list_schemes(
    db: Database, *, sort: str = "rank", limit: int | None = None, **conditions: Unpack[SchemeFilter]
) -> list[SchemeRow]:
    """The schemes that meet all `conditions`, see `SchemeFilter`.

    Parameters
    ----------
    db : Database
    sort : str
        One of `SORTS`.
    limit : int, optional
        How many at most.
    **conditions
        By name: ``fmt=…, rank=…, ring=…, max_additions=…, source=…``.

    Raises
    ------
    InputError
        If `sort` is unknown or `limit` is not positive.
    """
    if sort not in _SORTS:
        raise InputError(f"sort {sort!r}, expected one of {', '.join(SORTS)}")
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}, expected at least 1")
    if unknown := conditions.keys() - _CONDITIONS.keys():
        raise TypeError(f"unknown conditions {', '.join(unknown)}, expected some of {', '.join(_CONDITIONS)}")
    query = _scheme_rows().order_by(*_SORTS[sort]).limit(limit)
    query = query.where(*(_CONDITIONS[name](value) for name, value in conditions.items() if value is not None))
    with db.read() as connection:
        return [_scheme_row(row) for row in connection.execute(query)]


def _scheme_rows() -> Select[Any]:
    columns = [column for column in _SCHEME.__table__.columns if column.name not in {"sorted_format", "factors"}]
    return select(*columns, _SOURCE.label("source"))


def _scheme_row(row: Row[Any]) -> SchemeRow:
    # SQLite columns may hold anything, damaged ones do: what has another type is a ValueError or TypeError here.
    fmt, rank = Format(row.n, row.m, row.p), int(row.rank)
    return SchemeRow(
        id=row.id,
        scheme=scheme_name(fmt, rank),
        format=str(fmt),
        rank=rank,
        ring=str(Ring(row.ring)),
        nonzeros=int(row.nonzeros),
        additions=int(row.additions),
        growth_factor=None if row.growth_factor is None else float(row.growth_factor),
        orbit_class=str(row.orbit_class),
        source=None if row.source is None else str(row.source),
        found_at=codec.iso(row.found_at),
        hash=str(row.hash),
    )


_HEX = re.compile(r"[0-9a-f]{4,64}")


def load_scheme(db: Database, id_or_hash_prefix: str) -> StoredScheme:
    """One scheme, by its id or by at least four digits of its hash; an id comes first.

    Raises
    ------
    InputError
        If there is none, or more than one.
    DatabaseError
        If its row is damaged.
    """
    wanted = id_or_hash_prefix.strip().lower()
    shown = repr(wanted if len(wanted) <= 70 else wanted[:70] + "…")
    with db.read() as connection:
        query = _scheme_rows().add_columns(_SCHEME.factors)
        rows: list[Row[Any]] = []
        # Ids have at most nine digits here, so that they fit any integer column.
        if wanted.isascii() and wanted.isdigit() and len(wanted) <= 9:
            rows = list(connection.execute(query.where(_SCHEME.id == int(wanted))))
        if not rows and _HEX.fullmatch(wanted):
            # A range instead of LIKE: it uses the index on every database. "g" comes after all digits.
            rows = list(connection.execute(query.where(_SCHEME.hash.between(wanted, wanted + "g")).limit(2)))
    if not rows:
        raise InputError(
            f"scheme {shown} is not in database {db.name}, expected an id or at least the first four digits of a hash"
        )
    if len(rows) > 1:
        raise InputError(f"scheme {shown} names more than one scheme, expected more digits of its hash")
    row = rows[0]
    try:
        scheme = codec.scheme_from_text(Format(row.n, row.m, row.p), row.rank, row.ring, row.factors)
        return StoredScheme(_scheme_row(row), scheme)
    except (ValueError, TypeError) as error:
        raise DatabaseError(f"database {db.name}: scheme {row.id} is damaged: {error}") from None
