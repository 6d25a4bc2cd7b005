"""MATLAB text of factors A, B and C, for C transposed: columns are products.

Statements: a matrix ``A1 = [`` rows ``]``, matrices side by side ``A=1/2*[A1,A2]``, a choice of columns
``B=A(:,[1:5,12:23])`` counted from 1, and ``syms a b real``. Entries of the matrices that are multiplied are in
row-major order, in one published file in column-major order, all three; nothing says which. Numbers hold in
characteristic zero.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.parsed import Parsed, format_of_heights
from mmdiscover.interop.tokens import Cells, Cursor, bounded, evaluate, shown

if TYPE_CHECKING:
    from mmdiscover.core.exact import Exact

_MAX_STATEMENTS = 1000
_MAX_COPIED = 2**22  # entries: all of a 16×16×16 scheme with 4096 products, and more than any that is known

_Matrix = list[list["Exact"]]

_NAME = r"[A-Za-z]\w{0,60}"
_SKIPPED = re.compile(r"(?:\s|;|%[^\n]*+)*+")
_SYMBOLS = re.compile(r"syms[ \t]++([^\n;%]*+)")
_ASSIGNED = re.compile(rf"({_NAME})\s*+=\s*+", re.ASCII)
_MATRIX = re.compile(r"\[([^\[\]]*+)\]")
_TOGETHER = re.compile(rf"(?:([+-]?[\d/]{{1,200}})\s*+\*\s*+)?\[\s*+({_NAME}(?:\s*+,\s*+{_NAME})*+)\s*+\]", re.ASCII)
_COLUMNS = re.compile(rf"({_NAME})\s*+\(\s*+:\s*+,\s*+\[([\d:,\s]*+)\]\s*+\)", re.ASCII)
_RANGE = re.compile(r"\s*+(\d{1,9})\s*+(?::\s*+(\d{1,9})\s*+)?", re.ASCII)
_SEPARATOR = re.compile(r"[ \t\r]*+,[ \t\r]*+|[ \t\r]++")
_COMMA = re.compile(r"\s*+,\s*+")
_SYMBOLIC = re.compile(r"[\w^*/+().-]++", re.ASCII)
_WORD = re.compile(r"[A-Za-z]\w*+", re.ASCII)


def parse_matlab(text: str) -> list[Parsed]:
    """Read factors from MATLAB statements; nothing is executed.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Parsed
        One, read in row-major and in column-major order; without a reading and with the reason if it has symbols.

    Raises
    ------
    InputError
        If a statement is of no known kind, or A, B and C are not the factors of some format.
    """
    workspace = _Workspace()
    cursor = Cursor(text)
    cursor.accept(_SKIPPED)
    statements = 0
    while cursor.position < len(text):
        statements += 1
        if statements > _MAX_STATEMENTS:
            raise cursor.error(f"more than {_MAX_STATEMENTS:,} statements, expected fewer")
        workspace.run(cursor)
        cursor.accept(_SKIPPED)
    missing = [name for name in "ABC" if name not in workspace.matrices]
    if missing:
        raise InputError(f"no matrix {missing[0]}, expected A, B and C")
    u, v, w = (np.array(workspace.matrices[name], dtype=object) for name in "ABC")
    if not u.shape[1] == v.shape[1] == w.shape[1]:
        raise InputError(
            f"A, B and C have {u.shape[1]}, {v.shape[1]} and {w.shape[1]} columns, expected one per product"
        )
    fmt = format_of_heights(len(u), len(v), len(w))
    if workspace.used:
        symbols = ", ".join(sorted(workspace.used)[:9])
        return [Parsed((), f"is a family of {fmt}:{u.shape[1]} algorithms with symbols {symbols}, expected numbers")]
    other = [
        np.arange(len(x)).reshape(size[::-1]).T.ravel() for x, size in zip((u, v, w), fmt.matrix_shapes, strict=True)
    ]
    return [Parsed((Scheme(fmt, u, v, w), Scheme(fmt, u[other[0]], v[other[1]], w[other[2]])))]


class _Workspace:
    """Matrices by their names, and symbols: those declared and those in use."""

    def __init__(self) -> None:
        self.matrices: dict[str, _Matrix] = {}
        self.used: set[str] = set()
        self._symbols: set[str] = set()
        self._budget = _MAX_COPIED  # a short statement can double a matrix
        self._cells = Cells(self._cell)

    def run(self, cursor: Cursor) -> None:
        """One statement."""
        symbols = cursor.accept(_SYMBOLS)
        if symbols is not None:
            self._symbols.update(set(symbols[1].split()) - {"real"})
            return
        name = cursor.take(_ASSIGNED, "a statement such as A = [...], A=1/2*[A1,A2] or syms a b real")[1]
        start = cursor.position
        try:
            self.matrices[name] = self._value(cursor)
        except InputError as error:
            cursor.position = start
            raise cursor.error(str(error)) from None

    def _value(self, cursor: Cursor) -> _Matrix:
        start = cursor.position
        together = cursor.accept(_TOGETHER)
        if together is not None:
            names = _COMMA.split(together[2])
            if names[0] in self.matrices:
                return self._together(names, evaluate(together[1] or "1"))
            cursor.position = start  # a row of symbols
        columns = cursor.accept(_COLUMNS)
        if columns is not None:
            return self._chosen(columns[1], columns[2])
        matrix = cursor.accept(_MATRIX)
        if matrix is None:
            raise InputError(cursor.found("[...], [A1,A2] or A(:,[1:5,7])"))
        return self._matrix(matrix[1])

    def _matrix(self, text: str) -> _Matrix:
        lines = [line.partition("%")[0].strip().removesuffix(",") for line in text.replace(";", "\n").split("\n")]
        rows = [[self._cells[cell] for cell in _SEPARATOR.split(line)] for line in lines if line]
        if not rows or any(len(row) != len(rows[0]) for row in rows):
            raise InputError("a matrix without rows, or with rows of different lengths, expected rows of one length")
        return rows

    def _cell(self, text: str) -> Exact:
        words = _WORD.findall(text)
        if not words:
            return evaluate(text)
        if not self._symbols.issuperset(words) or _SYMBOLIC.fullmatch(text) is None:
            raise InputError(f"{shown(text)}, expected a number, or an expression in symbols that syms declares")
        self.used.update(words)
        return 0  # a family is not read further

    def _together(self, names: list[str], scale: Exact) -> _Matrix:
        parts = [self._known(name) for name in names]
        if any(len(part) != len(parts[0]) for part in parts):
            raise InputError(f"{', '.join(names)[:40]} have different numbers of rows")
        self._spend(sum(len(part) * len(part[0]) for part in parts))
        if scale == 1:
            return [[x for row in rows for x in row] for rows in zip(*parts, strict=True)]
        return [[bounded(x * scale) for row in rows for x in row] for rows in zip(*parts, strict=True)]

    def _chosen(self, name: str, text: str) -> _Matrix:
        matrix = self._known(name)
        columns: list[int] = []
        for item in text.split(","):
            match = _RANGE.fullmatch(item)
            first, last = (int(match[1]), int(match[2] or match[1])) if match is not None else (0, 0)
            if not 1 <= first <= last <= len(matrix[0]):
                raise InputError(f"columns {shown(item)} of {name}, expected some of its {len(matrix[0])}")
            self._spend((last - first + 1) * len(matrix))
            columns += range(first - 1, last)
        return [[row[column] for column in columns] for row in matrix]

    def _known(self, name: str) -> _Matrix:
        if name not in self.matrices:
            raise InputError(f"{name} is not known here, expected a matrix that was assigned before")
        return self.matrices[name]

    def _spend(self, entries: int) -> None:
        self._budget -= entries
        if self._budget < 0:
            raise InputError(f"more than {_MAX_COPIED:,} entries are put together")
