from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmdiscover.decompositions import (
    SphericalMixture,
    WeakSignalWarning,
    components_from_moments,
    estimate_variance,
    fit_spherical_mixture,
    fit_unequal_spherical_mixture,
    match_components,
    mixture_second_moment,
    mixture_third_moment,
    whitening,
)
from mmdiscover.decompositions.outcome import Ending
from tests.decompositions.latent.oracles import block_scores, slope


def planted(size: int = 20, components: int = 5, seed: int = 1, variances: Any = 1.0) -> SphericalMixture:
    rng = np.random.default_rng(seed)
    return SphericalMixture(
        rng.standard_normal((components, size)),
        np.arange(1, components + 1) / np.arange(components + 1).sum(),
        variances,
    )


def test_moments_are_their_definition() -> None:
    samples = np.random.default_rng(0).normal([1.0, -2.0, 0.5], 1, (7, 3))
    mean, identity = samples.mean(axis=0), np.eye(3)
    second = sum(np.outer(x, x) for x in samples) / 7 - 0.3 * identity
    third = sum(np.multiply.outer(np.outer(x, x), x) for x in samples) / 7
    for e in identity:
        for a, b, c in ((mean, e, e), (e, mean, e), (e, e, mean)):
            third = third - 0.3 * np.einsum("i,j,k->ijk", a, b, c)
    np.testing.assert_allclose(mixture_second_moment(samples, 0.3), second, atol=1e-14)
    np.testing.assert_allclose(mixture_third_moment(samples, 0.3), third, atol=1e-14)
    projection = np.random.default_rng(1).standard_normal((3, 2))
    projected = np.einsum("ijk,ia,jb,kc->abc", third, *[projection] * 3)
    np.testing.assert_allclose(mixture_third_moment(samples, 0.3, projection), projected, atol=1e-13)


def test_many_chunks_give_the_same_moments() -> None:
    samples = np.random.default_rng(0).standard_normal((40_000, 20)).astype(np.float32)
    projection = np.random.default_rng(1).standard_normal((20, 5))
    rows = samples.astype(np.float64) @ projection
    expected = np.einsum("na,nb,nc->abc", rows, rows, rows) / len(rows)
    np.testing.assert_allclose(mixture_third_moment(samples, 0.0, projection), expected, atol=1e-10)
    expected = samples.astype(np.float64).T @ samples.astype(np.float64) / len(samples)
    np.testing.assert_allclose(mixture_second_moment(samples, 0.0), expected, atol=1e-12)


def test_moments_are_unbiased() -> None:
    truth = planted(3, 2, variances=0.5)
    samples, _ = truth.sample(80_000, seed=5)
    blocks = samples.reshape(4000, 20, 3)
    for estimate, exact in (
        (mixture_second_moment, truth.components.second_moment()),
        (mixture_third_moment, truth.components.third_moment()),
    ):
        scores = block_scores([estimate(block, 0.5) for block in blocks], exact)
        assert np.abs(scores).max() < 4
        # The scores can tell: a variance that is 5 percent off shows.
        assert np.abs(block_scores([estimate(block, 0.475) for block in blocks], exact)).max() > 6


def test_samples_follow_the_model() -> None:
    truth = planted(4, 3, variances=[0.1, 0.5, 2.0])
    samples, labels = truth.sample(60_000, seed=2)
    np.testing.assert_allclose(np.bincount(labels) / 60_000, truth.weights, atol=0.01)
    for component, (centre, variance) in enumerate(zip(truth.centres, truth.variances, strict=True)):
        own = samples[labels == component]
        np.testing.assert_allclose(own.mean(axis=0), centre, atol=0.05)
        np.testing.assert_allclose(np.cov(own.T), variance * np.eye(4), atol=0.08)
    np.testing.assert_array_equal(truth.sample(10, seed=2)[0], truth.sample(10, seed=2)[0])


def test_variance_is_the_mean_of_the_eigenvalues_that_are_noise() -> None:
    samples, _ = planted().sample(2000, seed=0)
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(samples.T, ddof=0)))
    assert estimate_variance(samples, 5) == pytest.approx(eigenvalues[:16].mean())
    assert abs(estimate_variance(samples, 5) - 1) < abs(eigenvalues[0] - 1) / 4


def test_five_centres_in_twenty_dimensions_with_errors_like_one_over_root_n() -> None:
    truth = planted()
    sizes = np.array([4000, 20_000, 100_000, 300_000])
    errors = np.empty((2, len(sizes)))
    for seed in range(len(errors)):
        samples, _ = truth.sample(sizes[-1], seed=seed)
        for column, size in enumerate(sizes):
            fitted = fit_spherical_mixture(samples[:size], 5)
            matching = match_components(fitted.model.centres, truth.centres)
            errors[seed, column] = matching.error
            assert fitted.status is Ending.CONVERGED
            if size == sizes[-1]:
                np.testing.assert_allclose(fitted.model.weights[matching.order], truth.weights, atol=0.01)
                np.testing.assert_allclose(fitted.model.variances, 1, atol=0.005)
    assert errors[:, -1].max() < 0.05
    assert -0.6 < slope(sizes, errors) < -0.4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_is_the_decomposition_of_the_dense_moments(dtype: Any) -> None:
    samples = planted(6, 3).sample(5000)[0].astype(dtype)
    variance = estimate_variance(samples, 3)
    moments = mixture_second_moment(samples, variance), mixture_third_moment(samples, variance)
    dense = components_from_moments(*moments, 3).model
    model = fit_spherical_mixture(samples, 3).model
    matching = match_components(model.centres, dense.vectors)
    assert matching.error < 1e-9
    np.testing.assert_allclose(model.weights[matching.order], dense.weights / dense.weights.sum(), atol=1e-9)


def test_unequal_variances() -> None:
    truth = planted(10, 4, variances=[0.3, 0.6, 1.0, 1.5])
    samples, _ = truth.sample(200_000, seed=0)
    model = fit_unequal_spherical_mixture(samples, 4).model
    matching = match_components(model.centres, truth.centres)
    assert matching.error < 0.06
    np.testing.assert_allclose(model.variances[matching.order], truth.variances, atol=0.05)
    np.testing.assert_allclose(model.weights[matching.order], truth.weights, atol=0.01)
    # One variance for all would be the wrong model.
    assert match_components(fit_spherical_mixture(samples, 4).model.centres, truth.centres).error > 0.2


@pytest.mark.parametrize("fit", [fit_spherical_mixture, fit_unequal_spherical_mixture])
def test_without_noise_recovery_is_exact(fit: Any) -> None:
    truth = planted(6, 6, variances=0.0)
    samples = np.repeat(truth.centres, 7, axis=0)
    model = fit(samples, 6).model
    matching = match_components(model.centres, truth.centres)
    assert matching.error < 1e-10
    np.testing.assert_allclose(model.weights, 1 / 6, atol=1e-10)
    np.testing.assert_allclose(model.variances, 0, atol=1e-10)


def test_known_variance_is_used() -> None:
    samples, _ = planted(5, 5).sample(20_000)
    assert fit_spherical_mixture(samples, 5, variance=0.9).model.variances.tolist() == [0.9] * 5


def test_dependent_centres_are_named_and_a_shift_helps() -> None:
    angles = 2 * np.pi * np.arange(3) / 3
    centres = np.zeros((3, 8))
    centres[:, :2] = 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    samples, _ = SphericalMixture(centres, np.ones(3) / 3, np.array(0.1)).sample(100_000, seed=4)
    with pytest.warns(WeakSignalWarning, match="linearly independent"):
        whitening(mixture_second_moment(samples, 0.1), 3)
    shift = np.eye(8)[2]
    shifted = fit_spherical_mixture(samples + shift, 3).model
    assert match_components(shifted.centres - shift, centres).error < 0.05
    with pytest.raises(ValueError, match="linearly independent"):
        fit_spherical_mixture(np.repeat(centres, 10, axis=0), 3)


@pytest.mark.parametrize(
    ("samples", "components", "message"),
    [
        (np.ones((4, 4)), 2, "more samples .* than coordinates"),
        (np.eye(5, 3), 4, "components is 4, expected an integer of at least 1 and at most 3"),
        (np.eye(5, 3), 0, "components is 0"),
        (np.full((5, 3), np.nan), 2, "samples has 15 NaN"),
        (np.ones(5), 1, "samples has 1 modes"),
        (np.eye(5, 3) * 1j, 1, "samples is complex"),
    ],
)
@pytest.mark.parametrize("method", [fit_spherical_mixture, fit_unequal_spherical_mixture, estimate_variance])
def test_bad_samples_are_named(method: Any, samples: Any, components: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        method(samples, components)


@pytest.mark.parametrize(
    ("centres", "weights", "variances", "message"),
    [
        (np.eye(2), [0.5, 0.6], 1.0, "weights has the sum 1.1"),
        (np.eye(2), [1.0, 0.0], 1.0, "weights has the entry 0"),
        (np.eye(2), [1.0], 1.0, "weights has 1 entries, expected 2, one for each row of centres"),
        (np.eye(2), [0.5, 0.5], -1.0, "variances has the entry -1"),
        (np.eye(2), [0.5, 0.5], [1.0] * 3, "variances has 3 entries, expected 2"),
    ],
)
def test_bad_models_are_named(centres: Any, weights: Any, variances: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SphericalMixture(centres, weights, variances)


def test_bad_arguments_of_moments_are_named() -> None:
    with pytest.raises(ValueError, match="variance is -1"):
        mixture_second_moment(np.eye(3), -1.0)
    with pytest.raises(ValueError, match="projection has 2 rows, expected 3"):
        mixture_third_moment(np.eye(3), 1.0, np.eye(2))


def test_rounded_weights_can_be_drawn_from() -> None:
    samples, _ = SphericalMixture(np.eye(3), np.full(3, 0.3333333), np.ones(3)).sample(10)
    assert samples.shape == (10, 3)
