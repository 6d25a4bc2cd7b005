"""One verified scheme for each kind of coefficients."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import cyclic_shift, sandwich
from mmdiscover.verify import verify
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from mmdiscover.core.verified import VerifiedScheme

I = Gaussian(Fraction(0), Fraction(1))
HALF = Fraction(1, 2)


def exact(rows: list[list[Any]]) -> np.ndarray[Any, np.dtype[np.object_]]:
    """A square matrix of exact numbers."""
    result = np.empty((len(rows), len(rows)), dtype=object)
    result[:] = rows
    return result


IDENTITY = exact([[1, 0], [0, 1]])


def rational() -> Scheme:
    """Strassen's in another basis, with 1/2, 1/3 and their products."""
    return sandwich(strassen(), exact([[HALF, 1], [0, 1]]), exact([[1, 3], [Fraction(1, 3), 2]]), IDENTITY)


def gaussian() -> Scheme:
    """Strassen's in another basis, with i, (1+i)/2 and the like."""
    return sandwich(
        strassen(), exact([[1, I], [0, 1]]), exact([[1, 0], [Gaussian(HALF, HALF), 1]]), exact([[1, 0], [0, 3]])
    )


def modulo_2() -> Scheme:
    """Strassen's modulo 2, where signs do not matter; over the integers it is wrong."""
    return Scheme(Format(2, 2, 2), *strassen().arrays, modulus=2)


def padded() -> Scheme:
    """Strassen's with an eighth product that is zero."""
    u, v, w = (np.pad(factor.astype(int), ((0, 0), (0, 1))) for factor in strassen().arrays)
    return Scheme(Format(2, 2, 2), u, v, w)


def rectangular() -> Scheme:
    """⟨2,2,4:14⟩: Strassen's twice, side by side."""
    u, v, w = strassen().arrays
    wide_v = np.zeros((2, 4, 14), dtype=int).astype(object)
    wide_w = np.zeros((4, 2, 14), dtype=int).astype(object)
    for half in (0, 1):
        columns, products = slice(2 * half, 2 * half + 2), slice(7 * half, 7 * half + 7)
        wide_v[:, columns, products] = v.reshape(2, 2, 7)
        wide_w[columns, :, products] = w.reshape(2, 2, 7)
    return Scheme(Format(2, 2, 4), np.concatenate([u, u], axis=1), wide_v.reshape(8, 14), wide_w.reshape(8, 14))


def twice() -> Scheme:
    """⟨4,4,4:49⟩: Strassen's of Strassen's."""
    factors = []
    for factor in strassen().arrays:
        blocks = factor.astype(int).reshape(2, 2, 7)
        factors.append(np.einsum("abq,cdr->acbdqr", blocks, blocks).reshape(16, 49))
    u, v, w = factors
    return Scheme(Format(4, 4, 4), u, v, w)


SAMPLES = {
    "strassen": strassen,
    "winograd": winograd,
    "laderman": laderman,
    "2x2x4": rectangular,
    "2x4x2": lambda: cyclic_shift(rectangular()),
    "classical 1x1x1": lambda: classical(Format(1, 1, 1)),
    "classical 3x1x2": lambda: classical(Format(3, 1, 2)),
    "classical 2x1x11": lambda: classical(Format(2, 1, 11)),
    "padded": padded,
    "rational": rational,
    "gaussian": gaussian,
    "modulo 2": modulo_2,
}
LARGE = {"4x4x4": twice}


@cache
def sample(name: str) -> VerifiedScheme:
    """A sample with its proof."""
    verified = verify((SAMPLES | LARGE)[name]()).verified
    assert verified is not None
    return verified
