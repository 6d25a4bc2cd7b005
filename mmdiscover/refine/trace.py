"""What is kept about an attempt to make a fit exact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdiscover.core.ring import Ring
    from mmdiscover.core.scheme import Scheme


OTHER_FAMILY = "another family"
"""Name of the first stage of an attempt that left the family of the fit."""


class RefineStatus(StrEnum):
    """How refinement ended."""

    EXACT = "exact"
    LOST = "lost"
    """Simple values could not be approached without losing the fit."""
    IRRATIONAL = "irrational"
    STUCK = "stuck"


@dataclass(frozen=True)
class Stage:
    """Where one stage of an attempt ended.

    Parameters
    ----------
    name : str
        For example ``zeros``.
    zeros, fixed, free : int
        Entries that are fixed to 0; that are fixed at all; that are not fixed.
    residual : float
        φ at its end.
    """

    name: str
    zeros: int
    fixed: int
    free: int
    residual: float


@dataclass(frozen=True)
class Attempt:
    """The trace of one attempt.

    Parameters
    ----------
    status : RefineStatus
    scheme : Scheme or None
        With ``EXACT`` the candidate, in canonical form.
    stages : tuple of Stage
        In their order; the attempt ended in the last one.
    reason : str
        Why it ended.
    resolves : int
        Least-squares problems solved.
    """

    status: RefineStatus
    scheme: Scheme | None
    stages: tuple[Stage, ...]
    reason: str
    resolves: int

    @property
    def ring(self) -> Ring | None:
        """That of the scheme."""
        return None if self.scheme is None else self.scheme.ring

    def __str__(self) -> str:
        last = self.stages[-1]
        return f"{self.status} in {last.name} ({last.zeros} zeros, {last.free} entries free): {self.reason}"
