"""The structured linear algebra against dense oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from mmdiscover.decompositions.gauss_newton import (
    cholesky,
    cholesky_solve,
    flatten,
    linearize,
    normal_matrix,
    unflatten,
)
from tests.decompositions.dense import Problem, jacobian, model, problems


def test_cholesky_gives_the_lower_factor() -> None:
    matrix = np.array([[4.0, 2.0], [2.0, 5.0]])
    np.testing.assert_allclose(np.tril(cholesky(matrix.copy())), [[2, 0], [1, 2]])


@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.zeros((2, 2))])
def test_cholesky_refuses_what_is_not_positive_definite(matrix: np.ndarray) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        cholesky(matrix)


def test_cholesky_solve_takes_one_or_many_right_sides() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((5, 5))
    matrix = root @ root.T + np.eye(5)
    right = rng.standard_normal((5, 3))
    factor = cholesky(matrix.copy())
    np.testing.assert_allclose(matrix @ cholesky_solve(factor, right), right, atol=1e-12)
    np.testing.assert_allclose(cholesky_solve(factor, right[:, 1]), cholesky_solve(factor, right)[:, 1], atol=1e-14)


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


@given(problems)
def test_normal_matrix_is_the_jacobian_squared(given_problem: Problem) -> None:
    _, factors = given_problem
    np.testing.assert_allclose(normal_matrix(factors), jacobian(factors).T @ jacobian(factors), atol=1e-10)
