"""Levenberg–Marquardt for CP decompositions of any order, missing entries and bounds included."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.cp import lm
from mmdiscover.decompositions.cp.lm import cp_lm, fit_unwarned
from mmdiscover.decompositions.cp.rank import estimate_cp_rank
from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.cp_fit import FitSettings, fit_cp
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.sparse import SparseTensor
from tests.decompositions.dense_tensors import cp_full, draw, numeric_gradient, relative_error, seeds

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array


def strassen() -> Array:
    """The tensor of the product of 2×2 matrices."""
    tensor = np.zeros((2, 2, 2, 2, 2, 2))
    for i, j, k in np.ndindex(2, 2, 2):
        tensor[i, j, j, k, k, i] = 1
    return tensor.reshape(4, 4, 4)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.integers(1, 3), seeds)
def test_normal_equations(shape: list[int], rank: int, seed: int) -> None:
    """Dense and observed ones equal JᵀJ and Jᵀe with J by finite differences."""
    factors = tuple(draw((size, rank), seed + mode) for mode, size in enumerate(shape))
    tensor = draw(shape, seed)
    theta = np.concatenate([factor.ravel() for factor in factors])

    def residual(vector: Array) -> Array:
        return (cp_full(lm._factors(vector, shape)) - tensor).ravel()

    columns = [(residual(theta + 1e-5 * unit) - residual(theta - 1e-5 * unit)) / 2e-5 for unit in np.eye(len(theta))]
    jacobian = np.stack(columns, axis=1)
    mask = draw(shape, seed + 9) > -0.5
    mask.flat[0] = True
    for point, rows in (
        (lm._dense(tensor, factors), np.ones(tensor.size, dtype=bool)),
        (lm._observed(SparseTensor.from_dense(tensor, mask), factors), mask.ravel()),
    ):
        error = residual(theta)[rows]
        assert np.isclose(point.objective, error @ error)
        assert np.allclose(point.gradient, jacobian[rows].T @ error, atol=1e-6 * (1 + np.abs(point.gradient).max()))
        assert np.allclose(
            point.normal, jacobian[rows].T @ jacobian[rows], atol=1e-6 * (1 + np.abs(point.normal).max())
        )


def test_the_gradient_is_half_that_of_the_objective() -> None:
    factors = random_cp((3, 2, 2, 3), 2, seed=1).factors
    tensor = draw((3, 2, 2, 3), 2)
    theta = np.concatenate([factor.ravel() for factor in factors])
    numeric = numeric_gradient(lambda x: float(np.sum((cp_full(lm._factors(x, (3, 2, 2, 3))) - tensor) ** 2)), theta)
    assert np.allclose(lm._dense(tensor, factors).gradient, numeric / 2, rtol=1e-6)


@pytest.mark.parametrize("bound", [None, 9.0])
def test_steps_are_those_of_the_compiled_engine(bound: float | None) -> None:
    """All entries observed, so that nothing is missing: the same iteration in two implementations."""
    tensor, start = draw((3, 4, 5), 1), random_cp((3, 4, 5), 3, seed=2)
    settings = FitSettings(bound=bound, max_iterations=40, tolerance=0.0)
    a, b, c = start.factors
    compiled = fit_cp(tensor, (a, b, c), settings)
    with pytest.warns(NotConvergedWarning, match="FitSettings.bound"):
        general = cp_lm(SparseTensor.from_dense(tensor, np.ones((3, 4, 5))), 3, start=start, settings=settings)
    assert np.allclose(general.history, compiled.history[: len(general.history)], rtol=1e-6)
    assert np.allclose(general.model.to_full(), cp_full(compiled.factors), atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 8), (5, 4, 6, 3), (3, 2, 3, 2, 3)])
@pytest.mark.parametrize("share", [1.0, 0.8])
def test_planted_tensors_are_found(shape: tuple[int, ...], share: float) -> None:
    tensor = random_cp(shape, 2, seed=3).to_full()
    target = SparseTensor.from_dense(tensor, np.random.default_rng(0).random(shape) < share) if share < 1 else tensor
    # A single start may fall into a local minimum; of a few, one does not.
    ends = [lm.fit_unwarned(target, 2, None, seed, None)[0] for seed in range(5)]
    assert min(relative_error(end.to_full(), tensor) for end in ends) < 1e-9


def test_strassen_is_found_from_random_starts() -> None:
    tensor = strassen()
    exact = 0
    for seed in range(20):
        model, _, history = lm.fit_unwarned(tensor, 7, None, seed, FitSettings(bound=84.0, tolerance=1e-24))
        exact += history[-1] <= 1e-24
        assert sum(float(np.sum(factor**2)) for factor in model.factors) <= 84.0 * (1 + 1e-12)
    assert exact >= 15


def test_a_start_with_weights_outside_the_ball() -> None:
    start = CPTensor(random_cp((3, 3, 2, 2), 2, seed=1).factors, np.array([100.0, 2.0]))
    fitted = cp_lm(
        draw((3, 3, 2, 2), 1), 2, start=start, settings=FitSettings(bound=4.0, stall_window=9, stall_decrease=1e-6)
    )
    assert fitted.converged
    assert sum(float(np.sum(factor**2)) for factor in fitted.model.factors) <= 4.0 * (1 + 1e-12)
    assert fitted.objective == pytest.approx(np.sum((fitted.model.to_full() - draw((3, 3, 2, 2), 1)) ** 2))


@pytest.mark.parametrize("order", [3, 4])
def test_progress_stops_it(order: int) -> None:
    fitted = cp_lm(draw((3,) * order, 1), 2, progress=lambda iteration, _: iteration == 2)
    assert (fitted.status, fitted.iterations) == (Ending.STOPPED, 2)


@pytest.mark.parametrize("order", [3, 4])
def test_a_minimum_that_is_not_zero_is_converged_at(order: int) -> None:
    fitted = cp_lm(draw((3,) * order, 1), 1)
    assert fitted.status is Ending.CONVERGED
    assert fitted.objective > 1
    with pytest.warns(NotConvergedWarning, match="iteration limit"):
        cp_lm(draw((3,) * order, 1), 1, settings=FitSettings(max_iterations=1))


def test_rank_of_known_tensors() -> None:
    estimate = estimate_cp_rank(strassen(), 8, settings=FitSettings(bound=84.0, tolerance=1e-20))
    assert estimate.rank == estimate.model.rank == 7
    assert list(estimate.errors) == [1, 2, 3, 4, 5, 6, 7]
    # The best of rank 1 keeps one of the 8 ones.
    assert estimate.errors[1] == pytest.approx(np.sqrt(7 / 8))
    assert estimate.errors[6] > 0.1
    assert estimate.errors[7] < 1e-6
    below = estimate_cp_rank(strassen(), 2, starts=2)
    assert below.rank is None
    assert below.model.rank == 2
    assert estimate_cp_rank(random_cp((3, 3, 3, 3), 2, seed=1).to_full(), 4).rank == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cp_lm(np.ones((2, 2)) * 1j, 1), "target is complex, expected real numbers"),
        (lambda: cp_lm(np.ones(3), 1), "target has 1 modes"),
        (lambda: cp_lm(np.zeros((2, 2)), 1), "target is zero everywhere"),
        (lambda: cp_lm(np.ones((2, 2)), -1), "rank is -1"),
        (lambda: cp_lm(np.ones((2, 2)), 1, start=random_cp((3, 2), 1)), "start has shape"),
        (lambda: estimate_cp_rank(np.ones((2, 2)), 0), "max_rank is 0"),
        (lambda: estimate_cp_rank(np.ones((2, 2)), 1, starts=0), "starts is 0"),
        (lambda: estimate_cp_rank(np.ones((2, 2)), 1, tolerance=0), "tolerance is 0, expected a number > 0"),
    ],
)
def test_bad_arguments_are_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_nothing_is_changed() -> None:
    tensor, start = draw((3, 3, 3, 3), 1), random_cp((3, 3, 3, 3), 2)
    before = tensor.copy(), [factor.copy() for factor in start.factors]
    cp_lm(tensor, 2, start=start, settings=replace(FitSettings(), stall_window=5, stall_decrease=0.1))
    assert np.array_equal(tensor, before[0])
    assert all(np.array_equal(*pair) for pair in zip(start.factors, before[1], strict=True))


def test_memory_does_not_grow_with_the_number_of_missing_entries() -> None:
    cells = np.random.default_rng(0).integers(5, size=(40, 8)) * 10
    values = np.ones(len(cells))
    fitted = cp_lm(SparseTensor(cells, values, (60,) * 8), 1, start=CPTensor((np.full((60, 1), 0.9),) * 8))
    assert fitted.objective < 1e-20
    random = cp_lm(SparseTensor(cells[:1], values[:1], (60,) * 8), 1)
    assert random.objective < 1e-20


def test_a_generator_may_seed_the_search_for_the_rank() -> None:
    first, second = (estimate_cp_rank(np.eye(2), 3, starts=2, seed=np.random.default_rng(5)) for _ in range(2))
    assert first.rank == second.rank == 2
    assert first.errors == second.errors


@pytest.mark.parametrize("scale", [1e-100, 1e-12, 1e12, 1e100])
@pytest.mark.parametrize("bound", [None, 6.0])
@pytest.mark.parametrize("shape", [(3, 3, 3), (3, 3, 2, 2)])
def test_the_fit_does_not_depend_on_the_scale(shape: tuple[int, ...], bound: float | None, scale: float) -> None:
    tensor, heard = draw(shape, 3), list[float]()
    settings = FitSettings(bound=bound, max_iterations=60, stall_window=20, stall_decrease=1e-8)
    plain = fit_unwarned(tensor, 2, None, 1, settings)
    root = scale ** (1 / len(shape))
    scaled_bound = None if bound is None else bound * root**2
    scaled_settings = replace(settings, bound=scaled_bound, tolerance=settings.tolerance * scale**2)
    model, status, history = fit_unwarned(tensor * scale, 2, None, 1, scaled_settings, lambda _, f: heard.append(f))
    assert status is plain[1]
    assert np.isclose(history[-1] / scale**2, plain[2][-1], rtol=1e-3)
    assert np.isclose(relative_error(model.to_full() / scale, tensor) ** 2 * np.sum(tensor**2), plain[2][-1], rtol=1e-3)
    assert np.isclose(heard[-1], history[-1])
    if bound is not None:
        assert sum(float(np.sum(factor**2)) for factor in model.factors) <= bound * root**2 * (1 + 1e-9)


def test_starts_are_checked() -> None:
    for shape in ((3, 3, 3), (3, 3), (2, 2, 2, 2)):
        with pytest.raises(ValueError, match="start is complex, expected real numbers"):
            cp_lm(np.ones(shape), 2, start=random_cp(shape, 2, dtype=np.complex128))
        with pytest.raises(ValueError, match="start is a ndarray, expected a CPTensor"):
            cp_lm(np.ones(shape), 2, start=np.ones(shape))  # type: ignore[arg-type]
