"""What the readers and writers of text formats share: places in a text, bounded exact numbers, factors from lists."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.exact import MAX_DIGITS, Exact, Gaussian, format_exact, real_and_imaginary, reciprocal, simplify
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme

MAX_ENTRIES = 2**24
"""Most entries of all factors together that a file which does not spell them all out may ask for."""

_MAX_LENGTH = 10_000
_MAX_DEPTH = 50
_MAX_EXPONENT = 64
_LONG = 4 * MAX_DIGITS
_DIGITS = frozenset("0123456789")
_INTEGER = re.compile(r"[+-]?\d++", re.ASCII)
_TOKEN = re.compile(r"\s*+(\d++|I\b|\*\*|\S|$)", re.ASCII)


def shown(text: str) -> str:
    """The beginning of a piece of a file, quoted and on one line."""
    return repr(text if len(text) <= 40 else text[:40] + "…")


def place(text: str, position: int) -> str:
    """Line and column, from 1, of a position in a text."""
    return f"line {text.count(chr(10), 0, position) + 1} column {position - text.rfind(chr(10), 0, position)}"


class Cursor:
    """A place in a text that moves on by what is recognised there.

    Parameters
    ----------
    text : str
    position : int
    """

    def __init__(self, text: str, position: int = 0) -> None:
        self.text = text
        self.position = position

    def accept(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What `pattern` matches here, if it does; the cursor then stands behind it."""
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def take(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        """What `pattern` matches here.

        Raises
        ------
        InputError
            If it does not, naming the place, what is there and what was `expected`.
        """
        match = self.accept(pattern)
        if match is None:
            raise self.error(self.found(expected))
        return match

    def found(self, expected: str) -> str:
        """What is here, and what was `expected` instead."""
        found = self.text[self.position : self.position + 41].strip().partition("\n")[0]
        return f"{shown(found) if found else 'ends there'}, expected {expected}"

    def error(self, message: str) -> InputError:
        """An error at this place."""
        return InputError(f"{place(self.text, self.position)}: {message}")


class Cells(dict[str, Exact]):
    """Numbers by the text of their cells, each read once: most cells of a file are 0, 1 or -1.

    Parameters
    ----------
    read : callable
        From the text of a cell to its value; raises `InputError`.
    """

    def __init__(self, read: Callable[[str], Exact]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Exact:
        value = self[text] = self._read(text)
        return value


def bounded(value: Exact) -> Exact:
    """The same number in its smallest type.

    Raises
    ------
    InputError
        If it is written with more than `MAX_DIGITS` characters: no scheme needs such numbers, and they cost time.
    """
    value = simplify(value)
    bits = sum(x.bit_length() for part in real_and_imaginary(value) for x in (part.numerator, part.denominator))
    if bits > 3 * MAX_DIGITS and (bits > _LONG or len(format_exact(value)) > MAX_DIGITS):
        raise InputError(f"a number is too long, expected at most {MAX_DIGITS} characters")
    return value


def integer(digits: str) -> int:
    """Read an integer.

    Raises
    ------
    InputError
        If it is none, or has more than `MAX_DIGITS` characters.
    """
    if len(digits) > MAX_DIGITS:
        raise InputError(f"number {shown(digits)} has {len(digits)} characters, expected at most {MAX_DIGITS}")
    if _INTEGER.fullmatch(digits) is None:  # int() would read 1_0 and other alphabets' digits
        raise InputError(f"{shown(digits)}, expected an integer")
    return int(digits)


def divided(value: Exact, divisor: Exact) -> Exact:
    """value/divisor.

    Raises
    ------
    InputError
        If it divides by zero or the result is too long.
    """
    if not divisor:
        raise InputError("a number divides by zero")
    return bounded(value * reciprocal(divisor))


def number_text(value: Exact) -> str:
    """Write a number as computer algebra systems read it, and `evaluate`: ``3``, ``-1/2``, ``1/2-3/4*I``.

    Raises
    ------
    InputError
        If it is too long to be read again.
    """
    text = format_exact(bounded(value))
    if not text.endswith("i"):
        return text
    return text[:-1] + ("*I" if text[-2:-1].isdigit() else "I")


def real_text(value: Exact) -> str:
    """`number_text` for formats without an imaginary unit.

    Raises
    ------
    InputError
        If `value` is not real, or too long to be read again.
    """
    if isinstance(value, Gaussian):
        raise InputError(f"entry {value} is not real, expected rational entries for this file format")
    return number_text(value)


def evaluate(text: str) -> Exact:
    """Value of arithmetic in integers and the imaginary unit I: + - * / ** ^ and parentheses.

    A sign binds as in Python and Maple: -2**2 is -4, and 1*-4 is allowed.

    Raises
    ------
    InputError
        If `text` is anything else or long, divides by zero, is nested deeply, or a number on the way is too long.
    """
    if len(text) > _MAX_LENGTH:
        raise InputError(f"{shown(text)} has {len(text)} characters, expected at most {_MAX_LENGTH:,}")
    arithmetic = _Arithmetic(text)
    value = arithmetic.sum(0)
    arithmetic.end()
    return value


class _Arithmetic:
    """Recursive descent, with bounds on depth, exponents and the length of numbers."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.findall(text)
        self._index = 0

    def sum(self, depth: int) -> Exact:
        value = self._product(depth)
        while sign := self._accept("+", "-"):
            right = self._product(depth)
            value = bounded(value + right if sign == "+" else value - right)
        return value

    def end(self) -> None:
        if not self._accept(""):
            raise self._error()

    def _product(self, depth: int) -> Exact:
        value = self._signed(depth)
        while operator := self._accept("*", "/"):
            right = self._signed(depth)
            value = bounded(value * right) if operator == "*" else divided(value, right)
        return value

    def _signed(self, depth: int) -> Exact:
        negative = False
        while sign := self._accept("+", "-"):
            negative ^= sign == "-"
        value = self._power(depth)
        return -value if negative else value

    def _power(self, depth: int) -> Exact:
        base = self._atom(depth)
        if not self._accept("**", "^"):
            return base
        if depth >= _MAX_DEPTH:
            raise InputError(f"{shown(self._text)} is nested too deeply, expected at most {_MAX_DEPTH} levels")
        exponent = self._signed(depth + 1)
        if isinstance(base, Gaussian) or not isinstance(exponent, int) or abs(exponent) > _MAX_EXPONENT:
            raise InputError(f"{shown(self._text)}: expected real powers, with integers up to {_MAX_EXPONENT}")
        power = Fraction(base) ** abs(exponent)
        return divided(1, power) if exponent < 0 else bounded(power)

    def _atom(self, depth: int) -> Exact:
        token = self._tokens[self._index]
        if token[:1] in _DIGITS:
            self._index += 1
            return integer(token)
        if self._accept("I"):
            return Gaussian(Fraction(0), Fraction(1))
        if not self._accept("("):
            raise self._error()
        if depth >= _MAX_DEPTH:
            raise InputError(f"{shown(self._text)} is nested too deeply, expected at most {_MAX_DEPTH} levels")
        value = self.sum(depth + 1)
        if not self._accept(")"):
            raise self._error()
        return value

    def _accept(self, *tokens: str) -> str | None:
        """The token here, if it is one of these; ``""`` is the end and gives ``" "``."""
        token: str = self._tokens[self._index]
        if token not in tokens:
            return None
        self._index += 1
        return token or " "

    def _error(self) -> InputError:
        found = self._tokens[self._index]
        return InputError(f"{shown(self._text)}: {shown(found) if found else 'ends there'}, expected exact arithmetic")


def columns(products: Sequence[Sequence[Exact]]) -> NDArray[np.object_]:
    """A factor, one column per product, from the vectors of its products, all of one length."""
    return np.array(products, dtype=object).T


def check_size(fmt: Format, rank: int) -> None:
    """Refuse factors that a small file can ask for and no memory can hold.

    Raises
    ------
    InputError
        If all three together have more than `MAX_ENTRIES` entries.
    """
    if sum(fmt.shape) * rank > MAX_ENTRIES:
        raise InputError(f"{fmt} with {rank} products: expected at most {MAX_ENTRIES:,} coefficients")


def require_exact(scheme: Scheme, name: str) -> None:
    """Refuse a scheme modulo 2 for a file format that promises characteristic zero.

    Raises
    ------
    InputError
        If it is one.
    """
    if scheme.modulus:
        raise InputError(f"{scheme.name} holds modulo 2, but {name} files promise characteristic zero")
