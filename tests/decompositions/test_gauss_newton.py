"""The structured linear algebra against dense oracles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from mmdiscover.decompositions.gauss_newton import (
    DampedSystem,
    add,
    cholesky,
    cholesky_solve,
    damped_step,
    flatten,
    inner,
    normal_matrix,
    residual,
    squared_norm,
    tangent_step,
    unflatten,
)
from tests.decompositions.dense import (
    Problem,
    damped_matrix,
    dampings,
    jacobian,
    linearized,
    model,
    problem,
    problems,
    tangent,
)


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
def test_vector_operations_on_triples(given_problem: Problem) -> None:
    _, x = given_problem
    y = (x[0] - 1, 2 * x[1], x[2] ** 2)
    assert squared_norm(x) == pytest.approx(np.sum(flatten(x) ** 2))
    assert inner(x, y) == pytest.approx(flatten(x) @ flatten(y))
    np.testing.assert_array_equal(flatten(add(x, y)), flatten(x) + flatten(y))


@given(problems)
def test_residual_is_the_model_minus_the_tensor(given_problem: Problem) -> None:
    tensor, factors = given_problem
    np.testing.assert_allclose(residual(tensor, factors), model(factors) - tensor, atol=1e-12)


@given(problems)
def test_linearization_agrees_with_the_dense_jacobian(given_problem: Problem) -> None:
    tensor, factors = given_problem
    at = linearized(given_problem)
    error = (model(factors) - tensor).ravel()
    assert at.factors is factors
    assert at.objective == pytest.approx(error @ error)
    np.testing.assert_allclose(flatten(at.gradient), jacobian(factors).T @ error, atol=1e-10)
    assert [part.shape for part in at.gradient] == [factor.shape for factor in factors]
    for gram, factor in zip(at.grams, factors, strict=True):
        np.testing.assert_allclose(gram, factor.T @ factor)


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
    np.testing.assert_allclose(2 * flatten(linearized(given_problem).gradient), differences, atol=1e-5, rtol=1e-5)


@given(problems)
def test_normal_matrix_is_the_jacobian_squared(given_problem: Problem) -> None:
    _, factors = given_problem
    np.testing.assert_allclose(normal_matrix(factors), jacobian(factors).T @ jacobian(factors), atol=1e-10)


@given(problems, dampings)
def test_damped_system_solves_like_the_dense_matrix(given_problem: Problem, damping: float) -> None:
    tensor, factors = given_problem
    system = DampedSystem(linearized(given_problem), damping)
    right = unflatten(np.random.default_rng(7).standard_normal(len(flatten(factors))), tensor.shape)
    expected = np.linalg.solve(damped_matrix(factors, damping), flatten(right))
    solution = system.solve(right)
    assert [part.shape for part in solution] == [factor.shape for factor in factors]
    np.testing.assert_allclose(flatten(solution), expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())


@given(problems, dampings)
def test_damped_system_changes_nothing_it_was_given(given_problem: Problem, damping: float) -> None:
    at = linearized(given_problem)
    before = [part.copy() for triple in (at.factors, at.gradient, at.grams) for part in triple]
    system = DampedSystem(at, damping)
    first, second = (flatten(system.solve(at.gradient)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    after = [part for triple in (at.factors, at.gradient, at.grams) for part in triple]
    assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


def test_damped_system_refuses_an_indefinite_eliminated_block() -> None:
    at = linearized(problem((2, 3, 4), 2, 0))
    with pytest.raises(np.linalg.LinAlgError):
        DampedSystem(at, -1e6)


def test_damped_system_refuses_an_indefinite_complement() -> None:
    # Scaling within the terms changes nothing, so H is singular, although the eliminated block is not.
    at = linearized(problem((2, 3, 4), 2, 0))
    damping = -0.1 * np.linalg.eigvalsh(at.grams[0] * at.grams[1])[0]
    assert damping < 0
    with pytest.raises(np.linalg.LinAlgError):
        DampedSystem(at, damping)


@given(problems, dampings)
def test_damped_step_minimises_the_damped_model(given_problem: Problem, damping: float) -> None:
    tensor, factors = given_problem
    at = linearized(given_problem)
    step = flatten(damped_step(at, DampedSystem(at, damping)))
    gradient = jacobian(factors).T @ (model(factors) - tensor).ravel()
    expected = np.linalg.solve(damped_matrix(factors, damping), -gradient)
    np.testing.assert_allclose(step, expected, rtol=1e-7, atol=1e-8 * max(1.0, np.abs(expected).max()))


@given(problems, dampings)
def test_tangent_step_solves_the_optimality_conditions(given_problem: Problem, damping: float) -> None:
    _, factors = given_problem
    at = linearized(given_problem)
    system = DampedSystem(at, damping)
    step = flatten(tangent_step(at, system, damped_step(at, system)))
    theta = flatten(factors)
    scale = max(1.0, float(np.linalg.norm(step)))
    assert abs(step @ theta) <= 1e-8 * scale * np.linalg.norm(theta)
    np.testing.assert_allclose(step, tangent(factors, at.gradient, damping), rtol=1e-6, atol=1e-7 * scale)
