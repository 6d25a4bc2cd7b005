"""A finished trial, put into the form in which it is recorded."""

from __future__ import annotations

from dataclasses import asdict
from math import nan
from typing import TYPE_CHECKING

from mmdiscover.campaign.traces import REJECTED, Proofs, Run
from mmdiscover.campaign.trial import FAILED
from results_db import repository

if TYPE_CHECKING:
    from mmdiscover.campaign.trial import TrialOutcome


def new_trial(target_id: int, outcome: TrialOutcome, proofs: Proofs | None) -> repository.NewTrial:
    """What is recorded about a trial; schemes only as far as there are proofs.

    Parameters
    ----------
    target_id : int
    outcome : TrialOutcome
    proofs : Proofs or None
        Of its candidates.
    """
    task, fit, refined = outcome.task, outcome.fit, outcome.refined
    rejected = None if proofs is None else proofs.reason
    record = repository.TrialRecord(
        index=outcome.index,
        seed_entropy=task.campaign_seed,
        spawn_key=task.spawn_key,
        settings=asdict(task.search),
        status=outcome.status,
        residual=nan if fit is None else fit.residual,
        squared_norm=nan if fit is None else fit.squared_norm,
        iterations=0 if fit is None else fit.iterations,
        search_seconds=outcome.search_seconds,
        refine_status=_refine_status(outcome, proofs),
        refine_detail=rejected or outcome.error or (None if refined is None else refined.detail),
        refine_seconds=outcome.refine_seconds,
        cpu_seconds=outcome.cpu_seconds,
    )
    if fit is None or not fit.exact:
        return repository.NewTrial(target_id, record)
    _, seed = task.seeds()
    run = Run(seed, task.target.refine, refined, outcome.error, outcome.refine_cpu_seconds).record(proofs)
    return repository.NewTrial(target_id, record, fit.factors, run)


def _refine_status(outcome: TrialOutcome, proofs: Proofs | None) -> str | None:
    if proofs is not None and proofs.rejected and not proofs.verified:
        return REJECTED
    if outcome.refined is not None:
        return str(outcome.refined.status)
    return FAILED if outcome.exact_fit else None
