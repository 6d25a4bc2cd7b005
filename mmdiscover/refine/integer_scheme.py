"""Exact schemes as arrays of small integers, for searches that try many of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.scheme import Scheme, canonical_form

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.format import Format

    Integers: TypeAlias = NDArray[np.int64]
    SmallIntegers: TypeAlias = NDArray[np.int8]

LARGEST_ENTRY = 40
"""Of a vector, so that sums and differences of two fit into eight bits."""
LARGEST_COEFFICIENT = 4096
"""Numerator or denominator of the coefficient of a product, so that products of a few fit into 64 bits."""


@dataclass(frozen=True)
class IntegerScheme:
    """Σ_q c_q u_q ∘ v_q ∘ w_q with primitive integer vectors and rational coefficients c_q ≠ 0.

    Parameters
    ----------
    fmt : Format
    vectors : ndarray of int8, shape (3, r, d, d)
        Coefficient matrices of u, v and w, each padded with zeros to the largest dimension d of the format.
    numerators, denominators : ndarray of int64, shape (r,)
        Of the c_q in lowest terms, denominators positive.
    """

    fmt: Format
    vectors: SmallIntegers
    numerators: Integers
    denominators: Integers

    @property
    def rank(self) -> int:
        """Number of products r."""
        return len(self.numerators)

    @property
    def flat(self) -> SmallIntegers:
        """The vectors as rows, shape (3, r, d²)."""
        return self.vectors.reshape(3, self.rank, -1)

    @property
    def unimodular(self) -> bool:
        """Whether all coefficients are ±1."""
        return bool((np.abs(self.numerators) == 1).all() and (self.denominators == 1).all())


def integer_scheme(scheme: Scheme) -> IntegerScheme | None:
    """The integer form of a scheme, None when it has none: modulo 2, Gaussian or large entries, or no products."""
    if scheme.modulus or any(isinstance(x, Gaussian) for factor in scheme.arrays for x in factor.ravel()):
        return None
    scheme = canonical_form(scheme)
    size = max(scheme.format.sizes)
    vectors = np.zeros((3, scheme.rank, size, size), dtype=np.int8)
    coefficients = [Fraction(1)] * scheme.rank
    for mode, (factor, shape) in enumerate(zip(scheme.arrays, scheme.format.matrix_shapes, strict=True)):
        for q, column in enumerate(factor.T):
            multiple = lcm(*(Fraction(x).denominator for x in column))
            integers = [int(x * multiple) for x in column]
            content = gcd(*integers)
            if not content or max(map(abs, integers)) > LARGEST_ENTRY * content:
                return None
            coefficients[q] *= Fraction(content, multiple)
            vectors[mode, q, : shape[0], : shape[1]] = np.reshape([x // content for x in integers], shape)
    parts = [[c.numerator for c in coefficients], [c.denominator for c in coefficients]]
    if max(abs(x) for part in parts for x in part) > LARGEST_COEFFICIENT:
        return None
    return IntegerScheme(scheme.format, vectors, *(np.array(part, dtype=np.int64) for part in parts))


def exact_scheme(value: IntegerScheme) -> Scheme:
    """The scheme in canonical form."""
    factors = [
        matrices[:, :rows, :columns].reshape(-1, rows * columns).T.astype(object)
        for matrices, (rows, columns) in zip(value.vectors.astype(np.int64), value.fmt.matrix_shapes, strict=True)
    ]
    coefficients = map(Fraction, value.numerators.tolist(), value.denominators.tolist())
    factors[2] = factors[2] * np.array(list(coefficients), dtype=object)
    return canonical_form(Scheme(value.fmt, *factors))
