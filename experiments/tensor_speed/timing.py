"""Timing several programs that compute the same thing, in turns."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Row = dict[str, float | str]


def compare(
    case: str, ours: Callable[[], object], references: Mapping[str, Callable[[], object]], seconds: float = 1.0
) -> list[Row]:
    """Median times of one of our functions and of its references, run in turns so that all meet the same load.

    Parameters
    ----------
    case : str
        What is computed, and how large it is.
    ours : callable
    references : mapping of program to callable
    seconds : float
        About how long to go on; every program runs at least 5 times after a first run that does not count.

    Returns
    -------
    list of dict
        One row for each reference: case, ours_ms, reference, reference_ms, and ratio = reference / ours.
    """
    programs = {"ours": ours, **references}
    for program in programs.values():
        program()
    times: dict[str, list[float]] = {name: [] for name in programs}
    begin = perf_counter()
    while len(times["ours"]) < 5 or (perf_counter() - begin < seconds and len(times["ours"]) < 200):
        for name, program in programs.items():
            start = perf_counter()
            program()
            times[name].append(1e3 * (perf_counter() - start))
    own = median(times["ours"])
    return [
        {
            "case": case,
            "ours_ms": own,
            "reference": name,
            "reference_ms": median(times[name]),
            "ratio": median(times[name]) / own,
        }
        for name in references
    ]
