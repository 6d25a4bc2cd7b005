"""The Brent equations in exact integer arithmetic.

A scheme ⟨n,m,p:r⟩ multiplies matrices exactly when Σ_q u_q ∘ v_q ∘ w_q = T, one equation per entry of T: R. P. Brent,
Algorithms for matrix multiplication, Stanford CS 70-157 (1970).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import denominator, real_and_imaginary
from mmdiscover.core.tensor import matmul_triples, require_memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

_EXACT_IN_FLOAT64 = 2**53


@dataclass(frozen=True, slots=True)
class BrentReport:
    """Outcome of the Brent check.

    Parameters
    ----------
    equations : int
        Number of equations, nm·mp·pn.
    violated : int
        How many do not hold.
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

    Denominators are cleared first. The sums then run in float64 where a bound proves that every partial sum is an integer
    below 2⁵³, and in Python integers of any length otherwise.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    BrentReport

    Raises
    ------
    CapacityError
        If the nm·mp·pn equations would not fit in memory.
    """
    a, b, c = scheme.format.shape
    require_memory(6 * 8 * a * b * c, f"checking the {a * b * c} Brent equations of {scheme.format}")
    scale = 1
    parts = []
    for factor in scheme.arrays:
        multiple = denominator(factor.ravel())
        scale *= multiple
        parts.append(_integer_parts(factor, multiple))
    target = np.zeros((a, b, c), dtype=object if scale >= _EXACT_IN_FLOAT64 else float)
    target[tuple(matmul_triples(scheme.format).T)] = scale
    wrong = np.zeros((a, b, c), dtype=bool)
    for part, expected in zip(_product_sums(parts, scheme.rank), (target, 0 * target), strict=True):
        difference = part - expected
        wrong |= (difference % 2 if scheme.modulus else difference) != 0
    violated = int(np.count_nonzero(wrong))
    return BrentReport(a * b * c, violated, _describe(scheme, wrong) if violated else None)


_Parts = tuple["NDArray[np.object_]", "NDArray[np.object_]"]


def _integer_parts(factor: NDArray[np.object_], multiple: int) -> _Parts:
    re, im = np.empty(factor.shape, dtype=object), np.empty(factor.shape, dtype=object)
    for index, entry in np.ndenumerate(factor):
        real, imaginary = real_and_imaginary(entry)
        re[index], im[index] = int(real * multiple), int(imaginary * multiple)
    return re, im


def _product_sums(parts: list[_Parts], rank: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Real and imaginary part of Σ_q u_q ∘ v_q ∘ w_q for Gaussian integer factors, each of shape (a, b, c)."""
    # Real and imaginary parts of a product of three are sums of four products of parts.
    bound = 4 * rank
    for re, im in parts:
        bound *= max(int(np.abs(re).max()), int(np.abs(im).max()), 1)
    kind: type = float if bound < _EXACT_IN_FLOAT64 else object
    (ur, ui), (vr, vi), (wr, wi) = ((re.astype(kind), im.astype(kind)) for re, im in parts)
    pair_re = _khatri_rao(ur, vr) - _khatri_rao(ui, vi)
    pair_im = _khatri_rao(ur, vi) + _khatri_rao(ui, vr)
    shape = (len(ur), len(vr), len(wr))
    return (pair_re @ wr.T - pair_im @ wi.T).reshape(shape), (pair_re @ wi.T + pair_im @ wr.T).reshape(shape)


def _khatri_rao(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    return (x[:, None, :] * y[None, :, :]).reshape(-1, x.shape[1])


def _describe(scheme: Scheme, wrong: NDArray[np.bool_]) -> str:
    _, m, p = scheme.format.sizes
    n = scheme.format.n
    a, b, c = (int(index) for index in np.argwhere(wrong)[0])
    variables = f"a{a // m + 1},{a % m + 1} · b{b // p + 1},{b % p + 1} in c{c % n + 1},{c // n + 1}"
    expected = int(a % m == b // p and b % p == c // n and c % n == a // m)
    return f"the coefficient of {variables} is not {expected}"
