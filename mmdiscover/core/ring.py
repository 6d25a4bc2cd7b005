"""Coefficient rings of schemes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from mmdiscover.core.exact import Exact, Gaussian

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ring(StrEnum):
    """Where the entries of a scheme live; ZT ⊂ Z ⊂ Q ⊂ C, and Z2 apart."""

    ZT = "ZT"
    """Entries −1, 0, 1, valid over the integers."""
    Z = "Z"
    Q = "Q"
    C = "C"
    """Gaussian rationals."""
    Z2 = "Z2"
    """Integers modulo 2: valid in characteristic 2 only."""

    def contains(self, other: Ring) -> bool:
        """Whether every number of the ring `other` is one of this ring."""
        nested = (Ring.ZT, Ring.Z, Ring.Q, Ring.C)
        return self is other or (self in nested and other in nested[: nested.index(self)])


def smallest_ring(values: Iterable[Exact]) -> Ring:
    """The smallest of ZT, Z, Q, C that holds all `values`."""
    kinds = set()
    for value in values:
        if isinstance(value, Gaussian):
            return Ring.C
        if isinstance(value, int):
            kinds.add(Ring.ZT if -1 <= value <= 1 else Ring.Z)
        else:
            kinds.add(Ring.Q)
    return next((ring for ring in (Ring.Q, Ring.Z) if ring in kinds), Ring.ZT)
