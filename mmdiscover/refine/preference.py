"""Which exact schemes a user would rather have."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from mmdiscover.core.exact import real_and_imaginary
from mmdiscover.core.metrics import additions, nonzeros
from mmdiscover.core.ring import Ring
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.exact import Exact
    from mmdiscover.core.scheme import Scheme


class Criterion(StrEnum):
    """What schemes of the same format and rank are compared by; less is better."""

    TERNARY = "ternary"
    """Entries −1, 0, 1 before integers before fractions."""
    NONZEROS = "nonzeros"
    ADDITIONS = "additions"
    """Without sharing of subexpressions."""
    DENOMINATORS = "denominators"
    """The largest denominator, then how many entries are no integers."""


_RINGS = list(Ring)


def _measure(scheme: Scheme, criterion: Criterion) -> tuple[int, ...]:
    match criterion:
        case Criterion.TERNARY:
            return (_RINGS.index(scheme.ring),)
        case Criterion.NONZEROS:
            return (nonzeros(scheme),)
        case Criterion.ADDITIONS:
            return (additions(scheme),)
        case Criterion.DENOMINATORS:
            entries = (cast("Exact", entry) for factor in scheme.arrays for entry in factor.ravel())
            parts = [part for entry in entries for part in real_and_imaginary(entry)]
            return max(part.denominator for part in parts), sum(part.denominator > 1 for part in parts)


@dataclass(frozen=True)
class Preference:
    """An order of criteria: schemes that are equal by the first are compared by the second, and so on.

    Parameters
    ----------
    order : tuple of Criterion
        At least one, each at most once. Criteria that are not named decide nothing.

    Raises
    ------
    InputError
        If `order` is empty or contradicts itself by naming a criterion twice.
    """

    order: tuple[Criterion, ...] = (Criterion.TERNARY, Criterion.ADDITIONS)

    def __post_init__(self) -> None:
        if not self.order:
            raise InputError("preference is empty, expected at least one of " + ", ".join(Criterion))
        for criterion in self.order:
            if self.order.count(criterion) > 1:
                raise InputError(f"preference '{self}' names {criterion} twice, expected each criterion once")

    def __str__(self) -> str:
        return ",".join(self.order)

    def key(self, scheme: Scheme) -> tuple[tuple[int, ...], ...]:
        """What schemes are sorted by, the best first."""
        return tuple(_measure(scheme, criterion) for criterion in self.order)


TERNARY_FIRST = Preference()
"""The default."""


def parse_preference(text: str) -> Preference:
    """Read a preference such as ``ternary,additions``.

    Raises
    ------
    InputError
        If a criterion is unknown or named twice.
    """
    order = []
    for name in text.split(","):
        try:
            order.append(Criterion(name.strip().lower()))
        except ValueError:
            raise InputError(
                f"preference {text!r}: unknown criterion {name.strip()!r}, expected some of {', '.join(Criterion)}"
            ) from None
    return Preference(tuple(order))
