"""Mixtures of spherical Gaussians, learnt by the method of moments.

Hsu and Kakade, Learning mixtures of spherical Gaussians: moment methods and spectral decompositions, ITCS 2013,
arXiv:1206.5766; Theorem 3.2 of Anandkumar, Ge, Hsu, Kakade and Telgarsky, JMLR 15 (2014), arXiv:1210.7559.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from mmdiscover.decompositions.arguments import as_real_array, check_count, check_number, frozen
from mmdiscover.decompositions.latent.components import (
    Components,
    as_distribution,
    check_components,
    check_probabilities,
)
from mmdiscover.decompositions.latent.cubes import CHUNK_ENTRIES, sum_of_cubes, symmetrized
from mmdiscover.decompositions.latent.tensor_power import PowerSettings, tensor_power
from mmdiscover.decompositions.latent.whitening import whitening
from mmdiscover.decompositions.outcome import Fitted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed


@dataclass(frozen=True, eq=False)
class SphericalMixture:
    """Σᵢ wᵢ N(μᵢ, σᵢ²I).

    Parameters
    ----------
    centres : array_like, shape (k, d)
        μᵢ in rows.
    weights : array_like, shape (k,)
        Probabilities of the components.
    variances : array_like, shape (k,), or float
        σᵢ², of each coordinate; a single number stands for all components.

    Raises
    ------
    ValueError
        If weights are not positive with the sum 1, a variance is negative, or there are not as many as centres.
    """

    centres: Array
    weights: Array
    variances: Array

    def __post_init__(self) -> None:
        centres, weights = check_components("centres", self.centres, self.weights)
        check_probabilities("weights", weights)
        object.__setattr__(self, "centres", centres)
        object.__setattr__(self, "weights", weights)
        given = np.asarray(self.variances)
        variances = as_real_array("variances", np.full(len(weights), given) if given.ndim == 0 else given, 1)
        if len(variances) != len(weights):
            raise ValueError(f"variances has {len(variances)} entries, expected {len(weights)}, one for each centre")
        if variances.min() < 0:
            raise ValueError(f"variances has the entry {variances.min():.3g}, expected numbers >= 0")
        object.__setattr__(self, "variances", frozen(variances))

    @property
    def components(self) -> Components:
        """Centres and weights, with their exact moments M₂ and M₃."""
        return Components(self.centres, self.weights)

    def sample(self, count: int, *, seed: Seed = 0) -> tuple[Array, NDArray[np.intp]]:
        """Independent samples, shape (count, d), and the component of each, shape (count,)."""
        check_count("count", count)
        rng = np.random.default_rng(seed)
        labels = rng.choice(len(self.weights), size=count, p=as_distribution(self.weights))
        samples = rng.standard_normal((count, self.centres.shape[1]))
        samples *= np.sqrt(self.variances)[labels, None]
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
    return _noise(_mean_and_covariance(array)[1], components)[0]


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
    return _third_moment(array, variance * array.mean(axis=0, dtype=np.float64), matrix)


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
    independent, so k ≤ d. Centres that span k − 1 dimensions only because the origin lies in their plane (three points
    around it, say) become independent when a fixed vector that points out of the plane is added to all samples.
    Components of different variances need `fit_unequal_spherical_mixture`; here they would leave an error that does
    not fall with n.

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
    >>> from mmdiscover.decompositions import match_components
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
        variance, _ = _noise(covariance, components)
    white = whitening(_second_moment(mean, covariance, check_number("variance", variance)), components)
    third = _third_moment(array, variance * mean, white.whitener)
    fitted = tensor_power(third, components, settings=settings, seed=seed)
    return Fitted(_mixture(white.unwhiten(fitted.model), variance), fitted.status, fitted.history)


def fit_unequal_spherical_mixture(
    samples: ArrayLike, components: int, *, settings: PowerSettings | None = None, seed: Seed = 0
) -> Fitted[SphericalMixture]:
    """The same for components that have variances of their own (arXiv:1206.5766).

    The smallest eigenvalues of the covariance are the mean variance σ̄² = Σ wᵢ σᵢ², for M₂. With V their eigenvectors
    and m the mean, x ‖Vᵀ(x − m)‖² / (d − k + 1) has the mean Σ wᵢ σᵢ² μᵢ, which takes the place of σ² m in M₃ and
    gives the variances in the end. Where variances are in fact equal, it is hardly less accurate than
    `fit_spherical_mixture` if d > k.

    Parameters
    ----------
    samples, components, settings, seed
        As for `fit_spherical_mixture`.

    Returns
    -------
    Fitted[SphericalMixture]
        As of `fit_spherical_mixture`. Variances that come out negative, with few samples, are set to zero.

    Raises
    ------
    ValueError
        As of `fit_spherical_mixture`.

    Warns
    -----
    WeakSignalWarning
        As of `fit_spherical_mixture`.
    """
    array = _check_samples(samples)
    check_count("components", components, 1, array.shape[1])
    mean, covariance = _mean_and_covariance(array)
    mean_variance, directions = _noise(covariance, components)
    white = whitening(_second_moment(mean, covariance, mean_variance), components)
    noise = np.mean((array @ directions - mean @ directions) ** 2, axis=1)
    correction = noise @ array / len(array)
    third = _third_moment(array, correction, white.whitener)
    fitted = tensor_power(third, components, settings=settings, seed=seed)
    # Wᵀ Σ wᵢ σᵢ² μᵢ = Σ √wᵢ σᵢ² vᵢ, and 1/√wᵢ is the eigenvalue.
    variances = fitted.model.eigenvalues * (fitted.model.vectors.T @ (white.whitener.T @ correction))
    model = _mixture(white.unwhiten(fitted.model), np.maximum(variances, 0))
    return Fitted(model, fitted.status, fitted.history)


def _mixture(found: Components, variances: Array | float) -> SphericalMixture:
    return SphericalMixture(found.vectors, found.weights / found.weights.sum(), np.asarray(variances))


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


def _noise(covariance: Array, components: int) -> tuple[float, Array]:
    """Mean of the d − k + 1 smallest eigenvalues, and their eigenvectors."""
    values, vectors = scipy.linalg.eigh(covariance, subset_by_index=(0, len(covariance) - components))
    return max(float(values.mean()), 0.0), vectors


def _second_moment(mean: Array, covariance: Array, variance: float) -> Array:
    moment: Array = covariance + np.outer(mean, mean) - variance * np.eye(len(mean))
    return moment


def _third_moment(samples: Array, correction: Array, projection: Array) -> Array:
    """M₃(W, W, W) with Σ wᵢ σᵢ² μᵢ as the correction."""
    cubes = sum_of_cubes(samples, projection) / len(samples)
    return cubes - symmetrized(np.multiply.outer(correction @ projection, projection.T @ projection))
