"""How far a campaign is, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmdiscover.campaign.durations import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.campaign.spec import CampaignSpec, TargetSpec
    from results_db import Database
    from results_db.queries import CampaignSummary, TargetSummary

HEADERS = ("target", "trials", "fits", "exact", "distinct", "additions", "cpu/trial", "cpu", "done", "cpu left")
NUMBERS = HEADERS[1:]


def document(database: Database, summary: CampaignSummary) -> dict[str, Any]:
    """How far a campaign is, for other programs: the sums of each target, and those of each method that it used."""
    from results_db import queries

    whole: dict[str, Any] = summary.as_json()
    methods = queries.trials_by_method(database, summary.id)
    for place, target in enumerate(whole["targets"]):
        target["methods"] = methods.get(place, {})
    return whole


def rows(spec: CampaignSpec, summaries: Sequence[TargetSummary]) -> list[tuple[str, ...]]:
    """A row for each target: under ``additions`` the fewest, under ``done`` the part of its nearest limit."""
    return [_row(one, so_far) for one, so_far in zip(spec.targets, summaries, strict=True)]


def _row(spec: TargetSpec, so_far: TargetSummary) -> tuple[str, ...]:
    per_trial = so_far.cpu_seconds / so_far.trials if so_far.trials else None
    left = cpu_left(spec, so_far)
    part = done(spec, so_far)
    return (
        so_far.scheme,
        str(so_far.trials),
        str(so_far.fits),
        str(so_far.exact),
        str(so_far.distinct),
        "–" if so_far.fewest_additions is None else str(so_far.fewest_additions),
        "–" if per_trial is None else seconds(per_trial),
        clock(so_far.cpu_seconds),
        "–" if part is None else f"{part:.0%}",
        "–" if left is None else clock(left),
    )


def seconds(value: float) -> str:
    """A short time."""
    return f"{1e3 * value:.1f} ms" if value < 0.1 else f"{value:.2f} s" if value < 100 else clock(value)


def done(spec: TargetSpec, so_far: TargetSummary) -> float | None:
    """How much of the limit that is nearest is reached, 0 to 1; None without a limit."""
    goal = spec.goal
    limits = ((goal.starts, so_far.trials), (goal.seconds, so_far.cpu_seconds), (goal.distinct, so_far.distinct))
    parts = [value / limit for limit, value in limits if limit is not None]
    return min(1.0, max(parts)) if parts else None


def cpu_left(spec: TargetSpec, so_far: TargetSummary) -> float | None:
    """Processor time until the target is done, if it goes on like this; None where that is unknown."""
    part = done(spec, so_far)
    if part is None or not so_far.trials or (part == 0 and so_far.cpu_seconds == 0):
        return None
    return so_far.cpu_seconds * (1 - part) / part if part else None
