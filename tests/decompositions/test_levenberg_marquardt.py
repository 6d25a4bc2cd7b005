"""The loop on a scripted problem, and the stall watch by hand."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

import pytest

from mmdiscover.decompositions.damping import Damping
from mmdiscover.decompositions.levenberg_marquardt import StallWatch, Trial, minimize
from mmdiscover.decompositions.outcome import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np


@dataclass(frozen=True)
class Number:
    """A point that is its objective."""

    objective: float


def halve(point: Number, _: float) -> Trial[Number]:
    return Trial(0.5, lambda: Number(point.objective / 2))


def unreachable() -> Number:
    raise AssertionError("a rejected step must not be taken")


def rejected(_: Number, __: float) -> Trial[Number]:
    return Trial(0.0, unreachable)


def unsolvable(_: Number, __: float) -> None:
    return None


def summary(end: tuple[Number, Ending, np.ndarray]) -> tuple[Number, Ending, int]:
    point, status, history = end
    assert history[-1] == point.objective
    return point, status, len(history) - 1


def test_converged_at_the_tolerance() -> None:
    end = minimize(Number(8.0), halve, Damping(1.0), max_iterations=10, tolerance=1.0)
    assert summary(end) == (Number(1.0), Ending.CONVERGED, 3)


def test_converged_at_the_start() -> None:
    end = minimize(Number(1.0), rejected, Damping(1.0), max_iterations=10, tolerance=1.0)
    assert summary(end) == (Number(1.0), Ending.CONVERGED, 0)


def test_converged_by_the_last_iteration() -> None:
    end = minimize(Number(8.0), halve, Damping(1.0), max_iterations=3, tolerance=1.0)
    assert summary(end) == (Number(1.0), Ending.CONVERGED, 3)


def test_iteration_limit() -> None:
    end = minimize(Number(8.0), halve, Damping(1.0), max_iterations=2, tolerance=1.0)
    assert summary(end) == (Number(2.0), Ending.ITERATION_LIMIT, 2)


@pytest.mark.parametrize("attempt", [rejected, unsolvable])
def test_stalled_when_no_damping_helps(attempt: Callable[[Number, float], Trial[Number] | None]) -> None:
    damping = Damping(1.0)
    # 1 → 2 → 8 → 64 → …: μ = 2^(k(k+1)/2) exceeds 1e12 < 2^40 at k = 9.
    end = minimize(Number(8.0), attempt, damping, max_iterations=100, tolerance=1.0)
    assert summary(end) == (Number(8.0), Ending.STALLED, 9)
    assert damping.exhausted


def test_every_attempt_sees_the_damping_of_the_moment() -> None:
    seen = []
    gains = iter([0.75, -1.0, 0.0, 1.0])

    def attempt(point: Number, damping: float) -> Trial[Number]:
        seen.append(damping)
        return Trial(next(gains), lambda: Number(point.objective - 1))

    end = minimize(Number(8.0), attempt, Damping(8.0), max_iterations=4, tolerance=0.0)
    assert seen == [8.0, 7.0, 14.0, 56.0]
    assert summary(end) == (Number(6.0), Ending.ITERATION_LIMIT, 4)


def test_the_monitor_sees_every_iteration_and_may_stop() -> None:
    seen: list[float] = []
    gains = iter([0.5, -1.0, 0.5, 0.5])

    def attempt(point: Number, _: float) -> Trial[Number]:
        return Trial(next(gains), lambda: Number(point.objective / 2))

    def monitor(objective: float) -> bool:
        seen.append(objective)
        return len(seen) == 3

    end = minimize(Number(8.0), attempt, Damping(1.0), max_iterations=10, tolerance=0.0, monitor=monitor)
    assert seen == [4.0, 4.0, 2.0]
    assert summary(end) == (Number(2.0), Ending.STOPPED, 3)


def test_the_history_starts_with_the_start() -> None:
    _, _, history = minimize(Number(8.0), halve, Damping(1.0), max_iterations=10, tolerance=1.0)
    assert history.tolist() == [8.0, 4.0, 2.0, 1.0]


def test_an_objective_that_is_no_number_stalls() -> None:
    _, status, _ = minimize(Number(nan), rejected, Damping(1.0), max_iterations=100, tolerance=1.0)
    assert status is Ending.STALLED


def test_stall_watch_looks_back_over_its_window() -> None:
    watch = StallWatch(window=2, least_decrease=0.5)
    # Each value is compared with the one two before: 4 > 8/2 no, 3 > 7/2 no, 3 > 4/2 yes.
    assert [watch(value) for value in (8.0, 7.0, 4.0, 3.0, 3.0)] == [False, False, False, False, True]


def test_stall_watch_waits_for_a_full_window() -> None:
    watch = StallWatch(window=3, least_decrease=0.1)
    assert [watch(1.0) for _ in range(4)] == [False, False, False, True]
