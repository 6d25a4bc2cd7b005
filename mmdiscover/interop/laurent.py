"""Approximate algorithms (of border rank): coefficients are Laurent polynomials in x, and the result is AB + O(x)."""

from __future__ import annotations

import re
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from mmdiscover.core.tensor import matmul_triples
from mmdiscover.errors import InputError
from mmdiscover.interop.tokens import bounded, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.exact import Exact
    from mmdiscover.core.format import Format

Laurent: TypeAlias = "dict[int, Exact]"
"""Nonzero coefficients by their exponents."""

_MAX_WORK = 2**19
_TERM = re.compile(r"(-?)(\d{1,200}(?:/\d{1,200}|\.\d{0,200})?)?(?:(x)(\d{0,3})(i?))?", re.ASCII)


def parse_laurent(text: str) -> Laurent:
    """Read ``x2`` = x², ``xi`` = 1/x, ``-2/3x2i`` = −(2/3)x⁻², or a sum in parentheses such as ``(1+-x)``.

    Raises
    ------
    InputError
        If `text` is anything else or divides by zero.
    """
    in_parentheses = text.startswith("(") and text.endswith(")")
    result: dict[int, Exact] = defaultdict(int)
    for term in text[1:-1].split("+") if in_parentheses else [text]:
        match = _TERM.fullmatch(term)
        if match is None or not (match[2] or match[3]):
            raise InputError(f"{shown(text)}, expected a number or a monomial in x such as -2/3x2i")
        exponent = int(match[4] or 1) * (-1 if match[5] else 1) if match[3] else 0
        try:
            result[exponent] = bounded(result[exponent] + Fraction(match[1] + (match[2] or "1")))
        except ZeroDivisionError:
            raise InputError(f"{shown(text)} divides by zero") from None
    return {exponent: value for exponent, value in result.items() if value}


def approximation(fmt: Format, factors: Sequence[Sequence[Sequence[Laurent]]]) -> str:
    """What can be said of an algorithm with coefficients in x.

    Parameters
    ----------
    fmt : Format
    factors : three lists of lists of Laurent
        Of shapes nm×r, mp×r and pn×r, as in a scheme.

    Returns
    -------
    str
        Why it is not stored: it approximates AB to some order in x, or does not, or is exact for every x.
    """
    what = f"has coefficients in x, a {fmt} algorithm with {len(factors[0][0])} products"
    products = [[_terms(factor, q) for factor in factors] for q in range(len(factors[0][0]))]
    work = sum(len(u) * len(v) * len(w) for u, v, w in products)
    unchecked = f"{what} (too large to be checked), expected exact numbers"
    if max(work, fmt.classical_rank) > _MAX_WORK:
        return unchecked
    try:
        order = _error_order(fmt, products)
    except InputError:  # numbers of hundreds of digits
        return unchecked
    if order is None:
        return f"{what} that is exact for every x, expected numbers"
    if order < 1:
        return f"{what} that does not give AB + O(x), expected exact numbers"
    return f"{what} that is approximate (border rank): it gives AB + O(x^{order}), expected an exact one"


_Term = tuple[int, int, "Exact"]


def _terms(factor: Sequence[Sequence[Laurent]], q: int) -> list[_Term]:
    """All monomials of a product's linear form: row, exponent, coefficient."""
    return [(row, exponent, value) for row, cells in enumerate(factor) for exponent, value in cells[q].items()]


def _error_order(fmt: Format, products: Sequence[Sequence[Sequence[_Term]]]) -> int | None:
    """Lowest exponent of x in the difference to the matrix multiplication tensor, None if there is none."""
    difference: dict[tuple[int, int, int, int], Exact] = defaultdict(int)
    for a, b, c in matmul_triples(fmt).tolist():
        difference[a, b, c, 0] = -1
    for u, v, w in products:
        for a, i, x in u:
            for b, j, y in v:
                for c, k, z in w:
                    index = a, b, c, i + j + k
                    difference[index] = bounded(difference[index] + x * y * z)
    return min((key[3] for key, value in difference.items() if value), default=None)
