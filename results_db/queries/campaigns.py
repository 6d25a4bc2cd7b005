"""How far campaigns are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, case, cast, distinct, func, select

from mmdiscover.core.format import Format, scheme_name
from mmdiscover.errors import InputError
from results_db import codec, models
from results_db.claims import expired

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from results_db.database import Database


@dataclass(frozen=True)
class TargetSummary:
    """How far a target is.

    Parameters
    ----------
    scheme : str
        In the order that was asked for.
    trials : int
        Finished ones.
    fits : int
        Trials that ended in an exact float fit, or by a walk at a scheme of the rank that was asked for.
    exact : int
        Trials that led to a verified scheme.
    distinct : int
        Different schemes among those.
    classes : int
        Different orbit classes among those.
    fewest_additions : int or None
        Of those, without sharing.
    cpu_seconds : float
    """

    scheme: str
    trials: int
    fits: int
    exact: int
    distinct: int
    classes: int
    fewest_additions: int | None
    cpu_seconds: float

    @property
    def cpu_seconds_per_fit(self) -> float | None:
        """None while there is no fit."""
        return self.cpu_seconds / self.fits if self.fits else None

    @property
    def cpu_seconds_per_exact(self) -> float | None:
        """None while there is no verified scheme."""
        return self.cpu_seconds / self.exact if self.exact else None

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "scheme": self.scheme,
            "trials": self.trials,
            "fits": self.fits,
            "exact": self.exact,
            "distinct": self.distinct,
            "classes": self.classes,
            "fewest_additions": self.fewest_additions,
            "cpu_seconds": self.cpu_seconds,
            "cpu_seconds_per_fit": self.cpu_seconds_per_fit,
            "cpu_seconds_per_exact": self.cpu_seconds_per_exact,
        }


@dataclass(frozen=True)
class CampaignSummary:
    """How far a campaign is.

    Parameters
    ----------
    id : int
    name, kind : str
    seed : int
    state : str
        A `CampaignState`. A campaign made from a file is running while trials are claimed and their claims kept alive.
    created_at : str
    targets : tuple of TargetSummary
    """

    id: int
    name: str
    kind: str
    seed: int
    state: str
    created_at: str
    targets: tuple[TargetSummary, ...]

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "campaign": self.name,
            "state": self.state,
            "targets": [target.as_json() for target in self.targets],
        }


def campaign_summary(db: Database, campaign_id: int) -> CampaignSummary:
    """How far a campaign and each of its targets are.

    Raises
    ------
    InputError
        If there is no such campaign.
    """
    target, trial, discovery, scheme = models.Target, models.Trial, models.Discovery, models.Scheme
    # Each sum reads one index and nothing else; fits are counted by the status, as by `experience`.
    started = (
        select(
            trial.target_id,
            func.count().label("trials"),
            func.sum(case((trial.status == models.EXACT, 1), else_=0)).label("fits"),
            func.sum(trial.cpu_seconds).label("cpu_seconds"),
        )
        .where(trial.target_id.in_(select(target.id).where(target.campaign_id == campaign_id)))
        .where(trial.state == str(models.TrialState.FINISHED))
        .group_by(trial.target_id)
    )
    proved = (
        select(
            trial.target_id,
            func.count(distinct(trial.id)),
            func.count(distinct(scheme.id)),
            func.count(distinct(scheme.orbit_class)),
            func.min(scheme.additions),
        )
        .join(target, target.id == trial.target_id)
        .join(discovery, discovery.trial_id == trial.id)
        .join(scheme, scheme.id == discovery.scheme_id)
        .where(target.campaign_id == campaign_id, discovery.kind != models.STEP)
        .group_by(trial.target_id)
    )
    with db.read() as connection:
        campaign = connection.execute(
            select(models.Campaign.__table__).where(models.Campaign.id == campaign_id)
        ).one_or_none()
        if campaign is None:
            raise InputError(f"campaign {campaign_id} is not in database {db.name}")
        counts = {row[0]: row[1:] for row in connection.execute(proved)}
        sums = {row.target_id: row for row in connection.execute(started)}
        rows = connection.execute(
            select(target.__table__).where(target.campaign_id == campaign_id).order_by(target.position)
        ).all()
        state = _states(connection, [campaign])[campaign.id]
    targets = []
    for row in rows:
        exact, distinct_schemes, classes, fewest = counts.get(row.id, (0, 0, 0, None))
        targets.append(
            TargetSummary(
                scheme=scheme_name(Format(row.n, row.m, row.p), row.rank),
                trials=sums[row.id].trials if row.id in sums else 0,
                fits=sums[row.id].fits if row.id in sums else 0,
                exact=exact,
                distinct=distinct_schemes,
                classes=classes,
                fewest_additions=fewest,
                cpu_seconds=(sums[row.id].cpu_seconds if row.id in sums else None) or 0.0,
            )
        )
    return CampaignSummary(
        campaign.id,
        campaign.name,
        campaign.kind,
        int(campaign.seed),
        state,
        codec.iso(campaign.created_at),
        tuple(targets),
    )


def trials_by_method(db: Database, campaign_id: int) -> dict[int, dict[str, dict[str, float]]]:
    """Finished trials, fits and processor time of each target of a campaign, by place and by method.

    Unlike `campaign_summary` this reads every trial: it is not for being asked often.
    """
    target, trial = models.Target, models.Trial
    # The settings of walks have a part of that name.
    method = case((cast(trial.settings, Text).like('%"walk": {%'), "discrete"), else_="numeric")
    fits = case((trial.status == models.EXACT, 1), else_=0)
    each = (
        select(target.position, method.label("method"), fits.label("fits"), trial.cpu_seconds)
        .join_from(trial, target, target.id == trial.target_id)
        .where(target.campaign_id == campaign_id, trial.state == str(models.TrialState.FINISHED))
        .subquery()
        .c
    )
    query = select(
        each.position, each.method, func.count(), func.sum(each.fits), func.coalesce(func.sum(each.cpu_seconds), 0.0)
    ).group_by(each.position, each.method)
    found: dict[int, dict[str, dict[str, float]]] = {}
    with db.read() as connection:
        for place, name, trials, fits, cpu_seconds in connection.execute(query):
            sums = {"trials": int(trials), "fits": int(fits), "cpu_seconds": float(cpu_seconds)}
            found.setdefault(place, {})[name] = sums
    return found


@dataclass(frozen=True)
class CampaignRow:
    """A campaign in a list."""

    id: int
    name: str
    kind: str
    seed: int
    state: str
    created_at: str
    targets: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "id": self.id,
            "campaign": self.name,
            "kind": self.kind,
            "seed": self.seed,
            "state": self.state,
            "created_at": self.created_at,
            "targets": list(self.targets),
        }


def list_campaigns(db: Database, kind: str | None = None) -> list[CampaignRow]:
    """All campaigns, the newest first.

    Parameters
    ----------
    db : Database
    kind : str, optional
        Only those made by ``campaign`` or by ``discover``.
    """
    campaign, target = models.Campaign, models.Target
    chosen = select(campaign.__table__).order_by(campaign.id.desc())
    if kind is not None:
        chosen = chosen.where(campaign.kind == kind)
    with db.read() as connection:
        rows = connection.execute(chosen).all()
        states = _states(connection, rows)
        names: dict[int, list[str]] = {row.id: [] for row in rows}
        for found in connection.execute(select(target.__table__).order_by(target.campaign_id, target.position)):
            if found.campaign_id in names:
                names[found.campaign_id].append(scheme_name(Format(found.n, found.m, found.p), found.rank))
    return [
        CampaignRow(
            row.id, row.name, row.kind, int(row.seed), states[row.id], codec.iso(row.created_at), tuple(names[row.id])
        )
        for row in rows
    ]


def _states(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """Where campaigns stand; those made from a file stand still when nobody keeps a claim alive."""
    trial, target = models.Trial, models.Target
    alive = (
        select(target.campaign_id)
        .join(trial, trial.target_id == target.id)
        .where(trial.state == str(models.TrialState.CLAIMED), ~expired(connection))
    )
    running = set(connection.scalars(alive.distinct()))
    return {
        row.id: str(models.CampaignState.STOPPED)
        if row.kind == "campaign" and row.state == models.CampaignState.RUNNING and row.id not in running
        else row.state
        for row in rows
    }
