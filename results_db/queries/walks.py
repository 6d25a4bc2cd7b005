"""How the ranks of walks went down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import false, or_, select

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.errors import DatabaseError, InputError
from results_db import models

if TYPE_CHECKING:
    from results_db.database import Database


@dataclass(frozen=True)
class WalkRow:
    """A finished trial that walked.

    Parameters
    ----------
    position : int
        Of its target in the campaign.
    format : Format
    target : int
        The rank that was asked for.
    trial : int
        Its number within the target.
    ring : Ring
    cyclic : bool
    status : str
    flips : int
        All that were done.
    trace : tuple of (int, int)
        (flips, rank) whenever the rank was lower than ever before, beginning with (0, rank of the start).
    """

    position: int
    format: Format
    target: int
    trial: int
    ring: Ring
    cyclic: bool
    status: str
    flips: int
    trace: tuple[tuple[int, int], ...]

    @property
    def rank(self) -> int:
        """The least one."""
        return self.trace[-1][1]


def walks_of(db: Database, campaign: str) -> tuple[str, list[WalkRow]]:
    """The name of a campaign, and its walks with a trace, by target and trial.

    Parameters
    ----------
    db : Database
    campaign : str
        Name or number, of a campaign made from a file or by ``discover``.

    Raises
    ------
    InputError
        If there is no such campaign.
    DatabaseError
        If a row is damaged.
    """
    table, target, trial = models.Campaign, models.Target, models.Trial
    numbered = table.id == int(campaign) if campaign.isdecimal() and len(campaign) < 10 else false()
    query = (
        select(
            target.position,
            target.n,
            target.m,
            target.p,
            target.rank,
            trial.trial_index,
            trial.settings,
            trial.status,
            trial.iterations,
            trial.trace,
        )
        .join(target, target.id == trial.target_id)
        .where(trial.state == str(models.TrialState.FINISHED), trial.trace.is_not(None))
        .order_by(target.position, trial.trial_index)
    )
    with db.read() as connection:
        known = connection.execute(
            select(table.id, table.name).where(or_(table.name == campaign, numbered)).order_by(table.name != campaign)
        ).first()
        if known is None:
            raise InputError(f"campaign {campaign!r} is not in database {db.name}, expected the name or number of one")
        rows = connection.execute(query.where(target.campaign_id == known.id)).all()
    try:
        walks = [
            WalkRow(
                position=row.position,
                format=Format(row.n, row.m, row.p),
                target=row.rank,
                trial=row.trial_index,
                ring=Ring(row.settings["walk"]["ring"]),
                cyclic=bool(row.settings["walk"]["cyclic"]),
                status=str(row.status),
                flips=int(row.iterations),
                trace=tuple((int(flips), int(rank)) for flips, rank in row.trace),
            )
            for row in rows
            if row.trace
        ]
    except (TypeError, ValueError, LookupError) as error:
        raise DatabaseError(f"database {db.name}: a walk of campaign {known.name!r} is damaged: {error}") from None
    return known.name, walks
