"""How far long work on the database is."""

from __future__ import annotations

import sys
import time

from mmdiscover.cli import output

_PAUSE = 5.0
"""Seconds from one line to the next."""


class Counter:
    """Tells on standard error how much is done: on a terminal in one line that changes, elsewhere in one now and then.

    Work that is done at once is not worth a line.

    Parameters
    ----------
    doing : str
        For example ``checking schemes``.
    """

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._live = sys.stderr.isatty()
        self._pause = 0.2 if self._live else _PAUSE
        self._told = time.monotonic()
        self._open = False

    def __call__(self, done: int, total: int) -> None:
        """Say that `done` of `total` are done."""
        now = time.monotonic()
        if now - self._told >= self._pause:
            self._told = now
            line = f"{self._doing}: {done:,} of {total:,}"
            if self._live:
                print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
                self._open = True
            else:
                output.note(line)
        if done == total:
            self.close()

    def close(self) -> None:
        """Take the line that changes away, before anything else is printed."""
        if self._open:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._open = False
