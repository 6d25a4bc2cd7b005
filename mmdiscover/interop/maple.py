"""Maple files of the FMM catalogue, ``NxMxP_tensor.mpl``.

Symbolic matrices ``A``, ``B`` and ``C`` (C transposed), then the data, ``Tensor:=TriadSet([Triad([Matrix(n, m, [[..]]),
Matrix(m, p, [[..]]), Matrix(p, n, [[..]])]), ...]):``, then an expression that checks it with a sum over ``i=1..r``.
Cells are numbers or unevaluated arithmetic, and hold in characteristic zero.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.parsed import Parsed
from mmdiscover.interop.tokens import Cells, Cursor, columns, evaluate, number_text, require_exact, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.exact import Exact

_Shape = tuple[int, int]

_ROW = r"\[[^\[\]]*+\]"
_SIZES = r"\s*+Matrix\s*+\(\s*+(\d{1,9})\s*+,\s*+(\d{1,9})\s*+,"
_TENSOR = re.compile(r"(?:^|[:;])[ \t]*+Tensor\s*+:=\s*+TriadSet\s*+\(\s*+\[", re.MULTILINE)
_DECLARATION = re.compile(rf"(?:^|[:;])[ \t]*+([ABC])\s*+:={_SIZES}", re.MULTILINE | re.ASCII)
_LIMIT = re.compile(r"\bi\s*+=\s*+1\s*+\.\.\s*+(\d{1,9})", re.ASCII)
_TRIAD = re.compile(r"\s*+Triad\s*+\(\s*+\[")
_MATRIX = re.compile(rf"{_SIZES}\s*+\[\s*+({_ROW}(?:\s*+,\s*+{_ROW})*+)\s*+\]\s*+\)", re.ASCII)
_ROWS = re.compile(r"\[([^\[\]]*+)\]")
_COMMA = re.compile(r"\s*+,")
_TRIAD_END = re.compile(r"\s*+\]\s*+\)")
_TENSOR_END = re.compile(r"\s*+\]\s*+\)\s*+(?:[:;]|$)")


def parse_maple(text: str) -> list[Parsed]:
    """Read a Maple file of the FMM catalogue; nothing in it is executed, and only its ``Tensor`` is data.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Parsed
        One, with one reading.

    Raises
    ------
    InputError
        If there is no ``Tensor:=TriadSet([...])`` of matrices of the same shapes with exact cells, or the sizes of A, B
        and C or the number of products are declared otherwise.
    """
    start = _TENSOR.search(text)
    if start is None:
        raise InputError(f"{shown(text)}, expected a statement Tensor:=TriadSet([...])")
    cursor, cells = Cursor(text, start.end()), Cells(evaluate)
    shapes: list[_Shape] | None = None
    products: tuple[list[list[Exact]], ...] = ([], [], [])
    while shapes is None or cursor.accept(_COMMA):
        triad = _triad(cursor, cells, shapes)
        shapes = [shape for shape, _ in triad]
        for vectors, (_, vector) in zip(products, triad, strict=True):
            vectors.append(vector)
    cursor.take(_TENSOR_END, "another Triad or the end of the TriadSet")
    fmt = _format(shapes)
    _check_declarations(text, start.start(), cursor.position, fmt, len(products[0]))
    u, v, w = map(columns, products)
    return [Parsed((Scheme(fmt, u, v, w),))]


def write_maple(scheme: Scheme) -> str:
    """Write a scheme as the FMM catalogue does, without the final check.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it holds modulo 2 only, or an entry is too long to be read again.
    """
    require_exact(scheme, "Maple")
    names = "ABC"
    lines = []
    for name, (rows, width) in zip(names, scheme.format.matrix_shapes, strict=True):
        symbols = [f"{name}_{i + 1}_{j + 1}" for i in range(rows) for j in range(width)]
        lines.append(f"{name}:={_matrix_text((rows, width), symbols)}:\n")
    triads = []
    for product in zip(*(factor.T for factor in scheme.arrays), strict=True):
        matrices = zip(scheme.format.matrix_shapes, product, strict=True)
        triads.append(f"Triad([{', '.join(_matrix_text(shape, map(number_text, x)) for shape, x in matrices)}])")
    lines.append(f"Tensor:=TriadSet([{', '.join(triads)}]):\n")
    return "".join(lines)


def _triad(cursor: Cursor, cells: Cells, shapes: Sequence[_Shape] | None) -> list[tuple[_Shape, list[Exact]]]:
    """Shapes and entries of the three matrices of a product, checked against those of the first product."""
    cursor.take(_TRIAD, "Triad([...])")
    triad = []
    for factor in range(3):
        if factor:
            cursor.take(_COMMA, "a comma and the next of three matrices")
        start = cursor.position
        match = cursor.take(_MATRIX, "Matrix(rows, columns, [[...], ...])")
        cursor.position = start  # for errors
        shape, vector = _matrix(cursor, match, cells)
        if shapes is not None and shape != shapes[factor]:
            raise cursor.error(f"a {_by(shape)} matrix, expected {_by(shapes[factor])} as in the first product")
        triad.append((shape, vector))
        cursor.position = match.end()
    cursor.take(_TRIAD_END, "the end of a Triad of three matrices")
    return triad


def _matrix(cursor: Cursor, match: re.Match[str], cells: Cells) -> tuple[_Shape, list[Exact]]:
    rows, width = int(match[1]), int(match[2])
    lines = [row.split(",") for row in _ROWS.findall(match[3])]
    if len(lines) != rows or any(len(line) != width for line in lines):
        raise cursor.error(f"{len(lines)} rows of {len(lines[0])} or other cells, expected {_by((rows, width))}")
    try:
        return (rows, width), [cells[cell] for line in lines for cell in line]
    except InputError as error:
        raise cursor.error(str(error)) from None


def _format(shapes: Sequence[_Shape]) -> Format:
    (n, m), (_, p), _ = shapes
    if tuple(shapes) != ((n, m), (m, p), (p, n)):
        found = ", ".join(map(_by, shapes))
        raise InputError(f"matrices are {found}, expected n×m, m×p and p×n")
    return Format(n, m, p)


def _check_declarations(text: str, start: int, end: int, fmt: Format, rank: int) -> None:
    expected = dict(zip("ABC", fmt.matrix_shapes, strict=True))
    for match in _DECLARATION.finditer(text, 0, start):
        shape = int(match[2]), int(match[3])
        if shape != expected[match[1]]:
            raise InputError(f"{match[1]} is declared {_by(shape)}, expected {_by(expected[match[1]])} as in Tensor")
    limit = _LIMIT.search(text, end)
    if limit is not None and int(limit[1]) != rank:
        raise InputError(f"the check sums over {limit[1]} products, expected {rank} as in Tensor")


def _matrix_text(shape: _Shape, cells: Sequence[str] | map[str]) -> str:
    flat, (rows, width) = list(cells), shape
    lines = ",".join(f"[{','.join(flat[i * width : (i + 1) * width])}]" for i in range(rows))
    return f"Matrix({rows}, {width}, [{lines}])"


def _by(shape: _Shape) -> str:
    return f"{shape[0]}×{shape[1]}"
