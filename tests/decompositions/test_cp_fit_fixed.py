"""The fit with fixed entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import Ending, cp_fit, fit_cp_fixed
from mmdiscover.decompositions.gauss_newton import flatten, linearize, unflatten
from tests.decompositions.dense import damped_matrix, gradient, jacobian, model, problems
from tests.schemes import strassen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array
    from tests.decompositions.dense import Problem

TENSOR = matmul_tensor(Format(2, 2, 2))
EXACT = np.concatenate([factor.astype(float).ravel() for factor in strassen().arrays])
ALL = np.ones(len(EXACT), dtype=bool)


def perturbed(size: float, free: NDArray[np.bool_], seed: int = 0) -> Array:
    return EXACT + size * free * np.random.default_rng(seed).standard_normal(len(EXACT))


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_fixed_entries_stay_bit_for_bit(seed: int, share: float) -> None:
    free = np.random.default_rng(seed).random(len(EXACT)) < share
    start = perturbed(1e-2, ALL, seed)
    end = fit_cp_fixed(TENSOR, unflatten(start, TENSOR.shape), free)
    vector = flatten(end.factors)
    np.testing.assert_array_equal(vector[~free], start[~free])
    assert end.objective == pytest.approx(np.sum((model(end.factors) - TENSOR) ** 2), rel=1e-6, abs=1e-25)
    assert not np.shares_memory(vector, start)


@given(st.integers(0, 2**32 - 1))
def test_exact_fits_are_found_again_from_nearby(seed: int) -> None:
    free = np.random.default_rng(seed).random(len(EXACT)) < 0.6
    end = fit_cp_fixed(TENSOR, unflatten(perturbed(1e-3, free, seed), TENSOR.shape), free)
    assert end.status is Ending.CONVERGED
    assert end.objective <= 1e-26


@pytest.mark.parametrize("seed", range(3))
def test_convergence_is_quadratic(seed: int) -> None:
    start = unflatten(perturbed(3e-3, ALL, seed), TENSOR.shape)
    values = [fit_cp_fixed(TENSOR, start, ALL, max_iterations=k).objective for k in range(4)]
    assert 1e-4 < values[0] < 1e-2
    # The exponent of φ doubles, until the damping, which falls tenfold a step, tells.
    assert values[1] < values[0] ** 1.9
    assert values[2] < values[1] ** 1.9
    assert values[3] < 1e-23


@given(problems, st.integers(0, 2**32 - 1))
def test_one_step_is_the_dense_one(given_problem: Problem, seed: int) -> None:
    tensor, start = given_problem
    vector = flatten(start)
    free = np.random.default_rng(seed).random(len(vector)) < 0.7
    indices = np.flatnonzero(free)
    assume(len(indices))
    end = fit_cp_fixed(tensor, start, free, max_iterations=1)
    assume(not np.array_equal(flatten(end.factors), vector))
    objective = np.sum((model(start) - tensor) ** 2)
    plain = damped_matrix(start, 0.0)[np.ix_(indices, indices)]
    damping = 1e-3 * min(1.0, np.sqrt(objective)) * plain.diagonal().max()
    step = np.linalg.solve(plain + damping * np.eye(len(indices)), -gradient(given_problem)[indices])
    np.testing.assert_allclose(flatten(end.factors)[indices], vector[indices] + step, rtol=1e-6, atol=1e-6)


def partly_fixed(tensor: np.ndarray, vector: np.ndarray, indices: np.ndarray) -> cp_fit._PartlyFixed:
    return cp_fit._partly_fixed(tensor, vector, linearize(tensor, vector), indices)


@given(problems, st.integers(0, 2**32 - 1))
def test_gain_is_actual_by_predicted_decrease(given_problem: Problem, seed: int) -> None:
    tensor, start = given_problem
    indices = np.flatnonzero(np.random.default_rng(seed).random(len(flatten(start))) < 0.7)
    assume(len(indices))
    at = partly_fixed(tensor, flatten(start), indices)
    trial = cp_fit._fixed_step(tensor, indices, at, 0.5)
    assert trial is not None
    end = unflatten(trial.arrive().vector, tensor.shape)
    step = flatten(end) - flatten(start)
    error = (model(start) - tensor).ravel()
    predicted = error @ error - np.sum((error + jacobian(start) @ step) ** 2)
    decrease = error @ error - np.sum((model(end) - tensor) ** 2)
    assert trial.gain == pytest.approx(decrease / predicted, rel=1e-5, abs=1e-6)


def test_a_singular_system_is_no_step() -> None:
    indices = np.arange(len(EXACT))
    assert cp_fit._fixed_step(TENSOR, indices, partly_fixed(TENSOR, EXACT, indices), -1e6) is None


def test_impossible_values_are_given_up_soon() -> None:
    # Without its first product Strassen's algorithm is none, and no six products are enough.
    vector, free = EXACT.copy(), ALL.copy()
    first = np.arange(4) * 7
    vector[first], free[first] = 0.0, False
    end = fit_cp_fixed(TENSOR, unflatten(vector, TENSOR.shape), free, max_iterations=1000)
    assert end.status is Ending.STOPPED
    assert end.objective > 1e-3
    assert end.iterations < 100


def test_the_iteration_limit_is_kept() -> None:
    end = fit_cp_fixed(TENSOR, unflatten(perturbed(1e-1, ALL), TENSOR.shape), ALL, max_iterations=2)
    assert (end.status, end.iterations) == (Ending.ITERATION_LIMIT, 2)


def test_the_tolerance_is_kept() -> None:
    end = fit_cp_fixed(TENSOR, unflatten(perturbed(1e-2, ALL), TENSOR.shape), ALL, tolerance=1e-6)
    assert end.status is Ending.CONVERGED
    assert 1e-26 < end.objective <= 1e-6


@pytest.mark.parametrize(("size", "status"), [(0.0, Ending.CONVERGED), (1e-3, Ending.ITERATION_LIMIT)])
def test_with_nothing_free_the_point_is_only_judged(size: float, status: Ending) -> None:
    start = perturbed(size, ALL)
    end = fit_cp_fixed(TENSOR, unflatten(start, TENSOR.shape), ~ALL)
    np.testing.assert_array_equal(flatten(end.factors), start)
    assert (end.status, end.iterations) == (status, 0)
    assert end.objective == pytest.approx(np.sum((model(unflatten(start, TENSOR.shape)) - TENSOR) ** 2))


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="tensor has 2 modes, expected 3"):
        fit_cp_fixed(TENSOR[0], unflatten(EXACT, TENSOR.shape), ALL)
    with pytest.raises(ValueError, match="first factor has a NaN or infinite entry"):
        fit_cp_fixed(TENSOR, unflatten(np.where(np.arange(84) == 3, np.nan, EXACT), TENSOR.shape), ALL)
