"""The Brent equations in exact integer arithmetic.

A scheme ⟨n,m,p:r⟩ multiplies matrices exactly when Σ_q u_q ∘ v_q ∘ w_q = T, one equation per entry of T: R. P. Brent,
Algorithms for matrix multiplication, Stanford CS 70-157 (1970).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import denominator, real_and_imaginary, simplify_array
from mmdiscover.core.tensor import matmul_triples
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

_EXACT_IN_FLOAT64 = 2**53
_COUNTED_IN_FULL = 10**8
"""Multiplications that counting all violations may cost; a wrong file is not worth more."""
_LONGEST_SCALE = 10_000
"""Bits of the common denominator: a file can make it as long as itself, and every multiplication with it."""


@dataclass(frozen=True, slots=True)
class BrentReport:
    """Outcome of the Brent check.

    Parameters
    ----------
    equations : int
        Number of equations that were checked, nm·mp·pn when all hold.
    violated : int
        How many of them do not hold.
    first : str or None
        The first violated one in words.
    """

    equations: int
    violated: int
    first: str | None

    @property
    def holds(self) -> bool:
        """Whether every equation holds."""
        return self.violated == 0


def check_brent(scheme: Scheme) -> BrentReport:
    """Check all Brent equations exactly, over Q(i), or modulo 2 for a scheme of modulus 2.

    Denominators are cleared first. The sums then run in floating point where a bound proves that every partial sum is
    an integer below 2⁵³, and in Python integers of any length otherwise. Of a large scheme that is wrong only the rows
    of the tensor up to the first violation are checked.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    BrentReport

    Raises
    ------
    InputError
        If the common denominator is so long that no honest scheme has it.
    """
    whole, scale = _cleared(scheme)
    kind = _arithmetic(whole, scale)
    u, v, w = (factor.astype(kind) for factor in whole)
    # Row a of the first mode has its ones at (b, c) = ones[a]; each row is one matrix product.
    ones = matmul_triples(scheme.format)[:, 1:].reshape(len(u), -1, 2)
    violated, first = 0, None
    large = prod(scheme.format.shape) * scheme.rank > _COUNTED_IN_FULL
    for a in range(len(u)):
        difference = (v * u[a]) @ w.T
        difference[tuple(ones[a].T)] -= scale
        wrong = np.argwhere(difference % 2 if scheme.modulus else difference)
        violated += len(wrong)
        if len(wrong) and first is None:
            first = describe_equation(scheme, a, *wrong[0])
            if large:
                break
    return BrentReport((a + 1) * len(v) * len(w), violated, first)


def _cleared(scheme: Scheme) -> tuple[list[NDArray[Any]], int]:
    """(Gaussian) integer factors, of int64 where they fit, and the multiple of the tensor that they must sum to."""
    whole: list[NDArray[Any]] = []
    scale = 1
    for factor in scheme.arrays:
        small = _small_integers(factor)
        multiple = 1 if small is not None else denominator(factor.ravel())
        whole.append(simplify_array(factor * multiple) if small is None else small)
        scale *= multiple
    if scale.bit_length() > _LONGEST_SCALE:
        raise InputError(f"the common denominator has {scale.bit_length():,} bits, expected at most {_LONGEST_SCALE:,}")
    return whole, scale


def _small_integers(factor: NDArray[np.object_]) -> NDArray[np.int64] | None:
    """The same as int64, many times faster to work with; None if an entry is not one."""
    if set(map(type, factor.ravel())) != {int}:
        return None
    try:
        return factor.astype(np.int64)
    except OverflowError:
        return None


def _arithmetic(factors: list[NDArray[Any]], scale: int) -> np.dtype[Any]:
    """A number type in which Σ_q u_q v_q w_q − scale is exact for (Gaussian) integer factors."""
    bound = factors[0].shape[1]
    kind: np.dtype[Any] = np.dtype(float)
    for factor in factors:
        if factor.dtype == np.int64:
            bound *= max(int(factor.max()), -int(factor.min()), 1)
            continue
        re, im = zip(*(real_and_imaginary(entry) for entry in factor.ravel()), strict=True)
        # At least |z| for every entry z, so that sums of parts of products stay below the bound too; at least 1,
        # so that it also bounds the factors themselves.
        bound *= max(int(max(map(abs, re)) + max(map(abs, im))), 1)
        if any(im):
            kind = np.dtype(complex)
    return kind if bound + scale < _EXACT_IN_FLOAT64 else np.dtype(object)


def describe_equation(scheme: Scheme, a: int, b: int, c: int) -> str:
    """What an equation says, by the indices of its variables."""
    n, m, p = scheme.format.sizes
    variables = f"a{a // m + 1},{a % m + 1} · b{b // p + 1},{b % p + 1} in c{c % n + 1},{c // n + 1}"
    expected = int(a % m == b // p and b % p == c // n and c % n == a // m)
    return f"the coefficient of {variables} is not {expected}"
