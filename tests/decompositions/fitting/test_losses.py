"""Gradients against finite differences; best blocks against dense least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.decompositions.fitting.forms import form_of
from mmdiscover.decompositions.fitting.least_squares import ridge_solve, sliced_ridge_solve
from mmdiscover.decompositions.fitting.losses import (
    BlockLoss,
    DenseLoss,
    LinearRegression,
    ObservedEntries,
    QuadraticLoss,
    SquaredDistance,
    dense_gradients,
)
from tests.decompositions.fitting.examples import FORMS, observe, planted
from tests.decompositions.fitting.test_forms import jacobian

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

SHAPE = (4, 3, 5)


def losses() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    target = rng.standard_normal(SHAPE)
    vectors = tuple(rng.standard_normal((25, size)) for size in SHAPE)
    return {
        "distance": SquaredDistance(target),
        "few entries": ObservedEntries(observe(target, 0.15)),
        "many entries": ObservedEntries(observe(target, 0.6)),
        "regression": LinearRegression(rng.standard_normal((25, *SHAPE)), rng.standard_normal(25)),
        "rank-one regression": LinearRegression(vectors, rng.standard_normal(25)),
    }


def design_of(loss: Any) -> tuple[Array, Array]:
    """The quadratic loss as ‖D vec W − y‖², from its own dense gradient."""
    size = int(np.prod(SHAPE))
    offset = loss.value_and_gradient(np.zeros(SHAPE))[1].ravel()
    units = np.eye(size).reshape(size, *SHAPE)
    hessian = np.stack([loss.value_and_gradient(unit)[1].ravel() - offset for unit in units])
    return hessian / 2, -offset / 2


@pytest.mark.parametrize("form_name", FORMS)
@pytest.mark.parametrize("kind", losses())
class TestLosses:
    def test_gradients_agree_with_finite_differences(self, kind: str, form_name: str) -> None:
        loss = losses()[kind]
        form, blocks = form_of(planted(form_name, SHAPE, 2, 5))
        gradients = loss.value_and_gradients(form, blocks)[1]
        for block, array in enumerate(blocks):
            for index in np.ndindex(array.shape):
                values = []
                for step in (1e-4, -1e-4):
                    moved = array.copy()
                    moved[index] += step
                    tensor = form.full([*blocks[:block], moved, *blocks[block + 1 :]])
                    values.append(loss.value_and_gradient(tensor)[0])
                slope = (values[0] - values[1]) / 2e-4
                assert gradients[block][index] == pytest.approx(slope, rel=1e-6, abs=1e-6)

    def test_the_way_through_the_blocks_is_that_through_the_tensor(self, kind: str, form_name: str) -> None:
        loss = losses()[kind]
        form, blocks = form_of(planted(form_name, SHAPE, 2, 5))
        value, gradients = loss.value_and_gradients(form, blocks)
        dense_value, dense = dense_gradients(loss, form, blocks)
        assert value == pytest.approx(dense_value)
        for one, other in zip(gradients, dense, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)

    @pytest.mark.parametrize("ridge", [0.0, 0.3])
    def test_best_block_solves_the_dense_normal_equations(self, kind: str, form_name: str, ridge: float) -> None:
        loss = losses()[kind]
        form, blocks = form_of(planted(form_name, SHAPE, 2, 5))
        normal, right = design_of(loss)
        for block, array in enumerate(blocks):
            linear = jacobian(form, blocks, block)
            small = linear.T @ normal @ linear + ridge * np.eye(array.size)
            expected = np.linalg.lstsq(small, linear.T @ right, rcond=1e-10)[0]
            best, value = loss.best_block(form, blocks, block, ridge)
            assert best.shape == array.shape
            np.testing.assert_allclose(best.ravel(), expected, atol=1e-8)
            there = form.full([*blocks[:block], best, *blocks[block + 1 :]])
            assert value == pytest.approx(loss.value_and_gradient(there)[0])

    def test_protocols(self, kind: str, form_name: str) -> None:
        loss = losses()[kind]
        for protocol in (DenseLoss, BlockLoss, QuadraticLoss):
            assert isinstance(loss, protocol)
        assert loss.scale == pytest.approx(loss.value_and_gradient(np.zeros(SHAPE))[0])
        assert loss.shape == SHAPE
        assert form_name in FORMS


def test_known_values() -> None:
    target = np.array([[1.0, 2.0], [3.0, 4.0]])
    tensor = np.array([[1.0, 0.0], [0.0, 0.0]])
    value, gradient = SquaredDistance(target).value_and_gradient(tensor)
    assert value == 29
    np.testing.assert_array_equal(gradient, [[0, -4], [-6, -8]])
    value, gradient = LinearRegression(np.stack([target, tensor]), [2.0, 1.0]).value_and_gradient(tensor)
    assert value == 1
    np.testing.assert_array_equal(gradient, -2 * target)


@pytest.mark.parametrize("unknowns", [3, 20])
@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_slices_are_least_squares_problems_of_their_own(unknowns: int, ridge: float) -> None:
    rng = np.random.default_rng(1)
    rows, values = rng.standard_normal((120, unknowns)), rng.standard_normal(120)
    targets = np.concatenate([np.zeros(60, int), np.full(58, 2), np.full(2, 3)])  # slice 1 has none, slice 3 has two
    found = sliced_ridge_solve(rows, values, targets, 4, ridge)
    for index in range(4):
        own = targets == index
        padded = np.vstack([rows[own], np.sqrt(ridge) * np.eye(unknowns)])
        expected = np.linalg.lstsq(padded, np.concatenate([values[own], np.zeros(unknowns)]), rcond=1e-10)[0]
        np.testing.assert_allclose(found[index], expected, atol=1e-9)


def test_singular_matrices_give_the_shortest_solution() -> None:
    single = ridge_solve(np.ones((2, 2)), np.array([2.0, 2.0]), 0.0)
    np.testing.assert_allclose(single, [1, 1])
    batch = ridge_solve(np.ones((3, 2, 2)), np.full((3, 2, 1), 2.0), 0.0)
    np.testing.assert_allclose(batch, np.ones((3, 2, 1)))


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="target has 1 NaN"):
        SquaredDistance(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="target is complex"):
        SquaredDistance(np.ones((2, 2)) * 1j)
    with pytest.raises(ValueError, match="observed is a ndarray, expected a SparseTensor"):
        ObservedEntries(np.ones((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"inputs have \[3\] samples, expected 2"):
        LinearRegression(np.ones((3, 2, 2)), np.ones(2))
    with pytest.raises(ValueError, match=r"inputs have \[2, 3\] samples, expected 2"):
        LinearRegression((np.ones((2, 2)), np.ones((3, 2))), np.ones(2))
    with pytest.raises(ValueError, match="inputs has 1 NaN"):
        LinearRegression(np.array([[1.0, np.nan]]), np.ones(1))


def test_a_gradient_of_another_shape_is_named() -> None:
    class Wrong:
        def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
            return 0.0, tensor.ravel()

    form, blocks = form_of(planted("cp", SHAPE, 2, 5))
    with pytest.raises(ValueError, match=r"loss has a gradient of shape \(60,\), expected \(4, 3, 5\)"):
        dense_gradients(Wrong(), form, blocks)
