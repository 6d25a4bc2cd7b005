"""Which trials of a campaign come next."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mmdiscover.campaign.agenda import Agenda
from mmdiscover.campaign.plan import plan_target
from mmdiscover.campaign.sharing import ASKED_FOR, MOST_AHEAD, Progress, choose, trials_ahead
from mmdiscover.campaign.spec import Goal, TargetSpec
from mmdiscover.core.format import Format
from results_db.queries import TargetSummary

NOTHING = TargetSummary("", 0, 0, 0, 0, 0, None, 0.0)


def progress(position: int, trials: int, seconds: float, share: float = 1.0, goal: Goal | None = None) -> Progress:
    spec = TargetSpec(plan_target(Format(2, 2, 2), 7, position=position), goal or Goal(), share)
    return Progress(position, spec, Agenda(spec, 1, []), replace(NOTHING, trials=trials, cpu_seconds=seconds))


def chosen(targets: list[Progress], count: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for task in choose(targets, count):
        found.setdefault(task.target.position, []).append(task.index)
    return found


def test_what_somebody_has_is_left_out() -> None:
    one, two = progress(0, 10, 10.0), progress(1, 10, 10.0)
    one.mine |= {0, 1}
    one.others |= {3}
    two.others |= {0}
    # Each target by its own trials: the running ones of the first count as time that it has had.
    assert chosen([one, two], 8) == {0: [2, 4, 5], 1: [1, 2, 3, 4, 5]}


def test_shares_are_kept() -> None:
    targets = [progress(0, 100, 100.0), progress(1, 300, 300.0, share=3)]
    counts = Counter({place: len(indices) for place, indices in chosen(targets, 40).items()})
    assert counts == {0: 10, 1: 30}


def test_who_had_less_comes_first() -> None:
    assert chosen([progress(0, 100, 100.0), progress(1, 10, 10.0)], 20) == {1: list(range(20))}


def test_targets_that_will_be_done_get_nothing() -> None:
    one = progress(0, 10, 10.0, goal=Goal(seconds=12))
    one.mine |= {0, 1, 2}
    assert chosen([one, progress(1, 10, 99.0)], 3) == {1: [0, 1, 2]}
    assert chosen([progress(0, 10, 1.0, goal=Goal(starts=10))], 3) == {}


def test_how_many_are_claimed_ahead() -> None:
    assert trials_ahead([progress(0, 100, 1000.0)], 3) == 3 * ASKED_FOR
    assert trials_ahead([progress(0, 10**6, 1.0)], 3) == MOST_AHEAD
    assert 3 * ASKED_FOR < trials_ahead([progress(0, 1000, 50.0), progress(1, 9, 900.0)], 3) < MOST_AHEAD
    assert trials_ahead([], 500) == 500 * ASKED_FOR
