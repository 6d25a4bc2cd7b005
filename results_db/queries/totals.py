"""What the database holds altogether."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from results_db import models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from results_db.database import Database


@dataclass(frozen=True)
class BestRank:
    """The least rank among the schemes of one sorted format and ring, and how many have it."""

    format: str
    ring: Ring
    rank: int
    schemes: int


def best_ranks(db: Database) -> tuple[BestRank, ...]:
    """The best rank per sorted format and (smallest) ring, in the order of the formats."""
    scheme = models.Scheme
    best = (
        select(scheme.sorted_format, scheme.ring, func.min(scheme.rank).label("rank"))
        .group_by(scheme.sorted_format, scheme.ring)
        .subquery()
    )
    same = (scheme.sorted_format == best.c.sorted_format, scheme.ring == best.c.ring, scheme.rank == best.c.rank)
    query = (
        select(scheme.sorted_format, scheme.ring, scheme.rank, func.count())
        .join(best, same[0] & same[1] & same[2])
        .group_by(scheme.sorted_format, scheme.ring, scheme.rank)
    )
    with db.read() as connection:
        rows = [
            BestRank(str(Format.parse(fmt)), Ring(ring), int(rank), count)
            for fmt, ring, rank, count in connection.execute(query)
        ]
    rings = list(Ring)
    return tuple(sorted(rows, key=lambda row: (Format.parse(row.format), rings.index(row.ring))))


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
    return Stats(tables, best_ranks(db), size_bytes)
