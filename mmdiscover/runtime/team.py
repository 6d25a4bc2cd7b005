"""Work on rows of matrices, shared by some threads; compiled sums hold no lock."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_WORTH_SHARING = 1 << 16
"""Entries below which handing work over takes longer than doing it."""


def available_threads() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Team:
    """Runs functions of (…, first row, last row) on parts of the rows at once.

    Parameters
    ----------
    threads : int
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def share(self, function: Callable[..., Any], rows: int, columns: int, *arguments: object) -> list[Any]:
        """What the function returns for each part of the rows."""
        parts = self.threads if rows * columns >= _WORTH_SHARING else 1
        if parts == 1:
            return [function(*arguments, 0, rows)]
        ends = [rows * part // parts for part in range(parts + 1)]
        pool = _pool(os.getpid(), self.threads)
        others = [pool.submit(function, *arguments, *pair) for pair in pairwise(ends[1:])]
        own = function(*arguments, *ends[:2])
        return [own, *(other.result() for other in others)]


@lru_cache(maxsize=8)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001 # a forked process needs its own
    return ThreadPoolExecutor(max(1, threads - 1), thread_name_prefix="mmdiscover")
