"""The Brent equations as their definition says, slowly, over pairs of fractions: shares nothing with what it judges."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme

Number = tuple[Fraction, Fraction]


def violated_equations(scheme: Scheme) -> list[tuple[int, ...]]:
    """(i, j, j', k, k', i') of every equation that does not hold: a_ij b_j'k in c_i'k'."""
    n, m, p = scheme.format.n, scheme.format.m, scheme.format.p
    u, v, w = ([[_pair(x) for x in row] for row in factor] for factor in scheme.arrays)
    found: list[tuple[int, ...]] = []
    for i, j, jj, k, kk, ii in product(range(n), range(m), range(m), range(p), range(p), range(n)):
        re = im = Fraction(0)
        for q in range(scheme.rank):
            term = _times(_times(u[i * m + j][q], v[jj * p + k][q]), w[kk * n + ii][q])
            re, im = re + term[0], im + term[1]
        re -= int(i == ii and j == jj and k == kk)
        if scheme.modulus:
            re, im = re % scheme.modulus, im % scheme.modulus
        if re != 0 or im != 0:
            found.append((i, j, jj, k, kk, ii))
    return found


def _pair(value: Any) -> Number:
    return (value.re, value.im) if hasattr(value, "re") else (Fraction(value), Fraction(0))


def _times(x: Number, y: Number) -> Number:
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]
