"""Campaigns that several processes work on: who works on which trial, and what happens to the trials of the dead.

A trial is claimed by inserting its row, and taken over from a process that is dead by one conditional UPDATE: whoever
changes the row has it. Claims are kept alive by heartbeats; their age is judged by the database's clock alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update

from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from results_db import codec, models
from results_db.attempts import seed_column
from results_db.repository import check_campaign_name
from results_db.rows import dialect_insert, format_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from results_db.database import Database

LEASE_SECONDS = 180.0
"""A claim whose last heartbeat is older may be taken over. A database may be locked, or a proof take, for less time."""

_TOGETHER = 500
"""Values in one statement."""


@dataclass(frozen=True)
class TargetRecord:
    """A target of a campaign as it is stored.

    Parameters
    ----------
    id : int
    position : int
        Place in its campaign, from 0.
    format : Format
        In the order that was asked for.
    rank : int
    settings : mapping
        JSON values.
    """

    id: int
    position: int
    format: Format
    rank: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class CampaignRecord:
    """A campaign as it is stored."""

    id: int
    name: str
    kind: str
    seed: int
    settings: Mapping[str, Any]
    state: str
    targets: tuple[TargetRecord, ...]


@dataclass(frozen=True)
class NewTarget:
    """What a target is made of."""

    format: Format
    rank: int
    settings: Mapping[str, object]


@dataclass(frozen=True)
class NewClaim:
    """A trial that nobody has claimed yet, with what is stored about it before it is finished.

    `origin` is that of `TrialRecord`.
    """

    target_id: int
    index: int
    seed_entropy: int
    spawn_key: tuple[int, ...]
    settings: Mapping[str, object]
    origin: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Claim:
    """A trial that somebody works on, or did.

    Parameters
    ----------
    target_id, index : int
    runner : str
        Who claimed it.
    settings : mapping
        Those of the search, JSON values.
    expired : bool
        Whether the last heartbeat is older than the lease.
    origin : mapping or None
        As in `TrialRecord`.
    """

    target_id: int
    index: int
    runner: str
    settings: Mapping[str, Any]
    expired: bool
    origin: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FinishedTrial:
    """What later trials learn from a finished one."""

    index: int
    settings: Mapping[str, Any]
    status: str
    iterations: int


def create_whole_campaign(
    db: Database, name: str, seed: int, settings: Mapping[str, object], targets: Sequence[NewTarget]
) -> int | None:
    """Store a campaign with all its targets, in one transaction.

    Returns
    -------
    int or None
        Its id; None when there is a campaign of that name.

    Raises
    ------
    InputError
        If the name is empty or too long.
    """
    check_campaign_name(name)
    campaign = models.Campaign
    values = {"name": name, "kind": "campaign", "seed": str(seed), "settings": codec.plain_json("settings", settings)}
    with db.write() as connection:
        statement = dialect_insert(connection, campaign).values(**values, state=models.CampaignState.STOPPED)
        created: int | None = connection.scalar(
            statement.on_conflict_do_nothing(index_elements=("name",)).returning(campaign.id)
        )
        if created is None:
            return None
        rows = [
            {"campaign_id": created, "position": position, "settings": codec.plain_json("settings", target.settings)}
            | format_columns(target.format, target.rank)
            for position, target in enumerate(targets)
        ]
        connection.execute(insert(models.Target), rows)
        return created


def load_campaign(db: Database, name: str) -> CampaignRecord | None:
    """A campaign by its name; None when there is none."""
    campaign, target = models.Campaign.__table__, models.Target.__table__
    with db.read() as connection:
        row = connection.execute(select(campaign).where(campaign.c.name == name)).one_or_none()
        if row is None:
            return None
        rows = connection.execute(
            select(target).where(target.c.campaign_id == row.id).order_by(target.c.position)
        ).all()
    targets = tuple(TargetRecord(t.id, t.position, Format(t.n, t.m, t.p), t.rank, t.settings) for t in rows)
    return CampaignRecord(row.id, row.name, row.kind, int(row.seed), row.settings, row.state, targets)


def change_target_settings(db: Database, target_id: int, settings: Mapping[str, object]) -> None:
    """Replace the settings of a target, for a larger budget say."""
    values = codec.plain_json("settings", settings)
    with db.write() as connection:
        connection.execute(update(models.Target).where(models.Target.id == target_id).values(settings=values))


def claim_new(db: Database, runner: str, claims: Sequence[NewClaim]) -> list[bool]:
    """Claim trials that nobody has claimed; returns for each whether this runner has it now."""
    if not claims:
        return []
    trial = models.Trial
    rows = [
        {
            "target_id": claim.target_id,
            "trial_index": claim.index,
            "state": str(models.TrialState.CLAIMED),
            "claimed_by": runner,
            "seed": seed_column(claim.seed_entropy, claim.spawn_key),
            "settings": codec.plain_json("trial settings", claim.settings),
            "origin": None if claim.origin is None else codec.plain_json("trial origin", claim.origin),
        }
        for claim in claims
    ]
    with db.write() as connection:
        statement = dialect_insert(connection, trial).values(
            [row | {"heartbeat_at": func.current_timestamp()} for row in rows]
        )
        # One that is this runner's already was claimed in a transaction whose end the connection did not live to tell.
        statement = statement.on_conflict_do_update(
            index_elements=("target_id", "trial_index"),
            set_={"heartbeat_at": func.current_timestamp()},
            where=(trial.state == models.TrialState.CLAIMED) & (trial.claimed_by == runner),
        )
        gained = {tuple(row) for row in connection.execute(statement.returning(trial.target_id, trial.trial_index))}
    return [(claim.target_id, claim.index) in gained for claim in claims]


def take_over(db: Database, runner: str, claim: Claim, *, dead: bool) -> bool:
    """Take over the trial of a runner that is gone.

    Parameters
    ----------
    db : Database
    runner : str
        Who takes over.
    claim : Claim
    dead : bool
        Whether the other one is known to be dead; otherwise its lease must have expired.

    Returns
    -------
    bool
        False when the other one has finished it, given a sign of life, or somebody else was faster.
    """
    trial = models.Trial
    with db.write() as connection:
        statement = update(trial).where(
            trial.target_id == claim.target_id,
            trial.trial_index == claim.index,
            trial.state == str(models.TrialState.CLAIMED),
        )
        theirs = trial.claimed_by == claim.runner
        if not dead:
            theirs &= expired(connection)
        # Or taken over in a transaction whose end the connection did not live to tell.
        statement = statement.where(theirs | (trial.claimed_by == runner))
        return bool(
            connection.execute(statement.values(claimed_by=runner, heartbeat_at=func.current_timestamp())).rowcount
        )


def beat(db: Database, campaign_id: int, runner: str) -> str:
    """Keep the claims of a runner alive; returns the state that the campaign is to be in."""
    trial = models.Trial
    with db.write() as connection:
        mine = (trial.state == str(models.TrialState.CLAIMED)) & (trial.claimed_by == runner)
        connection.execute(update(trial).where(mine).values(heartbeat_at=func.current_timestamp()))
        state = connection.scalar(select(models.Campaign.state).where(models.Campaign.id == campaign_id))
    return str(state)


def release(db: Database, runner: str, indices: Sequence[tuple[int, int]] | None = None) -> int:
    """Give up claims, so that others may begin these trials at once; returns their number.

    Parameters
    ----------
    db : Database
    runner : str
    indices : sequence of (target id, trial index), optional
        Left out, all that the runner holds.
    """
    trial = models.Trial
    statement = delete(trial).where(trial.state == str(models.TrialState.CLAIMED), trial.claimed_by == runner)
    statements = [statement]
    if indices is not None:
        of_target: dict[int, list[int]] = {}
        for target_id, index in indices:
            of_target.setdefault(target_id, []).append(index)
        statements = [
            statement.where(trial.target_id == target_id, trial.trial_index.in_(chunk))
            for target_id, all_of_it in of_target.items()
            for chunk in (all_of_it[first : first + _TOGETHER] for first in range(0, len(all_of_it), _TOGETHER))
        ]
    if not statements:
        return 0
    with db.write() as connection:
        return sum(int(connection.execute(one).rowcount) for one in statements)


def list_claims(db: Database, campaign_id: int) -> list[Claim]:
    """What is claimed and not finished, in the order of targets and trials."""
    trial, target = models.Trial, models.Target
    with db.read() as connection:
        query = (
            select(
                trial.target_id,
                trial.trial_index,
                trial.claimed_by,
                trial.settings,
                expired(connection),
                trial.origin,
            )
            .join(target, target.id == trial.target_id)
            .where(target.campaign_id == campaign_id, trial.state == str(models.TrialState.CLAIMED))
            .order_by(target.position, trial.trial_index)
        )
        rows = connection.execute(query).all()
    return [
        Claim(target_id, index, runner or "", settings, bool(expired), origin)
        for target_id, index, runner, settings, expired, origin in rows
    ]


def finished_trials(db: Database, target_id: int, first: int = 0) -> list[FinishedTrial]:
    """The finished trials of a target from an index on, in their order."""
    trial = models.Trial
    query = (
        select(trial.trial_index, trial.settings, trial.status, trial.iterations)
        .where(
            trial.target_id == target_id,
            trial.trial_index >= first,
            trial.state == str(models.TrialState.FINISHED),
        )
        .order_by(trial.trial_index)
    )
    with db.read() as connection:
        rows = connection.execute(query).all()
    return [
        FinishedTrial(index, settings, str(status), iterations or 0) for index, settings, status, iterations in rows
    ]


def scheme_ids(db: Database, target_id: int) -> set[int]:
    """The schemes that the trials of a target have led to, and that are what it asks for."""
    trial, discovery = models.Trial, models.Discovery
    query = select(discovery.scheme_id).join(trial, trial.id == discovery.trial_id)
    query = query.where(trial.target_id == target_id, discovery.kind != models.STEP)
    with db.read() as connection:
        return set(connection.scalars(query.distinct()))


def change_state(db: Database, campaign_id: int, state: str, *, unless_claimed: bool = False) -> bool:
    """Say where a campaign is to stand.

    Parameters
    ----------
    db : Database
    campaign_id : int
    state : str
        A `CampaignState`.
    unless_claimed : bool
        Leave it as it is while trials are claimed by anybody whose lease has not expired.

    Returns
    -------
    bool
        Whether it was changed.

    Raises
    ------
    InputError
        If `state` is none.
    """
    if state not in list(models.CampaignState):
        raise InputError(f"campaign state {state!r}, expected one of {', '.join(models.CampaignState)}")
    campaign, trial, target = models.Campaign, models.Trial, models.Target
    with db.write() as connection:
        statement = update(campaign).where(campaign.id == campaign_id)
        if unless_claimed:
            alive = (
                select(trial.id)
                .join(target, target.id == trial.target_id)
                .where(
                    target.campaign_id == campaign_id,
                    trial.state == str(models.TrialState.CLAIMED),
                    ~expired(connection),
                )
            )
            statement = statement.where(~alive.exists())
        return bool(connection.execute(statement.values(state=str(state))).rowcount)


def expired(connection: Connection) -> ColumnElement[bool]:
    """Whether a claim is older than the lease, by the database's clock."""
    if connection.dialect.name == "postgresql":
        limit: ColumnElement[Any] = func.current_timestamp() - timedelta(seconds=LEASE_SECONDS)
    else:
        limit = func.datetime("now", f"-{LEASE_SECONDS:g} seconds")
    return func.coalesce(models.Trial.heartbeat_at < limit, True)
