"""Emitter: Markdown, a page on one scheme: facts, formulas and the matrices U, V and W."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.exact import format_exact, parse_exact
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import ExportError, InputError
from mmdiscover.export import text
from mmdiscover.export.parsing import parse_text
from mmdiscover.export.program import Kind, entries, expand, prove
from mmdiscover.export.writing import namer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.export.program import Program
    from mmdiscover.export.writing import Facts

_CHECK = (
    "for all entries x of U, y of V and z of W: the sum over the products of u[x] v[y] w[z] is 1 if x = ij, y = jk "
    "and z = ik for some i, j, k, else 0"
)
_INTRODUCTION = """\
`mq` is the product of a linear form in the entries of A, with the coefficients in row `q` of the table U, and one in
the entries of B, with those of V. The entry `cik` of C = AB is the sum of the products with the coefficients in the
column `cik` of W. A dot is a zero."""


def emit(program: Program, facts: Facts) -> str:
    """A page with the facts of the scheme, its formulas, and a table for each of U, V and W: one row per product."""
    title, _, *lines = facts.lines(program, _CHECK)
    name = namer(program, ",")
    formulas = text.formulas(program)
    scheme = expand(program)
    (n, m), (_, p) = program.format.matrix_shapes[:2]
    # The rows of W are those of the transposed C, as the tensor has them; a reader looks for C.
    order = [k * n + i for i in range(n) for k in range(p)]
    tables = [
        part
        for letter, factor, kind, shape in (
            ("U", scheme.u, Kind.A, (n, m)),
            ("V", scheme.v, Kind.B, (m, p)),
            ("W", scheme.w[order], Kind.C, (n, p)),
        )
        for part in ("", f"## {letter}", "", *_table(factor, [name(variable) for variable in entries(kind, shape)]))
    ]
    heading, _, summary = title.partition(": ")
    facts_table = [f"| {key} | {value} |" for key, value in _pairs([f"computes   {summary}", *lines])]
    parts = [f"# {heading}", "", "| | |", "|---|---|", *facts_table, "", _INTRODUCTION]
    return "\n".join([*parts, "", "## Formulas", "", "```text", *formulas, "```", *tables]) + "\n"


def check(page: str, scheme: Scheme) -> None:
    """Read formulas and tables back and compare each with U, V and W.

    Raises
    ------
    ExportError
        If either cannot be read or is another scheme.
    """
    match = re.search(r"^```text\n(.*?)^```\n", page, re.DOTALL | re.MULTILINE)
    if match is None:
        raise ExportError("the page has no formulas")
    program = prove(parse_text(match[1], scheme), scheme)
    n, _, p = scheme.format.sizes
    try:
        u, v, w = (_read(page, letter, scheme.rank) for letter in "UVW")
        found = Scheme(scheme.format, u, v, w[[i * p + k for k in range(p) for i in range(n)]], modulus=scheme.modulus)
    except (IndexError, ValueError, InputError) as error:
        raise ExportError(f"the tables of {scheme.name} cannot be read back: {error}") from error
    if found != expand(program):
        raise ExportError(f"the tables of {scheme.name} are those of another scheme")


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    """Key and value of each line of a header; a value may go on in lines without a key."""
    joined = re.sub(r"\n +", " ", "\n".join(lines))
    return [(line[:11].strip(), line[11:]) for line in joined.split("\n")]


def _table(factor: NDArray[np.object_], names: list[str]) -> list[str]:
    rows = [
        [f"m{q + 1}", *(format_exact(value) if value else "·" for value in column)] for q, column in enumerate(factor.T)
    ]
    return ["| " + " | ".join(row) + " |" for row in (["", *names], ["---:"] * (len(names) + 1), *rows)]


def _read(page: str, letter: str, rank: int) -> NDArray[np.object_]:
    lines = page.partition(f"\n## {letter}\n\n")[2].split("\n")[2 : 2 + rank]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    if [row[0] for row in rows] != [f"m{q + 1}" for q in range(rank)]:
        raise ValueError(f"rows of {letter}")
    return np.array([[0 if cell == "·" else parse_exact(cell) for cell in row[1:]] for row in rows], dtype=object).T
