"""Single fits, each of one model to one split."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from experiments.digits.data import digits, pixel_order
from mmdiscover.decompositions.learning.dmrg import SweepSettings
from mmdiscover.decompositions.learning.features import affine_features, trigonometric_features
from mmdiscover.decompositions.learning.layers import random_dense_layer
from mmdiscover.decompositions.learning.losses import CrossEntropyLoss, SquaredLoss
from mmdiscover.decompositions.learning.network import fit_two_layer_network
from mmdiscover.decompositions.learning.tt_classifier import fit_tt_classifier
from mmdiscover.decompositions.learning.tt_layer import random_tt_layer
from mmdiscover.decompositions.outcome import NotConvergedWarning

if TYPE_CHECKING:
    from experiments.work import Result
    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.learning.features import FeatureMap
    from mmdiscover.decompositions.learning.layers import DenseLayer
    from mmdiscover.decompositions.learning.losses import Loss
    from mmdiscover.decompositions.learning.tt_layer import TTLayer

LOSSES: dict[str, Loss] = {"squared": SquaredLoss(), "cross-entropy": CrossEntropyLoss()}
FEATURES: dict[str, FeatureMap] = {"cos, sin": trigonometric_features, "x, 1": affine_features}
PIXELS = 64
LAYER_L2 = 1e-3


@dataclass(frozen=True)
class TrainFit:
    """A tensor-train classifier."""

    seed: int
    loss: str
    features: str
    order: str
    max_rank: int
    cutoff: float
    l2: float
    steps: int
    tolerance: float

    def run(self) -> Result:
        """Accuracies, ranks and sweeps."""
        data, order = digits(self.seed), pixel_order(self.order)
        settings = SweepSettings(
            max_rank=self.max_rank, cutoff=self.cutoff, l2=self.l2, steps=self.steps, tolerance=self.tolerance
        )
        with warnings.catch_warnings():
            # The number of sweeps is reported.
            warnings.simplefilter("ignore", NotConvergedWarning)
            fitted = fit_tt_classifier(
                data.train[:, order],
                data.train_labels,
                settings,
                loss=LOSSES[self.loss],
                feature_map=FEATURES[self.features],
                seed=self.seed,
            )
        return {
            "train": float(fitted.scores[-1]),
            "test": fitted.model.accuracy(data.test[:, order], data.test_labels),
            "sweeps": fitted.iterations,
            "converged": fitted.converged,
            "ranks": fitted.ranks[-1],
            "parameters": fitted.model.function.weights.parameters,
        }


@dataclass(frozen=True)
class LogisticFit:
    """Logistic regression on the pixels."""

    seed: int

    def run(self) -> Result:
        """Accuracies."""
        data = digits(self.seed)
        model = LogisticRegression(max_iter=5000).fit(data.train, data.train_labels)
        return {
            "train": model.score(data.train, data.train_labels),
            "test": model.score(data.test, data.test_labels),
            "parameters": 10 * (PIXELS + 1),
        }


@dataclass(frozen=True)
class KernelFit:
    """The classifier of all weights W, not only those of a short train: ridge regression with ∏ cos π(xᵢ − yᵢ)/2."""

    seed: int
    l2: float

    def run(self) -> Result:
        """Accuracies."""
        data = digits(self.seed)

        def kernel(left: Array, right: Array) -> Array:
            product = np.ones((len(left), len(right)))
            for one, other in zip(left.T, right.T, strict=True):
                product *= np.cos(np.pi / 2 * (one[:, None] - other))
            return product

        gram = kernel(data.train, data.train)
        weights = np.linalg.solve(gram + self.l2 * len(gram) * np.eye(len(gram)), np.eye(10)[data.train_labels])
        guesses = [(kernel(images, data.train) @ weights).argmax(axis=1) for images in (data.train, data.test)]
        return {
            "train": float(np.mean(guesses[0] == data.train_labels)),
            "test": float(np.mean(guesses[1] == data.test_labels)),
        }


@dataclass(frozen=True)
class DenseFit:
    """A network with a dense hidden layer."""

    seed: int
    hidden: int

    def run(self) -> Result:
        """Accuracies and parameters of the hidden layer."""
        return _fit_network(self.seed, random_dense_layer(self.hidden, PIXELS, seed=self.seed))


@dataclass(frozen=True)
class LayerFit:
    """A network with a hidden layer in tensor-train form."""

    seed: int
    row_shape: tuple[int, ...]
    column_shape: tuple[int, ...]
    rank: int

    def run(self) -> Result:
        """Accuracies and parameters of the hidden layer."""
        return _fit_network(self.seed, random_tt_layer(self.row_shape, self.column_shape, self.rank, seed=self.seed))


@dataclass(frozen=True)
class FrozenFit:
    """Logistic regression on the outputs of a random hidden layer that does not learn."""

    seed: int
    hidden: int

    def run(self) -> Result:
        """Accuracies."""
        data, layer = digits(self.seed), random_dense_layer(self.hidden, PIXELS, seed=self.seed)
        hidden = [np.maximum(layer(images), 0) for images in (data.train, data.test)]
        model = LogisticRegression(max_iter=5000).fit(hidden[0], data.train_labels)
        return {
            "train": model.score(hidden[0], data.train_labels),
            "test": model.score(hidden[1], data.test_labels),
            "parameters": 0,
        }


def _fit_network(seed: int, layer: TTLayer | DenseLayer) -> Result:
    data = digits(seed)
    fitted = fit_two_layer_network(data.train, data.train_labels, layer, l2=LAYER_L2, seed=seed + 100)
    return {
        "train": fitted.model.accuracy(data.train, data.train_labels),
        "test": fitted.model.accuracy(data.test, data.test_labels),
        "parameters": layer.parameters,
        "iterations": fitted.iterations,
    }
