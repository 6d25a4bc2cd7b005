"""Exact numbers: integers, fractions and Gaussian rationals, and small exact linear algebra."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MAX_DIGITS = 200
"""Longest number that is read from text: bounds the work a hostile file can ask for."""


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A Gaussian rational re + im·i with im ≠ 0 (otherwise use `simplify`)."""

    re: Fraction
    im: Fraction

    # An operand of another type (an object array, say) gets its turn by NotImplemented.

    def __add__(self, other: Exact) -> Exact:
        if not isinstance(other, int | Fraction | Gaussian):
            return NotImplemented
        re, im = real_and_imaginary(other)
        return simplify(Gaussian(self.re + re, self.im + im))

    __radd__ = __add__

    def __neg__(self) -> Gaussian:
        return Gaussian(-self.re, -self.im)

    def __sub__(self, other: Exact) -> Exact:
        if not isinstance(other, int | Fraction | Gaussian):
            return NotImplemented
        return self + (-other)

    def __rsub__(self, other: Exact) -> Exact:
        return -self + other

    def __mul__(self, other: Exact) -> Exact:
        if not isinstance(other, int | Fraction | Gaussian):
            return NotImplemented
        re, im = real_and_imaginary(other)
        return simplify(Gaussian(self.re * re - self.im * im, self.re * im + self.im * re))

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return bool(self.re or self.im)

    def __abs__(self) -> float:
        return abs(complex(self))

    def __complex__(self) -> complex:
        return complex(float(self.re), float(self.im))

    def __str__(self) -> str:
        return format_exact(self)


Exact: TypeAlias = int | Fraction | Gaussian


def real_and_imaginary(value: Exact) -> tuple[int | Fraction, int | Fraction]:
    """Both parts of a number."""
    return (value.re, value.im) if isinstance(value, Gaussian) else (value, 0)


def simplify(value: Exact) -> Exact:
    """The same number in its smallest type: int, else Fraction, else Gaussian."""
    if isinstance(value, Gaussian):
        if value.im:
            return value
        value = value.re
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    return value


def reciprocal(value: Exact) -> Exact:
    """1/value.

    Raises
    ------
    ZeroDivisionError
        If `value` is 0.
    """
    re, im = real_and_imaginary(value)
    size = Fraction(re * re + im * im)
    return simplify(Gaussian(re / size, -im / size))


def denominator(values: Iterable[Exact]) -> int:
    """Least positive integer that makes all `values` (Gaussian) integers."""
    return lcm(*(part.denominator for value in values for part in real_and_imaginary(value)))


_NUMBER = r"\d+(?:/\d+)?"
_REAL_PART = rf"[+-]?{_NUMBER}(?=[+-]|$)"
_IMAGINARY_PART = rf"[+-]?(?:{_NUMBER})?"
_GAUSSIAN = re.compile(rf"(?P<re>{_REAL_PART})?(?:(?P<im>{_IMAGINARY_PART})(?:(?<=\d)\*)?[ij])?", re.ASCII)


def parse_exact(text: str) -> Exact:
    """Read an exact number: ``"3"``, ``"-1/2"``, ``"i"``, ``"1/2-3/4i"``.

    Raises
    ------
    InputError
        If `text` is anything else, divides by zero or is longer than `MAX_DIGITS`.
    """
    shown = text if len(text) <= 40 else text[:40] + "…"
    if len(text) > MAX_DIGITS:
        raise InputError(f"number {shown!r} has {len(text)} characters, expected at most {MAX_DIGITS}")
    match = _GAUSSIAN.fullmatch(text.strip())
    try:
        if match is not None and text.strip():
            re_text, im_text = match["re"], match["im"]
            if im_text is None:
                return simplify(Fraction(re_text))
            if re_text is None or im_text[:1] in ("+", "-"):
                im = Fraction(im_text + "1" if im_text in ("", "+", "-") else im_text)
                return simplify(Gaussian(Fraction(re_text or 0), im))
    except ZeroDivisionError:
        raise InputError(f"number {shown!r} divides by zero") from None
    raise InputError(f"number {shown!r}: expected an exact number such as 3, -1/2 or 1/2-3/4i")


def format_exact(value: Exact) -> str:
    """Write an exact number as `parse_exact` reads it."""
    re_part, im_part = real_and_imaginary(value)
    if not im_part:
        return str(re_part)
    sign = "-" if im_part < 0 else ("+" if re_part else "")
    size = "" if abs(im_part) == 1 else str(abs(im_part))
    return f"{re_part or ''}{sign}{size}i"


def inverse(matrix: NDArray[np.object_], modulus: int = 0) -> NDArray[np.object_]:
    """Exact inverse of a small square matrix, see `solve`."""
    return solve(matrix, np.eye(len(matrix), dtype=int).astype(object), modulus)


def solve(matrix: NDArray[np.object_], right: NDArray[np.object_], modulus: int = 0) -> NDArray[np.object_]:
    """Exact solution of a small square system by Gauss–Jordan elimination.

    Parameters
    ----------
    matrix : ndarray of exact numbers, shape (n, n)
    right : ndarray of exact numbers, shape (n,) or (n, k)
    modulus : int
        0, or a prime for the solution of a system of integers modulo it.

    Returns
    -------
    ndarray of exact numbers, shape of `right`

    Raises
    ------
    InputError
        If `matrix` is not square or is singular.
    """
    size = matrix.shape[0]
    if matrix.shape != (size, size):
        raise InputError(f"matrix has shape {matrix.shape}, expected a square one")
    columns = right[:, None] if right.ndim == 1 else right
    work = np.concatenate([matrix.astype(object), columns.astype(object)], axis=1)
    if modulus:
        work %= modulus
    for column in range(size):
        pivot = next((row for row in range(column, size) if work[row, column]), None)
        if pivot is None:
            raise InputError(f"matrix is singular, expected an invertible one: {matrix.tolist()}")
        work[[column, pivot]] = work[[pivot, column]]
        head = work[column, column]
        work[column] = work[column] * (pow(head, -1, modulus) if modulus else reciprocal(head))
        for row in range(size):
            if row != column and work[row, column]:
                work[row] = work[row] - work[row, column] * work[column]
        if modulus:
            work %= modulus
    return simplify_array(work[:, size:]).reshape(right.shape)


def simplify_array(array: NDArray[np.object_]) -> NDArray[np.object_]:
    """`simplify` applied to every entry."""
    result = np.empty(array.shape, dtype=object)
    result.ravel()[:] = [simplify(cast("Exact", value)) for value in array.ravel()]
    return result
