"""Factors of a scheme as JSON values: what scheme files and the database have in common.

One row per product; an integer is a number, everything else an exact string: ``1``, ``"1/2"``, ``"-1/2+1/2i"``.
"""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from mmdiscover.core.exact import MAX_DIGITS, Exact, format_exact, parse_exact
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format

Rows: TypeAlias = list[list[int | str]]

_SMALL = 2**62
"""Bound of the integers that are read without a closer look."""


def scheme_rows(scheme: Scheme) -> dict[str, Rows]:
    """The factors as rows of JSON values.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    dict
        Under ``u``, ``v`` and ``w`` a list of r rows of nm, mp and pn entries.

    Raises
    ------
    InputError
        If an entry is longer than `scheme_of_rows` reads.
    """
    return {
        name: [[_write(x, f"{name}[{q}][{i}]") for i, x in enumerate(column)] for q, column in enumerate(factor.T)]
        for name, factor in zip("uvw", scheme.arrays, strict=True)
    }


def scheme_of_rows(fmt: Format, rank: int, rows: Mapping[str, Any], *, modulus: int = 0) -> Scheme:
    """The inverse of `scheme_rows`.

    Parameters
    ----------
    fmt : Format
    rank : int
    rows : mapping
        JSON values of any kind under ``u``, ``v`` and ``w``; further keys are passed over.
    modulus : {0, 2}
        As in `Scheme`.

    Returns
    -------
    Scheme
        Not verified.

    Raises
    ------
    InputError
        If the rows are not those of such a scheme, or a number is not exact or has more than `MAX_DIGITS` characters.
    """
    u, v, w = (_matrix(name, rows[name], rank, width) for name, width in zip("uvw", fmt.shape, strict=True))
    return Scheme(fmt, u, v, w, modulus=modulus)


def _write(value: Exact, place: str) -> int | str:
    if isinstance(value, int):
        if _is_short(value):
            return value
    else:
        try:
            text = format_exact(value)
        except ValueError:  # thousands of digits, more than Python writes
            text = None
        if text is not None and len(text) <= MAX_DIGITS:
            return text
    raise InputError(f"{place} is too long to be read again, expected at most {MAX_DIGITS} characters")


def _is_short(value: int) -> bool:
    """Whether it has at most `MAX_DIGITS` characters, sign included."""
    return bool(-(10 ** (MAX_DIGITS - 1)) < value < 10**MAX_DIGITS)


def _matrix(name: str, rows: Any, rank: int, width: int) -> NDArray[np.object_]:
    _check_list(rows, rank, name, "rows, one per product")
    for q, row in enumerate(rows):
        _check_list(row, width, f"{name}[{q}]", "entries")
    matrix = np.empty((width, rank), dtype=object)
    for q, row in enumerate(rows):
        small = all(type(x) is int and -_SMALL < x < _SMALL for x in row)
        matrix[:, q] = row if small else [read_exact(x, f"{name}[{q}][{i}]") for i, x in enumerate(row)]
    return matrix


def _check_list(value: Any, length: int, place: str, of_what: str) -> None:
    if not isinstance(value, list):
        raise InputError(f"{place} is {reprlib.repr(value)}, expected a list of {length} {of_what}")
    if len(value) != length:
        raise InputError(f"{place} has {len(value)} items, expected {length} {of_what}")


def read_exact(value: Any, place: str) -> Exact:
    """The number that a JSON value stands for.

    Raises
    ------
    InputError
        Naming `place`, if it is not exact or has more than `MAX_DIGITS` characters.
    """
    if type(value) is int and _is_short(value):
        return value
    if isinstance(value, str):
        try:
            return parse_exact(value)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
    raise InputError(
        f"{place} is {reprlib.repr(value)}, "
        f'expected an integer or an exact string such as "1/2", of at most {MAX_DIGITS} characters'
    )
