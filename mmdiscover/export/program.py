"""The one intermediate form: a straight-line program over blocks, and the proof that it is its scheme.

Every pass takes a program to a program and every emitter takes one to text. Coefficients stay exact throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from mmdiscover.core.exact import Exact, format_exact, simplify
from mmdiscover.core.metrics import additions_of_forms, live_products
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mmdiscover.core.format import Format


class Kind(StrEnum):
    """What a variable holds; the value is the letter it is written with."""

    A = "a"
    """Entry (or block) a_ij, indices (i, j) from 0."""
    B = "b"
    C = "c"
    PRODUCT = "m"
    """Product q of a linear form over A and one over B."""
    SUM_A = "s"
    """Temporary: a linear form over A."""
    SUM_B = "t"
    SUM_M = "u"
    """Temporary: a linear form over the products."""


class Variable(NamedTuple):
    """A name that is assigned at most once."""

    kind: Kind
    indices: tuple[int, ...]


class Term(NamedTuple):
    """Coefficient times variable."""

    coefficient: Exact
    variable: Variable


Form: TypeAlias = tuple[Term, ...]
"""A linear form; its terms are written, and added, in this order."""


@dataclass(frozen=True, slots=True)
class Sum:
    """target = form."""

    target: Variable
    form: Form


@dataclass(frozen=True, slots=True)
class Product:
    """target = left · right, in this order: entries need not commute."""

    target: Variable
    left: Form
    right: Form


Statement: TypeAlias = Sum | Product


@dataclass(frozen=True, slots=True)
class Program:
    """Statements in the order of execution; inputs are all a_ij and b_jk, outputs all c_ik.

    Parameters
    ----------
    format : Format
    rank : int
        Rank of the scheme; a product with a zero factor is not computed.
    modulus : {0, 2}
        As in the scheme.
    statements : tuple of Sum or Product
    """

    format: Format
    rank: int
    modulus: int
    statements: tuple[Statement, ...]

    @property
    def products(self) -> tuple[Product, ...]:
        """The products, in order."""
        return tuple(statement for statement in self.statements if isinstance(statement, Product))

    @property
    def sums(self) -> tuple[Sum, ...]:
        """Temporaries and outputs, in order."""
        return tuple(statement for statement in self.statements if isinstance(statement, Sum))

    @property
    def forms(self) -> Iterator[Form]:
        """Every linear form."""
        for statement in self.statements:
            if isinstance(statement, Product):
                yield from (statement.left, statement.right)
            else:
                yield statement.form

    @property
    def coefficients(self) -> tuple[Exact, ...]:
        """The distinct coefficients, in order of appearance."""
        return tuple(dict.fromkeys(coefficient for form in self.forms for coefficient, _ in form))


def additions(program: Program) -> int:
    """Additions and subtractions of blocks."""
    return additions_of_forms(map(len, program.forms))


def entries(kind: Kind, shape: tuple[int, int]) -> tuple[Variable, ...]:
    """The entries of a matrix, row-major."""
    return tuple(Variable(kind, (row, column)) for row in range(shape[0]) for column in range(shape[1]))


def base_variables(fmt: Format, rank: int) -> tuple[tuple[Variable, ...], tuple[Variable, ...], tuple[Variable, ...]]:
    """What rows of U, rows of V and columns of W stand for: entries of A, entries of B, products."""
    a_shape, b_shape, _ = fmt.matrix_shapes
    return entries(Kind.A, a_shape), entries(Kind.B, b_shape), tuple(Variable(Kind.PRODUCT, (q,)) for q in range(rank))


def form_of(terms: Iterable[tuple[Exact, Variable]]) -> Form:
    """A form without zeros, in the given order, but with the first term that has no minus sign in front."""
    kept = [Term(coefficient, variable) for coefficient, variable in terms if coefficient]
    first = next((position for position, term in enumerate(kept) if not is_negative(term.coefficient)), 0)
    return (*kept[first : first + 1], *kept[:first], *kept[first + 1 :])


def is_negative(value: Exact) -> bool:
    """Whether a number is written with a leading minus sign."""
    return format_exact(value).startswith("-")


def program_of(scheme: Scheme) -> Program:
    """The scheme as it stands: its products, then its outputs, nothing shared.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    Program
        Proved equal to `scheme`.
    """
    live = _live_part(scheme)
    a, b, m = base_variables(scheme.format, scheme.rank)
    left, right = (
        [form_of(zip(factor[:, q], names, strict=True)) for q in range(scheme.rank)]
        for factor, names in ((live.u, a), (live.v, b))
    )
    outputs = [form_of(zip(row, m, strict=True)) for row in live.w]
    return prove(assemble(scheme.format, scheme.modulus, (), (left, right, outputs)), scheme)


def assemble(
    fmt: Format, modulus: int, temporaries: Sequence[Sum], forms: tuple[Sequence[Form], Sequence[Form], Sequence[Form]]
) -> Program:
    """A program in reading order: sums over A, sums over B, products, sums over the products, outputs.

    Parameters
    ----------
    fmt, modulus
        As in the scheme.
    temporaries : sequence of Sum
        Each after the ones it uses.
    forms : tuple of three sequences of Form
        Left factors and right factors by product, outputs by row of W.
    """
    n, _, p = fmt.sizes
    left, right, outputs = forms
    products = [Product(Variable(Kind.PRODUCT, (q,)), *pair) for q, pair in enumerate(zip(left, right, strict=True))]
    by_kind = [[s for s in temporaries if s.target.kind is kind] for kind in (Kind.SUM_A, Kind.SUM_B, Kind.SUM_M)]
    statements: tuple[Statement, ...] = (
        *by_kind[0],
        *by_kind[1],
        *(product for product in products if product.left and product.right),
        *by_kind[2],
        *(Sum(Variable(Kind.C, (i, k)), outputs[k * n + i]) for i in range(n) for k in range(p)),
    )
    return Program(fmt, len(products), modulus, statements)


def prove(program: Program, scheme: Scheme) -> Program:
    """The same program, once its linear maps, expanded exactly, are U, V and W.

    Raises
    ------
    ExportError
        If they are not.
    """
    if expand(program) != _live_part(scheme):
        raise ExportError(f"a program for {scheme.name} expands to another scheme; this is a bug, please report it")
    return program


def expand(program: Program) -> Scheme:
    """The scheme that a program computes, by exact expansion of its linear forms.

    Raises
    ------
    ExportError
        If a variable is used before it is assigned, assigned twice, or mixes what is linear in A, in B and in products.
    """
    fmt, rank = program.format, program.rank
    spaces = base_variables(fmt, rank)
    values: dict[Variable, tuple[int, dict[int, Exact]]] = {
        variable: (space, {row: 1}) for space in (0, 1) for row, variable in enumerate(spaces[space])
    }
    u, v, w = (_zeros(rows, rank) for rows in fmt.shape)
    for statement in program.statements:
        target = statement.target
        if target in values:
            raise ExportError(f"{target} is assigned twice")
        if isinstance(statement, Product):
            (q,) = target.indices
            for space, factor, form in ((0, u, statement.left), (1, v, statement.right)):
                for row, coefficient in _combine(form, values, space).items():
                    factor[row, q] = coefficient
            values[target] = 2, {q: 1}
            continue
        space = _SPACES[target.kind]
        values[target] = space, _combine(statement.form, values, space)
        if target.kind is Kind.C:
            i, k = target.indices
            for q, coefficient in values[target][1].items():
                w[k * fmt.n + i, q] = coefficient
    return Scheme(fmt, u, v, w, modulus=program.modulus)


_SPACES = {Kind.SUM_A: 0, Kind.SUM_B: 1, Kind.SUM_M: 2, Kind.C: 2}


def _combine(form: Form, values: Mapping[Variable, tuple[int, dict[int, Exact]]], space: int) -> dict[int, Exact]:
    result: dict[int, Exact] = {}
    for coefficient, variable in form:
        found, vector = values.get(variable, (None, {}))
        if found != space:
            raise ExportError(f"{variable} is not assigned, or does not belong, where it is used")
        for row, value in vector.items():
            result[row] = simplify(result.get(row, 0) + coefficient * value)
    return result


def _live_part(scheme: Scheme) -> Scheme:
    """The scheme with all three columns of a product zero where one of them is: it contributes nothing."""
    live = live_products(scheme)
    return scheme.with_arrays(scheme.format, [np.where(live, factor, 0) for factor in scheme.arrays])


def _zeros(rows: int, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.object_]]:
    result = np.empty((rows, columns), dtype=object)
    result.fill(0)
    return result
