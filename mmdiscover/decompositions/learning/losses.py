"""Convex losses of the values of a function at samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array


class Loss(Protocol):
    """The mean over m samples of a convex function of n values and n targets; users may pass their own."""

    def value_and_slope(self, values: Array, targets: Array, /) -> tuple[float, Array]:
        """The mean loss and its derivative by each value, shape (m, n)."""

    def curvature(self, values: Array, targets: Array, direction: Array, /) -> Array:
        """The second derivative of the mean loss times a direction, shape (m, n)."""


@dataclass(frozen=True)
class SquaredLoss:
    """½ Σ (f − y)², for regression, and for classification with y the indicator of the class."""

    def value_and_slope(self, values: Array, targets: Array) -> tuple[float, Array]:
        """The mean loss and its derivative by each value."""
        residual = values - targets
        return 0.5 * float(np.vdot(residual, residual)) / len(values), residual / len(values)

    def curvature(self, values: Array, targets: Array, direction: Array) -> Array:  # noqa: ARG002 # it is constant
        """The direction divided by the number of samples."""
        return direction / len(direction)


@dataclass(frozen=True)
class CrossEntropyLoss:
    """−Σ y log softmax(f), for classification; targets are the indicator of the class or its probabilities."""

    def value_and_slope(self, values: Array, targets: Array) -> tuple[float, Array]:
        """The mean loss and its derivative by each value."""
        logarithms = log_softmax(values)
        return -float(np.vdot(targets, logarithms)) / len(values), (np.exp(logarithms) - targets) / len(values)

    def curvature(self, values: Array, targets: Array, direction: Array) -> Array:  # noqa: ARG002 # see the formula
        """(diag(p) − p pᵀ) times the direction, divided by the number of samples; p = softmax(f)."""
        chances = np.exp(log_softmax(values))
        weighted = chances * direction
        result: Array = (weighted - chances * weighted.sum(axis=1, keepdims=True)) / len(values)
        return result


def indicators(labels: ArrayLike, samples: int) -> tuple[NDArray[np.generic], NDArray[np.intp], Array]:
    """Different labels in their order, the place of each sample's among them, and ones there, shape (m, k).

    Raises
    ------
    ValueError
        If there is not one label for each sample, fewer than two differ, or one is NaN.
    """
    names = np.asarray(labels)
    if names.shape != (samples,):
        raise ValueError(f"labels has shape {names.shape}, expected {(samples,)}, one for each row of inputs")
    if names.dtype.kind == "f" and np.isnan(names).any():
        raise ValueError(f"labels has {int(np.isnan(names).sum())} NaN entries, expected names of classes")
    try:
        classes, places = np.unique(names, return_inverse=True)
    except TypeError as error:
        raise ValueError(f"labels cannot be sorted, expected names of classes of one type ({error})") from error
    if len(classes) < 2:
        raise ValueError(f"labels has {len(classes)} class, expected at least 2")
    return classes, places, np.eye(len(classes))[places]


def share_of_equal(predicted: NDArray[np.generic], labels: ArrayLike) -> float:
    """Accuracy of predicted labels.

    Raises
    ------
    ValueError
        If there is not one label for each prediction.
    """
    expected = np.asarray(labels)
    if predicted.shape != expected.shape:
        raise ValueError(f"labels has shape {expected.shape}, expected {predicted.shape}")
    return float(np.mean(predicted == expected))


def log_softmax(values: Array) -> Array:
    """Logarithms of exp(fⱼ) / Σ exp(fₖ) in each row, without overflow."""
    shifted = values - values.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
