"""The Levenberg–Marquardt loop, whatever is minimised."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

from mmdiscover.decompositions.outcome import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mmdiscover.decompositions.damping import Damping

    Array = NDArray[np.float64]


class Point(Protocol):
    """A point with its objective; implementations add what a step needs."""

    @property
    def objective(self) -> float:
        """Value to be minimised."""


P = TypeVar("P", bound=Point)


@dataclass(frozen=True)
class Trial(Generic[P]):
    """A step that was tried.

    Parameters
    ----------
    gain : float
        Gain ratio ρ: decrease of the objective divided by the decrease the model predicted.
    arrive : callable
        Makes the point there; called only when the step is accepted.
    """

    gain: float
    arrive: Callable[[], P]


class Monitor(Protocol):
    """Watches the iteration; a true answer stops it."""

    def __call__(self, objective: float, /) -> bool:
        """Called after every iteration with the current objective."""


class StallWatch:
    """A monitor that stops when the objective has practically ceased to fall.

    Parameters
    ----------
    window : int
        Iterations looked back.
    least_decrease : float
        Relative decrease over the window below which to stop.
    """

    def __init__(self, window: int, least_decrease: float) -> None:
        self._past: deque[float] = deque(maxlen=window)
        self._least_decrease = least_decrease

    def __call__(self, objective: float) -> bool:
        """See `Monitor`."""
        past = self._past
        stalled = len(past) == past.maxlen and objective > (1 - self._least_decrease) * past[0]
        past.append(objective)
        return stalled


def minimize(
    start: P,
    attempt: Callable[[P, float], Trial[P] | None],
    damping: Damping,
    *,
    max_iterations: int,
    tolerance: float,
    monitor: Monitor | None = None,
) -> tuple[P, Ending, Array]:
    """Iterate damped steps until the objective is at most `tolerance`.

    Parameters
    ----------
    start : Point
    attempt : callable
        ``attempt(point, mu)`` tries one damped step; None when its linear system could not be solved.
    damping : Damping
        Changed in place.
    max_iterations : int
        Steps tried, rejected ones included.
    tolerance : float
    monitor : Monitor, optional

    Returns
    -------
    point : Point
    status : Ending
    history : ndarray, shape (iterations + 1,)
        The objective at the start and after each iteration.
    """
    point, history = start, [start.objective]
    status = Ending.ITERATION_LIMIT
    while not point.objective <= tolerance and len(history) <= max_iterations:
        trial = attempt(point, damping.value)
        if trial is not None and trial.gain > 0:
            damping.accept(trial.gain)
            point = trial.arrive()
        else:
            damping.reject()
        history.append(point.objective)
        if damping.exhausted:
            status = Ending.STALLED
            break
        if monitor is not None and monitor(point.objective):
            status = Ending.STOPPED
            break
    if point.objective <= tolerance:
        status = Ending.CONVERGED
    return point, status, np.array(history)
