"""Seeds, waves, budgets and what is refused before any work."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmdiscover.campaign.learning import Learner, Pins, candidates
from mmdiscover.campaign.plan import Budget, TrialTask, plan_target, waves
from mmdiscover.core.format import Format, parse_scheme_name
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.search import SearchSettings, Transposition
from tests.campaign.fakes import numeric, trial_task

if TYPE_CHECKING:
    from mmdiscover.campaign.plan import Target


def state(seed: np.random.SeedSequence) -> tuple[int, ...]:
    return tuple(seed.generate_state(4).tolist())


def learner(target: Target) -> Learner:
    return Learner(target.format, target.rank, candidates(target.format, target.rank, target.pins))


def test_a_trial_is_repeated_from_its_numbers(target: Target) -> None:
    task = trial_task(target, 3, seed=11)
    again = pickle.loads(pickle.dumps(task))
    assert again == task
    assert [state(seed) for seed in task.seeds()] == [state(seed) for seed in again.seeds()]
    # Pinned: the numbers in old databases must go on meaning the same trials.
    search, refine = np.random.SeedSequence(11, spawn_key=(0, 3)).spawn(2)
    assert [state(seed) for seed in task.seeds()] == [state(search), state(refine)]


def test_no_two_trials_share_a_seed(target: Target) -> None:
    other = replace(target, position=1)
    tasks = [trial_task(aim, index, seed) for aim in (target, other) for seed in (0, 1) for index in range(50)]
    assert len({state(seed) for task in tasks for seed in task.seeds()}) == 2 * len(tasks)


def test_waves_double_up_to_a_limit(target: Target) -> None:
    found = list(islice(waves(target, 1, None, learner(target)), 10))
    assert [len(wave) for wave in found] == [8, 8, 16, 32, 64, 128, 256, 512, 512, 512]
    tasks = [task for wave in found for task in wave]
    assert [task.index for task in tasks] == list(range(2048))
    assert {(task.target, task.campaign_seed) for task in tasks} == {(target, 1)}


@pytest.mark.parametrize(("starts", "sizes"), [(1, [1]), (8, [8]), (9, [8, 1]), (16, [8, 8]), (40, [8, 8, 16, 8])])
def test_the_budget_cuts_the_waves(target: Target, starts: int, sizes: list[int]) -> None:
    found = list(waves(target, 1, starts, learner(target)))
    assert [len(wave) for wave in found] == sizes
    # The same trials as without a budget.
    endless = islice(waves(target, 1, None, learner(target)), len(sizes))
    assert all(wave == longer[: len(wave)] for wave, longer in zip(found, endless, strict=True))


def test_settings_are_chosen_when_a_wave_is_asked_for(target: Target) -> None:
    def run(taught: bool) -> list[list[TrialTask]]:
        known = learner(target)
        found = []
        for wave in islice(waves(target, 1, None, known), 4):
            found.append(wave)
            if taught and len(found) == 2:
                known.learn(found[0][0].search, fits=1000, iterations=1000)
        return found

    taught, plain = run(taught=True), run(taught=False)
    # The same until there is something to be learnt, and from then on only what succeeded and its like.
    assert taught[:2] == plain[:2]
    assert {numeric(task.search).symmetry for task in taught[2] + taught[3]} == {numeric(taught[0][0].search).symmetry}
    assert len({numeric(task.search).symmetry for task in plain[2] + plain[3]}) > 1
    assert run(taught=True) == taught


def test_the_choice_depends_on_the_seed_and_on_nothing_else(target: Target) -> None:
    def chosen(seed: int, position: int = 0) -> list[object]:
        aim = replace(target, position=position)
        return [task.search for wave in waves(aim, seed, 24, learner(aim)) for task in wave]

    assert chosen(1) == chosen(1)
    runs = [chosen(1), chosen(2), chosen(1, position=1)]
    assert all(one != other for one, other in pairwise(runs))


def test_the_choice_has_a_seed_of_its_own(target: Target) -> None:
    class Seeds(Learner):
        """Remembers by what is chosen."""

        def choose(self, rng: np.random.Generator) -> SearchSettings:
            seeds.append(state(rng.bit_generator.seed_seq))  # type: ignore[arg-type]
            return numeric(super().choose(rng))

    seeds: list[tuple[int, ...]] = []
    (wave,) = waves(target, 1, 8, Seeds(target.format, target.rank, candidates(target.format, target.rank, Pins())))
    used = {state(seed) for task in wave for seed in task.seeds()}
    assert len(used | set(seeds)) == 3 * 8


def test_what_is_pinned_reaches_every_trial() -> None:
    pins = Pins(bound=40.0, start_scale=0.25, max_iterations=77, symmetries=(Transposition(3, 1),))
    target = plan_target(Format(2, 2, 2), 7, pins, position=2)
    assert (target.name, target.pins) == ("2x2x2:7", pins)
    (wave,) = waves(target, 1, 8, learner(target))
    (settings,) = {numeric(task.search) for task in wave}
    assert (settings.bound, settings.start_scale, settings.max_iterations) == (40.0, 0.25, 77)
    assert settings.symmetry == Transposition(3, 1)
    assert plan_target(Format(2, 2, 2), 7).pins == Pins()


@pytest.mark.parametrize(
    ("scheme", "pins", "kind", "words"),
    [
        ("2x2x2:3", Pins(), InputError, "fewer than 4 products"),
        ("2x2x2:7", Pins(bound=1.0), InputError, "bound is 1"),
        ("2x2x2:7", Pins(bound=float("nan")), InputError, "bound is nan"),
        ("2x2x2:7", Pins(start_scale=0.0), InputError, "start scale is 0"),
        ("2x2x2:7", Pins(start_scale=float("nan")), InputError, "start scale is nan"),
        ("2x2x2:7", Pins(max_iterations=0), InputError, "iteration limit is 0"),
        ("2x2x2:7", Pins(symmetries=(Transposition(4),)), InputError, "4 of 7 products fixed"),
        ("2x3x4:20", Pins(symmetries=(Transposition(4),)), InputError, "two equal dimensions"),
        ("999x999x999:1000000", Pins(), CapacityError, "GiB"),
        ("2x2x2:999999999999", Pins(), CapacityError, "GiB"),
        ("1x1x1000000:1000000", Pins(), CapacityError, "GiB"),
    ],
)
def test_what_cannot_work_is_refused(scheme: str, pins: Pins, kind: type[Exception], words: str) -> None:
    fmt, rank = parse_scheme_name(scheme)
    assert rank is not None
    with pytest.raises(kind, match=words):
        plan_target(fmt, rank, pins)


@pytest.mark.parametrize(("starts", "seconds"), [(0, None), (-3, None), (None, 0.0), (None, float("nan"))])
def test_a_budget_is_positive(starts: int | None, seconds: float | None) -> None:
    with pytest.raises(InputError, match="expected"):
        Budget(starts, seconds)
