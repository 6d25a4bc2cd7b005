"""The fewest additions of stored schemes beside the fewest published ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mmdiscover.core import metrics
from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.records import VALID_OVER, fewest_known_additions, fewest_known_shared_additions
from mmdiscover.core.ring import Ring
from mmdiscover.core.symmetry import permute
from mmdiscover.report.ranks import Mark, mark
from results_db import queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmdiscover.core.scheme import Scheme
    from results_db import Database


@dataclass(frozen=True)
class AdditionsRow:
    """One sorted format.

    Parameters
    ----------
    scheme : str
        Such as ``3x3x3:23``: the least stored rank.
    ring : Ring
        Smallest ring of the schemes that were looked at: ternary ones where there are any.
    schemes : int
        How many those are.
    naive : int
        Their fewest additions without sharing, in the sorted format.
    reduced : int
        With sharing.
    example : int
        Id of the stored scheme that `reduced` was reached from.
    known_naive, known_reduced : int or None
        The fewest published ones of ternary schemes of this rank.
    mark : Mark
        How `reduced` compares.
    """

    scheme: str
    ring: Ring
    schemes: int
    naive: int
    reduced: int
    example: int
    known_naive: int | None
    known_reduced: int | None
    mark: Mark

    def as_json(self) -> dict[str, object]:
        """Plain values by name."""
        return {**asdict(self), "ring": str(self.ring), "mark": str(self.mark)}


def additions_table(db: Database, reduce: Callable[[Scheme], int], most: int) -> Iterator[AdditionsRow]:
    """One row per sorted format that schemes over the rational numbers are stored for, in the order of the formats.

    Parameters
    ----------
    db : Database
    reduce : callable
        Additions of a scheme after sharing.
    most : int
        Schemes of a format that are looked at: those with the fewest additions as they are stored.
    """
    ranks: dict[str, int] = {}
    for best in queries.best_ranks(db):
        if best.ring in VALID_OVER[Ring.Q]:
            ranks[best.format] = min(best.rank, ranks.get(best.format, best.rank))
    for name, rank in ranks.items():
        fmt = Format.parse(name)
        rings = (  # ternary schemes first
            queries.list_schemes(db, fmt=fmt, rank=rank, ring=ring, sort="additions", limit=most)
            for ring in VALID_OVER[Ring.Q]
        )
        rows = next(rows for rows in rings if rows)
        schemes = [permute(queries.load_scheme(db, str(row.id)).scheme, fmt) for row in rows]
        reduced, example = min(zip(map(reduce, schemes), (row.id for row in rows), strict=True))
        known = fewest_known_shared_additions(fmt, rank)
        yield AdditionsRow(
            scheme_name(fmt, rank),
            Ring(rows[0].ring),
            len(rows),
            min(map(metrics.additions, schemes)),
            reduced,
            example,
            fewest_known_additions(fmt, rank),
            known,
            mark(reduced, known),
        )
