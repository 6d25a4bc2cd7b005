"""The tasks of a campaign on their way to the workers."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mmdiscover.campaign.interrupts import Interrupts
    from mmdiscover.campaign.plan import TrialTask

_LONGEST_SETUP = 60.0
"""Seconds in which processes are started and modules loaded, also on a busy machine."""
_LONGEST_GLANCE = 1.0


class Feed:
    """Tasks on their way from the main thread to the workers.

    Parameters
    ----------
    interrupts : Interrupts
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._tasks: deque[TrialTask] = deque()
        self._handing_on = threading.Lock()
        self._ended = False
        self.begun: dict[tuple[int, int], float] = {}
        self._clock, self._looked = 0.0, time.monotonic()
        self._working_since = _LONGEST_SETUP
        self._running_since: dict[tuple[int, int], float] = {}
        self._workers = 0

    def working(self) -> None:
        """Note that the workers are set up: one has brought an outcome."""
        self._working_since = min(self._working_since, self._clock)

    def watch(self, workers: int) -> None:
        """Look at what runs; to be called often. Of what was handed on, no more than `workers` tasks can be running."""
        self._workers = workers
        now = time.monotonic()
        # Time in which nobody looked, because the program was held up, says nothing about the tasks.
        self._clock += min(now - self._looked, _LONGEST_GLANCE)
        self._looked = now
        running = list(self.begun)[:workers]
        self._running_since = {key: self._running_since.get(key, self._clock) for key in running}

    def overdue(self, seconds: float) -> list[tuple[int, int]]:
        """What has been running for longer; the time in which workers were set up does not count."""
        limit = self._clock - seconds
        return [key for key, since in self._running_since.items() if max(since, self._working_since) < limit]

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, tasks: Iterable[TrialTask]) -> None:
        """Hand these on, too."""
        self._tasks.extend(tasks)

    def close(self) -> None:
        """Let the pool wait no longer."""
        self._ended = True

    def take_back(self, unwanted: Callable[[TrialTask], bool]) -> list[TrialTask]:
        """What was not handed on yet, as far as it is unwanted now."""
        with self._handing_on:
            tasks = list(self._tasks)
            self._tasks = deque(task for task in tasks if not unwanted(task))
        return [task for task in tasks if unwanted(task)]

    def waves(self) -> Iterator[Iterator[TrialTask]]:
        """For the pool: what there is, as long as there is anything; then wait for more."""
        while not self._ended and not self._interrupts.requested:
            if self._tasks:
                yield self._drain(self._workers)
            else:
                time.sleep(0.01)

    def _drain(self, workers: int) -> Iterator[TrialTask]:
        while True:
            with self._handing_on:
                # A wave uses the workers that there are when it begins: more of them deserve a new one.
                if not self._tasks or self._workers > workers:
                    return
                task = self._tasks.popleft()
                self.begun[task.spawn_key] = time.monotonic()
            yield task
