"""Minimisation of losses over CP, Tucker and TT tensors."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.fitting.forms import form_of
from mmdiscover.decompositions.fitting.losses import LinearRegression, ObservedEntries, SquaredDistance
from mmdiscover.decompositions.fitting.minimize import Method, MinimizeSettings, Problem, minimize_low_rank
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from tests.decompositions.fitting.examples import FORMS, distance, observe, planted, samples

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

SHAPE = (5, 4, 6)
METHODS: tuple[Any, ...] = ("gradient", "descent", "alternating")


class LogCosh:
    """Σ log cosh(W − T): neither quadratic nor with a shape of its own."""

    def __init__(self, target: Array) -> None:
        self.target = target

    def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
        difference = tensor - self.target
        return float(np.sum(np.logaddexp(difference, -difference) - np.log(2))), np.tanh(difference)


def near(name: str, seed: int = 0) -> tuple[Array, Any]:
    """A planted tensor and a start near it."""
    truth = planted(name, SHAPE, 2, seed)
    form, blocks = form_of(truth)
    rng = np.random.default_rng(seed)
    return truth.to_full(), form.build([block + 0.1 * rng.standard_normal(block.shape) for block in blocks])


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("method", METHODS)
class TestMethods:
    def test_a_planted_tensor_is_found_from_near_it(self, name: str, method: Any) -> None:
        full, start = near(name)
        settings = MinimizeSettings(max_iterations=3000, tolerance=0.0, goal=1e-10)
        fitted = minimize_low_rank(SquaredDistance(full), start, method=method, settings=settings)
        assert fitted.status is Ending.CONVERGED
        assert distance(fitted.model, full) < 1.1e-5
        assert np.all(np.diff(fitted.history) <= 0)
        assert fitted.objective == pytest.approx(np.sum((fitted.model.to_full() - full) ** 2), rel=1e-6)

    def test_a_loss_that_is_not_quadratic(self, name: str, method: Any) -> None:
        full, start = near(name)
        # A minimum above zero: at zero the objective falls by a share of itself for ever.
        noisy = full + 0.1 * np.random.default_rng(2).standard_normal(SHAPE)
        settings = MinimizeSettings(max_iterations=400, tolerance=1e-6)
        fitted = minimize_low_rank(LogCosh(noisy), start, method=method, settings=settings)
        assert fitted.converged
        assert distance(fitted.model, full) < 0.1
        assert np.all(np.diff(fitted.history) <= 1e-12)

    def test_a_step_of_the_ridge_objective(self, name: str, method: Any) -> None:
        """The history is the loss plus the ridge term of the blocks that came out."""
        full, start = near(name)
        loss = SquaredDistance(full + np.random.default_rng(1).standard_normal(SHAPE))
        settings = MinimizeSettings(max_iterations=300, tolerance=1e-4, ridge=0.2)
        fitted = minimize_low_rank(loss, start, method=method, settings=settings)
        blocks = form_of(fitted.model)[1]
        term = 0.2 * sum(np.sum(block**2) for block in blocks)
        assert fitted.objective == pytest.approx(loss.value_and_gradient(fitted.model.to_full())[0] + term)
        assert len(fitted.history) > 1


@pytest.mark.parametrize("loss_name", ["entries", "regression"])
@pytest.mark.parametrize("method", ["gradient", "alternating"])
def test_losses_that_see_part_of_the_tensor(method: Any, loss_name: str) -> None:
    full, start = near("tt")
    inputs = samples(SHAPE, 100, 0)
    losses: dict[str, Any] = {
        "entries": ObservedEntries(observe(full, 0.7)),
        "regression": LinearRegression(inputs, np.tensordot(inputs, full, 3)),
    }
    fitted = minimize_low_rank(losses[loss_name], start, method=method, settings=MinimizeSettings(2000, 0.0, 1e-14))
    assert fitted.converged
    assert distance(fitted.model, full) < 1e-5


def test_the_best_tensor_of_rank_one_of_a_matrix_is_that_of_its_svd() -> None:
    matrix = np.random.default_rng(0).standard_normal((6, 5))
    tail = np.sum(np.linalg.svd(matrix, compute_uv=False)[1:] ** 2)
    for method in METHODS:
        fitted = minimize_low_rank(SquaredDistance(matrix), random_cp((6, 5), 1), method=method)
        assert fitted.objective == pytest.approx(tail, rel=1e-5)


def test_plain_descent_moves_all_blocks_along_their_gradients() -> None:
    full, start = near("cp")
    settings = MinimizeSettings(max_iterations=1)
    with pytest.warns(NotConvergedWarning, match="raise `max_iterations`"):
        fitted = minimize_low_rank(SquaredDistance(full), start, method="descent", settings=settings)
    form, blocks = form_of(start)
    gradients = Problem(SquaredDistance(full), form, 0.0).value_and_gradients(blocks)[1]
    steps = [
        (before - after) / gradient
        for before, after, gradient in zip(blocks, fitted.model.factors, gradients, strict=True)
    ]
    for step in steps:
        np.testing.assert_allclose(step, steps[0][0, 0], rtol=1e-6)
    assert steps[0][0, 0] > 0


@pytest.mark.parametrize("method", METHODS)
def test_whoever_watches_can_stop_it(method: Any) -> None:
    full, start = near("cp")
    seen: list[Any] = []

    def watch(iteration: int, objective: float) -> bool:
        seen.append((iteration, objective))
        return iteration == 2

    fitted = minimize_low_rank(LogCosh(full), start, method=method, progress=watch)
    assert fitted.status is Ending.STOPPED
    assert seen == list(enumerate(fitted.history))[1:]
    assert fitted.iterations == 2


@pytest.mark.parametrize("method", METHODS)
def test_the_start_is_not_changed(method: Any) -> None:
    full, start = near("cp")
    before = [factor.copy() for factor in start.factors]
    minimize_low_rank(LogCosh(full + 1), start, method=method, settings=MinimizeSettings(tolerance=1e-2))
    for old, new in zip(before, start.factors, strict=True):
        np.testing.assert_array_equal(old, new)


def test_descent_that_finds_no_lower_point_has_stalled() -> None:
    class WrongSlope:
        def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
            return float(np.sum(tensor**2)), -tensor

    with pytest.warns(NotConvergedWarning, match="stalled"):
        fitted = minimize_low_rank(WrongSlope(), random_cp(SHAPE, 1), method="descent")
    assert fitted.status is Ending.STALLED


def test_bad_input_is_named() -> None:
    start = random_cp(SHAPE, 2)
    loss = SquaredDistance(np.ones(SHAPE))
    with pytest.raises(ValueError, match="method is 'newton', expected one of"):
        minimize_low_rank(loss, start, method="newton")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"model_start has shape \(5, 4, 6\), expected \(2, 2\) as the loss"):
        minimize_low_rank(SquaredDistance(np.ones((2, 2))), start)
    with pytest.raises(ValueError, match="loss is a ndarray, expected an object with value_and_gradient"):
        minimize_low_rank(np.ones(SHAPE), start)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="loss is inf at model_start"):
        minimize_low_rank(loss, CPTensor(tuple(np.full((n, 1), 1e80) for n in SHAPE)))
    with pytest.raises(ValueError, match="ridge is -1"):
        MinimizeSettings(ridge=-1)
    with pytest.raises(ValueError, match="max_iterations is 0"):
        MinimizeSettings(max_iterations=0)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("loss", [SquaredDistance(np.ones(SHAPE)), LogCosh(np.ones(SHAPE))])
def test_gradients_of_the_ridge_objective_agree_with_finite_differences(name: str, loss: Any) -> None:
    form, blocks = form_of(planted(name, SHAPE, 2, 0))
    problem = Problem(loss, form, 0.7)
    gradients = problem.value_and_gradients(blocks)[1]
    rng = np.random.default_rng(1)
    for block, gradient in enumerate(gradients):
        way = rng.standard_normal(gradient.shape)
        values = []
        for step in (1e-5, -1e-5):
            moved = [*blocks[:block], blocks[block] + step * way, *blocks[block + 1 :]]
            values.append(problem.value_and_gradients(moved)[0])
        assert np.vdot(gradient, way) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6, abs=1e-5)
        np.testing.assert_allclose(problem.block_value_and_gradient(blocks, block)[1], gradient)


@pytest.mark.parametrize("name", FORMS)
def test_balanced_blocks_are_the_same_tensor_with_less_ridge(name: str) -> None:
    form, blocks = form_of(planted(name, SHAPE, 2, 0))
    uneven = [block * factor for block, factor in zip(blocks, (10.0, 0.1, 3.0, 1.0), strict=False)]
    before = [block.copy() for block in uneven]
    balanced = form.balanced(uneven)
    np.testing.assert_allclose(form.full(balanced), form.full(uneven), atol=1e-10)
    assert sum(np.sum(block**2) for block in balanced) < 0.5 * sum(np.sum(block**2) for block in uneven)
    for old, new in zip(before, uneven, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("scale", [1e-100, 1e-10, 1e100])
def test_units_do_not_matter(method: Method, scale: float) -> None:
    start, target = random_cp(SHAPE, 2, seed=5), random_cp(SHAPE, 2, seed=1).to_full()
    scaled = CPTensor(tuple(factor * scale ** (1 / 3) for factor in start.factors))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        settings = MinimizeSettings(max_iterations=60)
        ends = [
            minimize_low_rank(SquaredDistance(size * target), model, method=method, settings=settings).model
            for size, model in ((1.0, start), (scale, scaled))
        ]
    assert distance(ends[0], target) < 0.5
    assert distance(ends[1], scale * target) == pytest.approx(distance(ends[0], target), rel=0.5, abs=1e-3)


@pytest.mark.parametrize("method", get_args(Method))
def test_a_start_at_the_goal_has_converged(method: Method) -> None:
    truth = random_cp(SHAPE, 2, seed=1)
    fitted = minimize_low_rank(SquaredDistance(truth.to_full()), truth, method=method)
    assert (fitted.status, fitted.iterations) == (Ending.CONVERGED, 0)


class Plain:
    """A function of one number, for each entry."""

    def __init__(self, value: Any, slope: Any) -> None:
        self.value, self.slope = value, slope

    def value_and_gradient(self, tensor: Array) -> tuple[float, Any]:
        return float(np.sum(self.value(tensor))), self.slope(tensor)


@pytest.mark.parametrize("method", ["gradient", "alternating"])
def test_an_objective_without_bound_is_no_convergence(method: Method) -> None:
    loss = Plain(lambda tensor: -np.square(tensor), lambda tensor: -2 * tensor)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not minimize_low_rank(loss, random_cp(SHAPE, 1), method=method).converged


@pytest.mark.parametrize("method", ["gradient", "alternating"])
def test_gradients_may_be_lists_but_not_nan(method: Method) -> None:
    listed = Plain(lambda tensor: (tensor - 1) ** 2, lambda tensor: (2 * (tensor - 1)).tolist())
    fitted = minimize_low_rank(listed, random_cp(SHAPE, 1), method=method)
    assert distance(fitted.model, np.ones(SHAPE)) < 1e-3
    with pytest.raises(ValueError, match="loss has a gradient with NaN"):
        minimize_low_rank(Plain(np.square, lambda tensor: tensor * np.nan), random_cp(SHAPE, 1), method=method)


def test_one_mode_and_squares_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model_start has shape \(3,\), expected at least 2 modes"):
        minimize_low_rank(SquaredDistance(np.ones(3)), random_cp((3,), 1))
    for size in (1e-200, 1e200):
        with pytest.raises(ValueError, match="target has the norm"):
            SquaredDistance(np.full(SHAPE, size))
