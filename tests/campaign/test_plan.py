"""Seeds, budgets and what is refused before any work."""

from __future__ import annotations

import pickle
from itertools import islice

import numpy as np
import pytest

from mmdiscover.campaign.plan import Budget, Target, TrialTask, plan_target, trial_tasks
from mmdiscover.core.format import Format, parse_scheme_name
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.search import SearchSettings


def state(seed: np.random.SeedSequence) -> tuple[int, ...]:
    return tuple(seed.generate_state(4).tolist())


def test_a_trial_is_repeated_from_its_numbers(target: Target) -> None:
    task = TrialTask(target, campaign_seed=11, index=3)
    again = pickle.loads(pickle.dumps(task))
    assert again == task
    assert [state(seed) for seed in task.seeds()] == [state(seed) for seed in again.seeds()]
    # Pinned: the numbers in old databases must go on meaning the same trials.
    search, refine = np.random.SeedSequence(11, spawn_key=(0, 3)).spawn(2)
    assert [state(seed) for seed in task.seeds()] == [state(search), state(refine)]


def test_no_two_trials_share_a_seed(target: Target) -> None:
    other = Target(1, target.format, target.rank, target.search, target.refine)
    tasks = [TrialTask(aim, seed, index) for aim in (target, other) for seed in (0, 1) for index in range(50)]
    assert len({state(seed) for task in tasks for seed in task.seeds()}) == 2 * len(tasks)


def test_trials_are_numbered_and_may_be_endless(target: Target) -> None:
    assert [task.index for task in trial_tasks(target, 1, 3)] == [0, 1, 2]
    assert [task.index for task in islice(trial_tasks(target, 1, None), 1000)] == list(range(1000))


def test_the_bound_is_filled_in() -> None:
    assert plan_target(Format(2, 2, 2), 7).search.bound is not None
    assert plan_target(Format(2, 2, 2), 7, bound=40.0).search == SearchSettings(bound=40.0)
    assert plan_target(Format(2, 2, 2), 7, position=2).name == "2x2x2:7"


@pytest.mark.parametrize(
    ("scheme", "bound", "kind", "words"),
    [
        ("2x2x2:3", None, InputError, "fewer than 4 products"),
        ("2x2x2:7", 1.0, InputError, "bound is 1"),
        ("2x2x2:7", float("nan"), InputError, "bound is nan"),
        ("999x999x999:1000000", None, CapacityError, "GiB"),
        ("2x2x2:999999999999", None, CapacityError, "GiB"),
        ("1x1x1000000:1000000", None, CapacityError, "GiB"),
    ],
)
def test_what_cannot_work_is_refused(scheme: str, bound: float | None, kind: type[Exception], words: str) -> None:
    fmt, rank = parse_scheme_name(scheme)
    assert rank is not None
    with pytest.raises(kind, match=words):
        plan_target(fmt, rank, bound)


@pytest.mark.parametrize(("starts", "seconds"), [(0, None), (-3, None), (None, 0.0), (None, float("nan"))])
def test_a_budget_is_positive(starts: int | None, seconds: float | None) -> None:
    with pytest.raises(InputError, match="expected"):
        Budget(starts, seconds)
