"""The compiled kernels against dense oracles."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mmdiscover.decompositions import kernels
from mmdiscover.decompositions.gauss_newton import flatten
from tests.decompositions.dense import (
    Problem,
    damped_matrix,
    dampings,
    gradient,
    jacobian,
    model,
    problem,
    problems,
    tangent,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.kernels import Array, Point, System


def at(given_problem: Problem) -> tuple[Point, System, Point]:
    """The problem's point, linearized, with room for a system and a trial."""
    tensor, factors = given_problem
    rank = factors[0].shape[1]
    point = kernels.make_point(tensor.shape, rank)
    point.theta[:] = flatten(factors)
    point.objective[0] = kernels.evaluate(tensor, point.theta, point.error)
    kernels.linearize(point)
    system = kernels.make_system(tensor.shape, rank)
    for room in system[1:]:
        room.fill(nan)  # what is in memory by chance is not to be read
    return point, system, kernels.make_point(tensor.shape, rank)


def positive_definite(size: int) -> Array:
    root = np.random.default_rng(size).standard_normal((size, size))
    matrix: Array = root @ root.T + np.eye(size)
    return matrix


@pytest.mark.parametrize("size", [1, 2, 17])
def test_cholesky_reads_and_writes_the_upper_triangle(size: int) -> None:
    matrix = positive_definite(size)
    spoiled = np.triu(matrix) + np.tril(np.full((size, size), 99.0), -1)
    assert kernels.cholesky(spoiled)
    np.testing.assert_allclose(np.triu(spoiled).T, np.linalg.cholesky(matrix))
    np.testing.assert_array_equal(np.tril(spoiled, -1), np.tril(np.full((size, size), 99.0), -1))


@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.zeros((2, 2))])
def test_cholesky_says_when_there_is_none(matrix: Array) -> None:
    assert not kernels.cholesky(matrix)


@pytest.mark.parametrize("count", [1, 2])
def test_cholesky_solve(count: int) -> None:
    matrix = positive_definite(9)
    right = np.random.default_rng(0).standard_normal((count, 9))
    factor, solution = matrix.copy(), right.copy()
    assert kernels.cholesky(factor)
    kernels.cholesky_solve(factor, solution)
    np.testing.assert_allclose(solution @ matrix, right, atol=1e-12)


@given(problems)
def test_the_error_and_its_square(given_problem: Problem) -> None:
    tensor, factors = given_problem
    error = np.empty(tensor.shape)
    objective = kernels.evaluate(tensor, flatten(factors), error)
    np.testing.assert_allclose(error, model(factors) - tensor, atol=1e-12)
    assert objective == pytest.approx(np.sum((model(factors) - tensor) ** 2))


@given(problems)
def test_gradient_and_grams(given_problem: Problem) -> None:
    point, _, _ = at(given_problem)
    np.testing.assert_allclose(point.gradient, gradient(given_problem), atol=1e-10)
    for gram, factor in zip(point.grams, given_problem[1], strict=True):
        np.testing.assert_allclose(gram, factor.T @ factor, atol=1e-12)


@given(problems, dampings)
def test_the_factored_system_is_the_schur_complement(given_problem: Problem, damping: float) -> None:
    _, (a, b, c) = given_problem
    point, system, _ = at(given_problem)
    assert kernels.factorize(point, damping, system)
    dense = damped_matrix((a, b, c), damping)
    size, rank = a.size + b.size, a.shape[1]
    eliminated, coupling = dense[size:, size:], dense[:size, size:]
    expected = dense[:size, :size] - coupling @ np.linalg.solve(eliminated, coupling.T)
    upper = np.triu(system.reduced)
    np.testing.assert_allclose(upper.T @ upper, expected, atol=1e-9 * np.abs(dense).max())
    upper = np.triu(system.eliminated)
    np.testing.assert_allclose(upper.T @ upper, eliminated[:rank, :rank], atol=1e-12 * np.abs(dense).max())


@given(problems, dampings, st.integers(1, 2))
def test_solutions_agree_with_the_dense_matrix(given_problem: Problem, damping: float, count: int) -> None:
    point, system, _ = at(given_problem)
    before = [array.copy() for array in point]
    right = np.random.default_rng(7).standard_normal((count, len(point.theta)))
    out = np.empty_like(right)
    assert kernels.factorize(point, damping, system)
    kernels.solve(point, system, right, out)
    expected = np.linalg.solve(damped_matrix(given_problem[1], damping), right.T).T
    np.testing.assert_allclose(out, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())
    assert all(np.array_equal(x, y) for x, y in zip(before, point, strict=True))


def test_an_indefinite_eliminated_block_is_noticed() -> None:
    point, system, _ = at(problem((2, 3, 4), 2, 0))
    assert not kernels.factorize(point, -1e6, system)
    assert np.isnan(system.reduced).all()  # it ended there


def test_an_indefinite_complement_is_noticed() -> None:
    # Scaling within the terms changes nothing, so H is singular, although the eliminated block is not.
    point, system, _ = at(problem((2, 3, 4), 2, 0))
    block = point.grams[0] * point.grams[1]
    damping = -0.1 * np.linalg.eigvalsh(block)[0]
    assert damping < 0
    assert not kernels.factorize(point, damping, system)
    np.testing.assert_allclose(
        np.triu(system.eliminated).T, np.linalg.cholesky(block + damping * np.eye(len(block))), atol=1e-12
    )


# One step, and the gain ratio: actual decrease by the decrease of the quadratic model, evaluated densely.


def dense_gain(given_problem: Problem, step: NDArray[np.floating], trial: Point) -> float:
    tensor, factors = given_problem
    error = (model(factors) - tensor).ravel()
    predicted = error @ error - np.sum((error + jacobian(factors) @ step) ** 2)
    return float((error @ error - np.sum(trial.error**2)) / predicted)


@given(problems, dampings)
def test_an_unconstrained_step(given_problem: Problem, damping: float) -> None:
    tensor, factors = given_problem
    point, system, trial = at(given_problem)
    gain = kernels.try_step(tensor, point, system, damping, inf, trial)
    step = np.linalg.solve(damped_matrix(factors, damping), -gradient(given_problem))
    np.testing.assert_allclose(trial.theta, flatten(factors) + step, rtol=1e-7, atol=1e-8 * max(1, np.abs(step).max()))
    assert gain == pytest.approx(dense_gain(given_problem, step, trial), rel=1e-5, abs=1e-6)
    expected = np.empty(tensor.shape)
    kernels.evaluate(tensor, trial.theta, expected)
    np.testing.assert_allclose(trial.error, expected, atol=1e-12)


@given(problems, dampings)
def test_a_step_from_the_sphere(given_problem: Problem, damping: float) -> None:
    tensor, factors = given_problem
    bound = float(np.sum(flatten(factors) ** 2))
    free = np.linalg.solve(damped_matrix(factors, damping), -gradient(given_problem))
    assume(np.sum((flatten(factors) + free) ** 2) > bound * (1 + 1e-9))
    point, system, trial = at(given_problem)
    gain = kernels.try_step(tensor, point, system, damping, bound, trial)
    step = tangent(given_problem, damping)
    end = flatten(factors) + step
    end *= np.sqrt(bound / (end @ end))
    np.testing.assert_allclose(trial.theta, end, rtol=1e-6, atol=1e-7)
    assume(np.linalg.norm(jacobian(factors) @ step) > 1e-6)
    # The model is taken in the plane, the decrease on the sphere.
    assert gain == pytest.approx(dense_gain(given_problem, step, trial), rel=1e-4, abs=1e-5)


def test_without_a_factor_there_is_no_step() -> None:
    given_problem = problem((2, 3, 4), 3, 1)
    point, system, trial = at(given_problem)
    assert kernels.try_step(given_problem[0], point, system, -1e6, inf, trial) == -1.0


def test_overflow_is_a_rejected_step() -> None:
    tensor = np.ones((1, 1, 1))
    given_problem = tensor, (np.full((1, 1), 1e-150), np.full((1, 1), 1e150), np.full((1, 1), 1e100))
    point, system, trial = at(given_problem)
    assert kernels.try_step(tensor, point, system, 1e-14, inf, trial) == -1.0


@pytest.mark.parametrize(("size", "bound", "after"), [(4.0, 16.0, 4.0), (4.0, inf, 4.0), (4.0, 4.0, 2.0)])
def test_scaling_into_the_ball(size: float, bound: float, after: float) -> None:
    theta = np.array([0.6, 0.0, 0.8]) * size
    kernels.into_ball(theta, bound)
    np.testing.assert_allclose(theta, np.array([0.6, 0.0, 0.8]) * after)
