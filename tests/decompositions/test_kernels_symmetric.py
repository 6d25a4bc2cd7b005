"""The compiled kernels under a symmetry T_ijk = ±T_jik, against the dense matrix of all unknowns."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mmdiscover.decompositions import kernels
from mmdiscover.decompositions.gauss_newton import flatten, unflatten
from tests.decompositions.dense import Split, damped_matrix, dampings, gradient, problem, splits, tangent

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.decompositions.gauss_newton import Triple
    from mmdiscover.decompositions.kernels import Point, System
    from tests.decompositions.dense import Problem

seeds = st.integers(0, 2**32 - 1)

# Only fixed terms and only pairs; only even slices and only odd ones.
CORNERS = [Split(3, 2, 1, 4, 0), Split(3, 2, 1, 0, 2), Split(2, 3, 0, 1, 2), Split(2, 0, 3, 1, 2)]


def with_corners(test: Callable[..., None]) -> Callable[..., None]:
    """Have the corners tried in each run."""
    for split in CORNERS:
        test = example(split=split, seed=1, damping=0.3)(test)
    return test


def at(split: Split, given_problem: Problem) -> tuple[Point, System, Point]:
    """The problem's point, linearized, with room for a system and a trial."""
    tensor, factors = given_problem
    point, trial = (kernels.make_point(split.shape, split.rank) for _ in range(2))
    point.theta[:] = flatten(factors)
    point.objective[0] = kernels.evaluate(tensor, point.theta, point.error)
    kernels.linearize(point)
    system = kernels.make_system(split.shape, split.rank, (split.fixed, split.even))
    for room in system[1:]:
        room.fill(nan)  # what is in memory by chance is not to be read
    return point, system, trial


def assert_symmetric(split: Split, factors: Triple) -> None:
    """The symmetry, to the last bit."""
    for one, other in zip(factors, split.image(factors), strict=True):
        np.testing.assert_array_equal(one, other)


@with_corners
@given(split=splits, seed=seeds, damping=dampings)
def test_the_factored_system_is_the_schur_complement_for_the_first_factor(
    split: Split, seed: int, damping: float
) -> None:
    given_problem = split.problem(seed)
    a, b, c = given_problem[1]
    point, system, _ = at(split, given_problem)
    assert kernels.factorize(point, damping, system)
    dense = damped_matrix((a, b, c), damping)
    width, size = a.size, a.size + b.size
    complement = dense[:size, :size] - dense[:size, size:] @ np.linalg.solve(dense[size:, size:], dense[size:, :size])
    # B = Aτ.
    columns = np.arange(width).reshape(a.shape)[:, split.partners].ravel()
    expected = complement[:width, :width] + complement[:width, width:][:, columns]
    upper = np.triu(system.reduced)
    assert upper.shape == (width, width)
    np.testing.assert_allclose(upper.T @ upper, expected, atol=1e-9 * np.abs(dense).max())
    upper = np.triu(system.eliminated)
    np.testing.assert_allclose(
        upper.T @ upper, dense[size:, size:][: split.rank, : split.rank], atol=1e-12 * np.abs(dense).max()
    )


@with_corners
@given(split=splits, seed=seeds, damping=dampings)
def test_solutions_agree_with_the_dense_matrix_and_have_the_symmetry(split: Split, seed: int, damping: float) -> None:
    given_problem = split.problem(seed)
    point, system, _ = at(split, given_problem)
    before = [array.copy() for array in point]
    assert kernels.factorize(point, damping, system)
    dense = damped_matrix(given_problem[1], damping)
    for count in (1, 2):
        right = np.array([flatten(split.problem(seed + 1 + k)[1]) for k in range(count)])
        kept, out = right.copy(), np.empty_like(right)
        kernels.solve(point, system, right, out)
        expected = np.linalg.solve(dense, right.T).T
        np.testing.assert_allclose(out, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())
        np.testing.assert_array_equal(right, kept)
        for solution in out:
            assert_symmetric(split, unflatten(solution, split.shape))
    assert all(np.array_equal(x, y) for x, y in zip(before, point, strict=True))


@with_corners
@given(split=splits, seed=seeds, damping=dampings)
def test_an_unconstrained_step_keeps_the_symmetry(split: Split, seed: int, damping: float) -> None:
    given_problem = split.problem(seed)
    point, system, trial = at(split, given_problem)
    kernels.try_step(given_problem[0], point, system, damping, inf, trial)
    step = np.linalg.solve(damped_matrix(given_problem[1], damping), -gradient(given_problem))
    np.testing.assert_allclose(trial.theta, point.theta + step, rtol=1e-7, atol=1e-8 * max(1, np.abs(step).max()))
    assert_symmetric(split, unflatten(trial.theta, split.shape))


@with_corners
@given(split=splits, seed=seeds, damping=dampings)
def test_a_step_from_the_sphere_keeps_the_symmetry(split: Split, seed: int, damping: float) -> None:
    given_problem = split.problem(seed)
    point, system, trial = at(split, given_problem)
    bound = float(point.theta @ point.theta)
    free = np.linalg.solve(damped_matrix(given_problem[1], damping), -gradient(given_problem))
    assume(np.sum((point.theta + free) ** 2) > bound * (1 + 1e-9))
    kernels.try_step(given_problem[0], point, system, damping, bound, trial)
    end = point.theta + tangent(given_problem, damping)
    end *= np.sqrt(bound / (end @ end))
    np.testing.assert_allclose(trial.theta, end, rtol=1e-6, atol=1e-7)
    assert_symmetric(split, unflatten(trial.theta, split.shape))


def test_an_indefinite_eliminated_block_is_noticed() -> None:
    split = Split(2, 2, 1, 1, 1)
    point, system, _ = at(split, split.problem(0))
    assert not kernels.factorize(point, -1e6, system)
    assert np.isnan(system.reduced).all()  # it ended there


@pytest.mark.parametrize("split", [Split(3, 2, 1, 2, 1), Split(3, 2, 1, 3, 0)])
def test_an_indefinite_complement_is_noticed(split: Split) -> None:
    # Scaling within the terms changes nothing, so H is singular, although the eliminated block is not.
    point, system, _ = at(split, split.problem(0))
    block = point.grams[0] * point.grams[1]
    damping = -0.1 * np.linalg.eigvalsh(block)[0]
    assert damping < 0
    assert not kernels.factorize(point, damping, system)
    np.testing.assert_allclose(
        np.triu(system.eliminated).T, np.linalg.cholesky(block + damping * np.eye(len(block))), atol=1e-12
    )


@given(splits, seeds)
def test_symmetrizing_keeps_what_is_unknown(split: Split, seed: int) -> None:
    _, factors = problem(split.shape, split.rank, seed)
    tensor, theta = np.empty(split.shape), flatten(factors)
    system = kernels.make_system(split.shape, split.rank, (split.fixed, split.even))
    kernels.symmetrize(theta, tensor, system)
    made = unflatten(theta, split.shape)
    assert_symmetric(split, made)
    np.testing.assert_array_equal(made[0], factors[0])
    first = range(split.fixed, split.rank, 2)
    np.testing.assert_array_equal(made[2][:, first], factors[2][:, first])
    np.testing.assert_array_equal(made[2][: split.even, : split.fixed], factors[2][: split.even, : split.fixed])
    again = theta.copy()
    kernels.symmetrize(again, tensor, system)
    np.testing.assert_array_equal(again, theta)


@pytest.mark.parametrize("split", CORNERS)
def test_half_the_unknowns_are_factored(split: Split) -> None:
    system = kernels.make_system(split.shape, split.rank, (split.fixed, split.even))
    assert system.reduced.shape == (split.side * split.rank,) * 2
    assert kernels.make_system(split.shape, split.rank).reduced.shape == (2 * split.side * split.rank,) * 2
