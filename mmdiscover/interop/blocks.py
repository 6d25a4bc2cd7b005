"""Coefficient blocks of fast-matmul, plain and eliminated, exact and approximate.

Three blocks between lines that begin with ``#``: rows are the entries of A, B and C, row by row and C not transposed;
columns are products. Eliminated files have further rows of A and B and further columns of C, one for each linear form
that is computed once; after a comment "Substitution information" come their definitions, over the entries of A, the
entries of B and the products. Cells are numbers and hold in characteristic zero, or Laurent polynomials in x where the
algorithm is approximate.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.laurent import approximation, parse_laurent
from mmdiscover.interop.parsed import Parsed, format_of_heights
from mmdiscover.interop.tokens import bounded, real_text, require_exact, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmdiscover.core.exact import Exact

_T = TypeVar("_T")
_Row = tuple[int, list[str]]  # number of the line, cells
_Matrix = list[list["Exact"]]

_NUMBER = re.compile(r"[+-]?\d{1,200}(?:/\d{1,200}|\.\d{0,200})?", re.ASCII)
_MAX_ROWS = 2**16  # memory: a row takes a hundred times its shortest text
_MAX_STEPS = 2**20
_SUBSTITUTIONS = "substitution information"


def parse_blocks(text: str) -> list[Parsed]:
    """Read coefficient blocks.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Parsed
        One; without a reading and with the reason if it is an approximate algorithm.

    Raises
    ------
    InputError
        If there are not three blocks of cells whose sizes are those of some format.
    """
    blocks, definitions = _sections(text)
    if len(blocks) != 3:
        raise InputError(f"{len(blocks)} blocks of coefficients, expected three, for A, B and C")
    _check_widths(blocks, definitions)
    fmt = format_of_heights(
        *(len(block) - len(extra) for block, extra in zip(blocks, (*definitions[:2], ()), strict=True))
    )
    order = [i * fmt.p + k for k in range(fmt.p) for i in range(fmt.n)]  # of the rows of Cᵀ in C
    blocks[2] = [blocks[2][row] for row in order]
    if any("x" in cell for block in blocks for _, cells in block for cell in cells):
        if any(definitions):
            raise InputError("cells in x and substitutions, expected one or the other")
        return [Parsed((), approximation(fmt, [_read(block, parse_laurent) for block in blocks]))]
    u, v, w = (_read(block, _number) for block in blocks)
    of_a, of_b, of_products = (_read(group, _number) for group in definitions)
    u, v = _substituted(u, of_a), _substituted(v, of_b)
    if of_products:
        w = _transposed(_substituted(_transposed(w), of_products))
    u_array, v_array, w_array = (np.array(factor, dtype=object) for factor in (u, v, w))
    return [Parsed((Scheme(fmt, u_array, v_array, w_array),))]


def write_blocks(scheme: Scheme) -> str:
    """Write a scheme as plain coefficient blocks.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it holds modulo 2 only, an entry is not rational, or too long to be read again.
    """
    require_exact(scheme, "coefficient block")
    n, _, p = scheme.format.sizes
    w = scheme.w[[k * n + i for i in range(n) for k in range(p)]]
    blocks = ["".join(" ".join(map(real_text, row)) + "\n" for row in factor) for factor in (scheme.u, scheme.v, w)]
    return f"# {scheme.name}\n" + "#\n".join(blocks)


def _sections(text: str) -> tuple[list[list[_Row]], list[list[_Row]]]:
    """The blocks of coefficients, and the three groups of substitutions, empty where there are none."""
    blocks: list[list[_Row]] = [[]]
    definitions: list[list[_Row]] = []
    rows = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#"):
            if definitions or _SUBSTITUTIONS in line.lower():
                definitions += [[]] if len(definitions) < 4 else []
            elif blocks[-1]:
                blocks.append([])
        elif cells := line.split():
            (definitions or blocks)[-1].append((number, cells))
            rows += 1
            if rows > _MAX_ROWS:
                raise InputError(f"line {number}: more than {_MAX_ROWS:,} rows, expected fewer")
    definitions += [[]] * (4 - len(definitions))
    if definitions.pop():
        raise InputError("four groups of substitutions, expected at most three")
    return [block for block in blocks if block], definitions


def _check_widths(blocks: Sequence[Sequence[_Row]], definitions: Sequence[Sequence[_Row]]) -> None:
    rank = len(blocks[0][0][1])
    widths = [rank, rank, rank + len(definitions[2])]
    widths += [len(block) - len(extra) for block, extra in zip(blocks[:2], definitions[:2], strict=True)] + [rank]
    for block, width in zip((*blocks, *definitions), widths, strict=True):
        for number, cells in block:
            if len(cells) != width:
                raise InputError(f"line {number}: {len(cells)} cells, expected {width}")


def _read(block: Sequence[_Row], read: Callable[[str], _T]) -> list[list[_T]]:
    known: dict[str, _T] = {}
    matrix = []
    for number, cells in block:
        for cell in dict.fromkeys(cells):
            if cell not in known:
                try:
                    known[cell] = read(cell)
                except InputError as error:
                    raise InputError(f"line {number}: {error}") from None
        matrix.append([known[cell] for cell in cells])
    return matrix


def _number(text: str) -> Exact:
    if _NUMBER.fullmatch(text) is None:
        raise InputError(f"{shown(text)}, expected an integer, fraction or decimal")
    try:
        return bounded(Fraction(text))
    except ZeroDivisionError:
        raise InputError(f"{shown(text)} divides by zero") from None


def _substituted(block: _Matrix, definitions: _Matrix) -> _Matrix:
    """Rows of a factor in the original entries: its last rows belong to the linear forms that `definitions` name."""
    if not definitions:
        return block
    height = len(block) - len(definitions)
    result = [list(row) for row in block[:height]]
    work = 0
    for extra, definition in zip(block[height:], definitions, strict=True):
        entries = [(q, value) for q, value in enumerate(extra) if value]
        for row, coefficient in zip(result, definition, strict=True):
            if coefficient:
                work += len(entries)
                if work > _MAX_STEPS:
                    raise InputError(f"substitutions need more than {_MAX_STEPS:,} steps")
                for q, value in entries:
                    row[q] = bounded(row[q] + coefficient * value)
    return result


def _transposed(block: _Matrix) -> _Matrix:
    return [list(column) for column in zip(*block, strict=True)]
