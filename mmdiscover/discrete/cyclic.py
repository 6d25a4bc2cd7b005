"""Schemes of square formats that the cyclic shift u⊗v⊗w → v⊗w⊗u maps to themselves: orbits of three, and fixed terms.

Walks over such schemes only were introduced by J. Moosbauer and M. Poole, arXiv:2502.04514.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format


@dataclass(frozen=True)
class Orbits:
    """A symmetric scheme.

    Parameters
    ----------
    fixed : int array, shape (f, n²)
        A row a for each term a⊗a⊗a.
    factors : three int arrays, shape (k, n²)
        One row per orbit {u⊗v⊗w, v⊗w⊗u, w⊗u⊗v}.
    """

    fixed: NDArray[np.int64]
    factors: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

    @property
    def rank(self) -> int:
        """Number of terms, f + 3k."""
        return len(self.fixed) + 3 * len(self.factors[0])

    def expanded(self) -> list[NDArray[np.int64]]:
        """The factors of all terms, one row each."""
        u, v, w = self.factors
        turns = ((u, v, w), (v, w, u), (w, u, v))
        return [np.concatenate([self.fixed, *columns]) for columns in zip(*turns, strict=True)]


def require_square(fmt: Format) -> int:
    """The size of a square format.

    Raises
    ------
    InputError
        If the format is not square.
    """
    if not fmt.n == fmt.m == fmt.p:
        raise InputError(f"format {fmt}: cyclic walks need a square format such as {fmt.n}x{fmt.n}x{fmt.n}")
    return fmt.n


def orbits_of(fmt: Format, factors: Sequence[NDArray[np.int64]]) -> Orbits:
    """The orbits of a scheme, given as one row per term.

    Raises
    ------
    InputError
        If the format is not square, or the scheme is not invariant under the cyclic shift.
    """
    require_square(fmt)
    terms = Counter(map(_unsigned, zip(*(factor.tolist() for factor in factors), strict=True)))
    fixed, rows = [], []
    for term in list(terms):
        u, v, w, sign = term
        signed = tuple(sign * entry for entry in w)
        while terms[term] > 0:
            terms[term] -= 1
            if u == v == w:
                fixed.append(signed)
                continue
            for turned in ((v, w, u, sign), (w, u, v, sign)):
                if terms[turned] < 1:
                    raise InputError("the start is not invariant under the cyclic shift of its factors")
                terms[turned] -= 1
            rows.append((u, v, signed))
    return _orbits(fmt.shape[0], fixed, rows)


def _unsigned(term: Iterable[Sequence[int]]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]:
    """Factors whose first nonzero entry is positive, and the sign of their product: alike for equal terms."""
    total, parts = 1, []
    for part in term:
        sign = -1 if next((entry for entry in part if entry), 1) < 0 else 1
        total *= sign
        parts.append(tuple(sign * entry for entry in part))
    u, v, w = parts
    return u, v, w, total


def random_orbits(fmt: Format, rank: int, rng: np.random.Generator, *, ternary: bool) -> Orbits:
    """A symmetric scheme to begin with: random fixed terms, the rest in orbits of single entries.

    The fixed matrices add up to the identity, as the entries of the tensor at (x, x, x) belong to no orbit; their
    number is that of the rank modulo 3.

    Parameters
    ----------
    fmt : Format
        Square.
    rank : int
        That is looked for.
    rng : numpy.random.Generator
    ternary : bool
        Over ZT, else over Z2.
    """
    n = require_square(fmt)
    numbers = [f for f in range(1, n + 1) if f % 3 == rank % 3] or [n]
    count = int(rng.choice(numbers))
    # Every class of the partition is the diagonal part of a fixed matrix.
    classes = np.concatenate([np.arange(count), rng.integers(count, size=n - count)])
    rng.shuffle(classes)
    fixed = np.zeros((count, n * n), dtype=np.int64)
    fixed[classes, np.arange(n) * (n + 1)] = 1
    rest = np.zeros((n * n,) * 3, dtype=np.int64)
    i, j, k = np.indices((n, n, n)).reshape(3, -1)
    rest[i * n + j, j * n + k, k * n + i] = 1
    rest -= np.einsum("fa,fb,fc->abc", fixed, fixed, fixed)
    if not ternary:
        rest %= 2
    rows, units = [], np.eye(n * n, dtype=np.int64)
    for a, b, c in np.argwhere(rest):
        if (a, b, c) == min((a, b, c), (b, c, a), (c, a, b)):
            rows += [(int(np.sign(rest[a, b, c])) * units[a], units[b], units[c])] * abs(int(rest[a, b, c]))
    return _orbits(n * n, list(fixed), rows)


def _orbits(width: int, fixed: Sequence[Sequence[int]], rows: Sequence[Sequence[Sequence[int]]]) -> Orbits:
    factors = [np.array([row[mode] for row in rows], dtype=np.int64).reshape(-1, width) for mode in range(3)]
    u, v, w = factors
    return Orbits(np.array(fixed, dtype=np.int64).reshape(-1, width), (u, v, w))
