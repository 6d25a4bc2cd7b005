"""A finished trial, put into the form in which it is recorded."""

from __future__ import annotations

from dataclasses import asdict
from math import nan
from typing import TYPE_CHECKING

from mmdiscover.campaign.traces import REJECTED, Proofs, Run, prove, prove_schemes
from mmdiscover.campaign.trial import FAILED
from mmdiscover.campaign.walks import Objective, WalkChoice
from mmdiscover.discrete.settings import WalkStatus
from results_db import repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.campaign.plan import TrialTask
    from mmdiscover.campaign.trial import TrialOutcome
    from mmdiscover.core.scheme import Scheme


def prove_outcome(outcome: TrialOutcome, is_better: Callable[[Scheme], bool]) -> Proofs | None:
    """Verify what a trial brought; None where it brought nothing that is to be stored.

    Parameters
    ----------
    outcome : TrialOutcome
    is_better : callable
        Whether a scheme that the target does not ask for is worth being stored for later trials. One modulo 2 of the
        right rank, which does not lift, is in any case.
    """
    if outcome.refined is not None:
        return prove(outcome.refined)
    if outcome.walked is None:
        return None
    if outcome.candidate is not None:
        return prove_schemes([outcome.candidate])
    step = outcome.step
    if step is None or (outcome.walked.status is not WalkStatus.EXACT and not is_better(step)):
        return None
    proofs = prove_schemes([step])
    return Proofs((), proofs.rejected, proofs.verified)


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
        origin=None if task.origin is None else task.origin.as_json(),
        trace=None if outcome.walked is None else outcome.walked.trace,
        status=outcome.status,
        residual=nan if fit is None else fit.residual,
        squared_norm=nan if fit is None else fit.squared_norm,
        iterations=outcome.iterations,
        search_seconds=outcome.search_seconds,
        refine_status=_refine_status(outcome, proofs),
        refine_detail=rejected or outcome.error or (_walk_detail(outcome) if refined is None else refined.detail),
        refine_seconds=outcome.refine_seconds,
        cpu_seconds=outcome.cpu_seconds,
    )
    if isinstance(task.search, WalkChoice) and proofs is not None:
        found = repository.FoundSchemes(proofs.verified, proofs.steps, _described(task, task.search, outcome))
        return repository.NewTrial(target_id, record, found=found)
    if fit is None or not fit.exact:
        return repository.NewTrial(target_id, record)
    _, seed = task.seeds()
    run = Run(seed, task.target.refine, refined, outcome.error, outcome.refine_cpu_seconds).record(proofs)
    return repository.NewTrial(target_id, record, fit.factors, run)


def _refine_status(outcome: TrialOutcome, proofs: Proofs | None) -> str | None:
    if proofs is not None and proofs.rejected and not proofs.verified:
        return REJECTED
    if outcome.task.walks:
        return None if outcome.lifted is None else str(outcome.lifted.status)
    if outcome.refined is not None:
        return str(outcome.refined.status)
    return FAILED if outcome.exact_fit else None


def _walk_detail(outcome: TrialOutcome) -> str | None:
    """What there is to say about a walk that did not end as it should."""
    if outcome.walked is not None and outcome.walked.status is WalkStatus.INCONSISTENT:
        return (
            f"the Brent equations do not hold any more after {outcome.walked.flips} flips: a defect of this program, "
            f"nothing is stored"
        )
    return None if outcome.lifted is None else outcome.lifted.reason or None


def _described(task: TrialTask, choice: WalkChoice, outcome: TrialOutcome) -> str:
    """Where the scheme of a walk comes from, for people."""
    start = choice.begins_at(task.origin)
    lifted = ", lifted" if outcome.lifted is not None and outcome.candidate is not None else ""
    if lifted and task.target.objective is Objective.ADDITIONS:
        lifted += " to one with few additions"
    return f"{'cyclic ' if choice.walk.cyclic else ''}walk over {choice.walk.ring} from {start}{lifted}"
