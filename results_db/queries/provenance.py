"""Where schemes come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from results_db import codec, models

if TYPE_CHECKING:
    from results_db.database import Database


@dataclass(frozen=True)
class DiscoveryRow:
    """One time a scheme was found or read.

    Parameters
    ----------
    kind : str
        See `results_db.models.Discovery`.
    detail : str or None
    trial_id : int or None
    parents : tuple of str
        Hashes of the schemes that the trial began at; none where it made its start itself.
    move : str or None
        What was done to them before: ``known`` for nothing, or a move between formats.
    found_at : str
    """

    kind: str
    detail: str | None
    trial_id: int | None
    parents: tuple[str, ...]
    move: str | None
    found_at: str

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "kind": self.kind,
            "detail": self.detail,
            "trial_id": self.trial_id,
            "parents": list(self.parents),
            "move": self.move,
            "found_at": self.found_at,
        }


def discoveries_of(db: Database, scheme_id: int, limit: int = 100) -> list[DiscoveryRow]:
    """The first times a scheme was found or read, in their order."""
    discovery, trial = models.Discovery, models.Trial
    query = (
        select(discovery.kind, discovery.detail, discovery.trial_id, discovery.found_at, trial.origin)
        .outerjoin(trial, trial.id == discovery.trial_id)
        .where(discovery.scheme_id == scheme_id)
        .order_by(discovery.id)
        .limit(limit)
    )
    with db.read() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        origin = row.origin if isinstance(row.origin, dict) else {}
        parents = tuple(map(str, origin.get("parents", ())))
        found.append(
            DiscoveryRow(row.kind, row.detail, row.trial_id, parents, origin.get("move"), codec.iso(row.found_at))
        )
    return found
