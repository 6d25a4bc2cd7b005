"""Nested braces, the lists of Mathematica: ``{{A1, B1, C1}, {A2, B2, C2}, ...}``.

Each A is n×m, B m×p and C p×n (C transposed), as ``{{row}, {row}}``. Numbers are exact, Gaussian ones written as
``1/2+1/2*I``. The ring is not stored.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from mmdiscover.interop.parsed import Parsed, any_ring
from mmdiscover.interop.tokens import Cells, Cursor, columns, evaluate, number_text, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mmdiscover.core.exact import Exact
    from mmdiscover.core.scheme import Scheme

_ROW = r"\{[^{}]*+\}"
_OPEN = re.compile(r"\s*+\{")
_CLOSE = re.compile(r"\s*+\}")
_COMMA = re.compile(r"\s*+,")
_END = re.compile(r"\s*+\Z")
_MATRIX = re.compile(rf"\s*+\{{\s*+({_ROW}(?:\s*+,\s*+{_ROW})*+)\s*+\}}")
_ROWS = re.compile(r"\{([^{}]*+)\}")


def parse_braces(text: str) -> list[Parsed]:
    """Read nested braces; nothing in them is executed.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Parsed
        One, read exactly and, if all entries are integers, modulo 2.

    Raises
    ------
    InputError
        If it is no list of products of three matrices, shapes differ, or a cell is not exact arithmetic.
    """
    cursor, cells = Cursor(text), Cells(evaluate)
    cursor.take(_OPEN, "{ at the beginning of a list of products")
    first: list[tuple[int, int]] | None = None
    products: tuple[list[list[Exact]], ...] = ([], [], [])
    while first is None or cursor.accept(_COMMA):
        cursor.take(_OPEN, "{ at the beginning of a product")
        shapes = []
        for factor, vectors in enumerate(products):
            if factor:
                cursor.take(_COMMA, "a comma and the next of three matrices")
            shape, vector = _matrix(cursor, cells)
            shapes.append(shape)
            vectors.append(vector)
        first = first or shapes
        if shapes != first:
            raise cursor.error(f"matrices are {_text(shapes)}, expected {_text(first)} as in the first product")
        cursor.take(_CLOSE, "} after three matrices")
    cursor.take(_CLOSE, "another product or } at the end of the list")
    cursor.take(_END, "nothing after the list")
    (n, m), (_, p), _ = first
    if first != [(n, m), (m, p), (p, n)]:
        raise InputError(f"matrices are {_text(first)}, expected n×m, m×p and p×n")
    u, v, w = map(columns, products)
    return [Parsed(any_ring(Format(n, m, p), u, v, w))]


def write_braces(scheme: Scheme) -> str:
    """Write a scheme as nested braces, one product per line.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    str

    Raises
    ------
    InputError
        If an entry is too long to be read again.
    """
    products = []
    for product in zip(*(factor.T for factor in scheme.arrays), strict=True):
        matrices = []
        for (rows, width), vector in zip(scheme.format.matrix_shapes, product, strict=True):
            cells = [number_text(x) for x in vector]
            matrices.append(_braced(_braced(cells[i * width : (i + 1) * width]) for i in range(rows)))
        products.append(_braced(matrices))
    return "{" + ",\n ".join(products) + "}\n"


def _matrix(cursor: Cursor, cells: Cells) -> tuple[tuple[int, int], list[Exact]]:
    match = cursor.take(_MATRIX, "a matrix {{...}, {...}}")
    lines = [row.split(",") for row in _ROWS.findall(match[1])]
    width = len(lines[0])
    if any(len(line) != width for line in lines):
        raise cursor.error("rows of different lengths before it, expected a matrix")
    try:
        return (len(lines), width), [cells[cell] for line in lines for cell in line]
    except InputError as error:
        raise InputError(f"{place(cursor.text, match.start(1))}: {error}") from None


def _braced(items: Iterable[str]) -> str:
    return "{" + ", ".join(items) + "}"


def _text(shapes: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{rows}×{width}" for rows, width in shapes)
