"""Which trials of a target may be begun: the same ones with the same settings, whoever finishes what and when."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from mmdiscover.campaign.agenda import Agenda
from mmdiscover.campaign.plan import plan_target
from mmdiscover.campaign.spec import Goal, TargetSpec
from mmdiscover.core.format import Format
from results_db.claims import FinishedTrial
from tests.campaign.fakes import numeric

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEC = TargetSpec(plan_target(Format(2, 2, 2), 7), Goal())


def agenda(starts: int | None = None, experience: list[Mapping[str, object]] | None = None) -> Agenda:
    return Agenda(TargetSpec(SPEC.target, Goal(starts=starts)), 3, experience or [])


def finished(one: Agenda, index: int) -> FinishedTrial:
    """How the trial of an agenda ends: a matter of its settings and its index."""
    search = numeric(one.task(index).search)
    assert search.bound is not None
    return FinishedTrial(
        index, asdict(search), "exact" if search.bound < 46 and index % 3 else "stalled", 20 + index % 7
    )


def settings_of(one: Agenda, rng: random.Random, count: int) -> dict[int, object]:
    """The settings of the first trials, finished in some order, several at a time."""
    found: dict[int, object] = {}
    while not all(index in found for index in range(count)):
        ready = [index for index in one.open() if index not in found]
        rng.shuffle(ready)
        batch = ready[: rng.randint(1, 5)]
        for index in batch:
            found[index] = one.task(index).search
        one.take_in([finished(one, index) for index in batch])
    return {index: found[index] for index in range(count)}


def test_settings_do_not_depend_on_the_order() -> None:
    runs = [settings_of(agenda(), random.Random(seed), 200) for seed in range(4)]
    assert all(run == runs[0] for run in runs)
    assert len(set(map(repr, runs[0].values()))) > 3


def test_what_is_finished_teaches() -> None:
    one = agenda()
    before = [numeric(one.task(index).search).bound for index in range(16)]
    for _ in range(6):
        one.take_in([finished(one, index) for index in list(one.open())])
    later = [numeric(one.task(index).search).bound for index in one.open()]
    share = [sum(bound is not None and bound < 46 for bound in bounds) / len(bounds) for bounds in (before, later)]
    assert share[1] > share[0] + 0.2


def test_what_was_known_decides_too() -> None:
    good = asdict(agenda().task(0).search)
    taught = agenda(experience=[{"settings": good, "starts": 500, "fits": 499, "iterations": 500, "seconds": 1.0}])
    assert [asdict(taught.task(index).search) for index in range(8)] == [good] * 8


def test_a_wave_begins_when_what_it_learns_from_is_finished() -> None:
    one = agenda()
    assert list(one.open()) == list(range(64))
    one.take_in([finished(one, index) for index in range(1, 8)])
    assert list(one.open()) == [0, *range(8, 64)]
    assert one.first_unsettled == 0
    one.take_in([finished(one, 0)])
    assert one.first_unsettled == 8
    assert list(one.open()) == list(range(8, 72))
    one.take_in([finished(one, index) for index in range(8, 72)])
    assert one.first_unsettled == 72
    assert list(one.open()) == list(range(72, 144))
    assert one.is_finished(71)
    assert not one.is_finished(72)


def test_trials_are_taken_in_once() -> None:
    one, two = agenda(), agenda()
    trials = [finished(one, index) for index in range(16)]
    one.take_in(trials)
    for trial in trials:
        two.take_in([trial])
        two.take_in([trial, trials[0]])
    assert [one.task(index) for index in one.open()] == [two.task(index) for index in two.open()]


@pytest.mark.parametrize("starts", [1, 5, 8, 11, 64, 100])
def test_no_more_than_asked_for(starts: int) -> None:
    one, begun = agenda(starts), set()
    while ready := list(one.open()):
        begun.update(ready)
        one.take_in([finished(one, index) for index in ready])
    assert begun == set(range(starts))


def test_more_can_be_asked_for_later() -> None:
    one, more = agenda(11), agenda(40)
    trials = [finished(one, index) for index in range(11)]
    more.take_in(trials)
    assert list(more.open()) == list(range(11, 40))
    assert [more.task(index).search for index in range(11, 16)] == [
        agenda().task(index).search for index in range(11, 16)
    ]


def test_failed_trials_teach_nothing() -> None:
    one, two = agenda(), agenda()
    trials = [finished(one, index) for index in range(16)]
    failed = [FinishedTrial(trial.index, trial.settings, "failed", 0) for trial in trials]
    two.take_in(failed)
    one.take_in([FinishedTrial(trial.index, trial.settings, "failed", 99) for trial in trials])
    assert [one.task(index) for index in one.open()] == [two.task(index) for index in two.open()]


def test_a_claim_keeps_its_settings() -> None:
    one = agenda()
    other = asdict(one.task(3).search) | {"max_iterations": 77}
    assert numeric(one.task(5, other).search).max_iterations == 77
