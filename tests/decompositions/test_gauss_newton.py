"""The structured linear algebra against dense oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.gauss_newton import (
    damped_solve,
    flatten,
    linearize,
    normal_matrix,
    unflatten,
)
from tests.decompositions.dense import Problem, damped_matrix, jacobian, model, problems


def test_flatten_takes_a_before_b_before_c_row_by_row() -> None:
    a, b, c = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0]]), np.array([[7.0, 8.0], [9.0, 10.0]])
    vector = flatten((a, b, c))
    np.testing.assert_array_equal(vector, np.arange(1, 11))
    for back, factor in zip(unflatten(vector, (2, 1, 2)), (a, b, c), strict=True):
        np.testing.assert_array_equal(back, factor)


@given(problems)
def test_flatten_and_unflatten_are_inverse(given_problem: Problem) -> None:
    tensor, factors = given_problem
    pieces = unflatten(flatten(factors), tensor.shape)
    assert all(np.array_equal(piece, factor) for piece, factor in zip(pieces, factors, strict=True))


@given(problems)
def test_linearization_agrees_with_the_dense_jacobian(given_problem: Problem) -> None:
    tensor, factors = given_problem
    at = linearize(tensor, flatten(factors))
    error = (model(factors) - tensor).ravel()
    assert at.objective == pytest.approx(error @ error)
    np.testing.assert_allclose(at.gradient, jacobian(factors).T @ error, atol=1e-10)


@given(problems)
def test_gradient_agrees_with_finite_differences(given_problem: Problem) -> None:
    tensor, factors = given_problem
    theta = flatten(factors)
    width = 1e-5

    def objective(vector: np.ndarray) -> float:
        return float(np.sum((model(unflatten(vector, tensor.shape)) - tensor) ** 2))

    differences = [
        (objective(theta + width * unit) - objective(theta - width * unit)) / (2 * width) for unit in np.eye(len(theta))
    ]
    np.testing.assert_allclose(2 * linearize(tensor, theta).gradient, differences, atol=1e-5, rtol=1e-5)


@given(problems, st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_normal_matrix_is_the_jacobian_squared(given_problem: Problem, seed: int, share: float) -> None:
    tensor, factors = given_problem
    theta = flatten(factors)
    entries = np.flatnonzero(np.random.default_rng(seed).random(len(theta)) < share)
    dense = jacobian(factors)[:, entries]
    np.testing.assert_allclose(normal_matrix(tensor.shape, theta, entries), np.triu(dense.T @ dense), atol=1e-10)


@given(problems)
def test_damped_solve(given_problem: Problem) -> None:
    tensor, factors = given_problem
    theta = flatten(factors)
    normal = normal_matrix(tensor.shape, theta, np.arange(len(theta)))
    before, damping = normal.copy(), np.arange(0.5, len(theta))
    solution = damped_solve(normal, damping, theta)
    assert solution is not None
    dense = damped_matrix(factors, 0.0) + np.diag(damping)
    np.testing.assert_allclose(solution, np.linalg.solve(dense, theta), rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(normal, before)
    assert damped_solve(normal, -1e6, theta) is None
