"""The best stored ranks beside the best known ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mmdiscover.core.format import Format
from mmdiscover.core.records import VALID_OVER, best_known_rank
from results_db import queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.ring import Ring
    from results_db import Database
    from results_db.queries import BestRank


class Mark(StrEnum):
    """How a stored rank compares with the known one."""

    EQUALS = "equals"
    BETTER = "better"
    WORSE = "worse"
    UNLISTED = "unlisted"
    """No rank is known for this format."""


@dataclass(frozen=True)
class RankRow:
    """One sorted format and ring.

    Parameters
    ----------
    format : str
    ring : Ring
    rank : int
        The least stored rank that is valid over the ring: a ZT scheme counts for Z and Q too.
    known : int or None
        The least known one.
    mark : Mark
    """

    format: str
    ring: Ring
    rank: int
    known: int | None
    mark: Mark

    def as_json(self) -> dict[str, object]:
        """Plain values by name."""
        return {
            "format": self.format,
            "ring": str(self.ring),
            "rank": self.rank,
            "known": self.known,
            "mark": str(self.mark),
        }


def rank_table(db: Database) -> tuple[RankRow, ...]:
    """One row per sorted format and ring that schemes are stored for, in the order of the formats."""
    return compare_ranks(queries.best_ranks(db))


def compare_ranks(stored: Sequence[BestRank]) -> tuple[RankRow, ...]:
    """`rank_table` for ranks that were read already."""
    rows = []
    for best in stored:
        rank = min(row.rank for row in stored if row.format == best.format and row.ring in VALID_OVER[best.ring])
        known = best_known_rank(Format.parse(best.format), best.ring)
        rows.append(RankRow(best.format, best.ring, rank, known, mark(rank, known)))
    return tuple(rows)


def mark(found: int, known: int | None) -> Mark:
    """The mark of a stored figure of which less is better."""
    if known is None:
        return Mark.UNLISTED
    if found == known:
        return Mark.EQUALS
    return Mark.BETTER if found < known else Mark.WORSE
