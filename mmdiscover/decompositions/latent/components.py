"""What latent variable models have in common: vectors with probabilities, and their second and third moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
import scipy.spatial.distance

from mmdiscover.decompositions.arguments import as_real_array, frozen
from mmdiscover.decompositions.cp.tensor import CPTensor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array


@dataclass(frozen=True, eq=False)
class Components:
    """Vectors μᵢ and weights wᵢ with M₂ = Σᵢ wᵢ μᵢ ∘ μᵢ and M₃ = Σᵢ wᵢ μᵢ ∘ μᵢ ∘ μᵢ.

    Parameters
    ----------
    vectors : array_like, shape (k, d)
        One component in each row.
    weights : array_like, shape (k,)
        Positive.

    Raises
    ------
    ValueError
        If there are not as many weights as vectors, or a weight is not positive.
    """

    vectors: Array
    weights: Array

    def __post_init__(self) -> None:
        vectors, weights = check_components("vectors", self.vectors, self.weights)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "weights", weights)

    def second_moment(self) -> Array:
        """M₂, shape (d, d)."""
        return CPTensor((self.vectors.T,) * 2, self.weights).to_full()

    def third_moment(self) -> Array:
        """M₃, shape (d, d, d)."""
        return CPTensor((self.vectors.T,) * 3, self.weights).to_full()


@dataclass(frozen=True, eq=False)
class Matching:
    """Which estimated component stands for which true one.

    Parameters
    ----------
    order : ndarray of int, shape (k,)
        ``estimate[order[i]]`` belongs to ``truth[i]``.
    distances : ndarray, shape (k,)
        Euclidean distances of these pairs.
    """

    order: NDArray[np.intp]
    distances: Array

    @property
    def error(self) -> float:
        """Root mean square of the distances."""
        return float(np.sqrt(np.mean(self.distances**2)))


def match_components(estimate: ArrayLike, truth: ArrayLike) -> Matching:
    """Match estimated with true components so that the sum of squared distances is least (optimal assignment).

    Parameters
    ----------
    estimate, truth : array_like, shape (k, d)
        One component in each row.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> match_components([[0.0, 1.5], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]).distances
    array([0. , 0.5])
    """
    estimated, true = as_real_array("estimate", estimate, 2), as_real_array("truth", truth, 2)
    if estimated.shape != true.shape:
        raise ValueError(f"estimate has shape {estimated.shape}, expected {true.shape}, that of truth")
    distances = scipy.spatial.distance.cdist(true, estimated)
    rows, order = scipy.optimize.linear_sum_assignment(distances**2)
    return Matching(order, distances[rows, order])


def check_components(name: str, vectors: ArrayLike, weights: ArrayLike) -> tuple[Array, Array]:
    """Vectors in rows with as many positive weights, as read-only views."""
    rows = as_real_array(name, vectors, 2)
    numbers = as_real_array("weights", weights, 1)
    if len(numbers) != len(rows):
        raise ValueError(f"weights has {len(numbers)} entries, expected {len(rows)}, one for each row of {name}")
    if not (numbers > 0).all():
        raise ValueError(f"weights has the entry {numbers.min():.3g}, expected positive numbers")
    return frozen(rows), frozen(numbers)


def check_probabilities(name: str, values: Array) -> None:
    """Numbers that are not negative, with sums (of each row) of one."""
    sums = np.atleast_1d(values.sum(axis=-1))
    wrong = sums[np.abs(sums - 1).argmax()]
    if values.min() < 0:
        raise ValueError(f"{name} has the entry {values.min():.3g}, expected probabilities")
    if abs(wrong - 1) > 1e-6:
        raise ValueError(f"{name} has the sum {wrong:.6g}, expected probabilities with the sum 1")


def as_distribution(weights: Array) -> Array:
    """Probabilities with the sum one to the last digits, which drawing from them asks for."""
    distribution: Array = weights / weights.sum(dtype=np.float64)
    return distribution
