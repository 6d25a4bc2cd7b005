from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core import metrics
from mmdiscover.core.exact import Exact, Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.errors import ExportError
from mmdiscover.export import shared_additions, sharing
from mmdiscover.export.program import Kind, Product, Program, Sum, Term, Variable, additions, expand, program_of, prove
from mmdiscover.export.sharing import share_subexpressions
from tests.export.samples import SAMPLES, padded, twice
from tests.schemes import classical, laderman, strassen, winograd

EXACT = st.one_of(
    st.sampled_from([0, 0, 0, 1, -1, 2, -2, 3]),
    st.fractions(-3, 3, max_denominator=3).map(lambda x: int(x) if x.denominator == 1 else x),
    st.sampled_from([Gaussian(Fraction(0), Fraction(1)), Gaussian(Fraction(1, 2), Fraction(-1))]),
)


@st.composite
def any_schemes(draw: st.DrawFn) -> Scheme:
    """Exact factors that need not satisfy the Brent equations, zero forms included."""
    fmt = Format(*(draw(st.integers(1, 3)) for _ in "nmp"))
    rank = draw(st.integers(1, 4))
    modulus = draw(st.sampled_from([0, 0, 2]))
    entries = st.integers(0, 1) if modulus else EXACT

    def factor(rows: int) -> np.ndarray[tuple[int, int], np.dtype[np.object_]]:
        result = np.empty((rows, rank), dtype=object)
        result.ravel()[:] = draw(st.lists(entries, min_size=rows * rank, max_size=rows * rank))
        return result

    u, v, w = map(factor, fmt.shape)
    return Scheme(fmt, u, v, w, modulus=modulus)


@pytest.mark.parametrize(
    ("scheme", "naive", "shared"),
    [
        (strassen(), 18, 18),
        (winograd(), 24, 15),
        (laderman(), 98, 62),
        (classical(Format(2, 3, 4)), 16, 16),
        (classical(Format(1, 1, 1)), 0, 0),
        (padded(), 18, 18),
    ],
)
def test_known_numbers_of_additions(scheme: Scheme, naive: int, shared: int) -> None:
    assert additions(program_of(scheme)) == metrics.additions(scheme) == naive
    assert shared_additions(scheme) == shared


def test_a_third_of_the_additions_goes_at_4x4x4() -> None:
    scheme = twice()
    assert metrics.additions(scheme) == 318
    assert shared_additions(scheme) <= 200


def test_winograd_needs_four_sums_of_a_four_of_b_and_seven_of_products() -> None:
    program = share_subexpressions(program_of(winograd()))
    of_a = [product.left for product in program.products] + [
        s.form for s in program.sums if s.target.kind is Kind.SUM_A
    ]
    of_b = [product.right for product in program.products] + [
        s.form for s in program.sums if s.target.kind is Kind.SUM_B
    ]
    rest = [s.form for s in program.sums if s.target.kind in (Kind.SUM_M, Kind.C)]
    assert [sum(len(form) - 1 for form in forms) for forms in (of_a, of_b, rest)] == [4, 4, 7]


@settings(max_examples=25)
@given(any_schemes())
def test_sharing_keeps_the_scheme_and_never_adds_additions(scheme: Scheme) -> None:
    program = program_of(scheme)
    shared = share_subexpressions(program)
    assert expand(shared) == expand(program)
    assert additions(shared) <= additions(program) == metrics.additions(scheme)
    assert share_subexpressions(program) == shared


@given(any_schemes())
def test_integers_stay_integers(scheme: Scheme) -> None:
    rounded = np.frompyfunc(lambda x: 2 if isinstance(x, Gaussian) else round(x), 1, 1)
    whole = scheme.with_arrays(scheme.format, [rounded(factor) for factor in scheme.arrays])
    assert all(isinstance(value, int) for value in share_subexpressions(program_of(whole)).coefficients)


def test_a_common_factor_is_shared_across_multiples() -> None:
    # u: 2x + 4y, -x - 2y and 3x + 6y + z hold the same pair.
    u = np.array([[2, -1, 3, 0], [4, -2, 6, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    ones = np.ones((4, 4), dtype=int)
    program = share_subexpressions(program_of(Scheme(Format(2, 2, 2), u, ones, ones)))
    assert sum(len(product.left) - 1 for product in program.products) == 1
    (only,) = [s for s in program.sums if s.target.kind is Kind.SUM_A]
    assert {abs(coefficient) for coefficient, _ in only.form} == {1, 2}


def test_a_temporary_that_is_used_once_is_written_out() -> None:
    # x + y + z twice: x + y is found first, and is then needed for the whole only.
    u = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]])
    ones = np.ones((4, 4), dtype=int)
    program = share_subexpressions(program_of(Scheme(Format(2, 2, 2), u, ones, ones)))
    (only,) = [s for s in program.sums if s.target.kind is Kind.SUM_A]
    assert len(only.form) == 3


@pytest.mark.parametrize("scheme", [winograd(), laderman(), twice()])
def test_temporaries_are_numbered_and_used_more_than_once(scheme: Scheme) -> None:
    program = share_subexpressions(program_of(scheme))
    used = [variable for form in program.forms for _, variable in form]
    for kind in (Kind.SUM_A, Kind.SUM_B, Kind.SUM_M):
        made = [s.target for s in program.sums if s.target.kind is kind]
        assert made == [Variable(kind, (number,)) for number in range(len(made))]
        assert all(used.count(variable) > 1 for variable in made)


def test_no_form_is_all_minus_where_a_sign_can_move() -> None:
    program = share_subexpressions(program_of(canonical_form(winograd())))
    assert all(form[0].coefficient == 1 for form in program.forms)


def test_pairs_that_became_rarer_are_still_shared() -> None:
    # xyz, xy, xy, yz, yz: taking x + y leaves y + z in two of its three places.
    x, y, z = range(3)
    vectors: list[dict[int, Exact]] = [{x: 1, y: 1, z: 1}, {x: 1, y: 1}, {x: 1, y: 1}, {y: 1, z: 1}, {y: 1, z: 1}]
    assert sharing._Greedy(vectors, 3, 0).run().cost == 3


def test_a_zero_product_is_not_computed() -> None:
    program = program_of(padded())
    assert len(program.products) == 7
    assert program.rank == 8
    assert not expand(program).u[:, 7].any()


def changed(program: Program, position: int, statement: Sum | Product) -> Program:
    statements = list(program.statements)
    statements[position] = statement
    return replace(program, statements=tuple(statements))


@pytest.mark.parametrize("name", ["strassen", "laderman", "rational"])
def test_a_changed_program_is_refused(name: str) -> None:
    scheme = SAMPLES[name]()
    program = program_of(scheme)
    for position, statement in enumerate(program.statements):
        if isinstance(statement, Product):
            first, *rest = statement.left
            wrong: Sum | Product = replace(statement, left=(Term(first.coefficient * 2, first.variable), *rest))
        else:
            wrong = replace(statement, form=statement.form[1:])
        with pytest.raises(ExportError, match="expands to another scheme"):
            prove(changed(program, position, wrong), scheme)
    with pytest.raises(ExportError):
        prove(replace(program, statements=program.statements[:-1]), scheme)


def test_a_program_that_makes_no_sense_is_refused() -> None:
    program = program_of(strassen())
    first, last = program.statements[0], program.statements[-1]
    assert isinstance(first, Product)
    with pytest.raises(ExportError, match="not assigned"):
        expand(replace(program, statements=(last, *program.statements[:-1])))
    with pytest.raises(ExportError, match="twice"):
        expand(replace(program, statements=(first, *program.statements)))
    with pytest.raises(ExportError, match="does not belong"):
        expand(changed(program, 0, replace(first, left=first.right)))
    with pytest.raises(ExportError, match="not assigned"):
        expand(changed(program, 0, replace(first, left=(Term(1, Variable(Kind.A, (2, 0))),))))
