"""What the database holds altogether."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from results_db import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Select

    from results_db.database import Database


@dataclass(frozen=True)
class BestRank:
    """The least rank among the schemes of one sorted format and ring, and how many have it, where they were counted."""

    format: str
    ring: Ring
    rank: int
    schemes: int | None = None


def best_ranks(db: Database) -> tuple[BestRank, ...]:
    """The best rank per sorted format and (smallest) ring, in the order of the formats; schemes are not counted."""
    with db.read() as connection:
        return _in_order(connection.execute(_least_ranks()))


def _least_ranks() -> Select[Any]:
    """Format, ring and rank. A group's first row in the index leads to the next group: no other rows are read."""
    scheme, fmt, ring = models.Scheme, models.Scheme.sorted_format, models.Scheme.ring
    formats = select(func.min(fmt).label("format")).cte("formats", recursive=True)
    next_format = select(func.min(fmt)).where(fmt > formats.c.format).scalar_subquery()
    formats = formats.union_all(select(next_format).where(formats.c.format.is_not(None)))
    first_ring = select(func.min(ring)).where(fmt == formats.c.format).scalar_subquery()
    rings = select(formats.c.format, first_ring.label("ring")).where(formats.c.format.is_not(None))
    groups = rings.cte("groups", recursive=True)
    next_ring = select(func.min(ring)).where(fmt == groups.c.format, ring > groups.c.ring).scalar_subquery()
    groups = groups.union_all(select(groups.c.format, next_ring).where(groups.c.ring.is_not(None)))
    least = select(func.min(scheme.rank)).where(fmt == groups.c.format, ring == groups.c.ring).scalar_subquery()
    return select(groups.c.format, groups.c.ring, least.label("rank")).where(groups.c.ring.is_not(None))


def _in_order(rows: Iterable[Any]) -> tuple[BestRank, ...]:
    rings = list(Ring)
    best = [BestRank(str(Format.parse(fmt)), Ring(ring), int(rank), *count) for fmt, ring, rank, *count in rows]
    return tuple(sorted(best, key=lambda row: (Format.parse(row.format), rings.index(row.ring))))


@dataclass(frozen=True)
class Stats:
    """What the database holds.

    Parameters
    ----------
    tables : mapping of str to int
        Rows per table.
    best : tuple of BestRank
    size_bytes : int
    """

    tables: Mapping[str, int]
    best: tuple[BestRank, ...]
    size_bytes: int


def stats(db: Database) -> Stats:
    """Count everything."""
    size = "page_count * page_size FROM pragma_page_count, pragma_page_size"
    if not db.is_sqlite:
        size = "pg_database_size(current_database())"
    with db.read() as connection:
        tables = {
            table.name: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for table in models.Base.metadata.sorted_tables
        }
        size_bytes = int(connection.execute(text(f"SELECT {size}")).scalar_one())
        least, scheme = _least_ranks().subquery(), models.Scheme
        same = (scheme.sorted_format == least.c.format, scheme.ring == least.c.ring, scheme.rank == least.c.rank)
        best = connection.execute(select(*least.c, select(func.count()).where(*same).scalar_subquery()))
        return Stats(tables, _in_order(best), size_bytes)
