"""Preferences: which of two schemes comes first, and how they are written."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.metrics import additions, nonzeros
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import rescale
from mmdiscover.errors import InputError
from mmdiscover.refine.preference import TERNARY_FIRST, Criterion, Preference, parse_preference
from tests.schemes import strassen, winograd

if TYPE_CHECKING:
    from mmdiscover.core.exact import Exact

orders = st.lists(st.sampled_from(Criterion), min_size=1, unique=True)

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


def scaled(alpha: Exact, beta: Exact = 1) -> Scheme:
    """Strassen's algorithm with other scales in its first product, which has three vectors of two entries."""
    ones = [1] * 6
    return rescale(strassen(), np.array([alpha, *ones], dtype=object), np.array([beta, *ones], dtype=object))


some_schemes = st.sampled_from(
    [strassen(), winograd(), scaled(2), scaled(3), scaled(-1), scaled(HALF, HALF), scaled(Gaussian(HALF, THIRD), 3)]
)


def first(preference: str, *schemes: Scheme) -> Scheme:
    """The same one whatever came first."""
    key = parse_preference(preference).key
    ways = [min(order, key=key) for order in permutations(schemes)]
    assert all(way is ways[0] for way in ways)
    return ways[0]


# What comes first


def test_ternary_before_integers_before_fractions_before_complex_numbers() -> None:
    ternary = strassen()
    integer = Scheme(Format(1, 1, 1), [[2]], [[1]], [[1]])
    fraction = scaled(2)
    complex_ = scaled(Gaussian(Fraction(0), Fraction(1)))
    assert [x.ring for x in (ternary, integer, fraction, complex_)] == [Ring.ZT, Ring.Z, Ring.Q, Ring.C]
    assert sorted([complex_, fraction, ternary, integer], key=parse_preference("ternary").key) == [
        ternary,
        integer,
        fraction,
        complex_,
    ]


def test_schemes_of_one_ring_are_equally_ternary() -> None:
    key = parse_preference("ternary").key
    assert key(strassen()) == key(winograd())
    assert key(scaled(2)) == key(scaled(3))


def test_fewer_nonzeros_and_fewer_additions_come_first() -> None:
    # Two products into one entry of C cost an addition; a form of two entries of B costs one, too.
    fmt = Format(1, 1, 2)
    sums = Scheme(fmt, [[1, 1]], [[1, 0], [0, 1]], [[1, 1], [0, 0]])
    forms = Scheme(fmt, [[1, 0]], [[1, 0], [1, 0]], [[1, 1], [0, 0]])
    assert (nonzeros(sums), additions(sums)) == (6, 1)
    assert (nonzeros(forms), additions(forms)) == (5, 1)
    assert first("nonzeros", sums, forms) is forms
    assert parse_preference("additions").key(sums) == parse_preference("additions").key(forms)
    for preference in ("nonzeros", "additions"):
        assert first(preference, winograd(), strassen()) == strassen()


def test_additions_and_nonzeros_may_disagree() -> None:
    fmt = Format(1, 2, 1)
    # One form of two entries against three products of one entry each, of which two contribute nothing.
    dense = Scheme(fmt, [[1], [1]], [[1], [0]], [[1]])
    wide = Scheme(fmt, [[1, 1, 1], [0, 0, 0]], [[1, 1, 1], [0, 0, 0]], [[1, 0, 0]])
    assert (nonzeros(dense), nonzeros(wide)) == (4, 7)
    assert (additions(dense), additions(wide)) == (1, 0)
    assert first("nonzeros", dense, wide) is dense
    assert first("additions", dense, wide) is wide


def test_the_largest_denominator_counts_before_how_many_there_are() -> None:
    halves, third = scaled(HALF, HALF), scaled(3)
    # U and V of the first product, against W of it.
    assert sum(isinstance(x, Fraction) for factor in halves.arrays for x in factor.ravel()) == 4
    assert sum(isinstance(x, Fraction) for factor in third.arrays for x in factor.ravel()) == 2
    assert first("denominators", third, halves) is halves
    few, many = scaled(HALF), halves
    assert first("denominators", many, few) is few
    assert first("denominators", few, scaled(-1)) == scaled(-1)


def test_integers_have_no_denominators_however_large() -> None:
    key = parse_preference("denominators").key
    large = Scheme(Format(1, 1, 1), [[10**30]], [[-7]], [[0]])
    small = Scheme(Format(1, 1, 1), [[1]], [[1]], [[1]])
    assert key(large) == key(small)


def test_denominators_of_both_parts_count() -> None:
    key = parse_preference("denominators").key

    def one(entry: Exact) -> tuple[tuple[int, ...], ...]:
        return key(Scheme(Format(1, 1, 1), [[entry]], [[1]], [[1]]))

    assert one(Gaussian(Fraction(1), THIRD)) == one(THIRD)
    assert one(HALF) < one(Gaussian(HALF, HALF)) < one(Gaussian(HALF, THIRD))


def test_the_second_criterion_decides_among_equals_of_the_first() -> None:
    sparse_fraction, dense_ternary, sparse_ternary = scaled(2), winograd(), strassen()
    assert first("ternary,additions", sparse_fraction, dense_ternary) == dense_ternary
    assert first("additions,ternary", sparse_fraction, dense_ternary) == sparse_fraction
    assert first("ternary,additions", dense_ternary, sparse_ternary) == sparse_ternary
    assert first("additions,ternary", sparse_fraction, sparse_ternary) == sparse_ternary
    assert first("nonzeros,denominators", scaled(3), sparse_fraction) == sparse_fraction
    assert first("additions,ternary", dense_ternary, sparse_fraction, sparse_ternary) == sparse_ternary


@given(orders, some_schemes, some_schemes)
def test_an_order_compares_criterion_by_criterion(order: list[Criterion], one: Scheme, other: Scheme) -> None:
    keys = [(Preference((criterion,)).key(one), Preference((criterion,)).key(other)) for criterion in order]
    decisive = [one_key < other_key for one_key, other_key in keys if one_key != other_key]
    key = Preference(tuple(order)).key
    assert (key(one) < key(other)) is (decisive[:1] == [True])
    assert (key(one) == key(other)) is (decisive == [])


def test_ternary_schemes_with_few_additions_are_the_default() -> None:
    assert Preference() == TERNARY_FIRST == parse_preference("ternary,additions")


# How they are written


@given(orders)
def test_what_is_written_is_read_back(order: list[Criterion]) -> None:
    preference = Preference(tuple(order))
    assert parse_preference(str(preference)) == preference
    assert str(preference).split(",") == [criterion.value for criterion in order]


def test_case_and_blanks_do_not_matter() -> None:
    assert parse_preference(" Nonzeros , TERNARY") == Preference((Criterion.NONZEROS, Criterion.TERNARY))


def test_an_empty_preference_is_refused() -> None:
    with pytest.raises(
        InputError, match="preference is empty, expected at least one of ternary, nonzeros, additions, denominators"
    ):
        Preference(())


@pytest.mark.parametrize(
    ("text", "name"), [("", ""), ("ternary,", ""), ("additions,speed", "speed"), ("ternary additions",) * 2]
)
def test_unknown_criteria_are_named(text: str, name: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_preference(text)
    assert str(caught.value) == (
        f"preference {text!r}: unknown criterion {name!r}, expected some of ternary, nonzeros, additions, denominators"
    )


@pytest.mark.parametrize("text", ["ternary,ternary", "additions,nonzeros,Additions "])
def test_a_criterion_named_twice_is_refused(text: str) -> None:
    written = text.lower().strip()
    name = written.split(",")[0]
    with pytest.raises(InputError) as caught:
        parse_preference(text)
    assert str(caught.value) == f"preference '{written}' names {name} twice, expected each criterion once"
