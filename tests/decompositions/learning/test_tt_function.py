from functools import reduce

import numpy as np
import pytest

from mmdiscover.decompositions.learning.features import affine_features, apply_features, trigonometric_features
from mmdiscover.decompositions.learning.losses import CrossEntropyLoss, Loss, SquaredLoss
from mmdiscover.decompositions.learning.tt_function import TTFunction
from mmdiscover.decompositions.tt.tensor_train import TensorTrain, random_tt
from tests.decompositions.learning.differences import Array, differences


def samples(count: int, inputs: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).random((count, inputs))


def test_features_are_those_of_the_formulas() -> None:
    inputs = np.array([[0.0, 1.0, 0.5]])
    root = np.sqrt(0.5)
    np.testing.assert_allclose(trigonometric_features(inputs)[0], [[1, 0], [0, 1], [root, root]], atol=1e-15)
    np.testing.assert_array_equal(affine_features(inputs)[0], [[0, 1], [1, 1], [0.5, 1]])


@pytest.mark.parametrize("feature_map", [affine_features, trigonometric_features])
def test_values_are_those_of_the_full_weights(feature_map: object) -> None:
    function = TTFunction(random_tt((3, 2, 2, 2, 2), 3), feature_map)  # type: ignore[arg-type] # both are maps
    inputs = samples(5, 4)
    full = function.weights.to_full()
    for value, row in zip(function(inputs), apply_features(function.feature_map, inputs), strict=True):
        np.testing.assert_allclose(value, np.tensordot(full, reduce(np.multiply.outer, row), 4))


def test_own_feature_map_with_three_features() -> None:
    def powers(inputs: Array) -> Array:
        return np.stack([np.ones_like(inputs), inputs, inputs**2], axis=-1)

    # x₁² + x₂ as a train of rank 2.
    first = np.array([[[1.0, 0], [0, 0], [0, 1]]])
    last = np.array([[[0.0], [1], [0]], [[1], [0], [0]]])
    function = TTFunction(TensorTrain((np.ones((1, 1, 1)), first, last)), powers)
    np.testing.assert_allclose(function([[2.0, 5.0]]), [[9.0]])


@pytest.mark.parametrize("loss", [SquaredLoss(), CrossEntropyLoss()])
def test_gradients_by_every_core_agree_with_differences(loss: Loss) -> None:
    weights = random_tt((3, 2, 2, 2, 2), 3, norm=5)
    inputs, targets = samples(7, 4), np.eye(3)[np.arange(7) % 3]
    function = TTFunction(weights)
    gradients = function.pullback(inputs, loss.value_and_slope(function(inputs), targets)[1])
    for place, core in enumerate(weights.cores):

        def value(moved: Array, place: int = place) -> float:
            cores = [*weights.cores[:place], moved, *weights.cores[place + 1 :]]
            return loss.value_and_slope(TTFunction(TensorTrain(tuple(cores)))(inputs), targets)[0]

        expected = differences(value, core)
        np.testing.assert_allclose(gradients[place], expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("loss", [SquaredLoss(), CrossEntropyLoss()])
def test_slopes_and_curvature_of_losses_agree_with_differences(loss: Loss) -> None:
    rng = np.random.default_rng(0)
    values, direction = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    targets = np.eye(3)[[0, 1, 2, 1]]
    expected = differences(lambda moved: loss.value_and_slope(moved, targets)[0], values)
    np.testing.assert_allclose(loss.value_and_slope(values, targets)[1], expected, atol=1e-9)
    step = 1e-5
    ends = [loss.value_and_slope(values + sign * step * direction, targets)[1] for sign in (1, -1)]
    np.testing.assert_allclose(loss.curvature(values, targets, direction), (ends[0] - ends[1]) / (2 * step), atol=1e-9)


def test_cross_entropy_of_large_values_is_finite() -> None:
    value, slope = CrossEntropyLoss().value_and_slope(np.array([[1e4, -1e4]]), np.array([[0.0, 1.0]]))
    assert value == 2e4
    np.testing.assert_array_equal(slope, [[1, -1]])


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"weights have shape \(3, 2, 3\)"):
        TTFunction(random_tt((3, 2, 3), 1))
    with pytest.raises(ValueError, match="weights are complex"):
        TTFunction(random_tt((3, 2, 2), 1, dtype=np.complex128))
    function = TTFunction(random_tt((3, 2, 2), 1))
    with pytest.raises(ValueError, match=r"features of shape \(1, 3, 2\), expected \(1, 2, 2\)"):
        function(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"slopes has shape \(1, 2\), expected \(1, 3\)"):
        function.pullback(np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"feature_map\(inputs\) has shape \(1, 2\)"):
        apply_features(lambda inputs: inputs, np.ones((1, 2)))
    with pytest.raises(ValueError, match="inputs has 1 NaN"):
        apply_features(affine_features, [[np.nan, 1.0]])
