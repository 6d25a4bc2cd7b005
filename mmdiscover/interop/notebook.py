"""Jupyter notebooks as AlphaEvolve's: cells ``decomposition_nmp = (np.array([[..]]), np.array(..), np.array(..))``.

Matrices are nm×r, mp×r and pn×r, for C transposed: columns are products. Numbers are Python literals, all of them
dyadic and so exact, and hold in characteristic zero. Nothing is executed, nor parsed as Python: a syntax tree of a
notebook takes several hundred times its memory.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.parsed import Parsed, format_of_heights
from mmdiscover.interop.tokens import Cells, Cursor, bounded, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.exact import Exact

_MAX_DECOMPOSITIONS = 1000
_ROW = r"\[[^\[\]]*+\]"
_ASSIGNMENT = re.compile(r"^(decomposition_\w{1,100})[ \t]*+=(?!=)", re.MULTILINE | re.ASCII)
_OPEN = re.compile(r"\s*+\(")
_ARRAY = re.compile(
    rf"\s*+(?:np|numpy)\.array\(\s*+\[\s*+({_ROW}(?:\s*+,\s*+{_ROW})*+)\s*+,?\s*+\]"
    r"\s*+(?:,\s*+dtype\s*+=\s*+[\w.]++\s*+)?(?:,\s*+)?\)"
)
_ROWS = re.compile(r"\[([^\[\]]*+)\]")
_COMMA = re.compile(r"\s*+,")
_CLOSE = re.compile(r"\s*+(?:,\s*+)?\)")
_REAL = r"(?:\d{1,200}+(?:\.\d{0,200}+)?+|\.\d{1,200}+)(?:[eE][+-]?\d{1,2}+)?+"
_LITERAL = re.compile(rf"\s*+(?:(?P<re>[+-]?\s*+{_REAL})\s*+)?(?:(?P<im>(?(re)[+-]|[+-]?)\s*+{_REAL})j\s*+)?", re.ASCII)


def parse_notebook(text: str) -> list[Parsed]:
    """Read the decompositions of a notebook.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Parsed
        One per assignment to ``decomposition_…``, labelled with that name; without a reading where it is malformed.

    Raises
    ------
    InputError
        If it is no notebook, or holds no such assignment.
    """
    result: list[Parsed] = []
    for source in _sources(text):
        for match in _ASSIGNMENT.finditer(source):
            if len(result) == _MAX_DECOMPOSITIONS:
                raise InputError(f"more than {_MAX_DECOMPOSITIONS:,} decompositions, expected fewer")
            try:
                result.append(Parsed((_decomposition(Cursor(source, match.end())),), label=match[1]))
            except InputError as error:
                result.append(Parsed((), str(error), match[1]))
    if not result:
        raise InputError("a notebook without a cell decomposition_nmp = (...), expected at least one")
    return result


def _sources(text: str) -> list[str]:
    """Texts of the code cells."""
    try:
        document = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise InputError(f"{shown(text)}, expected a notebook in JSON") from None
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise InputError(f"{shown(text)}, expected a notebook: a JSON object with a list of cells")
    return [_source(cell) for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))


def _decomposition(cursor: Cursor) -> Scheme:
    cells = Cells(_literal)
    factors = []
    cursor.take(_OPEN, "( and three arrays")
    for factor in range(3):
        if factor:
            cursor.take(_COMMA, "a comma and the next of three arrays")
        factors.append(_array(cursor, cells))
    cursor.take(_CLOSE, ") after three arrays")
    u, v, w = factors
    if not u.shape[1] == v.shape[1] == w.shape[1]:
        raise InputError(f"arrays have {u.shape[1]}, {v.shape[1]} and {w.shape[1]} columns, expected one per product")
    return Scheme(format_of_heights(len(u), len(v), len(w)), u, v, w)


def _array(cursor: Cursor, cells: Cells) -> NDArray[np.object_]:
    match = cursor.take(_ARRAY, "np.array([[...], ...])")
    lines = [row.rstrip().removesuffix(",").split(",") for row in _ROWS.findall(match[1])]
    if any(len(line) != len(lines[0]) for line in lines):
        raise cursor.error("rows of different lengths before it, expected a matrix")
    try:
        return np.array([[cells[cell] for cell in line] for line in lines], dtype=object)
    except InputError as error:
        raise cursor.error(f"before it, {error}") from None


def _literal(text: str) -> Exact:
    """The exact value of a Python number such as ``-0.``, ``0.5`` or ``0. -0.5j``."""
    match = _LITERAL.fullmatch(text)
    if match is None or not (match["re"] or match["im"]):
        raise InputError(f"{shown(text)}, expected a number such as 0.5 or 0.5-0.5j")
    re_part, im_part = (Fraction("".join((match[name] or "0").split())) for name in ("re", "im"))
    return bounded(Gaussian(re_part, im_part))
