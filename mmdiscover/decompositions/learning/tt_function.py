"""Functions f(x) = W·φ(x₁) ∘ … ∘ φ(xₙ) whose weights W are a tensor train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_real_array
from mmdiscover.decompositions.learning.features import apply_features, trigonometric_features
from mmdiscover.decompositions.tt.tensor_train import TensorTrain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.learning.features import FeatureMap


@dataclass(frozen=True, eq=False)
class TTFunction:
    """f(x) = W·φ(x₁) ∘ … ∘ φ(xₙ), n inputs, k outputs (Stoudenmire, Schwab, NeurIPS 2016, arXiv:1605.05775).

    Parameters
    ----------
    weights : TensorTrain, shape (k, d, …, d)
        Real; the first mode counts the outputs, the others the features of the n inputs.
    feature_map : FeatureMap

    Raises
    ------
    ValueError
        If the weights have fewer than two modes, different sizes in those of the inputs, or are complex.

    Examples
    --------
    x₁x₂ + 3 from features (x, 1):

    >>> from mmdiscover.decompositions.learning.features import affine_features
    >>> from mmdiscover.decompositions.tt.tensor_train import TensorTrain
    >>> weights = TensorTrain(([[[1.0]]], [[[1, 0], [0, 3]]], [[[1], [0]], [[0], [1]]]))
    >>> TTFunction(weights, affine_features)([[2.0, 5.0]])
    array([[13.]])
    """

    weights: TensorTrain
    feature_map: FeatureMap = trigonometric_features

    def __post_init__(self) -> None:
        if not isinstance(self.weights, TensorTrain):
            raise ValueError(  # noqa: TRY004 # the house raises ValueError for every bad argument
                f"weights is a {type(self.weights).__name__}, expected a TensorTrain"
            )
        shape = self.weights.shape
        if len(shape) < 2 or len(set(shape[1:])) > 1:
            raise ValueError(f"weights have shape {shape}, expected (outputs, d, …, d)")
        if self.weights.dtype.kind == "c":
            raise ValueError("weights are complex, expected real numbers")

    @property
    def inputs(self) -> int:
        """Number of inputs n."""
        return self.weights.order - 1

    @property
    def outputs(self) -> int:
        """Number of outputs k."""
        return self.weights.shape[0]

    def __call__(self, inputs: ArrayLike) -> Array:
        """Values at samples in O(m n d R²) operations.

        Parameters
        ----------
        inputs : array_like, shape (m, n)

        Returns
        -------
        ndarray, shape (m, k)

        Raises
        ------
        ValueError
            If the number of inputs is another.
        """
        values: Array = self._rights(self.features(inputs))[0] @ self.weights.cores[0][0].T
        return values

    def pullback(self, inputs: ArrayLike, slopes: ArrayLike) -> list[Array]:
        """Derivatives of Σ slopes·f(x) by the entries of every core; with the slopes of a loss those of the loss.

        Parameters
        ----------
        inputs : array_like, shape (m, n)
        slopes : array_like, shape (m, k)
            Derivatives by the values.

        Returns
        -------
        list of ndarray
            The shapes of the cores of the weights, that of the outputs first.
        """
        features = self.features(inputs)
        sensitivity = as_real_array("slopes", slopes, 2)
        if sensitivity.shape != (len(features), self.outputs):
            raise ValueError(f"slopes has shape {sensitivity.shape}, expected {(len(features), self.outputs)}")
        rights = self._rights(features)
        gradients: list[Array] = [(sensitivity.T @ rights[0])[None]]
        left = sensitivity @ self.weights.cores[0][0]
        for site, core in enumerate(self.weights.cores[1:]):
            grown = row_products(left, features[:, site])
            gradients.append((grown.T @ rights[site + 1]).reshape(core.shape))
            left = grown @ core.reshape(-1, core.shape[2])
        return gradients

    def features(self, inputs: ArrayLike) -> Array:
        """φ of every input, shape (m, n, d), checked against the weights."""
        features = apply_features(self.feature_map, inputs)
        expected = (len(features), self.inputs, self.weights.shape[1])
        if features.shape != expected:
            raise ValueError(
                f"inputs became features of shape {features.shape}, expected {expected}: samples, inputs, features"
            )
        return features

    def _rights(self, features: Array) -> list[Array]:
        """Entry k: inputs k, k + 1, … contracted with their cores, shape (m, rank before input k)."""
        return right_environments(self.weights.cores[1:], features)


def right_environments(cores: Sequence[Array], features: Array) -> list[Array]:
    """What the cores from each one on make of the samples, one array more than cores, shapes (m, Rₖ).

    Parameters
    ----------
    cores : sequence of ndarray, shapes (Rₖ, d, Rₖ₊₁)
    features : ndarray, shape (m, n, d)
    """
    environments = [np.ones((len(features), 1), dtype=features.dtype)]
    for site in range(len(cores) - 1, -1, -1):
        grown = row_products(features[:, site], environments[-1])
        environments.append(grown @ cores[site].reshape(len(cores[site]), -1).T)
    return environments[::-1]


def row_products(left: Array, right: Array) -> Array:
    """The Kronecker products of equal rows, shape (m, a·b): that of the right runs fastest."""
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
