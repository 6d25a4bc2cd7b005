"""Campaigns as they are stored: made from a file once, and taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.campaign.agenda import experience_snapshot
from mmdiscover.campaign.spec import (
    CampaignSpec,
    TargetSpec,
    spec_differences,
    target_from_settings,
    target_settings,
)
from mmdiscover.errors import InputError
from results_db import claims, queries, repository

if TYPE_CHECKING:
    from results_db import Database


def open_campaign(db: Database, spec: CampaignSpec) -> tuple[claims.CampaignRecord, bool]:
    """Store a campaign, or take up the stored one of the same name.

    Limits and shares may differ from what is stored, and targets may be added at the end: they are taken over.

    Returns
    -------
    campaign : CampaignRecord
    new : bool
        Whether it was stored now.

    Raises
    ------
    InputError
        If the stored one has another seed, other targets or other settings.
    """
    stored = claims.load_campaign(db, spec.name)
    if stored is None:
        targets = [
            claims.NewTarget(one.target.format, one.target.rank, _with_experience(db, one)) for one in spec.targets
        ]
        made = claims.create_whole_campaign(db, spec.name, spec.seed, {"trial_seconds": spec.trial_seconds}, targets)
        stored = claims.load_campaign(db, spec.name)
        assert stored is not None
        if made is not None:
            return stored, True
    differences = spec_differences(load_spec(stored), spec)
    if differences:
        raise InputError(f"campaign {spec.name!r} is stored with {'; '.join(differences)}: give this one another name")
    for target, wanted in zip(stored.targets, spec.targets, strict=False):
        settings = {**target.settings, **target_settings(wanted)}
        if settings != dict(target.settings):
            claims.change_target_settings(db, target.id, settings)
    added = spec.targets[len(stored.targets) :]
    for one in added:
        position = one.target.position
        repository.add_target(db, stored.id, position, one.target.format, one.target.rank, _with_experience(db, one))
    changed = claims.load_campaign(db, spec.name)
    assert changed is not None
    return changed, False


def _with_experience(db: Database, spec: TargetSpec) -> dict[str, object]:
    """Settings of a target, with what is known about it now: what is learnt later by others decides nothing."""
    known = queries.experience(db, spec.target.format, spec.target.rank)
    return target_settings(spec) | {"experience": experience_snapshot(known)}


def load_spec(stored: claims.CampaignRecord) -> CampaignSpec:
    """What a stored campaign is to do.

    Raises
    ------
    InputError
        If it was not made from a campaign file, or by another version.
    """
    if stored.kind != "campaign":
        raise InputError(f"campaign {stored.name!r} was made by {stored.kind!r}, expected one made by `campaign run`")
    targets = tuple(
        target_from_settings(target.position, target.format, target.rank, target.settings) for target in stored.targets
    )
    return CampaignSpec(stored.name, stored.seed, targets, float(stored.settings["trial_seconds"]))
