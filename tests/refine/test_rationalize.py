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
from mmdiscover.refine.trace import RefineStatus
from tests.decompositions.dense import model
from tests.refine.fits import floats, regauged
from tests.schemes import strassen

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE = np.ones((1, 1, 1))
TENSOR = matmul_tensor(Format(2, 2, 2))


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


# rationalize


@pytest.mark.parametrize("seed", range(5))
def test_two_parameters_are_chosen(seed: int) -> None:
    point = first_entry()
    assert rationalize(point, np.random.default_rng(seed))[0] is RefineStatus.EXACT
    assert not point.free.any()
    values = [fraction_near(value) for value in point.vector]
    assert np.prod(np.array(values)) == 1


def test_one_parameter_is_chosen_and_the_rest_read_off() -> None:
    point = held(ONE, [3.0, 0.93, 1 / (3 * 0.93)], [0])
    assert rationalize(point, np.random.default_rng(0))[0] is RefineStatus.EXACT
    np.testing.assert_allclose(point.vector, [3, 1, 1 / 3], atol=1e-12)


def test_a_fit_that_is_rational_already() -> None:
    point = FixedPoint(TENSOR, flatten(floats(strassen()).arrays))
    assert rationalize(point, np.random.default_rng(0))[0] is RefineStatus.EXACT
    np.testing.assert_array_equal(point.vector, flatten(floats(strassen()).arrays))
    assert point.resolves == 1


def test_strassen_is_found_in_some_gauges() -> None:
    statuses = []
    for seed in range(6):
        point = FixedPoint(TENSOR, flatten(regauged(strassen(), seed).arrays))
        statuses.append(rationalize(point, np.random.default_rng(seed))[0])
        assert error(point, TENSOR) < 1e-22
        if statuses[-1] is RefineStatus.EXACT:
            exact = np.array([fraction_near(value) for value in point.vector], dtype=object)
            model = np.einsum("ar,br,cr->abc", *unflatten(exact, TENSOR.shape))
            assert np.array_equal(model, TENSOR.astype(int))
        else:
            assert point.free.any()
    assert statuses.count(RefineStatus.EXACT) >= 2


def test_isolated_irrational_entries_are_named() -> None:
    # √2 · v = 1 leaves nothing to choose.
    point = held(ONE, [sqrt(2), 1 / sqrt(2), 1.0], [0, 2])
    assert rationalize(point, np.random.default_rng(0))[0] is RefineStatus.IRRATIONAL


def test_irrational_whatever_is_chosen() -> None:
    point = held(ONE, [sqrt(2), 0.93, 1 / (sqrt(2) * 0.93)], [0])
    status, _ = rationalize(point, np.random.default_rng(0))
    assert status in {RefineStatus.IRRATIONAL, RefineStatus.STUCK}


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


@pytest.mark.parametrize("seed", range(3))
def test_a_choice_that_leads_to_irrational_entries_is_undone(seed: int) -> None:
    # u₁ + √2 u₂ = 1 at u₂ = 0.95: the nearest choice u₂ = 1 makes u₁ irrational, and only u₂ = 0 helps.
    point = two_terms(0.95, sqrt(2))
    assert rationalize(point, np.random.default_rng(seed))[0] is RefineStatus.EXACT
    np.testing.assert_allclose(point.vector[:2], [1.0, 0.0], atol=1e-12)


def test_stuck_when_no_value_can_be_fixed() -> None:
    point = first_entry()
    point.move_and_fix = lambda *_: False  # type: ignore[method-assign]
    assert rationalize(point, np.random.default_rng(0))[0] is RefineStatus.STUCK
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
        status = rationalize(point, np.random.default_rng(1))
        ends.append((status, point.vector.tolist(), point.resolves))
    assert ends[0] == ends[1]


# fraction_near


@given(st.integers(-300, 300), st.integers(1, 16))
def test_simple_fractions_are_read_off(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert fraction_near(float(exact)) == exact
    assert fraction_near(float(exact) + 9e-9) == exact
    assert fraction_near(float(exact) - 9e-9) == exact
    assert fraction_near(float(exact) + 2e-8) is None


@pytest.mark.parametrize("value", [sqrt(2), 1 / 17 + 1e-10, 0.1234567, 3.0001])
def test_other_numbers_are_no_simple_fractions(value: float) -> None:
    assert fraction_near(value) is None


def test_larger_denominators_must_be_nearer() -> None:
    assert fraction_near(np.float64(0.5)) == Fraction(1, 2)
    assert fraction_near(5 / 997) == Fraction(5, 997)
    assert fraction_near(5 / 997 + 9e-12) == Fraction(5, 997)
    assert fraction_near(5 / 997 + 2e-11) is None
    assert fraction_near(1 / 1009) is None


# Batches, and the exact rest


def test_a_batch_that_fails_is_halved() -> None:
    # Of eight entries the sixth cannot become 0; the nearest come first.
    point = FixedPoint(ONE, np.ones(3))
    tried: list[list[int]] = []

    def fix(indices: NDArray[np.intp], values: NDArray[np.float64]) -> bool:
        assert len(indices) == len(values)
        tried.append(indices.tolist())
        return 13 not in indices

    point.fix = fix  # type: ignore[method-assign,assignment]
    assert point.fix_nearest(np.arange(8, 24), np.zeros(16))
    eight = list(range(8, 16))
    assert tried == [[*range(8, 24)], eight, eight[:4], eight[4:], [*range(16, 24)]]
    tried.clear()
    assert not point.fix_nearest(np.array([13, 14, 15]), np.zeros(3))
    assert tried == [[13, 14, 15]]


def test_too_many_failures_end_it() -> None:
    point = FixedPoint(ONE, np.ones(3))
    tried = []

    def refuse(indices: NDArray[np.intp], _: NDArray[np.float64]) -> bool:
        tried.append(len(indices))
        return False

    point.fix = refuse  # type: ignore[method-assign,assignment]
    assert not point.fix_nearest(np.arange(1024), np.zeros(1024))
    assert tried == [1024, 512, 256, 128, 64, 32, 16, 8]


def test_stages_tell_how_far_it_has_come() -> None:
    point = held(ONE, [2.0, 0.5, 1.0], [2])
    point.ends_stage("first")
    point.vector = np.array([0.0, 0.5, 1.0])
    point.free[:] = False
    point.ends_stage("second")
    first, second = point.stages
    assert (first.name, first.zeros, first.fixed, first.free) == ("first", 0, 1, 2)
    assert first.residual < 1e-30
    assert (second.name, second.zeros, second.fixed, second.free, second.residual) == ("second", 1, 3, 0, 1.0)


def test_an_unpleasant_rest_is_solved_exactly() -> None:
    # 1009 · v = 3 determines v, and no fraction that is simple enough to be read off is it.
    tensor = 3 * ONE
    point = held(tensor, [1009.0, 3 / 1009, 1.0], [0, 2])
    assert fraction_near(3 / 1009) is None
    assert rationalize(point, np.random.default_rng(0)) == (
        RefineStatus.EXACT,
        "the last entries solve linear equations",
    )
    assert point.fractions.tolist() == [1009, Fraction(3, 1009), 1]
    assert not point.free.any()


def test_what_is_fixed_must_be_rational_for_that() -> None:
    point = held(ONE, [sqrt(2), 1 / sqrt(2), 1.0], [0, 2])
    assert not point.solve_rest()
    status, reason = rationalize(point, np.random.default_rng(0))
    assert status is RefineStatus.IRRATIONAL
    assert reason == "entries that are determined have no simple value (1): 0.707106781"


def test_exact_values_are_kept() -> None:
    point = first_entry()
    point.fix_exactly(np.array([1]), [Fraction(10007, 5003)])
    assert point.fractions.tolist() == [Fraction(7, 10), Fraction(10007, 5003), Fraction(100, 133)]
    assert point.free.tolist() == [True, False, True]
