"""What an iterative method gives back: a model, why it ended, and how the objective fell."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ModelT = TypeVar("ModelT")


class Ending(StrEnum):
    """Why the iteration ended."""

    CONVERGED = "converged"
    """The method's own criterion was met; for a Levenberg–Marquardt fit, the objective fell to the tolerance."""
    STOPPED = "stopped"
    """Whoever watches asked for it."""
    STALLED = "stalled"
    """No step lowers the objective any more."""
    ITERATION_LIMIT = "iteration limit"


class NotConvergedWarning(UserWarning):
    """A method ended at its iteration limit or stalled; the message says what to try."""


class Progress(Protocol):
    """Called after every iteration; a true answer stops the method."""

    def __call__(self, iteration: int, objective: float, /) -> bool | None:
        """Hear that so many iterations are done and what the objective is now."""


@dataclass(frozen=True)
class Fitted(Generic[ModelT]):
    """The end of an iterative method.

    Parameters
    ----------
    model : container
        The decomposition that was found.
    status : Ending
    history : ndarray, shape (iterations + 1,)
        The objective at the start and after each iteration; each method says what its objective is.
    """

    model: ModelT
    status: Ending
    history: NDArray[np.float64]

    @property
    def iterations(self) -> int:
        """Iterations done."""
        return len(self.history) - 1

    @property
    def objective(self) -> float:
        """The last entry of the history."""
        return float(self.history[-1])

    @property
    def converged(self) -> bool:
        """Whether the method's own criterion was met."""
        return self.status is Ending.CONVERGED


def finish(
    model: ModelT, status: Ending, history: list[float] | NDArray[np.float64], method: str, advice: str
) -> Fitted[ModelT]:
    """Make a `Fitted`, with a `NotConvergedWarning` when the method did not converge.

    Parameters
    ----------
    model, status, history
        See `Fitted`.
    method : str
        Name of the method, for the warning.
    advice : str
        What the user may try.
    """
    fitted = Fitted(model, status, np.asarray(history, dtype=np.float64))
    if status in {Ending.ITERATION_LIMIT, Ending.STALLED}:
        warnings.warn(
            f"{method} ended without converging ({status}) after {fitted.iterations} iterations, "
            f"objective {fitted.objective:.3g}: {advice}",
            NotConvergedWarning,
            stacklevel=3,
        )
    return fitted
