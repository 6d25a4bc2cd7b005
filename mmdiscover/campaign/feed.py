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
        self._working_since = time.monotonic() + _LONGEST_SETUP

    def working(self) -> None:
        """Note that the workers are set up: one has brought an outcome."""
        self._working_since = min(self._working_since, time.monotonic())

    def overdue(self, seconds: float) -> list[tuple[int, int]]:
        """What was handed on longer ago; the time in which workers were set up does not count."""
        limit = time.monotonic() - seconds
        return [key for key, begun in list(self.begun.items()) if max(begun, self._working_since) < limit]

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
                yield self._drain()
            else:
                time.sleep(0.01)

    def _drain(self) -> Iterator[TrialTask]:
        while True:
            with self._handing_on:
                if not self._tasks:
                    return
                task = self._tasks.popleft()
                self.begun[task.spawn_key] = time.monotonic()
            yield task
