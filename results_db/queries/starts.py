"""Stored schemes that searches may begin at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from mmdiscover.core.format import Format
from mmdiscover.errors import DatabaseError
from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.ring import Ring
    from mmdiscover.core.scheme import Scheme
    from results_db.database import Database

_SCHEME = models.Scheme


def least_rank(db: Database, fmt: Format, rings: Sequence[Ring]) -> int | None:
    """The least rank that is stored for a format, in any order, over one of the rings; None without any."""
    query = select(func.min(_SCHEME.rank)).where(_SCHEME.sorted_format == str(fmt.sorted()), _over(rings))
    with db.read() as connection:
        rank: int | None = connection.scalar(query)
    return rank


def least_ranks(db: Database, rings: Sequence[Ring]) -> dict[Format, int]:
    """`least_rank` of all sorted formats that are stored over one of the rings."""
    query = select(_SCHEME.sorted_format, func.min(_SCHEME.rank)).where(_over(rings)).group_by(_SCHEME.sorted_format)
    with db.read() as connection:
        return {Format.parse(fmt): int(rank) for fmt, rank in connection.execute(query)}


def count_of_rank(db: Database, fmt: Format, rank: int, rings: Sequence[Ring]) -> int:
    """How many schemes of a format, in any order, and a rank are stored over one of the rings."""
    query = select(func.count()).where(_SCHEME.sorted_format == str(fmt.sorted()), _SCHEME.rank == rank, _over(rings))
    with db.read() as connection:
        return int(connection.scalar(query) or 0)


def schemes_of_rank(
    db: Database, fmt: Format, rank: int, rings: Sequence[Ring], limit: int
) -> list[tuple[str, Scheme]]:
    """Schemes of a format, in any order, with their hashes; those with the fewest additions first.

    In which order they were stored does not matter.

    Parameters
    ----------
    db : Database
    fmt : Format
    rank : int
    rings : sequence of Ring
        Their smallest ring is one of these.
    limit : int
        So many at most.

    Raises
    ------
    DatabaseError
        If a row is damaged.
    """
    columns = (_SCHEME.id, _SCHEME.hash, _SCHEME.n, _SCHEME.m, _SCHEME.p, _SCHEME.rank, _SCHEME.ring, _SCHEME.factors)
    query = select(*columns).where(_SCHEME.sorted_format == str(fmt.sorted()), _SCHEME.rank == rank, _over(rings))
    with db.read() as connection:
        rows = connection.execute(query.order_by(_SCHEME.additions, _SCHEME.hash).limit(limit)).all()
    return [(str(row.hash), _scheme(db, row)) for row in rows]


def _over(rings: Sequence[Ring]) -> Any:
    return _SCHEME.ring.in_([str(ring) for ring in rings])


def _scheme(db: Database, row: Any) -> Scheme:
    try:
        return codec.scheme_from_text(Format(row.n, row.m, row.p), row.rank, row.ring, row.factors)
    except (ValueError, TypeError) as error:
        raise DatabaseError(f"database {db.name}: scheme {row.id} is damaged: {error}") from None
