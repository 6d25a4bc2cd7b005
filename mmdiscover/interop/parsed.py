"""What the readers of all file formats return."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.scheme import ExactMatrix


@dataclass(frozen=True)
class Parsed:
    """One scheme as a file states it, in every way in which it may be meant.

    Parameters
    ----------
    readings : tuple of Scheme
        Not verified. The first that verifies is meant; all are wrong if none does. Empty when the entry is malformed.
    reason : str or None
        Why there is no reading.
    label : str or None
        What the file calls it, where it has several.
    """

    readings: tuple[Scheme, ...]
    reason: str | None = None
    label: str | None = None


def any_ring(fmt: Format, u: ExactMatrix, v: ExactMatrix, w: ExactMatrix) -> tuple[Scheme, ...]:
    """The readings of factors that are promised to hold in no particular ring: exactly, else modulo 2.

    Raises
    ------
    InputError
        As `Scheme`.
    """
    exact = Scheme(fmt, u, v, w)
    if all(isinstance(entry, int) for factor in exact.arrays for entry in factor.ravel()):
        return exact, Scheme(fmt, *exact.arrays, modulus=2)
    return (exact,)


def format_of_heights(nm: int, mp: int, np: int) -> Format:
    """The format whose factors have this many entries per product.

    Raises
    ------
    InputError
        If there is none.
    """
    sizes = [isqrt(x) if x > 0 else 0 for x in (nm * np // max(mp, 1), nm * mp // max(np, 1), mp * np // max(nm, 1))]
    n, m, p = sizes
    if 0 in sizes or (n * m, m * p, n * p) != (nm, mp, np):
        raise InputError(f"products have {nm}, {mp} and {np} coefficients, expected nm, mp and np of some format")
    return Format(n, m, p)
