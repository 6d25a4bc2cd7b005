"""Workers: wave after wave, and every way to end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from mmdiscover.campaign.interrupts import Interrupts
from mmdiscover.campaign.pool import run_in_process, run_in_threads, run_in_workers
from mmdiscover.errors import MMDiscoverError

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = 2


def work(seconds: float) -> float:
    """Sleep; infinitely many seconds are the death of the worker."""
    if seconds == float("inf"):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)
    return seconds


def start(waves: Any, interrupts: Interrupts | None = None, workers: int = WORKERS) -> Any:
    return run_in_workers(work, waves, interrupts or Interrupts(), workers)


def outcomes(pool: Any) -> Iterator[float]:
    return (outcome for outcome in pool if outcome is not None)


@pytest.fixture(autouse=True)
def _nothing_is_left(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    assert multiprocessing.active_children() == []
    # Queues of processes end their thread a moment after the processes.
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)
        assert not thread.is_alive()
    assert capfd.readouterr() == ("", "")


def test_a_wave_is_asked_for_when_the_one_before_is_taken_in() -> None:
    taken: list[float] = []
    seen = []

    def waves() -> Iterator[list[float]]:
        for size in (3, 1, 5):
            seen.append(len(taken))
            yield [0.001 * number for number in range(size)]

    for outcome in outcomes(start(waves())):
        # Whoever is slow to take in an outcome is waited for.
        time.sleep(0.02)
        taken.append(outcome)
    assert seen == [0, 3, 4]
    assert sorted(taken) == sorted([0.0, 0.001, 0.002, 0.0, 0.0, 0.001, 0.002, 0.003, 0.004])


def test_fewer_tasks_than_workers() -> None:
    assert list(outcomes(start([[0.0]], workers=3))) == [0.0]
    assert list(outcomes(start([]))) == []
    assert list(outcomes(start([[], [0.0], []]))) == [0.0]


@pytest.mark.parametrize("before", [0, 1])
def test_what_asking_for_a_wave_raises_is_raised(before: int) -> None:
    def waves() -> Iterator[list[float]]:
        yield from [[0.0, 0.0]] * before
        raise LookupError

    taken: list[float] = []
    with pytest.raises(LookupError):
        taken.extend(outcomes(start(waves())))
    assert taken == [0.0, 0.0] * before
    # As in this process, where nothing stands between.
    tasks: Any = (task for wave in waves() for task in wave)
    with pytest.raises(LookupError):
        list(run_in_process(work, tasks, Interrupts()))


@pytest.mark.parametrize("position", [0, 5])
def test_a_worker_that_dies_in_the_middle_of_a_wave_is_an_error(position: int) -> None:
    wave = [0.01] * 8
    wave[position] = float("inf")
    taken: list[float] = []
    with pytest.raises(MMDiscoverError, match=r"the worker processes broke down: .*worker"):
        taken.extend(outcomes(start([[0.0, 0.0], wave, [0.0]])))
    assert taken[:2] == [0.0, 0.0]
    assert len(taken) < 10


def test_workers_that_die_between_two_waves_are_replaced_or_an_error() -> None:
    taken: list[float] = []
    try:
        for outcome in outcomes(start([[0.0, 0.0], [0.001] * 4])):
            taken.append(outcome)
            if len(taken) == 2:
                for process in multiprocessing.active_children():
                    os.kill(process.pid or 0, signal.SIGKILL)
    except MMDiscoverError:
        assert len(taken) < 6
    else:
        assert taken == [0.0] * 2 + [0.001] * 4


@pytest.mark.parametrize(("taken", "seconds"), [(0, 0.0), (1, 0.01), (2, 0.0), (4, 0.01), (7, 0.0)])
def test_closing_ends_busy_workers(taken: int, seconds: float) -> None:
    """In the middle of a wave, between two, while the first is being sent out, and with a long one in the way."""
    pool = start([[seconds, seconds], [seconds] * 4 + [60.0], [seconds]])
    begun = time.monotonic()
    found = outcomes(pool)
    assert [next(found) for _ in range(min(taken, 6))] == [seconds] * min(taken, 6)
    if taken == 7:
        assert next(pool) is None
    pool.close()
    assert time.monotonic() - begun < 50


def test_closing_again_and_again() -> None:
    for pause in (0.0, 0.03, 0.2):
        pool = start([[0.0] * 500, [0.0]])
        for _ in outcomes(pool):
            break
        time.sleep(pause)
        pool.close()
        assert multiprocessing.active_children() == []


def test_what_is_not_begun_is_never_asked_for() -> None:
    pool = start(iter([[0.0]] * 3))
    # A generator that was never asked has not begun either.
    pool.close()
    assert list(pool) == []


def test_an_interrupt_between_two_waves_begins_no_more() -> None:
    interrupts = Interrupts()
    asked = []

    def waves() -> Iterator[list[float]]:
        for size in (3, 3):
            asked.append(size)
            yield [0.0] * size

    taken = []
    for outcome in outcomes(start(waves(), interrupts)):
        taken.append(outcome)
        interrupts.by_user = len(taken) == 3
    assert (taken, asked) == ([0.0] * 3, [3])


def test_an_interrupt_takes_in_what_is_finished() -> None:
    interrupts = Interrupts()
    taken = []
    for outcome in outcomes(start([[0.0, 0.0, 0.0, 60.0, 60.0, 60.0]], interrupts)):
        taken.append(outcome)
        # Long enough for the others that are short.
        time.sleep(0.3)
        interrupts.by_user = True
    assert taken == [0.0] * 3


def test_threads_hand_over_what_is_finished_when_they_are_interrupted() -> None:
    interrupts, done = Interrupts(), []

    def run(task: int) -> int:
        done.append(task)
        return task

    pool = outcomes(run_in_threads(run, range(3), interrupts, 1))
    assert next(pool) == 0
    while len(done) < 3:
        time.sleep(0.01)
    # The last outcome is handed over after it was noted.
    time.sleep(0.05)
    interrupts.by_user = True
    assert list(pool) == [1, 2]


def test_threads_begin_nothing_after_an_interrupt() -> None:
    interrupts, go = Interrupts(), threading.Event()

    def run(task: int) -> int:
        go.wait()
        return task

    pool = run_in_threads(run, range(3), interrupts, 1)
    assert next(pool) is None
    interrupts.by_user = True
    assert list(pool) == []
    go.set()
