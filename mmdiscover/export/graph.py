"""A program as a graph, and back: what is drawn is a program again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mmdiscover.core.exact import Exact, format_exact, parse_exact
from mmdiscover.errors import ExportError
from mmdiscover.export.parsing import read_variable
from mmdiscover.export.program import Kind, Product, Program, Statement, Sum, Term, Variable, entries, prove
from mmdiscover.export.slots import forms_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mmdiscover.core.scheme import Scheme

_OF_A = (Kind.A, Kind.SUM_A)


class Edge(NamedTuple):
    """`source`, times a coefficient, is a term of `target`; of its left factor where it is linear in A."""

    source: Variable
    target: Variable
    coefficient: Exact

    @property
    def label(self) -> str:
        """The coefficient, empty for 1 and -1, which are told apart by colour and dashes."""
        return "" if self.coefficient in (1, -1) else format_exact(self.coefficient)


def edges(program: Program) -> list[Edge]:
    """Every term of every form."""
    return [
        Edge(variable, statement.target, coefficient)
        for statement in program.statements
        for form in forms_of(statement)
        for coefficient, variable in form
    ]


def ranks(program: Program) -> list[list[Variable]]:
    """Variables by row: inputs, sums of them by depth, products, sums of these by depth, outputs."""
    n, m, p = program.format.sizes
    rows: dict[tuple[int, int], list[Variable]] = {(0, 0): [*entries(Kind.A, (n, m)), *entries(Kind.B, (m, p))]}
    depths: dict[Variable, int] = {}
    for statement in program.statements:
        target = statement.target
        inner = [variable for form in forms_of(statement) for _, variable in form]
        depths[target] = 1 + max((depths[v] for v in inner if v.kind is target.kind), default=0)
        rows.setdefault((_STAGES[target.kind], depths[target]), []).append(target)
    return [rows[key] for key in sorted(rows)]


_STAGES = {Kind.SUM_A: 1, Kind.SUM_B: 1, Kind.PRODUCT: 2, Kind.SUM_M: 3, Kind.C: 4}


def prove_drawing(nodes: Iterable[str], arrows: Sequence[tuple[str, str, str]], scheme: Scheme) -> None:
    """Prove that a drawing is its scheme.

    Parameters
    ----------
    nodes : iterable of str
        Names, row by row from the top.
    arrows : sequence of (source, target, coefficient), all str
    scheme : Scheme

    Raises
    ------
    ExportError
        If a name or number cannot be read, or another scheme is drawn.
    """
    statements: list[Statement] = []
    forms: dict[str, list[Term]] = {}
    try:
        for source, end, coefficient in arrows:
            forms.setdefault(end, []).append(Term(parse_exact(coefficient), read_variable(source)))
        for node in filter(forms.__contains__, nodes):
            target, terms = read_variable(node), tuple(forms.pop(node))
            if target.kind is Kind.PRODUCT:
                left = tuple(term for term in terms if term.variable.kind in _OF_A)
                right = tuple(term for term in terms if term.variable.kind not in _OF_A)
                statements.append(Product(target, left, right))
            else:
                statements.append(Sum(target, terms))
    except (KeyError, ValueError) as error:
        raise ExportError(f"the drawing of {scheme.name} cannot be read back: {error}") from error
    prove(Program(scheme.format, scheme.rank, scheme.modulus, tuple(statements)), scheme)
