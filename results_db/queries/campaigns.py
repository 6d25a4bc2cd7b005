"""How far campaigns are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import distinct, func, select

from mmdiscover.core.format import Format, scheme_name
from mmdiscover.errors import InputError
from results_db import codec, models

if TYPE_CHECKING:
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
        Trials that ended in an exact float fit.
    exact : int
        Trials that led to a verified scheme.
    distinct : int
        Different schemes among those.
    classes : int
        Different orbit classes among those.
    cpu_seconds : float
    """

    scheme: str
    trials: int
    fits: int
    exact: int
    distinct: int
    classes: int
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
            "cpu_seconds": self.cpu_seconds,
            "cpu_seconds_per_fit": self.cpu_seconds_per_fit,
            "cpu_seconds_per_exact": self.cpu_seconds_per_exact,
        }


@dataclass(frozen=True)
class CampaignSummary:
    """How far a campaign is."""

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
    started = (
        select(
            target,
            func.count(trial.id).label("trials"),
            func.count(models.Fit.id).label("fits"),
            func.sum(trial.cpu_seconds).label("cpu_seconds"),
        )
        .outerjoin(trial, (trial.target_id == target.id) & (trial.state == str(models.TrialState.FINISHED)))
        .outerjoin(models.Fit, models.Fit.trial_id == trial.id)
        .where(target.campaign_id == campaign_id)
        .group_by(target.id)
        .order_by(target.position)
    )
    proved = (
        select(
            trial.target_id,
            func.count(distinct(trial.id)),
            func.count(distinct(scheme.id)),
            func.count(distinct(scheme.orbit_class)),
        )
        .join(target, target.id == trial.target_id)
        .join(discovery, discovery.trial_id == trial.id)
        .join(scheme, scheme.id == discovery.scheme_id)
        .where(target.campaign_id == campaign_id)
        .group_by(trial.target_id)
    )
    with db.read() as connection:
        campaign = connection.execute(
            select(models.Campaign.__table__).where(models.Campaign.id == campaign_id)
        ).one_or_none()
        if campaign is None:
            raise InputError(f"campaign {campaign_id} is not in database {db.name}")
        counts = {row[0]: row[1:] for row in connection.execute(proved)}
        rows = connection.execute(started).all()
    targets = []
    for row in rows:
        exact, distinct_schemes, classes = counts.get(row.id, (0, 0, 0))
        targets.append(
            TargetSummary(
                scheme=scheme_name(Format(row.n, row.m, row.p), row.rank),
                trials=row.trials,
                fits=row.fits,
                exact=exact,
                distinct=distinct_schemes,
                classes=classes,
                cpu_seconds=row.cpu_seconds or 0.0,
            )
        )
    return CampaignSummary(
        campaign.id,
        campaign.name,
        campaign.kind,
        int(campaign.seed),
        campaign.state,
        codec.iso(campaign.created_at),
        tuple(targets),
    )
