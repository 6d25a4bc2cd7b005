"""Text of flip-graph programs: whitespace-separated integers.

``n m p r``, then r·nm entries of U, r·mp of V and r·pn of W (for Cᵀ), product by product. With fractions every entry is
two integers, numerator and denominator; the number of tokens decides. Several schemes: their number comes first. The
ring is not stored.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from mmdiscover.interop.parsed import Parsed, any_ring
from mmdiscover.interop.tokens import divided, integer, real_text, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.exact import Exact
    from mmdiscover.core.scheme import Scheme

MAX_SCHEMES = 2**16
"""Most schemes of a file: the smallest take a hundred times the memory of their text."""

_HEADER = 4
_LARGEST = 10**9


def parse_flip(text: str) -> list[Parsed]:
    """Read one or several schemes as flip-graph programs write them.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Parsed
        In the file's order; each read exactly and, if all entries are integers, modulo 2.

    Raises
    ------
    InputError
        If a token is no integer, or their number fits neither one scheme nor several, with or without fractions.
    """
    tokens = text.split()
    if len(tokens) <= _HEADER:
        raise InputError(f"{shown(text)}, expected n m p r and the entries of three factors")
    numbers = _integers(tokens)
    spans = _spans(numbers)
    if spans is None:
        raise InputError(f"{len(numbers)} integers, expected {_expected(numbers)}")
    return [_scheme(numbers[start:end], width) for start, end, width in spans]


def write_flip(scheme: Scheme) -> str:
    """Write a scheme as flip-graph programs do, with fractions if one is needed.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    str

    Raises
    ------
    InputError
        If an entry is not rational, or too long to be read again.
    """
    return _text(scheme, fractions=_has_fractions(scheme))


def write_flips(schemes: Sequence[Scheme]) -> str:
    """Write several schemes to one text, all with fractions if one of them needs it.

    Parameters
    ----------
    schemes : sequence of Scheme
        At least one.

    Returns
    -------
    str

    Raises
    ------
    InputError
        As `write_flip`, or if there is no scheme.
    """
    if not schemes:
        raise InputError("no scheme, expected at least one")
    fractions = any(map(_has_fractions, schemes))
    return f"{len(schemes)}\n" + "".join(_text(scheme, fractions=fractions) for scheme in schemes)


def _integers(tokens: Sequence[str]) -> list[int]:
    known: dict[str, int] = {}
    numbers: list[int] = []
    try:
        for token in tokens:
            if token not in known:
                known[token] = integer(token)
            numbers.append(known[token])
    except InputError as error:
        raise InputError(f"token {len(numbers) + 1}: {error}") from None
    return numbers


def _spans(numbers: Sequence[int]) -> list[tuple[int, int, int]] | None:
    """Where the schemes are: begin, end and integers per entry; None if that makes no sense."""
    for begin, count in ((0, 1), (1, min(numbers[0], MAX_SCHEMES))):
        for width in (1, 2):
            spans = _walk(numbers, begin, count, width)
            if spans is not None:
                return spans
    return None


def _expected(numbers: Sequence[int]) -> str:
    """How many integers there should be, by the first ones."""
    n, m, p, rank = numbers[:_HEADER]
    if not all(0 < number <= _LARGEST for number in (n, m, p, rank)):
        return "n m p r and the entries of three factors, or the number of schemes and as many of that kind"
    size = rank * (n * m + m * p + p * n)
    return (
        f"4 + {size} for {n}x{m}x{p}:{rank}, or 4 + {2 * size} with fractions, or {n} (at most {MAX_SCHEMES}) schemes"
    )


def _walk(numbers: Sequence[int], begin: int, count: int, width: int) -> list[tuple[int, int, int]] | None:
    spans: list[tuple[int, int, int]] = []
    while len(spans) < count:
        n, m, p, rank = [*numbers[begin : begin + _HEADER], 0, 0, 0, 0][:_HEADER]
        end = begin + _HEADER + width * rank * (n * m + m * p + p * n)
        if min(n, m, p, rank) < 1 or end > len(numbers):
            return None
        spans.append((begin, end, width))
        begin = end
    return spans if begin == len(numbers) else None


def _scheme(numbers: Sequence[int], width: int) -> Parsed:
    n, m, p, rank = numbers[:_HEADER]
    fmt = Format(n, m, p)
    try:
        entries = _entries(numbers[_HEADER:], width)
    except InputError as error:
        return Parsed((), str(error))
    factors = []
    for size in fmt.shape:
        flat, entries = entries[: rank * size], entries[rank * size :]
        factors.append(np.array(flat, dtype=object).reshape(rank, size).T)
    u, v, w = factors
    return Parsed(any_ring(fmt, u, v, w))


def _entries(numbers: Sequence[int], width: int) -> Sequence[Exact]:
    if width == 1:
        return numbers
    return [divided(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]


def _has_fractions(scheme: Scheme) -> bool:
    return any(isinstance(entry, Fraction) for factor in scheme.arrays for entry in factor.ravel())


def _text(scheme: Scheme, *, fractions: bool) -> str:
    lines = [" ".join(map(str, (*scheme.format.sizes, scheme.rank)))]
    for factor in scheme.arrays:
        cells = [real_text(entry) for entry in factor.T.ravel()]
        if fractions:
            cells = [" ".join((f"{cell}/1").split("/")[:2]) for cell in cells]
        lines.append(" ".join(cells))
    return "\n".join(lines) + "\n"
