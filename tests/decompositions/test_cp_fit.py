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
from mmdiscover.decompositions import Ending, FitSettings, cp_fit, fit_cp, kernels
from mmdiscover.decompositions.gauss_newton import flatten, unflatten
from tests.decompositions.dense import damped_matrix, gradient, model, problem, problems, tangent

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple
    from tests.decompositions.dense import Problem

STRASSEN_TENSOR = matmul_tensor(Format(2, 2, 2))


def objective(tensor: Array, factors: Triple) -> float:
    return float(np.sum((model(factors) - tensor) ** 2))


def squared_norm(factors: Triple) -> float:
    return float(np.sum(flatten(factors) ** 2))


def on_sphere(factors: Triple, bound: float) -> Triple:
    a, b, c = (factor * sqrt(bound / squared_norm(factors)) for factor in factors)
    return a, b, c


def test_settings_are_kept() -> None:
    assert FitSettings() == FitSettings(
        bound=None, max_iterations=500, tolerance=1e-26, initial_damping=0.1, stall_window=0, stall_decrease=0.0
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bound": -1.0}, "bound is -1.0, expected a positive number or None"),
        ({"bound": nan}, "bound is nan"),
        ({"bound": inf}, "bound is inf"),
        ({"max_iterations": -1}, "iteration limit is -1, expected 0 to"),
        ({"initial_damping": 0.0}, "initial damping is 0.0, expected a positive number"),
        ({"initial_damping": nan}, "initial damping is nan"),
        ({"max_iterations": 1.5}, "iteration limit is 1.5"),
        ({"tolerance": nan}, "tolerance is nan, expected a number >= 0"),
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"stall_window": -3}, "stall rule is 0.0 in -3 iterations, expected a share"),
        ({"stall_decrease": nan}, "stall rule is nan in 0 iterations"),
        ({"stall_decrease": 1.5}, "stall rule is 1.5 in 0 iterations"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FitSettings(**settings)


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
    step = np.linalg.solve(damped_matrix(start, damping), -gradient(given_problem))
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
    step = tangent((tensor, start), first_damping(start, FitSettings()))
    expected = on_sphere(unflatten(flatten(start) + step, tensor.shape), bound)
    np.testing.assert_allclose(flatten(end), flatten(expected), rtol=1e-9)


def test_a_point_just_below_the_sphere_counts_as_on_it() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    for distance, same in ((1e-7, True), (1e-5, False)):
        bound = squared_norm(start) / (1 - distance)
        end = one_step(tensor, start, FitSettings(bound=bound))
        assert end is not None
        step = tangent((tensor, start), first_damping(start, FitSettings()))
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
    np.testing.assert_allclose(flatten(end), flatten(free), rtol=1e-11)


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
    assert end.status is Ending.ITERATION_LIMIT
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

    def watched(shape: tuple[int, ...], rank: int, exchange: tuple[int, int] | None) -> kernels.System:
        seen.append(shape)
        return system(shape, rank, exchange)

    system = kernels.make_system
    monkeypatch.setattr(kernels, "make_system", watched)
    fit_cp(tensor, start, FitSettings(max_iterations=3))
    assert seen == [(2, 3, 5)]


def test_the_monitor_stops_it() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    seen: list[float] = []

    def monitor(value: float) -> bool:
        seen.append(value)
        return len(seen) == 3

    end = fit_cp(tensor, start, FitSettings(), monitor=monitor)
    assert (end.status, end.iterations) == (Ending.STOPPED, 3)
    assert seen[-1] == end.objective


def test_the_history_holds_every_objective() -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    seen: list[float] = []

    def monitor(value: float) -> bool:
        seen.append(value)
        return False

    watched = fit_cp(tensor, start, FitSettings(bound=9.0, max_iterations=20), monitor=monitor)
    end = fit_cp(tensor, start, FitSettings(bound=9.0, max_iterations=20))
    np.testing.assert_array_equal(end.history, watched.history)
    np.testing.assert_array_equal(end.history[1:], seen)
    assert end.history[0] == pytest.approx(objective(tensor, on_sphere(start, 9.0)))
    assert end.history[-1] == end.objective
    assert len(end.history) == end.iterations + 1


def test_coming_back_in_between_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor, start = problem((2, 3, 4), 3, 1)
    expected = fit_cp(tensor, start, FitSettings(bound=9.0))
    monkeypatch.setattr(cp_fit, "_MULTIPLICATIONS_PER_CALL", 2 * 15**3)
    end = fit_cp(tensor, start, FitSettings(bound=9.0))
    np.testing.assert_array_equal(flatten(end.factors), flatten(expected.factors))
    assert (end.status, end.iterations) == (expected.status, expected.iterations)


def test_it_stops_where_the_objective_has_ceased_to_fall() -> None:
    tensor, start = problem((3, 3, 3), 2, 1)
    whole = fit_cp(tensor, start, FitSettings(max_iterations=300)).history
    end = fit_cp(tensor, start, FitSettings(max_iterations=300, stall_window=7, stall_decrease=0.01))
    stalled = [k for k in range(7, len(whole)) if whole[k] > 0.99 * whole[k - 7]]
    assert (end.status, end.iterations) == (Ending.STOPPED, stalled[0])
    np.testing.assert_array_equal(end.history, whole[: stalled[0] + 1])


def test_the_tolerance_ends_it() -> None:
    start = problem((4, 4, 4), 7, 2)[1]
    rough = fit_cp(STRASSEN_TENSOR, start, FitSettings(bound=50.0, tolerance=1e-3))
    fine = fit_cp(STRASSEN_TENSOR, start, FitSettings(bound=50.0))
    assert rough.status is fine.status is Ending.CONVERGED
    assert 1e-26 < rough.objective <= 1e-3
    assert fine.objective <= 1e-26
    assert rough.iterations < fine.iterations


def test_the_iteration_limit_ends_it() -> None:
    start = problem((4, 4, 4), 7, 2)[1]
    end = fit_cp(STRASSEN_TENSOR, start, FitSettings(bound=50.0, max_iterations=4))
    assert (end.status, end.iterations) == (Ending.ITERATION_LIMIT, 4)


def test_it_stalls_where_no_step_helps() -> None:
    zeros = np.zeros((4, 7))
    end = fit_cp(STRASSEN_TENSOR, (zeros, zeros, zeros), FitSettings())
    assert end.status is Ending.STALLED
    assert end.objective == 8.0


def test_most_random_starts_find_strassen() -> None:
    ends = [fit_cp(STRASSEN_TENSOR, problem((4, 4, 4), 7, seed)[1], FitSettings(bound=50.0)) for seed in range(10)]
    exact = [end for end in ends if end.status is Ending.CONVERGED]
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
    assert end.status is Ending.CONVERGED
    np.testing.assert_allclose(model(end.factors), tensor, atol=1e-9)


GOOD = (np.ones((2, 1)), np.ones((3, 1)), np.ones((4, 1)))


@pytest.mark.parametrize(
    ("tensor", "start", "message"),
    [
        (np.zeros((2, 3)), GOOD, "tensor has 2 modes, expected 3"),
        (np.zeros((2, 3, 5)), GOOD, r"expected \[\(2, 1\), \(3, 1\), \(5, 1\)\]"),
        (np.zeros((2, 3, 4)), (GOOD[0], GOOD[1], np.ones((4, 2))), "factors have shapes"),
        (np.full((2, 3, 4), np.nan), GOOD, "tensor has a NaN"),
        (np.full((2, 3, 4), 1j), GOOD, "tensor is complex, expected real numbers"),
        (np.zeros((2, 3, 4)), (GOOD[0], np.full((3, 1), np.inf), GOOD[2]), "second factor has a NaN or infinite"),
    ],
)
def test_what_cannot_be_fitted(tensor: Any, start: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_cp(tensor, start, FitSettings())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e12])
def test_the_scale_of_the_tensor_does_not_matter(scale: float) -> None:
    rng = np.random.default_rng(5)
    a, b, c = (rng.standard_normal((4, 3)) for _ in range(3))
    tensor = scale * np.einsum("ir,jr,kr->ijk", a, b, c)
    start = tuple(np.cbrt(scale) * rng.standard_normal((4, 3)) for _ in range(3))
    fit = fit_cp(tensor, start, FitSettings(tolerance=1e-20 * scale**2))
    assert fit.status is Ending.CONVERGED


def test_where_the_objective_overflows_it_stalls() -> None:
    huge = np.full((1, 1), 1e200)
    end = fit_cp(np.ones((1, 1, 1)), (huge, huge, huge), FitSettings())
    assert (end.status, end.iterations) == (Ending.STALLED, 0)
