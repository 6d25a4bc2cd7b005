"""Alternating least squares: exact recovery, the pseudo-inverse, and what it does when it cannot go on."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmdiscover.decompositions.cp.als import cp_als, solve_gram
from mmdiscover.decompositions.cp.tensor import random_cp
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.products import khatri_rao, matricize
from tests.decompositions.dense_tensors import draw, relative_error

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

SHAPES = [(6, 7), (6, 7, 8), (5, 4, 6, 3), (3, 4, 3, 4, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_exact_decompositions_are_found(shape: tuple[int, ...], dtype: DTypeLike) -> None:
    tensor = random_cp(shape, 2, seed=3, dtype=dtype).to_full()
    tolerance = 1e-5 if dtype == np.float32 else 1e-11
    fitted = cp_als(tensor, 2, seed=1, tolerance=tolerance)
    assert fitted.converged
    assert relative_error(fitted.model.to_full(), tensor) < 100 * tolerance
    assert fitted.model.factors[0].dtype == dtype


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_a_sweep_solves_one_least_squares_problem_after_the_other(shape: tuple[int, ...], dtype: DTypeLike) -> None:
    tensor, start = draw(shape, 1, dtype), random_cp(shape, 3, seed=2, dtype=dtype)
    factors = list(start.factors)
    for mode in range(len(shape)):
        columns = khatri_rao(*[factor for other, factor in reversed(list(enumerate(factors))) if other != mode])
        factors[mode] = np.linalg.lstsq(columns, matricize(tensor, mode).T, rcond=None)[0].T
    expected = np.einsum("...r->...", reduce(lambda x, y: x[..., None, :] * y, factors))
    with pytest.warns(NotConvergedWarning, match="cp_lm"):
        fitted = cp_als(tensor, 3, start=start, max_iterations=1, tolerance=0)
    assert np.allclose(fitted.model.to_full(), expected)
    assert fitted.history == pytest.approx(
        [relative_error(start.to_full(), tensor), relative_error(expected, tensor)], rel=1e-9
    )


def test_the_error_never_rises_and_the_history_is_the_error() -> None:
    tensor = draw((5, 6, 7), 1)
    fitted = cp_als(tensor, 4, seed=2, tolerance=1e-6, max_iterations=2000)
    assert fitted.converged
    assert np.all(np.diff(fitted.history) < 1e-12)
    assert fitted.objective == pytest.approx(relative_error(fitted.model.to_full(), tensor), rel=1e-9)


def test_more_terms_than_the_sizes_allow_need_the_pseudo_inverse() -> None:
    """Rank 5 of a 2×2 matrix: the Gram matrices are singular."""
    fitted = cp_als(draw((2, 2), 1), 5, seed=1)
    assert fitted.objective < 1e-12
    assert max(np.abs(fitted.model.weights)) < 100


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_least_solution_of_a_singular_system(dtype: DTypeLike) -> None:
    columns, right = draw((6, 3), 1, dtype), draw((4, 6), 2, dtype)
    columns[:, 2] = columns[:, 1]
    gram = columns.conj().T @ columns
    solution = solve_gram(gram, right @ columns)
    assert np.allclose(solution, right @ columns @ np.linalg.pinv(gram, hermitian=True))
    regular = gram + np.eye(3)
    assert np.allclose(solve_gram(regular, right @ columns) @ regular, right @ columns)


def test_progress_stops_it() -> None:
    heard: list[tuple[int, float]] = []

    def progress(iteration: int, error: float) -> bool:
        heard.append((iteration, error))
        return iteration == 3

    fitted = cp_als(draw((4, 4, 4), 1), 3, progress=progress)
    assert fitted.status is Ending.STOPPED
    assert heard == list(enumerate(fitted.history[1:], 1))
    assert len(heard) == 3


def test_seeds_decide() -> None:
    tensor = draw((3, 3, 3), 1)
    first, again, other = (cp_als(tensor, 2, seed=seed, max_iterations=400) for seed in (1, 1, 2))
    assert np.array_equal(first.history, again.history)
    assert first.history[0] != other.history[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cp_als(np.ones(3), 1), "tensor has 1 modes .* expected at least 2"),
        (lambda: cp_als(np.zeros((2, 2)), 1), "tensor is zero everywhere"),
        (lambda: cp_als(np.ones((2, 2)), 0), "rank is 0"),
        (lambda: cp_als(np.full((2, 2), np.nan), 1), "tensor has 4 NaN or infinite entries"),
        (lambda: cp_als(np.ones((2, 2)), 1, start=random_cp((2, 2), 2)), "start has shape .* and rank 2, expected"),
        (lambda: cp_als(np.ones((2, 2)), 1, max_iterations=-1), "max_iterations is -1"),
        (lambda: cp_als(np.ones((2, 2)), 1, tolerance=float("nan")), "tolerance is nan"),
    ],
)
def test_bad_arguments_are_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
