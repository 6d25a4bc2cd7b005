"""Mixtures of spherical Gaussians with one variance, learnt by the method of moments.

Hsu and Kakade, Learning mixtures of spherical Gaussians: moment methods and spectral decompositions, ITCS 2013,
arXiv:1206.5766; Theorem 3.2 of Anandkumar, Ge, Hsu, Kakade and Telgarsky, JMLR 15 (2014), arXiv:1210.7559.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from mmdiscover.decompositions.arguments import as_real_array, check_count, check_number
from mmdiscover.decompositions.latent.components import Components, check_components, check_probabilities
from mmdiscover.decompositions.latent.cubes import CHUNK_ENTRIES, sum_of_cubes, symmetrized
from mmdiscover.decompositions.latent.tensor_power import PowerSettings, tensor_power
from mmdiscover.decompositions.latent.whitening import whitening
from mmdiscover.decompositions.outcome import Fitted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed


@dataclass(frozen=True, eq=False)
class SphericalMixture:
    """Σᵢ wᵢ N(μᵢ, σ²I).

    Parameters
    ----------
    centres : array_like, shape (k, d)
        μᵢ in rows.
    weights : array_like, shape (k,)
        Probabilities of the components.
    variance : float
        σ², of each coordinate.

    Raises
    ------
    ValueError
        If weights are not positive with the sum 1 or not as many as centres, or the variance is negative.
    """

    centres: Array
    weights: Array
    variance: float

    def __post_init__(self) -> None:
        centres, weights = check_components("centres", self.centres, self.weights)
        check_probabilities("weights", weights)
        object.__setattr__(self, "centres", centres)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "variance", check_number("variance", self.variance))

    @property
    def components(self) -> Components:
        """Centres and weights, with their exact moments M₂ and M₃."""
        return Components(self.centres, self.weights)

    def sample(self, count: int, *, seed: Seed = 0) -> tuple[Array, NDArray[np.intp]]:
        """Independent samples, shape (count, d), and the component of each, shape (count,)."""
        check_count("count", count)
        rng = np.random.default_rng(seed)
        labels = rng.choice(len(self.weights), size=count, p=self.weights)
        samples = rng.standard_normal((count, self.centres.shape[1]))
        samples *= np.sqrt(self.variance)
        samples += self.centres[labels]
        return samples, labels


def estimate_variance(samples: ArrayLike, components: int) -> float:
    """The variance σ² of a spherical mixture: the mean of the d − k + 1 smallest eigenvalues of the covariance.

    In exact moments they are all σ², as the covariance of k centres about their mean has rank k − 1. The smallest
    alone, which Theorem 3.2 names, is the smallest of several noisy values and so too small on average.

    Parameters
    ----------
    samples : array_like, shape (n, d)
        n > d of them.
    components : int
        k, at most d.

    Raises
    ------
    ValueError
        If there are no more samples than coordinates, or more components than coordinates.
    """
    array = _check_samples(samples)
    check_count("components", components, 1, array.shape[1])
    return _smallest_eigenvalues(_mean_and_covariance(array)[1], components)


def mixture_second_moment(samples: ArrayLike, variance: float) -> Array:
    """M₂ = mean of x ∘ x − σ²I, an unbiased estimate of Σ wᵢ μᵢ ∘ μᵢ where σ² is known.

    Parameters
    ----------
    samples : array_like, shape (n, d)
    variance : float
        σ².

    Returns
    -------
    ndarray of float64, shape (d, d)
    """
    array = as_real_array("samples", samples, 2)
    return _second_moment(*_mean_and_covariance(array), check_number("variance", variance))


def mixture_third_moment(samples: ArrayLike, variance: float, projection: ArrayLike | None = None) -> Array:
    """M₃ = mean of x ∘ x ∘ x − σ² Σⱼ (m ∘ eⱼ ∘ eⱼ + eⱼ ∘ m ∘ eⱼ + eⱼ ∘ eⱼ ∘ m), m the mean; or its projection.

    An unbiased estimate of Σ wᵢ μᵢ ∘ μᵢ ∘ μᵢ where σ² is known.

    Parameters
    ----------
    samples : array_like, shape (n, d)
    variance : float
        σ².
    projection : array_like, shape (d, k), optional
        W, for M₃(W, W, W) in O(n k (d + k²)) operations without d³ numbers; the identity when left out.

    Returns
    -------
    ndarray of float64, shape (k, k, k), or (d, d, d) without a projection
    """
    array = as_real_array("samples", samples, 2)
    check_number("variance", variance)
    matrix = np.eye(array.shape[1]) if projection is None else as_real_array("projection", projection, 2)
    if len(matrix) != array.shape[1]:
        raise ValueError(f"projection has {len(matrix)} rows, expected {array.shape[1]}, the coordinates of samples")
    mean = array.mean(axis=0, dtype=np.float64) @ matrix
    cubes = sum_of_cubes(array, None if projection is None else matrix) / len(array)
    return cubes - variance * symmetrized(np.multiply.outer(mean, matrix.T @ matrix))


def fit_spherical_mixture(
    samples: ArrayLike,
    components: int,
    *,
    variance: float | None = None,
    settings: PowerSettings | None = None,
    seed: Seed = 0,
) -> Fitted[SphericalMixture]:
    """Centres, weights and variance of a mixture of spherical Gaussians from its first three moments.

    No starting guess and no local optimum: with n samples the errors fall like 1/√n. The centres must be linearly
    independent, so k ≤ d; where they are not (as when their mean is the origin and k = d + 1, or they lie on one line
    through it), adding one fixed vector to all samples may help, as it makes k points that span k − 1 dimensions
    independent. For centres far from the origin compared with their distances, subtracting one helps accuracy.

    Parameters
    ----------
    samples : array_like, shape (n, d)
        Real, n > d; no sums are kept in less than float64.
    components : int
        k, from 1 to d.
    variance : float, optional
        σ² where it is known; `estimate_variance` when left out.
    settings : PowerSettings
    seed : int, SeedSequence or Generator
        Of the starts of the power method.

    Returns
    -------
    Fitted[SphericalMixture]
        Status and history are those of `tensor_power` on the whitened third moment, whose last entry is what the k
        components leave of it.

    Raises
    ------
    ValueError
        If there are no more samples than coordinates, more components than coordinates, or the second moment has
        fewer than k positive eigenvalues.

    Warns
    -----
    WeakSignalWarning
        If an eigenvalue of the second moment that is needed does not stand out of the noise.

    Examples
    --------
    >>> import numpy as np
    >>> truth = SphericalMixture(np.array([[3.0, 0.0, 1.0], [0.0, 2.0, 1.0]]), np.array([0.4, 0.6]), 0.25)
    >>> samples, _ = truth.sample(100_000)
    >>> found = fit_spherical_mixture(samples, 2).model
    >>> match_components(found.centres, truth.centres).error < 0.03
    True
    """
    array = _check_samples(samples)
    check_count("components", components, 1, array.shape[1])
    mean, covariance = _mean_and_covariance(array)
    if variance is None:
        variance = _smallest_eigenvalues(covariance, components)
    white = whitening(_second_moment(mean, covariance, check_number("variance", variance)), components)
    third = mixture_third_moment(array, variance, white.whitener)
    fitted = tensor_power(third, components, settings=settings, seed=seed)
    found = white.unwhiten(fitted.model)
    model = SphericalMixture(found.vectors, found.weights / found.weights.sum(), variance)
    return Fitted(model, fitted.status, fitted.history)


def _check_samples(samples: ArrayLike) -> Array:
    array = as_real_array("samples", samples, 2)
    if len(array) <= array.shape[1]:
        raise ValueError(f"samples has shape {array.shape}, expected more samples (rows) than coordinates (columns)")
    return array


def _mean_and_covariance(samples: Array) -> tuple[Array, Array]:
    """Mean and covariance (divided by n), centred before the products so that a mean far away costs no accuracy."""
    count, size = samples.shape
    mean: Array = samples.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((size, size))
    step = max(1, CHUNK_ENTRIES // size)
    for start in range(0, count, step):
        chunk = samples[start : start + step] - mean
        covariance += chunk.T @ chunk
    return mean, covariance / count


def _smallest_eigenvalues(covariance: Array, components: int) -> float:
    last = len(covariance) - components
    values = scipy.linalg.eigh(covariance, eigvals_only=True, subset_by_index=(0, last))
    return max(float(values.mean()), 0.0)


def _second_moment(mean: Array, covariance: Array, variance: float) -> Array:
    moment: Array = covariance + np.outer(mean, mean) - variance * np.eye(len(mean))
    return moment
