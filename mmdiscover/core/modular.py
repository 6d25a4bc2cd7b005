"""Exact numbers modulo a prime, where linear algebra runs at the speed of floating point and stays exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.exact import denominator, real_and_imaginary
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.exact import Exact
    from mmdiscover.core.scheme import Scheme

# Primes below 2²³ that leave 1 when divided by 4, with a square root of −1: the imaginary unit is a number modulo them.
_PRIMES = ((8388593, 325432), (8388581, 3689234), (8388473, 188459))
PRIME, ROOT = _PRIMES[0]
# Rows that are eliminated at once: 256 products of two numbers of at most 2²² add up to less than 2⁵³.
_BLOCK = 256


def residues(scheme: Scheme) -> tuple[list[NDArray[np.int64]], int]:
    """The factors modulo a prime that divides none of their denominators.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    factors : list of ndarray of int64
        U, V and W, entries from 0 to the prime less 1; i became a fixed square root of −1.
    prime : int
        2 for a scheme modulo 2. Else 8388593 or, where that divides a denominator, the next of two others.

    Raises
    ------
    InputError
        If each of the three primes divides a denominator.
    """
    if scheme.modulus:
        return [factor.astype(np.int64) for factor in scheme.arrays], scheme.modulus
    multiple = denominator(entry for factor in scheme.arrays for entry in factor.ravel())
    for prime, root in _PRIMES:
        if multiple % prime:
            return [_reduced(factor, prime, root) for factor in scheme.arrays], prime
    raise InputError(f"the denominators of {scheme.name} are divisible by {', '.join(str(p) for p, _ in _PRIMES)}")


def _reduced(factor: NDArray[np.object_], prime: int, root: int) -> NDArray[np.int64]:
    def residue(value: Exact) -> int:
        if isinstance(value, int):
            return value % prime
        re, im = (part.numerator * pow(part.denominator, -1, prime) for part in real_and_imaginary(value))
        return (re + root * im) % prime

    return np.array([residue(entry) for entry in factor.ravel()], dtype=np.int64).reshape(factor.shape)


def centred(values: NDArray[np.float64], prime: int) -> NDArray[np.float64]:
    """Whole numbers of at most 2⁵³ modulo a prime, from −prime/2 to prime/2; 0 for multiples and only for them."""
    remainders: NDArray[np.float64] = values - prime * np.rint(values / prime)
    return remainders


def rank_modulo(matrix: NDArray[np.float64], prime: int) -> int:
    """Rank of a matrix of `centred` numbers over the integers modulo a prime below 2²³.

    Elimination by blocks of rows: nearly all of the work is matrix products in floating point, all of them exact.
    """
    rank = 0
    while matrix.size:
        pivots, rows = _echelon(matrix[:_BLOCK], prime)
        rest = np.setdiff1d(np.arange(matrix.shape[1]), pivots)
        matrix = matrix[_BLOCK:]
        matrix = centred(matrix[:, rest] - matrix[:, pivots] @ rows[:, rest], prime)
        rank += len(pivots)
    return rank


def _echelon(rows: NDArray[np.float64], prime: int) -> tuple[Sequence[int], NDArray[np.float64]]:
    """Reduced echelon form: the pivot columns, in which the rows that are left form the identity."""
    if len(rows) == 1:
        pivots = [int(column) for column in np.flatnonzero(rows[0])[:1]]
        inverses = np.array([pow(int(rows[0, column]), -1, prime) for column in pivots], dtype=float)
        return pivots, centred(rows[: len(pivots)] * inverses[:, None], prime)
    half = len(rows) // 2
    upper_pivots, upper = _echelon(rows[:half], prime)
    lower_pivots, lower = _echelon(centred(rows[half:] - rows[half:, upper_pivots] @ upper, prime), prime)
    upper = centred(upper - upper[:, lower_pivots] @ lower, prime)
    return [*upper_pivots, *lower_pivots], np.concatenate([upper, lower])
