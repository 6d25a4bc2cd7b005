"""Formats ⟨n,m,p⟩ and schemes' names ⟨n,m,p:r⟩."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import permutations

from mmdiscover.errors import InputError

_FORMAT = re.compile(r"(\d{1,9})[x×](\d{1,9})[x×](\d{1,9})", re.ASCII)
_RANK = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True, order=True, slots=True)
class Format:
    """The format ⟨n,m,p⟩: an n×m matrix times an m×p matrix.

    Parameters
    ----------
    n, m, p : int
        The sizes, each at least 1.

    Raises
    ------
    InputError
        If a size is not an integer of at least 1.
    """

    n: int
    m: int
    p: int

    def __post_init__(self) -> None:
        for name, size in zip("nmp", self.sizes, strict=True):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise InputError(f"format: size {name} is {size!r}, expected an integer >= 1")

    @classmethod
    def parse(cls, text: str) -> Format:
        """Read ``"3x3x2"``.

        Raises
        ------
        InputError
            If `text` is not three positive sizes joined by ``x``.
        """
        match = _FORMAT.fullmatch(text.strip().lower())
        if match is None:
            raise InputError(f"format {text!r}: expected three sizes such as 3x3x2")
        sizes = [int(size) for size in match.groups()]
        if min(sizes) < 1:
            raise InputError(f"format {text!r}: sizes start at 1")
        return cls(*sizes)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(n, m, p)."""
        return self.n, self.m, self.p

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (nm, mp, pn) of the tensor: entries of A, of B and of Cᵀ."""
        return self.n * self.m, self.m * self.p, self.p * self.n

    @property
    def matrix_shapes(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Shapes of the coefficient matrices U_q (n×m), V_q (m×p), W_q (p×n)."""
        return (self.n, self.m), (self.m, self.p), (self.p, self.n)

    @property
    def classical_rank(self) -> int:
        """Products of the classical algorithm, n·m·p: the number of ones in the tensor."""
        return self.n * self.m * self.p

    @property
    def flattening_rank(self) -> int:
        """Largest rank of the three flattenings, max(nm, mp, pn): no scheme has fewer products."""
        return max(self.shape)

    def sorted(self) -> Format:
        """The format with n ≤ m ≤ p that stands for all six orders."""
        return Format(*sorted(self.sizes))

    def orders(self) -> tuple[Format, ...]:
        """The distinct orders of this format, ascending."""
        return tuple(sorted({Format(*sizes) for sizes in permutations(self.sizes)}))

    def __str__(self) -> str:
        return f"{self.n}x{self.m}x{self.p}"


def parse_scheme_name(text: str) -> tuple[Format, int | None]:
    """Read a scheme's name ``"3x3x3:23"``, or a format alone.

    Returns
    -------
    format : Format
    rank : int or None
        None when `text` names no rank.

    Raises
    ------
    InputError
        If the format is malformed or the rank is not an integer of at least 1.
    """
    head, colon, tail = text.strip().partition(":")
    fmt = Format.parse(head)
    if not colon:
        return fmt, None
    if _RANK.fullmatch(tail) is None or int(tail) < 1:
        raise InputError(f"scheme {text!r}: rank {tail!r}, expected an integer >= 1")
    return fmt, int(tail)


def scheme_name(fmt: Format, rank: int) -> str:
    """The name ``"3x3x3:23"`` of schemes with this format and rank."""
    return f"{fmt}:{rank}"
