"""What a walk on the flip graph is told, and what it brings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mmdiscover.core.ring import Ring
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme


MOST_ENTRIES = 128
"""Of a factor, which a walk packs into two words."""
_MOST_PER_PAIR = 10**10
"""Times the pairs of the largest schemes, about 10⁸, this is still below 2⁶³."""


def require_integer(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse what is no integer, or out of range.

    Raises
    ------
    InputError
        Naming what came and what was expected.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        expected = f"an integer >= {least}" if most is None else f"an integer from {least} to {most}"
        raise InputError(f"{name} is {value!r}, expected {expected}")


class WalkStatus(StrEnum):
    """How a walk ended."""

    EXACT = "exact"
    """At a scheme of the rank that was asked for."""
    EXHAUSTED = "exhausted"
    """All its flips are used up."""
    INCONSISTENT = "inconsistent"
    """The Brent equations do not hold any more: a defect of this program; the scheme is not to be used."""


@dataclass(frozen=True)
class WalkSettings:
    """How to walk.

    Parameters
    ----------
    ring : Ring
        Z2 or ZT.
    cyclic : bool
        Walk over schemes only that are invariant under the cyclic shift of the factors; square formats only.
    flips : int
        So many flips at most, those of growth among them.
    plus_after : int
        After so many flips per pair of equal factors without a reduction, a plus transition raises the rank by one:
        where there are many pairs, more can be reached by flips.
    margin : int
        Plus transitions lead at most so many terms (orbits, for cyclic walks) above the fewest that the walk has seen.
    stage_flips : int
        Without a start the scheme to begin with grows from a small format, and walks so many flips at every format on
        the way, with at most half of `flips` together; 0 for the classical algorithm.

    Raises
    ------
    InputError
        If a value is out of range.
    """

    ring: Ring = Ring.ZT
    cyclic: bool = False
    flips: int = 100_000_000
    plus_after: int = 300
    margin: int = 2
    stage_flips: int = 1_000_000

    def __post_init__(self) -> None:
        if self.ring not in (Ring.Z2, Ring.ZT):
            raise InputError(f"ring of a walk is {self.ring}, expected Z2 or ZT")
        for name, least, most in (
            ("flips", 1, None),
            ("plus_after", 1, _MOST_PER_PAIR),
            ("margin", 0, None),
            ("stage_flips", 0, None),
        ):
            require_integer(f"{name} of a walk", getattr(self, name), least, most)


@dataclass(frozen=True)
class Walked:
    """What a walk brings.

    Parameters
    ----------
    status : WalkStatus
    scheme : Scheme or None
        The scheme of the least rank that was seen, exact in the ring of the walk; None where the walk is inconsistent.
    rank : int
        Of that scheme.
    flips : int
        So many were done.
    trace : tuple of (int, int)
        (flips done, rank) whenever a lower rank was reached, beginning with the rank of the start: at 0 flips or, where
        that has grown, those of the growth.
    """

    status: WalkStatus
    scheme: Scheme | None
    rank: int
    flips: int
    trace: tuple[tuple[int, int], ...]
