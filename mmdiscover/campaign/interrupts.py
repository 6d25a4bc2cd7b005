"""Ctrl-C, SIGTERM, SIGHUP and the end of the time budget, without losing what is finished."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    _Handler = Callable[[int, FrameType | None], None]

T = TypeVar("T")

BY_USER = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, the system's request to end, and the end of the terminal."""


class _Interrupted(BaseException):
    """Ends a guarded call."""


class Interrupts:
    """Whether to stop, and a way to end a long call early.

    A signal sets a flag that the run looks at between two steps, so that no record is ever cut in half. Only inside
    `guard` does it raise. A second Ctrl-C is a `KeyboardInterrupt` wherever it lands.
    """

    def __init__(self) -> None:
        self.by_user = False
        self._deadline: float | None = None
        self._guarding = False
        self._installed = False

    @property
    def seconds_left(self) -> float | None:
        """What is left of the time budget, None without one."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self.by_user or self.seconds_left == 0

    def guard(self, call: Callable[[], T]) -> T | None:
        """Call, unless or until the run is to stop.

        Returns
        -------
        T or None
            None when the call was not begun or not finished.
        """
        result = None
        try:
            self._guarding = True
            if not self.requested:
                result = call()
            self._guarding = False
        except _Interrupted:
            pass
        finally:
            self._guarding = False
        return result

    def limit(self, seconds: float | None) -> None:
        """Begin a time budget; None for none."""
        self._deadline = None if seconds is None else time.monotonic() + seconds
        if self._installed:
            signal.setitimer(signal.ITIMER_REAL, seconds or 0)

    @contextmanager
    def installed(self) -> Iterator[Interrupts]:
        """Handle the signals as long as the context lasts; outside the main thread only the clock counts."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        handlers: dict[signal.Signals, _Handler] = {signal.SIGALRM: self._by_clock}
        handlers |= dict.fromkeys(BY_USER, self._by_user)
        # A shell lets background commands ignore Ctrl-C, but whoever sends the signal to this very process means it.
        # The end of the terminal comes by itself, and stays ignored where the caller wants that (nohup).
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            del handlers[signal.SIGHUP]
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        self._installed = True
        try:
            yield self
        finally:
            self._installed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _by_user(self, _number: int, _frame: FrameType | None) -> None:
        if self.by_user:
            raise KeyboardInterrupt
        self.by_user = True
        self._leave_guard()

    def _by_clock(self, _number: int, _frame: FrameType | None) -> None:
        self._leave_guard()

    def _leave_guard(self) -> None:
        if self._guarding:
            self._guarding = False
            raise _Interrupted
