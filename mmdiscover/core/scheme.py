"""Exact schemes, their canonical form and content hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, cast

import numpy as np

from mmdiscover.core.exact import Exact, Gaussian, denominator, format_exact, reciprocal, simplify, simplify_array
from mmdiscover.core.factors import check_shapes
from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.metrics import live_products
from mmdiscover.core.ring import Ring, smallest_ring
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    ExactMatrix = ArrayLike | Sequence[Sequence[Exact]]


@dataclass(frozen=True, eq=False)
class Scheme:
    """An exact candidate: factors U (nm×r), V (mp×r), W (pn×r) with exact entries.

    That the entries are exact says nothing about the Brent equations: only `mmdiscover.verify` decides those.

    Parameters
    ----------
    fmt : Format
        The format ⟨n,m,p⟩.
    u, v, w : array_like of int, Fraction or Gaussian
        One column per product; row i·m+j of `u` belongs to a_ij, row j·p+k of `v` to b_jk, row k·n+i of `w` to c_ik.
    modulus : {0, 2}
        0 for characteristic zero, 2 for a scheme that is meant modulo 2 (entries are then reduced to 0 and 1).

    Raises
    ------
    InputError
        If shapes do not meet, an entry is not exact, or a modulo-2 entry is not an integer.
    """

    format: Format
    u: NDArray[np.object_]
    v: NDArray[np.object_]
    w: NDArray[np.object_]
    modulus: int

    def __init__(self, fmt: Format, u: ExactMatrix, v: ExactMatrix, w: ExactMatrix, modulus: int = 0) -> None:
        if modulus not in (0, 2):
            raise InputError(f"modulus is {modulus!r}, expected 0 or 2")
        factors = [_exact_matrix(name, factor, modulus) for name, factor in zip("uvw", (u, v, w), strict=True)]
        check_shapes(fmt, factors)
        for name, factor in zip("uvw", factors, strict=True):
            factor.flags.writeable = False
            object.__setattr__(self, name, factor)
        object.__setattr__(self, "format", fmt)
        object.__setattr__(self, "modulus", modulus)

    @property
    def rank(self) -> int:
        """Number of products r."""
        return int(self.u.shape[1])

    @property
    def arrays(self) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.object_]]:
        """(U, V, W)."""
        return self.u, self.v, self.w

    @property
    def name(self) -> str:
        """For example ``3x3x3:23``."""
        return scheme_name(self.format, self.rank)

    @property
    def ring(self) -> Ring:
        """Smallest ring that holds the entries as they stand."""
        if self.modulus:
            return Ring.Z2
        return smallest_ring(cast("Exact", entry) for factor in self.arrays for entry in factor.ravel())

    def with_arrays(self, fmt: Format, arrays: Sequence[NDArray[np.object_]]) -> Scheme:
        """The same kind of value with other factors."""
        u, v, w = arrays
        return Scheme(fmt, u, v, w, self.modulus)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scheme):
            return NotImplemented
        return (
            self.format == other.format
            and self.modulus == other.modulus
            and all(np.array_equal(x, y) for x, y in zip(self.arrays, other.arrays, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self.format, self.modulus, *(tuple(factor.ravel()) for factor in self.arrays)))


def _exact_matrix(name: str, factor: ExactMatrix, modulus: int) -> NDArray[np.object_]:
    try:
        source = np.asarray(factor)
    except ValueError:
        raise InputError(f"factor {name} has rows of different lengths, expected a matrix") from None
    if source.dtype.kind in "iu":
        source = source.astype(object)
    if source.dtype != object:
        raise InputError(
            f"factor {name} holds {source.dtype} entries, expected exact numbers (int, Fraction, Gaussian)"
        )
    kinds = set(map(type, source.ravel()))
    if kinds <= {int}:
        return source % modulus if modulus else source.copy()
    if kinds <= {int, Fraction, Gaussian} and not modulus:
        return simplify_array(source)
    result = np.empty(source.shape, dtype=object)
    for index, entry in np.ndenumerate(source):
        if isinstance(entry, bool) or not isinstance(entry, int | Fraction | Gaussian):
            raise InputError(f"factor {name}: entry {entry!r} at {index}, expected an int, Fraction or Gaussian")
        value = simplify(entry)
        if modulus:
            if not isinstance(value, int):
                raise InputError(f"factor {name}: entry {entry!s} at {index}, expected an integer modulo {modulus}")
            value %= modulus
        result[index] = value
    return result


def canonical_form(scheme: Scheme) -> Scheme:
    """One representative of all schemes that differ by the order of the products and scaling within a product.

    In each product u and v become primitive: divided by their first nonzero entry, then multiplied by the least
    positive integer that makes them integral; w takes up the scale. So ZT stays ZT. Products are sorted; those with a
    zero factor are left out (but one, when there is no other), so the rank counts products that are computed.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    Scheme
        Of the same or a lower rank.
    """
    products: list[tuple[NDArray[np.object_], ...]] = []
    live = live_products(scheme)
    for product in zip(*(factor.T[live] for factor in scheme.arrays), strict=True):
        (u, u_scale), (v, v_scale) = _primitive(product[0]), _primitive(product[1])
        products.append((u, v, product[2] * (u_scale * v_scale)))
    if not products:
        products.append(tuple(np.zeros_like(factor[:, 0]) for factor in scheme.arrays))
    products.sort(key=lambda product: [_order(x) for x in np.concatenate(product)])
    return scheme.with_arrays(scheme.format, [np.stack(columns, axis=1) for columns in zip(*products, strict=True)])


def _primitive(vector: NDArray[np.object_]) -> tuple[NDArray[np.object_], Exact]:
    lead = next(x for x in vector if x)
    if set(map(type, vector)) == {int}:  # the same, many times faster
        divisor = gcd(*vector) if lead > 0 else -gcd(*vector)
        return vector // divisor, divisor
    monic = vector * reciprocal(lead)
    multiple = denominator(monic)
    return monic * multiple, lead * simplify(Fraction(1, multiple))


def _order(value: Exact) -> tuple[Fraction | int, Fraction | int]:
    # Nonzeros before zeros, so that a product's leading variable reads like a dictionary: a11 first.
    re, im = (value.re, value.im) if isinstance(value, Gaussian) else (value, 0)
    return -re, -im


def content_hash(scheme: Scheme) -> str:
    """SHA-256 (hexadecimal) of the canonical form: equal exactly for schemes with equal canonical forms."""
    canonical = canonical_form(scheme)
    lines = [canonical.name, "mod 2" if canonical.modulus else "exact"]
    lines += [" ".join(format_exact(x) for x in row) for factor in canonical.arrays for row in factor.T]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
