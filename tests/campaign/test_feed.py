"""Tasks on their way to the workers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from mmdiscover.campaign import feed as module
from mmdiscover.campaign.feed import Feed
from mmdiscover.campaign.interrupts import Interrupts
from tests.campaign.fakes import trial_task

if TYPE_CHECKING:
    from mmdiscover.campaign.plan import Target


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def handed_on(target: Target, count: int) -> Feed:
    feed = Feed(Interrupts())
    feed.add(trial_task(target, index) for index in range(count))
    feed.watch(2)
    assert [task.index for task in next(feed.waves())] == list(range(count))
    return feed


def watched(feed: Feed, clock: Clock, seconds: int) -> None:
    for _ in range(2 * seconds):
        clock.now += 0.5
        feed.watch(2)


def test_only_what_can_run_gets_overdue(target: Target, clock: Clock) -> None:
    feed = handed_on(target, 5)
    feed.working()
    watched(feed, clock, 11)
    assert feed.overdue(10) == [(0, 0), (0, 1)]
    # The next ones begin when these end.
    del feed.begun[0, 0]
    feed.watch(2)
    assert feed.overdue(10) == [(0, 1)]
    watched(feed, clock, 9)
    assert feed.overdue(10) == [(0, 1)]
    watched(feed, clock, 2)
    assert feed.overdue(10) == [(0, 1), (0, 2)]


def test_setting_up_does_not_count(target: Target, clock: Clock) -> None:
    feed = handed_on(target, 2)
    watched(feed, clock, 30)
    assert feed.overdue(10) == []
    feed.working()
    watched(feed, clock, 9)
    assert feed.overdue(10) == []
    watched(feed, clock, 2)
    assert feed.overdue(10) == [(0, 0), (0, 1)]


def test_workers_that_are_never_set_up_are_overdue_in_the_end(target: Target, clock: Clock) -> None:
    feed = handed_on(target, 2)
    watched(feed, clock, int(module._LONGEST_SETUP) + 11)
    assert feed.overdue(10) == [(0, 0), (0, 1)]


def test_time_in_which_nobody_looked_says_nothing(target: Target, clock: Clock) -> None:
    feed = handed_on(target, 2)
    feed.working()
    clock.now += 3600
    feed.watch(2)
    assert feed.overdue(10) == []


def test_more_workers_get_a_new_wave(target: Target) -> None:
    feed = Feed(Interrupts())
    feed.add(trial_task(target, index) for index in range(6))
    feed.watch(2)
    waves = feed.waves()
    first = next(waves)
    assert next(first).index == 0
    feed.watch(1)
    assert next(first).index == 1
    feed.watch(5)
    assert list(first) == []
    assert [task.index for task in next(waves)] == [2, 3, 4, 5]


def test_what_is_unwanted_is_taken_back(target: Target) -> None:
    feed = Feed(Interrupts())
    feed.add(trial_task(target, index) for index in range(6))
    assert [task.index for task in feed.take_back(lambda task: task.index % 2 == 0)] == [0, 2, 4]
    assert len(feed) == 3
    assert [task.index for task in next(feed.waves())] == [1, 3, 5]
    feed.close()
    assert list(feed.waves()) == []
