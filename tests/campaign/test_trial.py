"""One trial: what is run, recorded and survived."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mmdiscover.campaign.trial import Kernels, Phase, run_trial
from tests.campaign.fakes import ScriptedRefine, ScriptedSearch, trial_task
from tests.schemes import strassen

if TYPE_CHECKING:
    from mmdiscover.campaign.plan import Target
    from mmdiscover.core.factors import Factors
    from mmdiscover.core.format import Format
    from mmdiscover.refine import Refined, RefineSettings
    from mmdiscover.search import Fit, SearchSettings


def test_an_exact_fit_is_refined(target: Target) -> None:
    kernels = Kernels(
        ScriptedSearch(exact=frozenset({4}), seconds={4: 0.02}), ScriptedRefine({4: strassen()}, seconds=0.03)
    )
    phases: list[tuple[int, Phase]] = []
    outcome = run_trial(trial_task(target, 4), lambda index, phase: phases.append((index, phase)), kernels)
    assert outcome.status == "exact"
    assert outcome.candidate == strassen()
    assert outcome.error is None
    assert phases == [(4, Phase.SEARCHING), (4, Phase.REFINING), (4, Phase.FINISHED)]
    assert outcome.search_seconds >= 0.02
    assert outcome.refine_seconds is not None
    assert outcome.refine_seconds >= 0.03


def test_another_fit_is_not_refined(target: Target) -> None:
    outcome = run_trial(trial_task(target, 0), kernels=Kernels(ScriptedSearch(), ScriptedRefine({0: strassen()})))
    assert outcome.status == "stalled"
    assert outcome.refined is None
    assert outcome.candidate is None
    assert outcome.refine_seconds is None


def test_the_seeds_reach_the_kernels(target: Target) -> None:
    task = trial_task(target, 0, bound=77.0)
    seen: list[tuple[object, ...]] = []

    def search(fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        seen.append((fmt, rank, settings, seed.generate_state(2).tolist()))
        return ScriptedSearch(exact=frozenset({0}))(fmt, rank, settings, seed)

    def refine(factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:
        seen.append((factors.format, factors.rank, settings, seed.generate_state(2).tolist()))
        return ScriptedRefine({})(factors, settings, seed)

    run_trial(task, kernels=Kernels(search, refine))
    expected = [seed.generate_state(2).tolist() for seed in task.seeds()]
    assert seen == [
        (target.format, target.rank, task.search, expected[0]),
        (target.format, target.rank, target.refine, expected[1]),
    ]


@pytest.mark.parametrize("where", ["search", "refine"])
def test_an_exception_becomes_part_of_the_record(target: Target, where: str) -> None:
    def refine(*_: object) -> Refined:
        raise np.linalg.LinAlgError("singular matrix")

    search = ScriptedSearch(exact=frozenset({0}), broken=frozenset({0} if where == "search" else ()))
    outcome = run_trial(trial_task(target, 0), kernels=Kernels(search, refine))
    expected = {"search": "ZeroDivisionError: trial 0 is broken", "refine": "LinAlgError: singular matrix"}
    assert outcome.error == expected[where]
    assert outcome.status == {"search": "failed", "refine": "exact"}[where]
    assert outcome.candidate is None
    assert pickle.loads(pickle.dumps(outcome)).error == outcome.error


def test_an_interrupt_is_not_an_outcome(target: Target) -> None:
    def search(*_: object) -> Fit:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(trial_task(target, 0), kernels=Kernels(search, ScriptedRefine({})))


def test_linear_algebra_runs_on_one_thread(target: Target) -> None:
    threads: list[int] = []

    def search(fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return ScriptedSearch()(fmt, rank, settings, seed)

    with threadpool_limits(2, user_api="blas"):
        run_trial(trial_task(target, 0), kernels=Kernels(search, ScriptedRefine({})))
    assert threads
    assert set(threads) == {1}
