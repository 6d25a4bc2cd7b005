import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.digits.data import digits
from mmdiscover.decompositions.learning.layers import DenseLayer, random_dense_layer
from mmdiscover.decompositions.learning.network import TwoLayerNetwork, fit_two_layer_network
from mmdiscover.decompositions.learning.tt_layer import TTLayer, random_tt_layer
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.tt.matrix import random_tt_matrix
from tests.decompositions.learning.differences import Array, differences

sizes = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4)


def biased(layer: TTLayer) -> TTLayer:
    return TTLayer(layer.weights, np.random.default_rng(9).standard_normal(layer.shape[0]))


@settings(max_examples=30, deadline=None)
@given(sizes, st.integers(1, 3), st.integers(1, 4))
def test_both_passes_agree_with_the_dense_layer(shape: list[tuple[int, int]], rank: int, samples: int) -> None:
    rows, columns = zip(*shape, strict=True)
    layer = biased(random_tt_layer(rows, columns, rank))
    dense = DenseLayer(layer.weights.to_full(), layer.bias)
    rng = np.random.default_rng(1)
    inputs, slopes = rng.standard_normal((samples, layer.shape[1])), rng.standard_normal((samples, layer.shape[0]))
    outputs, tape = layer.forward(inputs)
    np.testing.assert_allclose(outputs, dense(inputs), atol=1e-12)
    gradients, by_inputs = layer.backward(tape, slopes)
    expected, expected_by_inputs = dense.backward(inputs, slopes)
    np.testing.assert_allclose(by_inputs, expected_by_inputs, atol=1e-12)
    np.testing.assert_allclose(gradients[-1], expected[-1], atol=1e-12)
    # The derivative by a core in a direction is that by W in the direction in which the core moves W.
    for place, core in enumerate(layer.weights.cores):
        direction = rng.standard_normal(core.shape)
        arrays = [*layer.arrays]
        arrays[place] = direction
        moved = layer.with_arrays(arrays).weights.to_full()
        np.testing.assert_allclose(np.vdot(gradients[place], direction), np.vdot(expected[0], moved), atol=1e-10)


def test_gradients_agree_with_differences() -> None:
    layer = biased(random_tt_layer((2, 3, 2), (3, 2, 2), (3, 2)))
    rng = np.random.default_rng(2)
    inputs, slopes = rng.standard_normal((4, 12)), rng.standard_normal((4, 12))
    gradients, by_inputs = layer.backward(layer.forward(inputs)[1], slopes)
    for place, array in enumerate(layer.arrays):

        def value(moved: Array, place: int = place) -> float:
            arrays = [*layer.arrays[:place], moved, *layer.arrays[place + 1 :]]
            return float(np.vdot(slopes, layer.with_arrays(arrays)(inputs)))

        expected = differences(value, array)
        np.testing.assert_allclose(gradients[place], expected, atol=1e-6 * np.abs(expected).max())
    expected = differences(lambda moved: float(np.vdot(slopes, layer(moved))), inputs)
    np.testing.assert_allclose(by_inputs, expected, atol=1e-6 * np.abs(expected).max())


def test_counts_are_those_of_the_arrays_made() -> None:
    layer = random_tt_layer((4, 2, 3), (2, 5, 3), (3, 4))
    _, tape = layer.forward(np.ones((1, 30)))
    stacks = [(matrix, state) for matrix, state in tape]
    assert layer.operations == sum(2 * len(state) * matrix.size * state.shape[2] for matrix, state in stacks)
    assert layer.intermediates == sum(state.size for _, state in stacks[1:]) + 24
    assert layer.parameters == sum(array.size for array in layer.arrays)
    assert layer.dense_parameters == random_dense_layer(24, 30).parameters == 24 * 31


def test_weights_of_random_layers_have_the_variance_asked_for() -> None:
    for layer in (random_tt_layer((8, 8, 8), (8, 8, 8), 6, gain=2.0), random_dense_layer(512, 512, gain=2.0)):
        weights = layer.weights.to_full() if isinstance(layer, TTLayer) else layer.weights
        assert weights.var() * 512 == pytest.approx(2.0, rel=0.25)


def test_single_precision_is_kept() -> None:
    layer = random_tt_layer((2, 3), (3, 2), 2, dtype=np.float32)
    outputs, tape = layer.forward(np.ones((2, 6), np.float32))
    gradients, by_inputs = layer.backward(tape, outputs)
    assert {outputs.dtype, by_inputs.dtype, *(gradient.dtype for gradient in gradients)} == {np.dtype(np.float32)}


def test_gradients_of_the_network_agree_with_differences() -> None:
    hidden = biased(random_tt_layer((2, 3), (3, 2), 2))
    network = TwoLayerNetwork(hidden, random_dense_layer(3, 6, seed=1), np.arange(3))
    inputs = np.random.default_rng(3).standard_normal((300, 6))
    targets = np.eye(3)[np.arange(300) % 3]
    _, gradients = network.loss_and_gradients(inputs, targets, 0.01)
    arrays = [*hidden.arrays, *network.output.arrays]
    for place, array in enumerate(arrays):

        def value(moved: Array, place: int = place) -> float:
            moved_arrays = [*arrays[:place], moved, *arrays[place + 1 :]]
            return network.with_arrays(moved_arrays).loss_and_gradients(inputs, targets, 0.01)[0]

        expected = differences(value, array, 1e-6)
        np.testing.assert_allclose(gradients[place], expected, atol=1e-6 * np.abs(expected).max())


def test_a_tenth_of_the_parameters_learns_the_digits_as_well_as_a_dense_layer() -> None:
    train, test, train_labels, test_labels = digits(0)
    layer, dense = random_tt_layer((4, 8, 8), (4, 4, 4), 3), random_dense_layer(256, 64)
    assert 10 * layer.parameters <= dense.parameters
    accuracies = [
        fit_two_layer_network(train, train_labels, hidden, l2=1e-3).model.accuracy(test, test_labels)
        for hidden in (layer, dense)
    ]
    assert accuracies[0] >= accuracies[1] - 0.02
    assert accuracies[0] >= 0.95


def test_progress_stops_and_the_iteration_limit_warns() -> None:
    train, _, labels, _ = digits(0)
    train, labels = train[:50], labels[:50]
    heard: list[float] = []

    def progress(iteration: int, objective: float) -> bool:
        heard.append(objective)
        return iteration == 3

    fitted = fit_two_layer_network(train, labels, random_dense_layer(5, 64), progress=progress)
    assert fitted.status is Ending.STOPPED
    assert heard == list(fitted.history[1:])
    assert np.all(np.diff(fitted.history) <= 0)
    with pytest.warns(NotConvergedWarning, match="L-BFGS ended without converging"):
        fit_two_layer_network(train, labels, random_dense_layer(5, 64), max_iterations=2)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="bias has 2 entries, expected 6"):
        TTLayer(random_tt_matrix((2, 3), (3, 2), 2), np.zeros(2))
    with pytest.raises(ValueError, match="weights are complex"):
        TTLayer(random_tt_matrix((2, 3), (3, 2), 2, dtype=np.complex128), np.zeros(6))
    layer = random_tt_layer((2, 3), (3, 2), 2)
    with pytest.raises(ValueError, match=r"inputs has shape \(1, 5\), expected \(m, 6\)"):
        layer(np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"labels has shape \(2,\)"):
        fit_two_layer_network(np.ones((3, 6)), [0, 1], layer)
    with pytest.raises(ValueError, match="labels has 1 class"):
        fit_two_layer_network(np.ones((3, 6)), [0, 0, 0], layer)
    with pytest.raises(ValueError, match=r"output has shape \(2, 4\), expected \(2, 6\)"):
        TwoLayerNetwork(layer, random_dense_layer(2, 4), np.arange(2))


def test_accuracy_compares_label_by_label() -> None:
    inputs, labels = np.eye(4), np.array([0, 1, 0, 1])
    network = TwoLayerNetwork(random_dense_layer(3, 4), random_dense_layer(2, 3), np.array([0, 1]))
    assert network.accuracy(inputs, network.predict(inputs)) == 1
    for wrong in (labels[:, None], labels[:3]):
        with pytest.raises(ValueError, match=r"labels has shape .*, expected \(4,\)"):
            network.accuracy(inputs, wrong)


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="weights is a ndarray, expected a TTMatrix"):
        TTLayer(np.ones((2, 2)), np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="gain is -1, expected a number > 0"):
        random_tt_layer((2, 2), (2, 3), 2, gain=-1)
    with pytest.raises(ValueError, match="gain is 0, expected a number > 0"):
        random_dense_layer(2, 3, gain=0)


def test_short_texts() -> None:
    hidden = random_tt_layer((2, 2), (2, 3), 2)
    text = "TTLayer(weights=TTMatrix(row_shape=(2, 2), column_shape=(2, 3), ranks=(2,)))"
    assert repr(hidden) == text
    network = TwoLayerNetwork(hidden, random_dense_layer(3, 4), np.arange(3))
    assert repr(network) == f"TwoLayerNetwork(hidden={text}, classes=3)"
    assert repr(network.output) == "DenseLayer(shape=(3, 4))"
