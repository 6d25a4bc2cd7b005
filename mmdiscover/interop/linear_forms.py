"""Products of linear forms, one product per line: ``a11*(b11+b13)*c12``.

A variable is a letter and two digits, row and column from 1; ``cij`` belongs to C transposed. Factors are joined by
``*``, a blank or nothing; coefficients stand before a variable or a parenthesis, with or without ``*``; a sign before
a factor or a parenthesis around the whole line belongs to the product (``(..) -b13 (..)`` is no difference), and so
does a divisor behind it. Sizes are the largest indices. The ring is not stored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.exact import Exact, denominator
from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from mmdiscover.interop.parsed import Parsed, any_ring
from mmdiscover.interop.tokens import bounded, divided, integer, real_text, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

_Form = dict[tuple[int, int], Exact]

_LARGEST = 9
_MAX_PRODUCTS = 2**13  # 9×9×9 takes 729 in the classical way
_MAX_DEPTH = 5
_ONE: Exact = 1
_LETTERS = frozenset("abc")
_FACTOR = frozenset("(abc")
_DIGITS = frozenset("0123456789")
_TOKEN = re.compile(r"\s*+(\([^()]*+\)|[abc][1-9][1-9](?!\d)|\d++|\S)", re.ASCII)
_TERM = re.compile(
    r"\s*+([+-]?)\s*+(?:(\d++)\s*+(?:/\s*+(\d++)\s*+)?(?:\*\s*+)?)?"
    r"([abc])([1-9])([1-9])(?!\d)\s*+(?:/\s*+(\d++)\s*+)?",
    re.ASCII,
)


def parse_linear_forms(text: str) -> list[Parsed]:
    """Read products of linear forms.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Parsed
        One, read exactly and, if all coefficients are integers, modulo 2.

    Raises
    ------
    InputError
        If a line is no product of one linear form in a, one in b and one in c.
    """
    known: dict[str, tuple[str, _Form]] = {}
    products: list[dict[str, _Form]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.strip():
            if len(products) == _MAX_PRODUCTS:
                raise InputError(f"line {number}: more than {_MAX_PRODUCTS:,} products, expected fewer")
            try:
                products.append(_product(stripped, known))
            except InputError as error:
                raise InputError(f"line {number}: {error}") from None
    if not products:
        raise InputError("is empty, expected products of linear forms such as a11*(b11+b12)*c11")
    return [_scheme(products)]


def write_linear_forms(scheme: Scheme) -> str:
    """Write a scheme as products of linear forms, one per line: ``(a11-a12)*(b21)*(c11+2*c12)/3``.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a size has two digits, an entry is not rational, or too long to be read again.
    """
    if max(scheme.format.sizes) > _LARGEST:
        raise InputError(f"format {scheme.format}: expected sizes up to {_LARGEST}, indices have one digit each")
    lines = []
    hidden = not _shows_sizes(scheme)
    for q, product in enumerate(zip(*(factor.T for factor in scheme.arrays), strict=True)):
        # Divisors stand behind the product where that gives the same factors again, as the field's files have them.
        divisor = denominator(product[2]) if denominator(np.concatenate(product[:2])) == 1 else 1
        factors = zip("abc", (*product[:2], product[2] * divisor), scheme.format.matrix_shapes, strict=True)
        forms = [
            f"({_form_text(letter, vector, width, last=hidden and q == 0)})" for letter, vector, (_, width) in factors
        ]
        lines.append("*".join(forms) + (f"/{real_text(divisor)}" if divisor > 1 else "") + "\n")
    return "".join(lines)


def _product(line: str, known: dict[str, tuple[str, _Form]]) -> dict[str, _Form]:
    """The three forms of a line by their letters; `known` keeps the forms in parentheses."""
    reader = _Reader(line, known)
    forms = reader.product(0)
    if len(forms) < 3:
        raise InputError(f"{shown(line)}, expected one factor each in a, b and c")
    return forms


class _Reader:
    """Recursive descent into a line: products of linear forms, in which a sign never begins a difference."""

    def __init__(self, line: str, known: dict[str, tuple[str, _Form]]) -> None:
        self._line = line
        self._tokens: list[str] = _TOKEN.findall(line)
        self._index = 0
        self._known = known

    def product(self, depth: int) -> dict[str, _Form]:
        """Forms by their letters up to the end, or up to the end of the parenthesis if `depth` is not 0."""
        forms: dict[str, _Form] = {}
        letter, scale, before = "", _ONE, "*"  # scale: numbers before a factor; letter: whose factor has just ended
        while (piece := self._next()) != (")" if depth else ""):
            if before == "/":
                divisor = integer(piece)
                if letter:
                    forms[letter] = {index: divided(x, divisor) for index, x in forms[letter].items()}
                else:
                    scale = divided(scale, divisor)
            elif piece[:1] in _FACTOR:
                letter = self._factor(piece, scale, forms, depth)
                scale = _ONE
            elif piece[:1] in _DIGITS:
                letter, scale = "", bounded(scale * integer(piece))
            elif piece == "-" and before != "-":
                letter, scale = "", -scale
            elif piece not in ("*", "/") or before in ("*", "-"):
                raise InputError(f"{shown(piece) if piece else 'ends there'}, expected factors in a, b and c")
            before = piece
        if not letter or before in ("*", "/"):
            raise InputError(f"{shown(self._line)} ends after {shown(before)}, expected a factor in a, b or c")
        return forms

    def _next(self) -> str:
        self._index += 1
        return self._tokens[self._index - 1] if self._index <= len(self._tokens) else ""

    def _factor(self, piece: str, scale: Exact, forms: dict[str, _Form], depth: int) -> str:
        """Put what begins with `piece`, times `scale`, to the `forms`; its letter, the last if they are several."""
        if piece == "(":
            if depth == _MAX_DEPTH:
                raise InputError(f"{shown(self._line)} is nested too deeply, expected at most {_MAX_DEPTH} levels")
            factors = self.product(depth + 1)
        elif len(_LETTERS.intersection(piece)) > 1:
            factors = _Reader(piece[1:-1], self._known).product(0)  # bare factors in parentheses
        else:
            if piece not in self._known:
                self._known[piece] = _form(piece)
            factors = dict([self._known[piece]])
        *_, letter = factors
        if scale != 1:
            factors[letter] = {index: bounded(x * scale) for index, x in factors[letter].items()}
        for name, form in factors.items():
            if name in forms:
                raise InputError(f"a second factor in {name}, {shown(piece)}, expected one each in a, b and c")
            forms[name] = form
        return letter


def _form(token: str) -> tuple[str, _Form]:
    """Letter and coefficients of a linear form in one letter, with or without parentheses."""
    text = token[1:-1] if token[0] == "(" else token
    form: _Form = {}
    end = 0
    while match := _TERM.match(text, end):
        sign, over, under, letter, row, column, divisor = match.groups()
        if form and not sign:
            break
        value: Exact = integer(over) if over else 1
        if under or divisor:
            value = divided(value, integer(under or "1") * integer(divisor or "1"))
        index = int(row) - 1, int(column) - 1
        value = -value if sign == "-" else value
        form[index] = bounded(form[index] + value) if index in form else value
        end = match.end()
        if end == len(text):
            return letter, form
    raise InputError(f"{shown(text[end:])} in {shown(text)}, expected terms such as -2*a11")


def _scheme(products: Sequence[dict[str, _Form]]) -> Parsed:
    rows, widths = {}, {}
    for letter in "abc":
        rows[letter] = 1 + max(i for product in products for i, _ in product[letter])
        widths[letter] = 1 + max(j for product in products for _, j in product[letter])
    fmt = Format(max(rows["a"], widths["c"]), max(widths["a"], rows["b"]), max(widths["b"], rows["c"]))
    factors = []
    for letter, (height, width) in zip("abc", fmt.matrix_shapes, strict=True):
        factor = np.zeros((height * width, len(products)), dtype=object)
        for q, product in enumerate(products):
            for (i, j), value in product[letter].items():
                factor[i * width + j, q] = value
        factors.append(factor)
    u, v, w = factors
    return Parsed(any_ring(fmt, u, v, w))


def _shows_sizes(scheme: Scheme) -> bool:
    """Whether the largest indices with a coefficient are the sizes, as in every scheme that multiplies matrices."""
    largest = []
    for factor, (_, width) in zip(scheme.arrays, scheme.format.matrix_shapes, strict=True):
        rows = np.flatnonzero((factor != 0).any(axis=1))
        largest.append((int((rows // width).max(initial=-1)) + 1, int((rows % width).max(initial=-1)) + 1))
    (n, m), (m_again, p), (p_again, n_again) = largest
    return (max(n, n_again), max(m, m_again), max(p, p_again)) == scheme.format.sizes


def _form_text(letter: str, vector: NDArray[np.object_], width: int, *, last: bool) -> str:
    """A linear form; the last variable is named even with coefficient 0 if `last`, since sizes are largest indices."""
    terms = []
    for index, value in enumerate(vector):
        if value or (last and index == len(vector) - 1):
            text = real_text(value)
            size = text.removeprefix("-")
            sign = "-" if text.startswith("-") else "+"
            terms.append(f"{sign}{'' if size == '1' else size + '*'}{letter}{index // width + 1}{index % width + 1}")
    return "".join(terms).removeprefix("+") or f"0*{letter}11"
