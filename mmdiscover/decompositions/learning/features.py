"""Local feature maps: every input becomes a vector φ(x), all together the rank-one tensor φ(x₁) ∘ … ∘ φ(xₙ)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from mmdiscover.decompositions.arguments import as_real_array
from mmdiscover.decompositions.norms import check_scale

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array


class FeatureMap(Protocol):
    """A function applied to every input of every sample; users may pass their own."""

    def __call__(self, inputs: Array, /) -> Array:
        """Vectors φ(x), shape (m, n, d), of inputs of shape (m, n); d ≥ 2, and the same for all."""


def affine_features(inputs: ArrayLike) -> Array:
    """φ(x) = (x, 1): W·φ(x₁) ∘ … ∘ φ(xₙ) is then a polynomial, linear in each input.

    Parameters
    ----------
    inputs : array_like, shape (m, n)
        Real numbers, best of size about 1.

    Returns
    -------
    ndarray, shape (m, n, 2)

    Examples
    --------
    >>> affine_features([[0.5, 2.0]])
    array([[[0.5, 1. ],
            [2. , 1. ]]])
    """
    array = as_real_array("inputs", inputs, 2)
    return np.stack([array, np.ones_like(array)], axis=-1)


def trigonometric_features(inputs: ArrayLike) -> Array:
    """φ(x) = (cos πx/2, sin πx/2), of length one; 0 and 1 become orthogonal (Stoudenmire, Schwab, arXiv:1605.05775).

    Parameters
    ----------
    inputs : array_like, shape (m, n)
        Real numbers, best between 0 and 1.

    Returns
    -------
    ndarray, shape (m, n, 2)
    """
    angles = as_real_array("inputs", inputs, 2) * (np.pi / 2)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def apply_features(feature_map: FeatureMap, inputs: ArrayLike) -> Array:
    """The features of checked inputs, themselves checked.

    Returns
    -------
    ndarray, shape (m, n, d)

    Raises
    ------
    ValueError
        If the inputs are no finite matrix, or the map gives an array of another shape or one that is not finite.
    """
    array = as_real_array("inputs", inputs, 2)
    features = as_real_array("feature_map(inputs)", feature_map(array))
    # Environments are products with features, and sums of their squares are taken.
    check_scale("feature_map(inputs)", features)
    if features.ndim != 3 or features.shape[:2] != array.shape:
        raise ValueError(f"feature_map(inputs) has shape {features.shape}, expected {(*array.shape, 'd')}")
    return features
