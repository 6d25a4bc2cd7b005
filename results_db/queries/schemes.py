"""Stored schemes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sqlalchemy import BigInteger, ColumnElement, Row, Select, case, func, literal, select

from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.ring import Ring
from mmdiscover.errors import DatabaseError, InputError
from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from mmdiscover.core.scheme import Scheme
    from results_db.database import Database


@dataclass(frozen=True)
class SchemeRow:
    """What the database tells about a scheme; `source`: kind of its first discovery, `found_at`: ISO 8601 in UTC.

    Label and dimensions are None where the scheme is too large for them, or damaged.
    """

    id: int
    scheme: str
    format: str
    rank: int
    ring: str
    nonzeros: int
    additions: int
    growth_factor: float | None
    orbit_class: str | None
    null_space: int | None
    orbit_dimension: int | None
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
            "null_space": self.null_space,
            "orbit_dimension": self.orbit_dimension,
            "source": self.source,
            "found_at": self.found_at,
            "hash": self.hash,
        }


@dataclass(frozen=True)
class ClassRow:
    """Stored schemes with the same label: probably one orbit under the symmetries of matrix multiplication.

    Parameters
    ----------
    orbit_class : str or None
        None for those that have no label, see `SchemeRow`.
    scheme : str
        In sorted format.
    schemes : int
        How many there are.
    ring : str
        The smallest ring among them.
    additions : int
        The fewest among them, of scheme `example`.
    null_space, orbit_dimension : int or None
        As in `mmdiscover.core.orbits.Family`, the same for all of them.
    example : int
        Id of a scheme.
    """

    orbit_class: str | None
    scheme: str
    schemes: int
    ring: str
    additions: int
    null_space: int | None
    orbit_dimension: int | None
    example: int

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "class": self.orbit_class,
            "scheme": self.scheme,
            "schemes": self.schemes,
            "ring": self.ring,
            "additions": self.additions,
            "null_space": self.null_space,
            "orbit_dimension": self.orbit_dimension,
            "example": self.example,
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
    orbit_class : str
        A label, or its first digits.
    campaign : str
        Name of a campaign that found it.
    since, until : datetime
        Stored at this moment or later; before this one. Without time zone they are in UTC.
    """

    fmt: Format | None
    rank: int | None
    ring: Ring | None
    max_additions: int | None
    source: str | None
    orbit_class: str | None
    campaign: str | None
    since: datetime | None
    until: datetime | None


def _found_by(kind: str) -> ColumnElement[bool]:
    found = select(models.Discovery.id)
    return found.where(models.Discovery.scheme_id == _SCHEME.id, models.Discovery.kind == kind).exists()


def _in_campaign(name: str) -> ColumnElement[bool]:
    discovery, trial, target, campaign = models.Discovery, models.Trial, models.Target, models.Campaign
    found = (
        select(discovery.scheme_id)
        .join(trial, trial.id == discovery.trial_id)
        .join(target, target.id == trial.target_id)
        .join(campaign, campaign.id == target.campaign_id)
    )
    return _SCHEME.id.in_(found.where(campaign.name == name))


def _number_up_to(name: str, value: int) -> int:
    if not 0 <= value < 2**31:  # others fit no integer column
        raise InputError(f"{name} is {value}, expected 0 to {2**31 - 1}")
    return value


def _in_class(label: str) -> ColumnElement[bool]:
    digits = label.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{1,12}", digits):
        raise InputError(f"class {label[:40]!r}, expected the first of its 12 hexadecimal digits")
    # A range instead of LIKE: it uses the index on every database. "g" comes after all digits.
    return _SCHEME.orbit_class.between(digits, digits + "g")


_CONDITIONS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "fmt": lambda fmt: _SCHEME.sorted_format == str(fmt.sorted()),
    "rank": lambda rank: _SCHEME.rank == _number_up_to("rank", rank),
    "ring": lambda ring: _SCHEME.ring == str(ring),
    "max_additions": lambda most: _SCHEME.additions <= _number_up_to("most additions", most),
    "source": _found_by,
    "orbit_class": _in_class,
    "campaign": _in_campaign,
    "since": lambda moment: _SCHEME.found_at >= codec.utc(moment),
    "until": lambda moment: _SCHEME.found_at < codec.utc(moment),
}
_UNORDERED = ("campaign", "since", "until")
# Ties fall to the older scheme; `found` shows the newest first.
_SORTS: dict[str, Callable[[Any], tuple[ColumnElement[Any], ...]]] = {
    "rank": lambda scheme: (scheme.rank, scheme.additions, scheme.id),
    "additions": lambda scheme: (scheme.additions, scheme.id),
    "nonzeros": lambda scheme: (scheme.nonzeros, scheme.id),
    "format": lambda scheme: (scheme.sorted_format, scheme.rank, scheme.additions, scheme.id),
    "found": lambda scheme: (scheme.found_at.desc(), scheme.id.desc()),
    "id": lambda scheme: (scheme.id,),
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
        By name: ``fmt=…, rank=…, ring=…, max_additions=…, source=…, orbit_class=…, campaign=…, since=…, until=…``.

    Raises
    ------
    InputError
        If `sort` is unknown, `limit` is not positive, a number is too large, `orbit_class` is no label, or there is no
        such campaign.
    """
    meeting = _meeting(conditions)
    if limit is not None and any(conditions.get(name) is not None for name in _UNORDERED):
        # No index gives these in any order: numbers are sorted, not rows with all that belongs to them.
        chosen = _sorted(select(_SCHEME.id).where(*meeting), _SCHEME, sort, limit).subquery()
        meeting = [_SCHEME.id.in_(select(chosen.c.id))]
    query = _sorted(_scheme_rows().where(*meeting), _SCHEME, sort, limit)
    with db.read() as connection:
        _require_campaign(db, connection, conditions.get("campaign"))
        return [_scheme_row(row) for row in connection.execute(query)]


def list_classes(
    db: Database, *, sort: str = "rank", limit: int | None = None, **conditions: Unpack[SchemeFilter]
) -> list[ClassRow]:
    """The classes of the schemes that meet all `conditions`, each with how many of those it has.

    Parameters
    ----------
    db : Database
    sort : str
        One of `SORTS`, by the example of each class: its scheme with the fewest additions.
    limit : int, optional
        How many classes at most.
    **conditions
        As in `list_schemes`.

    Raises
    ------
    InputError
        As `list_schemes`.
    """
    if sort not in _SORTS:
        raise _unknown_sort(sort)
    meeting = _meeting(conditions)
    # Schemes without label are no class, but those of one format and rank are shown in one line. All columns are those
    # of one index: as many schemes as a format may have are counted without a look at their rows.
    one_class = (_SCHEME.sorted_format, _SCHEME.rank, _SCHEME.orbit_class)
    first = func.min(_SCHEME.additions * literal(_IDS, BigInteger) + _SCHEME.id).label("first")
    groups = select(*one_class, func.count().label("schemes"), first).where(*meeting).group_by(*one_class)
    if sort in _CLASS_SORTS:  # the others need the rows of the examples
        chosen = groups.subquery()
        groups = select(chosen).order_by(*_CLASS_SORTS[sort](chosen.c)).limit(_checked_limit(limit))
    classes = groups.subquery()
    query = _scheme_rows().add_columns(_SCHEME.sorted_format, classes.c.schemes)
    query = _sorted(
        query.join(classes, _SCHEME.id == classes.c.first % literal(_IDS, BigInteger)), _SCHEME, sort, limit
    )
    with db.read() as connection:
        _require_campaign(db, connection, conditions.get("campaign"))
        rows = connection.execute(query).all()
        rings = _best_rings(connection, rows, meeting)
    return [_class_row(row, rings[row.sorted_format, row.rank, row.orbit_class]) for row in rows]


_IDS = 2**32
"""More than there are numbers of schemes: additions · _IDS + id orders by both."""
_CLASS_SORTS: dict[str, Callable[[Any], tuple[ColumnElement[Any], ...]]] = {
    "rank": lambda classes: (classes.rank, classes.first),
    "additions": lambda classes: (classes.first,),
    "format": lambda classes: (classes.sorted_format, classes.rank, classes.first),
}
_MANY = 500


def _best_rings(
    connection: Connection, classes: Sequence[Row[Any]], meeting: list[ColumnElement[bool]]
) -> dict[tuple[str, int, str | None], int]:
    """The smallest ring of each class, as its place among the rings."""
    one_class = (_SCHEME.sorted_format, _SCHEME.rank, _SCHEME.orbit_class)
    places = case({str(ring): place for place, ring in enumerate(Ring)}, value=_SCHEME.ring)
    query = select(*one_class, func.min(places)).where(*meeting).group_by(*one_class)
    if len(classes) <= _MANY:
        formats, ranks, labels = ({getattr(row, column.key) for row in classes} for column in one_class)
        labelled = _SCHEME.orbit_class.in_(labels - {None})
        query = query.where(
            _SCHEME.sorted_format.in_(formats),
            _SCHEME.rank.in_(ranks),
            labelled | _SCHEME.orbit_class.is_(None) if None in labels else labelled,
        )
    return {(fmt, rank, label): place for fmt, rank, label, place in connection.execute(query)}


def _require_campaign(db: Database, connection: Connection, name: str | None) -> None:
    if name is not None:
        known = connection.scalar(select(models.Campaign.id).where(models.Campaign.name == name))
        if known is None:
            raise InputError(f"campaign {name!r} is not in database {db.name}, expected the name of a stored one")


def _meeting(conditions: SchemeFilter) -> list[ColumnElement[bool]]:
    if unknown := conditions.keys() - _CONDITIONS.keys():
        raise TypeError(f"unknown conditions {', '.join(unknown)}, expected some of {', '.join(_CONDITIONS)}")
    return [_CONDITIONS[name](value) for name, value in conditions.items() if value is not None]


def _sorted(query: Select[Any], columns: Any, sort: str, limit: int | None) -> Select[Any]:
    if sort not in _SORTS:
        raise _unknown_sort(sort)
    return query.order_by(*_SORTS[sort](columns)).limit(_checked_limit(limit))


def _unknown_sort(sort: str) -> InputError:
    return InputError(f"sort {sort!r}, expected one of {', '.join(SORTS)}")


def _checked_limit(limit: int | None) -> int | None:
    if limit is not None and not 1 <= limit < 2**31:
        raise InputError(f"limit is {limit}, expected 1 to {2**31 - 1}")
    return limit


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
        orbit_class=_text(row.orbit_class),
        null_space=_number(row.null_space),
        orbit_dimension=_number(row.orbit_dimension),
        source=_text(row.source),
        found_at=codec.iso(row.found_at),
        hash=str(row.hash),
    )


def _class_row(row: Row[Any], best_ring: int) -> ClassRow:
    example = _scheme_row(row)
    return ClassRow(
        orbit_class=example.orbit_class,
        scheme=scheme_name(Format.parse(row.sorted_format), example.rank),
        schemes=row.schemes,
        ring=str(tuple(Ring)[best_ring]),
        additions=example.additions,
        null_space=example.null_space,
        orbit_dimension=example.orbit_dimension,
        example=example.id,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


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
