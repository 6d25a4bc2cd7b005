"""The ball-constrained fit: single steps against dense oracles, then whole runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from math import inf, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import FitSettings, LMStatus, cp_fit, fit_cp
from mmdiscover.decompositions.gauss_newton import flatten, linearize, residual, squared_norm, unflatten
from tests.decompositions.dense import damped_matrix, dampings, jacobian, linearized, model, problem, problems, tangent

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple
    from tests.decompositions.dense import Problem

STRASSEN_TENSOR = matmul_tensor(Format(2, 2, 2))


def objective(tensor: Array, factors: Triple) -> float:
    return float(np.sum((model(factors) - tensor) ** 2))


def on_sphere(factors: Triple, bound: float) -> Triple:
    a, b, c = (factor * sqrt(bound / squared_norm(factors)) for factor in factors)
    return a, b, c


def test_settings_are_kept() -> None:
    assert FitSettings() == FitSettings(bound=None, max_iterations=500, tolerance=1e-26, initial_damping=0.1)


def first_damping(factors: Triple, settings: FitSettings) -> float:
    return settings.initial_damping * max(float((factor.T @ factor).max()) for factor in factors)


# One step, densely: without a bound, from the inside, and from the sphere.


def one_step(tensor: Array, start: Triple, settings: FitSettings) -> Triple | None:
    """Where one iteration leads; None when its step is rejected."""
    end = fit_cp(tensor, start, replace(settings, max_iterations=1))
    assert end.iterations == 1
    assert end.objective == pytest.approx(objective(tensor, end.factors))
    return None if np.array_equal(flatten(end.factors), flatten(start)) else end.factors


@given(problems)
def test_one_step_without_a_bound(given_problem: Problem) -> None:
    tensor, start = given_problem
    end = one_step(tensor, start, FitSettings())
    assume(end is not None)
    assert end is not None
    damping = first_damping(start, FitSettings())
    step = np.linalg.solve(damped_matrix(start, damping), -flatten(linearized(given_problem).gradient))
    np.testing.assert_allclose(flatten(end), flatten(start) + step, atol=1e-7, rtol=1e-7)


def test_one_step_from_the_inside_is_scaled_back() -> None:
    tensor, start = problem((2, 3, 4), 3, 0)
    free = one_step(tensor, start, FitSettings(initial_damping=0.01))
    assert free is not None
    assert squared_norm(free) > 1.05 * squared_norm(start)
    bound = (squared_norm(free) + squared_norm(start)) / 2
    end = one_step(tensor, start, FitSettings(bound=bound, initial_damping=0.01))
    assert end is not None
    np.testing.assert_allclose(flatten(end), flatten(on_sphere(free, bound)), rtol=1e-12)


def test_one_step_from_the_sphere_stays_in_the_tangent_plane() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    bound = squared_norm(start)
    end = one_step(tensor, start, FitSettings(bound=bound))
    assert end is not None
    step = tangent(start, linearized((tensor, start)).gradient, first_damping(start, FitSettings()))
    expected = on_sphere(unflatten(flatten(start) + step, tensor.shape), bound)
    np.testing.assert_allclose(flatten(end), flatten(expected), rtol=1e-9)


def test_a_point_just_below_the_sphere_counts_as_on_it() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    for distance, same in ((1e-7, True), (1e-5, False)):
        bound = squared_norm(start) / (1 - distance)
        end = one_step(tensor, start, FitSettings(bound=bound))
        assert end is not None
        step = tangent(start, linearized((tensor, start)).gradient, first_damping(start, FitSettings()))
        expected = on_sphere(unflatten(flatten(start) + step, tensor.shape), bound)
        assert np.allclose(flatten(end), flatten(expected), rtol=1e-8) == same


def test_one_step_from_the_sphere_inwards_needs_no_tangent() -> None:
    # Factors three times too long: every descent shortens them.
    tensor, (a, b, c) = problem((2, 3, 4), 3, 1)
    start = 3 * a, 3 * b, 3 * c
    end = one_step(tensor, start, FitSettings(bound=squared_norm(start)))
    free = one_step(tensor, start, FitSettings())
    assert end is not None
    assert free is not None
    np.testing.assert_array_equal(flatten(end), flatten(free))


# The gain ratio: actual decrease by the decrease of the quadratic model, evaluated densely.


def dense_gain(given_problem: Problem, step: Array, end: Triple) -> float:
    tensor, start = given_problem
    error = (model(start) - tensor).ravel()
    predicted = error @ error - np.sum((error + jacobian(start) @ step) ** 2)
    return (float(error @ error) - objective(tensor, end)) / float(predicted)


@given(problems, dampings)
def test_gain_of_an_unconstrained_step(given_problem: Problem, damping: float) -> None:
    tensor, start = given_problem
    at = linearized(given_problem)
    trial = cp_fit._ball_step(tensor, None, at, damping)
    assert trial is not None
    end = trial.arrive()
    step = flatten(end.factors) - flatten(start)
    assert trial.gain == pytest.approx(dense_gain(given_problem, step, end.factors), rel=1e-5, abs=1e-6)
    assert end.objective == pytest.approx(objective(tensor, end.factors))
    np.testing.assert_allclose(flatten(end.gradient), flatten(linearized((tensor, end.factors)).gradient))


@given(problems, dampings)
def test_gain_of_a_tangent_step(given_problem: Problem, damping: float) -> None:
    tensor, start = given_problem
    bound = squared_norm(start)
    free = cp_fit._ball_step(tensor, None, linearized(given_problem), damping)
    assert free is not None
    assume(squared_norm(free.arrive().factors) > bound)
    trial = cp_fit._ball_step(tensor, bound, linearized(given_problem), damping)
    assert trial is not None
    step = tangent(start, linearized(given_problem).gradient, damping)
    assume(np.linalg.norm(jacobian(start) @ step) > 1e-6)
    # The model is taken in the plane, the decrease on the sphere.
    end = trial.arrive().factors
    assert squared_norm(end) == pytest.approx(bound)
    assert trial.gain == pytest.approx(dense_gain(given_problem, step, end), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("decrease", "predicted", "gain"),
    [
        (1.0, 2.0, 0.5),
        (-1.0, 2.0, -0.5),
        (1.0, 0.0, -1.0),
        (1.0, -2.0, -1.0),
        (nan, 1.0, -1.0),
        (-inf, 1.0, -1.0),
        (1.0, nan, -1.0),
    ],
)
def test_gain_of_nonsense_is_a_rejection(decrease: float, predicted: float, gain: float) -> None:
    assert cp_fit._gain(decrease, predicted) == gain


def test_a_singular_system_is_no_step() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    assert cp_fit._ball_step(tensor, None, linearized((tensor, start)), -1e6) is None


# Whole runs.


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 1.0))
def test_every_iterate_stays_in_the_ball(seed: int, share: float) -> None:
    tensor, start = problem((3, 2, 4), 4, seed)
    bound = share * squared_norm(start)
    ends = [fit_cp(tensor, start, FitSettings(bound=bound, max_iterations=k)) for k in range(12)]
    assert all(squared_norm(end.factors) <= bound * (1 + 1e-12) for end in ends)
    values = [end.objective for end in ends]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]


def test_a_start_outside_the_ball_is_scaled_onto_it() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    end = fit_cp(tensor, start, FitSettings(bound=2.0, max_iterations=0))
    np.testing.assert_allclose(flatten(end.factors), flatten(on_sphere(start, 2.0)), rtol=1e-14)
    assert end.status is LMStatus.ITERATION_LIMIT
    assert end.iterations == 0


def test_a_start_inside_the_ball_is_left_alone() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    end = fit_cp(tensor, start, FitSettings(bound=1e3, max_iterations=0))
    np.testing.assert_array_equal(flatten(end.factors), flatten(start))
    assert end.objective == pytest.approx(objective(tensor, start))


def test_the_start_is_not_changed() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    kept, kept_tensor = flatten(start), tensor.copy()
    fit_cp(tensor, start, FitSettings(bound=5.0, max_iterations=20))
    np.testing.assert_array_equal(flatten(start), kept)
    np.testing.assert_array_equal(tensor, kept_tensor)


def test_any_memory_layout_will_do() -> None:
    tensor, (a, b, c) = problem((2, 3, 4), 3, 1)
    settings = FitSettings(max_iterations=5)
    expected = fit_cp(tensor, (a, b, c), settings)
    end = fit_cp(np.asfortranarray(tensor), (np.asfortranarray(a), b[::-1].copy()[::-1], c), settings)
    np.testing.assert_array_equal(flatten(end.factors), flatten(expected.factors))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("bound", [None, 12.0])
def test_the_order_of_the_modes_does_not_matter(order: tuple[int, int, int], bound: float | None) -> None:
    tensor, start = problem((3, 2, 4), 3, 5)
    settings = FitSettings(bound=bound, max_iterations=8)
    expected = fit_cp(tensor, start, settings)
    i, j, k = order
    end = fit_cp(tensor.transpose(order), (start[i], start[j], start[k]), settings)
    assert end.objective == pytest.approx(expected.objective, rel=1e-9)
    for mode, factor in zip(order, end.factors, strict=True):
        np.testing.assert_allclose(factor, expected.factors[mode], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shape", [(2, 3, 5), (5, 2, 3), (3, 5, 2)])
def test_the_largest_mode_is_the_one_eliminated(shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    tensor, start = problem(shape, 3, 5)
    seen = []

    def watched(factors: Triple, error: Array) -> object:
        seen.append(error.shape)
        return linearize(factors, error)

    monkeypatch.setattr(cp_fit, "linearize", watched)
    fit_cp(tensor, start, FitSettings(max_iterations=3))
    assert set(seen) == {(2, 3, 5)}


def test_the_monitor_stops_it() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    seen: list[float] = []

    def monitor(value: float) -> bool:
        seen.append(value)
        return len(seen) == 3

    end = fit_cp(tensor, start, FitSettings(), monitor)
    assert (end.status, end.iterations) == (LMStatus.STOPPED, 3)
    assert seen[-1] == end.objective


def test_the_tolerance_ends_it() -> None:
    start = problem((4, 4, 4), 7, 2)[1]
    rough = fit_cp(STRASSEN_TENSOR, start, FitSettings(bound=50.0, tolerance=1e-3))
    fine = fit_cp(STRASSEN_TENSOR, start, FitSettings(bound=50.0))
    assert rough.status is fine.status is LMStatus.CONVERGED
    assert 1e-26 < rough.objective <= 1e-3
    assert fine.objective <= 1e-26
    assert rough.iterations < fine.iterations


def test_the_iteration_limit_ends_it() -> None:
    start = problem((4, 4, 4), 7, 2)[1]
    end = fit_cp(STRASSEN_TENSOR, start, FitSettings(bound=50.0, max_iterations=4))
    assert (end.status, end.iterations) == (LMStatus.ITERATION_LIMIT, 4)


def test_it_stalls_where_no_step_helps() -> None:
    zeros = np.zeros((4, 7))
    end = fit_cp(STRASSEN_TENSOR, (zeros, zeros, zeros), FitSettings())
    assert end.status is LMStatus.STALLED
    assert end.objective == 8.0


def test_most_random_starts_find_strassen() -> None:
    ends = [fit_cp(STRASSEN_TENSOR, problem((4, 4, 4), 7, seed)[1], FitSettings(bound=50.0)) for seed in range(10)]
    exact = [end for end in ends if end.status is LMStatus.CONVERGED]
    assert len(exact) >= 6
    for end in exact:
        assert objective(STRASSEN_TENSOR, end.factors) < 1e-24
        assert squared_norm(end.factors) <= 50 * (1 + 1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_tensors_of_low_rank_are_recovered_from_nearby(seed: int, rank: int) -> None:
    _, factors = problem((3, 4, 5), rank, seed)
    _, noise = problem((3, 4, 5), rank, seed + 1)
    a, b, c = (factor + 1e-3 * shift for factor, shift in zip(factors, noise, strict=True))
    tensor = model(factors)
    end = fit_cp(tensor, (a, b, c), FitSettings(tolerance=1e-20))
    assert end.status is LMStatus.CONVERGED
    np.testing.assert_allclose(model(end.factors), tensor, atol=1e-9)
    assert float(np.sum(residual(tensor, end.factors) ** 2)) <= 1e-20


GOOD = (np.ones((2, 1)), np.ones((3, 1)), np.ones((4, 1)))


@pytest.mark.parametrize(
    ("tensor", "start", "bound", "message"),
    [
        (np.zeros((2, 3)), GOOD, None, "tensor has 2 modes, expected 3"),
        (np.zeros((2, 3, 5)), GOOD, None, r"expected \[\(2, 1\), \(3, 1\), \(5, 1\)\]"),
        (np.zeros((2, 3, 4)), (GOOD[0], GOOD[1], np.ones((4, 2))), None, "factors have shapes"),
        (np.full((2, 3, 4), np.nan), GOOD, None, "tensor has a NaN"),
        (np.zeros((2, 3, 4)), (GOOD[0], np.full((3, 1), np.inf), GOOD[2]), None, "second factor has a NaN or infinite"),
        (np.zeros((2, 3, 4)), GOOD, -1.0, r"bound is -1.0, expected a positive number"),
        (np.zeros((2, 3, 4)), GOOD, np.nan, "bound is nan"),
    ],
)
def test_what_cannot_be_fitted(tensor: Any, start: Any, bound: float | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_cp(tensor, start, FitSettings(bound=bound))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e12])
def test_the_scale_of_the_tensor_does_not_matter(scale: float) -> None:
    rng = np.random.default_rng(5)
    a, b, c = (rng.standard_normal((4, 3)) for _ in range(3))
    tensor = scale * np.einsum("ir,jr,kr->ijk", a, b, c)
    start = tuple(np.cbrt(scale) * rng.standard_normal((4, 3)) for _ in range(3))
    fit = fit_cp(tensor, start, FitSettings(tolerance=1e-20 * scale**2))
    assert fit.status is LMStatus.CONVERGED
