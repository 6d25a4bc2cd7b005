"""A network of two layers, the first dense or in tensor-train form, and its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import scipy.optimize

from mmdiscover.decompositions.arguments import as_real_array, check_count, check_number, frozen
from mmdiscover.decompositions.learning.layers import DenseLayer, Layer, check_samples, random_dense_layer
from mmdiscover.decompositions.learning.losses import CrossEntropyLoss, indicators, share_of_equal
from mmdiscover.decompositions.outcome import Ending, finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.outcome import Fitted, Progress

LayerT = TypeVar("LayerT", bound=Layer)

SAMPLES_AT_ONCE = 256
"""What a layer makes of so many samples stays in the cache of a processor; all at once take three times as long."""

RELATIVE_DECREASE = 1e-4


@dataclass(frozen=True, eq=False, repr=False)
class TwoLayerNetwork(Generic[LayerT]):
    """softmax(W₂ max(0, W₁ x + b₁) + b₂).

    Parameters
    ----------
    hidden : Layer, shape (H, N)
    output : DenseLayer, shape (k, H)
    classes : ndarray, shape (k,)
        Labels, in the order of the outputs.
    """

    hidden: LayerT
    output: DenseLayer
    classes: NDArray[np.generic]

    def __post_init__(self) -> None:
        classes = np.asarray(self.classes)
        expected = (*classes.shape, self.hidden.shape[0])
        if self.output.shape != expected:
            raise ValueError(f"output has shape {self.output.shape}, expected {expected}: classes, hidden units")
        object.__setattr__(self, "classes", frozen(classes))

    def __repr__(self) -> str:
        return f"TwoLayerNetwork(hidden={self.hidden!r}, classes={len(self.classes)})"

    def decision_values(self, inputs: ArrayLike) -> Array:
        """Outputs before the softmax, shape (m, k)."""
        samples = check_samples("inputs", inputs, self.hidden.shape[1])
        return self.output(np.maximum(self.hidden.forward(samples)[0], 0))

    def predict(self, inputs: ArrayLike) -> NDArray[np.generic]:
        """Labels, shape (m,)."""
        labels: NDArray[np.generic] = self.classes[self.decision_values(inputs).argmax(axis=1)]
        return labels

    def accuracy(self, inputs: ArrayLike, labels: ArrayLike) -> float:
        """Share of samples whose label is predicted."""
        return share_of_equal(self.predict(inputs), labels)

    def loss_and_gradients(self, inputs: Array, targets: Array, l2: float) -> tuple[float, list[Array]]:
        """Mean cross-entropy plus l2/2 times the sum of squares of all parameters; its derivatives by hidden, output.

        Parameters
        ----------
        inputs : ndarray, shape (m, N)
        targets : ndarray, shape (m, k)
            Indicators of the classes.
        l2 : float
        """
        arrays = (*self.hidden.arrays, *self.output.arrays)
        loss = l2 / 2 * sum(float(np.vdot(array, array)) for array in arrays)
        gradients = [l2 * array for array in arrays]
        for begin in range(0, len(inputs), SAMPLES_AT_ONCE):
            some = slice(begin, begin + SAMPLES_AT_ONCE)
            share = len(inputs[some]) / len(inputs)
            part, slopes = self._part(inputs[some], targets[some])
            loss += share * part
            gradients = [total + share * each for total, each in zip(gradients, slopes, strict=True)]
        return loss, gradients

    def _part(self, inputs: Array, targets: Array) -> tuple[float, tuple[Array, ...]]:
        before, hidden_tape = self.hidden.forward(inputs)
        values, output_tape = self.output.forward(np.maximum(before, 0))
        loss, slopes = CrossEntropyLoss().value_and_slope(values, targets)
        by_output, by_active = self.output.backward(output_tape, slopes)
        by_hidden, _ = self.hidden.backward(hidden_tape, by_active * (before > 0))
        return loss, (*by_hidden, *by_output)

    def with_arrays(self, arrays: Sequence[Array]) -> TwoLayerNetwork[LayerT]:
        """The network with other parameters, those of the hidden layer first."""
        count = len(self.hidden.arrays)
        return TwoLayerNetwork(
            self.hidden.with_arrays(arrays[:count]), self.output.with_arrays(arrays[count:]), self.classes
        )


def fit_two_layer_network(
    inputs: ArrayLike,
    labels: ArrayLike,
    hidden: LayerT,
    *,
    l2: float = 1e-3,
    max_iterations: int = 500,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Fitted[TwoLayerNetwork[LayerT]]:
    """Train a network whose hidden layer is given, with a dense output layer, by L-BFGS on all samples.

    Parameters
    ----------
    inputs : array_like, shape (m, N)
        Best of size about 1.
    labels : array_like, shape (m,)
        Of at least two classes.
    hidden : Layer, shape (H, N)
        The start, such as from `random_tt_layer` or `random_dense_layer`.
    l2 : float
    max_iterations : int
    seed : int, SeedSequence or Generator
        Of the start of the output layer.
    progress : Progress, optional

    Returns
    -------
    Fitted[TwoLayerNetwork]
        The history is the mean cross-entropy plus penalty; converged when a step lowers it by
        less than 10⁻⁴, or 10⁻⁴ of it where it is above 1.

    Raises
    ------
    ValueError
        If inputs, labels and layer do not meet, there are fewer than two classes, or an input is not finite.
    """
    samples = check_samples("inputs", as_real_array("inputs", inputs), hidden.shape[1])
    classes, _, targets = indicators(labels, len(samples))
    check_number("l2", l2)
    check_count("max_iterations", max_iterations)
    output = random_dense_layer(len(classes), hidden.shape[0], gain=1.0, seed=seed)
    network = TwoLayerNetwork(hidden, output, classes)
    arrays = (*hidden.arrays, *output.arrays)
    ends = np.cumsum([array.size for array in arrays])[:-1]

    def unpacked(vector: Array) -> TwoLayerNetwork[LayerT]:
        parts = zip(np.split(vector, ends), arrays, strict=True)
        return network.with_arrays([part.reshape(array.shape) for part, array in parts])

    def objective(vector: Array) -> tuple[float, Array]:
        loss, gradients = unpacked(vector).loss_and_gradients(samples, targets, l2)
        return loss, np.concatenate([gradient.ravel() for gradient in gradients])

    start = np.concatenate([array.ravel() for array in arrays])
    history = [objective(start)[0]]
    status = Ending.CONVERGED

    def after_iteration(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        nonlocal status
        history.append(float(intermediate_result.fun))
        if progress is not None and progress(len(history) - 1, history[-1]):
            status = Ending.STOPPED
            raise StopIteration

    result = scipy.optimize.minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options={"maxiter": max_iterations, "maxfun": 10 * max_iterations, "ftol": RELATIVE_DECREASE, "gtol": 1e-8},
    )
    if status is Ending.CONVERGED and not result.success:
        status = Ending.ITERATION_LIMIT if result.status == 1 else Ending.STALLED
    return finish(unpacked(result.x), status, history, "L-BFGS", "raise max_iterations or l2, or scale the inputs")
