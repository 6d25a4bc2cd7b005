"""Fixing entries: on small problems by hand, and on Strassen's algorithm in another gauge."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten, unflatten
from mmdiscover.refine import rationalize as module
from mmdiscover.refine.rationalize import FixedPoint, fraction_near, rationalize
from mmdiscover.refine.trace import RefineStatus, Stage
from tests.decompositions.dense import model
from tests.refine.fits import floats, regauged
from tests.schemes import strassen

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE = np.ones((1, 1, 1))
TENSOR = matmul_tensor(Format(2, 2, 2))
FIXED = (RefineStatus.EXACT, "every entry is fixed")
SOLVED = (RefineStatus.EXACT, "the last entries solve linear equations")


def held(tensor: NDArray[np.float64], vector: list[float], fixed: list[int]) -> FixedPoint:
    """A point with some entries fixed where they are."""
    point = FixedPoint(tensor, np.array(vector))
    point.free[fixed] = False
    return point


def error(point: FixedPoint, tensor: NDArray[np.float64] = ONE) -> float:
    return float(np.sum((model(unflatten(point.vector, tensor.shape)) - tensor) ** 2))


def first_entry() -> FixedPoint:
    """u·v·w = 1, two-dimensional."""
    return FixedPoint(ONE, np.array([0.7, 1.9, 1 / (0.7 * 1.9)]))


def two_terms(second: float, weight: float) -> FixedPoint:
    """u₁ + weight·u₂ = 1: a line of which one entry decides the other. Entries: u₁, u₂, v₁, v₂, w₁, w₂."""
    return held(ONE, [1 - weight * second, second, 1.0, weight, 1.0, 1.0], [2, 3, 4, 5])


# FixedPoint


def test_everything_is_free_at_first() -> None:
    point = first_entry()
    assert point.free.all()
    assert point.resolves == 0


def test_fix_holds_the_value_and_solves_for_the_rest() -> None:
    point = first_entry()
    assert point.fix(np.array([0]), np.array([1.0]))
    assert point.vector[0] == 1.0
    assert point.free.tolist() == [False, True, True]
    assert error(point) < 1e-22
    assert point.fix(np.array([1]), np.array([1.25]))
    np.testing.assert_allclose(point.vector, [1.0, 1.25, 0.8])
    assert point.free.tolist() == [False, False, True]
    assert point.resolves == 2


def test_fix_takes_many_entries_at_once() -> None:
    point = first_entry()
    assert point.fix(np.array([0, 2]), np.array([0.5, 1.0]))
    np.testing.assert_allclose(point.vector, [0.5, 2.0, 1.0])
    assert point.free.tolist() == [False, True, False]


@pytest.mark.parametrize("value", [0.0, 0.04, np.nan])
def test_fix_refuses_and_changes_nothing(value: float) -> None:
    # 0 has no solution, 1/0.04 = 25 is too large an entry, NaN is nothing.
    point = held(ONE, [1.0, 1.0, 1.0], [2])
    vector, free = point.state
    kept = vector.copy(), free.copy()
    assert point.fix(np.array([0]), np.array([value]), max_iterations=100) is False
    assert point.vector is vector
    assert point.free is free
    np.testing.assert_array_equal(vector, kept[0])
    np.testing.assert_array_equal(free, kept[1])
    assert point.resolves == (not np.isnan(value))


def test_fix_keeps_to_its_iterations() -> None:
    point = first_entry()
    assert not point.fix(np.array([0]), np.array([1.5]), max_iterations=1)
    assert point.fix(np.array([0]), np.array([1.5]))


def test_the_given_vector_is_not_changed() -> None:
    given_vector = np.array([0.7, 1.9, 1 / (0.7 * 1.9)])
    kept = given_vector.copy()
    point = FixedPoint(ONE, given_vector)
    assert point.fix(np.array([0]), np.array([1.0]))
    np.testing.assert_array_equal(given_vector, kept)


def test_state_goes_back() -> None:
    point = first_entry()
    before = point.state
    assert point.fix(np.array([0]), np.array([1.0]))
    assert not point.free.all()
    point.state = before
    assert point.free.all()
    assert point.vector[0] == 0.7


def test_near_values_are_fixed_at_once() -> None:
    point = first_entry()
    assert point.move_and_fix(0, 1.0)
    assert point.resolves == 1
    assert point.vector[0] == 1.0


def test_far_values_are_reached_by_way_of_the_middle() -> None:
    point = first_entry()
    assert point.move_and_fix(0, 2.0)
    assert point.resolves == 2
    np.testing.assert_allclose(point.vector[0], 2.0)
    assert error(point) < 1e-22


def test_the_middle_must_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    point = first_entry()
    tried = []

    def refuse(indices: NDArray[np.intp], values: NDArray[np.float64]) -> bool:
        tried.append((indices.tolist(), values.tolist()))
        return False

    monkeypatch.setattr(point, "fix", refuse)
    assert point.move_and_fix(0, 2.3) is False
    assert tried == [([0], [1.5])]


def test_a_refused_value_undoes_the_middle() -> None:
    # From 3 the middle 1.5 can be fixed, the value 0 cannot.
    point = held(ONE, [3.0, 1.0, 1 / 3], [2])
    vector, free = point.state
    assert point.move_and_fix(0, 0.0) is False
    assert point.vector is vector
    assert point.free is free


def test_move_takes_a_vector_nearby() -> None:
    point = first_entry()
    assert point.move(np.array([1.0, 1.0, 0.99]))
    np.testing.assert_allclose(point.vector, 1.0, atol=0.01)
    assert error(point) < 1e-22
    assert point.free.all()


@pytest.mark.parametrize("vector", [[0.0, 0.0, 0.0], [np.nan, 1.0, 1.0]])
def test_move_refuses_what_leads_nowhere(vector: list[float]) -> None:
    point = first_entry()
    before = point.vector
    assert point.move(np.array(vector)) is False
    assert point.vector is before


def test_snap_fixes_what_is_near_the_ladder() -> None:
    tensor = np.ones((2, 1, 1))
    point = FixedPoint(tensor, np.array([1.004, 0.996, 1.0, 1.0]))
    assert point.move(point.vector)
    assert point.snap(1e-2)
    assert not point.free.any()
    np.testing.assert_array_equal(point.vector, 1.0)


def test_snap_leaves_the_others_free() -> None:
    point = held(ONE, [1.001, 0.7, 1 / (1.001 * 0.7)], [])
    assert point.snap(1e-2)
    assert point.free.tolist() == [False, True, True]
    assert point.vector[0] == 1.0


def test_snap_refuses_what_would_lose_the_fit() -> None:
    point = held(ONE, [1.01, 1.0, 1 / 1.01], [2])
    assert not point.snap(0.02)
    assert point.free.tolist() == [True, True, False]


def test_mobility_by_hand() -> None:
    point = FixedPoint(ONE, np.ones(3))
    np.testing.assert_allclose(point.mobility(), 2 / 3)
    point.free[0] = False
    np.testing.assert_allclose(point.mobility(), 1 / 2)
    point.free[1] = False
    np.testing.assert_allclose(point.mobility(), [0.0], atol=1e-12)


def test_mobility_is_zero_for_what_is_determined() -> None:
    point = FixedPoint(TENSOR, flatten(floats(strassen()).arrays))
    # Sandwiching by P, Q and S, each up to scale, and two scales for each product.
    assert point.mobility().sum() == pytest.approx(3 * 3 + 2 * 7)
    point.free[:56] = False
    np.testing.assert_allclose(point.mobility(), 0.0, atol=1e-12)


# Many at once


def accept(monkeypatch: pytest.MonkeyPatch, point: FixedPoint, bad: set[int]) -> list[list[int]]:
    """Let `fix` take everything but the bad indices, by ten times their value; returns what was tried."""
    tried: list[list[int]] = []

    def scripted(indices: NDArray[np.intp], values: NDArray[np.float64]) -> bool:
        np.testing.assert_array_equal(values, 10.0 * indices)
        tried.append(indices.tolist())
        return not bad.intersection(tried[-1])

    monkeypatch.setattr(point, "fix", scripted)
    return tried


def fix_nearest(point: FixedPoint, indices: list[int]) -> bool:
    return point.fix_nearest(np.array(indices, dtype=np.intp), 10.0 * np.array(indices))


def test_batches_that_hold_are_fixed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = accept(monkeypatch, point := first_entry(), set())
    assert fix_nearest(point, [5, 3, 9, 1])
    assert tried == [[5, 3, 9, 1]]


def test_batches_that_do_not_are_halved_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    order = [20, 7, 3, 18, 2, 9, 11, 16, 1, 13, 5, 8, 0, 4, 15, 6, 10]
    tried = accept(monkeypatch, point := first_entry(), {4})
    assert fix_nearest(point, order)
    assert tried == [order, order[:8], order[8:], order[8:12], order[12:]]
    # The second half of them is next when the first is done with.
    tried = accept(monkeypatch, point, {3})
    assert fix_nearest(point, order)
    assert tried == [order, order[:8], order[:4], order[4:8], order[8:]]


def test_small_batches_are_not_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = accept(monkeypatch, point := first_entry(), {0})
    assert not fix_nearest(point, [0, 1, 2, 3, 4, 5, 6])
    assert len(tried) == 1
    assert fix_nearest(point, [0, 1, 2, 3, 4, 5, 6, 7])
    assert tried[1:] == [[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7]]


def test_halving_ends_after_eight_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = accept(monkeypatch, point := first_entry(), set(range(128)))
    assert not fix_nearest(point, list(range(128)))
    assert [len(batch) for batch in tried] == [128, 64, 32, 16, 8, 4, 4, 8]
    # What held before that stays, and does not count.
    tried = accept(monkeypatch, point, set(range(4, 128)))
    assert fix_nearest(point, list(range(128)))
    assert [len(batch) for batch in tried] == [128, 64, 32, 16, 8, 4, 4, 8, 4]


def test_as_many_zeros_as_the_fit_allows() -> None:
    # The sum of eight products is 1: not all of them can be zero.
    point = FixedPoint(ONE, np.array([1 / 8] * 8 + [1.0] * 16))
    assert point.fix_nearest(np.arange(8), np.zeros(8))
    np.testing.assert_array_equal(np.flatnonzero(~point.free), np.arange(4))
    np.testing.assert_array_equal(point.vector[:4], 0.0)
    assert error(point) < 1e-22
    assert point.resolves == 3


# Exact values


def test_exact_values_are_kept() -> None:
    point = first_entry()
    vector, free = point.state
    kept = vector.copy()
    point.fix_exactly(np.array([2, 0]), [Fraction(1, 1009), Fraction(-2)])
    np.testing.assert_array_equal(point.vector, [-2.0, kept[1], 1 / 1009])
    assert point.free.tolist() == [False, True, False]
    assert point.fractions.tolist() == [-2, Fraction(19, 10), Fraction(1, 1009)]
    assert point.resolves == 0
    np.testing.assert_array_equal(vector, kept)
    assert free.all()
    with pytest.raises(ValueError, match="zip"):
        point.fix_exactly(np.array([0, 1]), [Fraction(1)])


def test_entries_are_read_off_as_fractions() -> None:
    point = FixedPoint(ONE, np.array([1 / 3, sqrt(2), 17 / 19]))
    assert point.fractions.tolist() == [Fraction(1, 3), None, Fraction(17, 19)]


def test_the_rest_is_solved_for() -> None:
    tensor = np.array([3.0, 5.0]).reshape(2, 1, 1)
    point = held(tensor, [3 * 64 / 1009, 5 * 64 / 1009, 1009 / 64, 1.0], [2, 3])
    assert point.solve_rest()
    assert not point.free.any()
    assert point.fractions.tolist() == [Fraction(192, 1009), Fraction(320, 1009), Fraction(1009, 64), 1]
    assert error(point, tensor) < 1e-22


def test_where_the_rest_is_open_it_gets_simple_values() -> None:
    # u₁ + 3u₂ = 1 near (0.1, 0.3): to 0 or to ½ the other entry follows.
    point = two_terms(0.3, 3.0)
    assert point.solve_rest()
    assert point.fractions[:2].tolist() in ([0, Fraction(1, 3)], [Fraction(-1, 2), Fraction(1, 2)])


@pytest.mark.parametrize(
    ("vector", "fixed"),
    [
        ([0.7, 1.9, 1 / (0.7 * 1.9)], [2]),  # two free vectors
        ([1 / sqrt(2), sqrt(2), 1.0], [1, 2]),  # a fixed entry that is no fraction
        ([25.0, 1 / 25, 1.0], [1, 2]),  # too large
        ([-25.0, -1 / 25, 1.0], [1, 2]),
        ([1.0, 0.0, 1.0], [1, 2]),  # no solution
        ([1.0, 1.0, 1.0], [0, 1, 2]),  # nothing left
    ],
)
def test_where_the_rest_cannot_be_solved_for_nothing_changes(vector: list[float], fixed: list[int]) -> None:
    point = held(ONE, vector, fixed)
    before = point.state
    free = point.free.copy()
    assert point.solve_rest() is False
    assert point.vector is before[0]
    assert point.free is before[1]
    assert point.vector.tolist() == vector
    assert point.free.tolist() == free.tolist()


def test_the_largest_solution_that_is_taken() -> None:
    assert held(ONE, [20.0, 1 / 20, 1.0], [1, 2]).solve_rest()
    # One that is too large among others.
    assert not held(np.array([1.0, 21.0]).reshape(2, 1, 1), [1.0, 21.0, 1.0, 1.0], [2, 3]).solve_rest()


def test_the_largest_denominator_that_is_taken() -> None:
    # u · v · w = 1, where v and w have numerators of a thousand each.
    for v, w, taken in ((1000, 1000, True), (1000, 1001, False)):
        point = held(ONE, [3 / v * 9 / w, v / 3, w / 9], [1, 2])
        assert point.solve_rest() is taken
        if taken:
            assert point.fractions[0] == Fraction(27, 10**6)


# Stages


def test_stages_keep_how_far_it_has_come() -> None:
    point = FixedPoint(ONE, np.array([0.0, 0.0, 2.0, 1.0, 1.0, 0.0]))
    assert point.stages == []
    point.ends_stage("first")
    # An entry that is 0 is not fixed by that.
    assert point.stages == [Stage("first", zeros=0, fixed=0, free=6, residual=1.0)]
    point.free[[0, 2, 3]] = False
    point.vector = np.array([0.0, 1.0, 2.0, 1.0, 1.0, 0.5])
    point.ends_stage("second")
    assert point.stages[1] == Stage("second", zeros=1, fixed=3, free=3, residual=0.25)
    assert point.stages[0].fixed == 0


# rationalize


@pytest.mark.parametrize("seed", range(5))
def test_two_parameters_are_chosen(seed: int) -> None:
    point = first_entry()
    assert rationalize(point, np.random.default_rng(seed)) == FIXED
    assert not point.free.any()
    assert np.prod(point.fractions) == 1


def test_one_parameter_is_chosen_and_the_rest_read_off() -> None:
    point = held(ONE, [3.0, 0.93, 1 / (3 * 0.93)], [0])
    assert rationalize(point, np.random.default_rng(0)) == FIXED
    np.testing.assert_allclose(point.vector, [3, 1, 1 / 3], atol=1e-12)


def test_a_fit_that_is_rational_already() -> None:
    point = FixedPoint(TENSOR, flatten(floats(strassen()).arrays))
    assert rationalize(point, np.random.default_rng(0)) == FIXED
    np.testing.assert_array_equal(point.vector, flatten(floats(strassen()).arrays))
    assert point.resolves == 1


def test_strassen_is_found_in_some_gauges() -> None:
    statuses = []
    for seed in range(6):
        point = FixedPoint(TENSOR, flatten(regauged(strassen(), seed).arrays))
        statuses.append(rationalize(point, np.random.default_rng(seed))[0])
        assert error(point, TENSOR) < 1e-22
        if statuses[-1] is RefineStatus.EXACT:
            assert np.array_equal(model(unflatten(point.fractions, TENSOR.shape)), TENSOR.astype(int))
        else:
            assert point.free.any()
    assert statuses.count(RefineStatus.EXACT) >= 2


def test_isolated_irrational_entries_are_named() -> None:
    # √2 · v = 1 leaves nothing to choose.
    point = held(ONE, [sqrt(2), 1 / sqrt(2), 1.0], [0, 2])
    assert rationalize(point, np.random.default_rng(0)) == (
        RefineStatus.IRRATIONAL,
        "entries that are determined have no simple value (1): 0.707106781",
    )
    assert point.free.tolist() == [False, True, False]


def test_the_smallest_of_many_irrational_entries_are_named() -> None:
    # u · √½ = (5, −1, 1, 4, 7, 3, √½), of which the last is fixed at once.
    tensor = np.array([5, -1, 1, 4, 7, 3, sqrt(0.5)]).reshape(7, 1, 1)
    point = held(tensor, [*(tensor.ravel() / sqrt(0.5)), sqrt(0.5), 1.0], [7, 8])
    status, reason = rationalize(point, np.random.default_rng(0))
    assert status is RefineStatus.IRRATIONAL
    assert reason == (
        "entries that are determined have no simple value (6): 1.41421356, 4.24264069, 5.65685425, 7.07106781"
    )


def test_simple_values_that_lose_the_fit_are_not_called_irrational() -> None:
    # ⅓ is near enough to be taken for the entry, but does not solve the equation.
    third = 1 / 3 + 5e-9
    point = held(ONE, [third, 1 / third, 1.0], [1, 2])
    assert rationalize(point, np.random.default_rng(0)) == (
        RefineStatus.STUCK,
        "the simple values of the entries that are determined (1) lose the fit",
    )
    assert point.vector[0] == third


def test_irrational_whatever_is_chosen() -> None:
    point = held(ONE, [sqrt(2), 0.93, 1 / (sqrt(2) * 0.93)], [0])
    assert rationalize(point, np.random.default_rng(0)) == (RefineStatus.STUCK, "too many choices were undone")
    assert point.free.any()


def test_a_gauge_with_an_irrational_entry() -> None:
    factors = floats(strassen())
    scaled = [
        factor * (sqrt(2) ** (power * np.ones(7))) for factor, power in zip(factors.arrays, (1, 0, -1), strict=True)
    ]
    vector = np.concatenate([factor.ravel() for factor in scaled])
    point = held(TENSOR, vector.tolist(), np.flatnonzero(np.abs(vector[:28]) > 1.1).tolist())
    status, _ = rationalize(point, np.random.default_rng(0))
    assert status in {RefineStatus.IRRATIONAL, RefineStatus.STUCK}
    assert point.free.any()


def test_what_is_determined_is_solved_for_exactly() -> None:
    # u · 1009/64 · 16 = 1: no float says that its value is 4/1009.
    point = held(ONE, [4 / 1009, 1009 / 64, 16.0], [1, 2])
    assert rationalize(point, np.random.default_rng(0)) == SOLVED
    assert not point.free.any()
    assert point.fractions.tolist() == [Fraction(4, 1009), Fraction(1009, 64), 16]


@pytest.mark.parametrize("seed", range(3))
def test_so_are_the_last_entries_after_a_choice(seed: int) -> None:
    point = held(ONE, [64 / (1009 * 0.93), 0.93, 1009 / 64], [2])
    assert rationalize(point, np.random.default_rng(seed)) == SOLVED
    assert point.fractions.tolist() == [Fraction(64, 1009), 1, Fraction(1009, 64)]


def test_entries_that_can_move_are_solved_for_when_no_value_can_be_fixed() -> None:
    # u₁ + 3u₂ = 1.
    point = two_terms(0.3, 3.0)
    point.move_and_fix = lambda *_: False  # type: ignore[method-assign]
    assert rationalize(point, np.random.default_rng(0)) == SOLVED
    assert point.fractions[0] + 3 * point.fractions[1] == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_choice_that_leads_to_irrational_entries_is_undone(seed: int) -> None:
    # u₁ + √2 u₂ = 1 at u₂ = 0.95: the nearest choice u₂ = 1 makes u₁ irrational, and only u₂ = 0 helps.
    point = two_terms(0.95, sqrt(2))
    assert rationalize(point, np.random.default_rng(seed)) == FIXED
    np.testing.assert_allclose(point.vector[:2], [1.0, 0.0], atol=1e-12)


def test_stuck_when_no_value_can_be_fixed() -> None:
    point = first_entry()
    point.move_and_fix = lambda *_: False  # type: ignore[method-assign]
    status, reason = rationalize(point, np.random.default_rng(0))
    assert status is RefineStatus.STUCK
    # Three entries by seven values, and up to four fractions near one of them.
    number, words = reason.split(maxsplit=1)
    assert 21 < int(number) <= 25
    assert words == "choices for entries that can move lost the fit"
    assert point.free.all()


def test_refused_values_are_not_tried_again() -> None:
    point = first_entry()
    tried: list[tuple[int, float]] = []

    def refuse(index: int, value: float) -> bool:
        tried.append((index, value))
        return False

    point.move_and_fix = refuse  # type: ignore[method-assign]
    refused: set[tuple[int, float]] = set()
    assert module._fix_one(point, np.random.default_rng(0), refused) is None
    assert refused == set(tried)
    ladder = len(tried)
    tried.clear()
    assert module._fix_one(point, np.random.default_rng(0), refused) is None
    assert len(tried) < ladder
    # All that is left are fractions near one entry.
    assert len({index for index, _ in tried}) == 1


def test_candidates_come_nearest_first() -> None:
    point = FixedPoint(ONE, np.array([0.9, -0.2, 3.0]))
    candidates = list(module._candidates(point, np.random.default_rng(0), {(0, 0.0)}))
    assert candidates[0] == (0, 1.0)
    # 0 is less preferred than its distance says: 0.2 + 0.3 and a little chance, before 2 and ±½ at 0.6 more.
    assert candidates[1] == (1, 0.0)
    assert (0, 0.0) not in candidates[:-4]
    assert len(candidates) == 3 * 7 - 1 + 4
    index = candidates[-1][0]
    value = point.vector[index]
    expected = [(index, float(Fraction(value).limit_denominator(d))) for d in (1, 2, 4, 8)]
    assert candidates[-4:] == expected


def test_candidates_are_free_and_not_too_many() -> None:
    point = FixedPoint(TENSOR, flatten(regauged(strassen(), 0).arrays))
    point.free[::2] = False
    candidates = list(module._candidates(point, np.random.default_rng(0), set()))
    assert len(candidates) == 25 + 4
    assert all(index % 2 for index, _ in candidates)


def test_the_same_random_choices_give_the_same_values() -> None:
    ends = []
    for _ in range(2):
        point = FixedPoint(TENSOR, flatten(regauged(strassen(), 1).arrays))
        end = rationalize(point, np.random.default_rng(1))
        ends.append((end, point.vector.tolist(), point.resolves))
    assert ends[0] == ends[1]


# fraction_near


@given(st.integers(-300, 300), st.integers(1, 16))
def test_simple_fractions_are_read_off(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert fraction_near(float(exact)) == exact
    assert fraction_near(float(exact) + 9e-9) == exact
    assert fraction_near(float(exact) - 9e-9) == exact
    assert fraction_near(float(exact) + 2e-8) is None


@given(st.integers(-20_000, 20_000), st.integers(17, 1000))
def test_other_fractions_are_read_off_where_they_are_nearer(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    if exact.denominator > 16:
        assert fraction_near(float(exact)) == exact
        assert fraction_near(float(exact) + 9e-12) == exact
        assert fraction_near(float(exact) - 9e-12) == exact
        assert fraction_near(float(exact) + 2e-11) is None


def test_denominators_go_up_to_a_thousand() -> None:
    assert fraction_near(2 + 1 / 1000) == Fraction(2001, 1000)
    assert fraction_near(2 + 1 / 1001) is None


@pytest.mark.parametrize("value", [sqrt(2), 1 / 1009, 0.1234567, 3.00001])
def test_other_numbers_are_no_simple_fractions(value: float) -> None:
    assert fraction_near(value) is None


def test_numbers_of_arrays_are_read_too() -> None:
    assert fraction_near(np.float64(0.5)) == Fraction(1, 2)
