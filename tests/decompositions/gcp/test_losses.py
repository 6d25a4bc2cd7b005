from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from mmdiscover.decompositions.gcp.losses import (
    BernoulliLogit,
    BernoulliOdds,
    Gamma,
    Gaussian,
    Likelihood,
    NegativeBinomial,
    Poisson,
    PoissonLog,
    Rayleigh,
)
from tests.decompositions.gcp.planted import LOSSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.decompositions.arguments import Array

LOG_DENSITIES: dict[str, Callable[[Any, Any], Any]] = {
    # Gaussian with 2σ² = 1, and Gamma with k = 1: with other constants the loss is the likelihood up to a factor.
    "Gaussian": lambda x, m: stats.norm.logpdf(x, m, np.sqrt(0.5)),
    "Gamma": lambda x, m: stats.gamma.logpdf(x, 1, scale=m),
    "Rayleigh": lambda x, m: stats.rayleigh.logpdf(x, scale=m * np.sqrt(2 / np.pi)),
    "Poisson": stats.poisson.logpmf,
    "Poisson with log link": lambda x, m: stats.poisson.logpmf(x, np.exp(m)),
    "Bernoulli (odds)": lambda x, m: stats.bernoulli.logpmf(x, m / (1 + m)),
    "Bernoulli (logit)": lambda x, m: stats.bernoulli.logpmf(x, np.exp(m) / (1 + np.exp(m))),
    "negative binomial": lambda x, m: stats.nbinom.logpmf(x, 3.0, 1 / (1 + m)),
}


def cases(loss: Likelihood, rng: np.random.Generator) -> tuple[Array, Array]:
    """Every size of m, with data that such an m makes."""
    m = 10 ** rng.uniform(-2, 1.5, 300) if loss.lower == 0 else rng.uniform(-4, 4, 300)
    return loss.sample(m, rng), m


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_loss_is_the_negative_log_likelihood(loss: Likelihood) -> None:
    x, m = cases(loss, np.random.default_rng(0))
    other = m[::-1]
    expected = LOG_DENSITIES[loss.name](x, other) - LOG_DENSITIES[loss.name](x, m)
    np.testing.assert_allclose(loss.value(x, m) - loss.value(x, other), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_derivative_is_that_of_finite_differences(loss: Likelihood) -> None:
    x, m = cases(loss, np.random.default_rng(1))
    h = 2e-3 * np.minimum(np.abs(m), 1.0)
    near = loss.value(x, m + h) - loss.value(x, m - h)
    far = loss.value(x, m + 2 * h) - loss.value(x, m - 2 * h)
    derivative = loss.derivative(x, m)
    scale = np.abs(derivative) + np.abs(loss.value(x, m)) * 1e-3
    assert np.max(np.abs((8 * near - far) / (12 * h) - derivative) / scale) < 1e-6


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_samples_have_the_mean_and_the_mean_minimizes_the_expected_loss(loss: Likelihood) -> None:
    m = np.full(200_000, 0.7)
    x = loss.sample(m, np.random.default_rng(2))
    assert loss.allowed(x).all()
    error = np.std(x) / np.sqrt(len(x))
    assert abs(x.mean() - loss.mean(m)[0]) < 4 * error
    slope = loss.derivative(x, m)
    assert abs(slope.mean()) < 4 * np.std(slope) / np.sqrt(len(x))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_everything_is_finite_at_the_bound_and_far_out(loss: Likelihood) -> None:
    m = np.array([0.0, 1e-300, 1e-10, 1e5]) if loss.lower == 0 else np.array([-1e5, -800.0, 0.0, 800.0, 1e5])
    for number in (0.0, 1.0):
        x = np.full_like(m, number)
        assert np.isfinite(loss.value(x, m)).all()
        assert np.isfinite(loss.derivative(x, m)).all()


def test_logistic_loss_keeps_its_digits() -> None:
    m = np.array([-40.0, 40.0])
    np.testing.assert_allclose(BernoulliLogit().value(np.array([0.0, 0.0]), m), [np.exp(-40.0), 40.0], rtol=1e-14)
    np.testing.assert_allclose(BernoulliLogit().derivative(np.zeros(2), m), [np.exp(-40.0), 1.0], rtol=1e-14)
    np.testing.assert_allclose(BernoulliOdds().value(np.zeros(1), np.array([1e-20])), [1e-20], rtol=1e-14)


@pytest.mark.parametrize(
    ("loss", "allowed", "forbidden"),
    [
        (Gaussian(), [-1.5, 0, 2], []),
        (Gamma(), [0, 1.5], [-0.1]),
        (Rayleigh(), [0, 1.5], [-0.1]),
        (Poisson(), [0, 7], [-1, 0.5]),
        (PoissonLog(), [0, 7], [-1, 0.5]),
        (BernoulliOdds(), [0, 1], [-1, 0.5, 2]),
        (BernoulliLogit(), [0, 1], [-1, 0.5, 2]),
        (NegativeBinomial(), [0, 7], [-1, 0.5]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_domains(loss: Likelihood, allowed: list[float], forbidden: list[float]) -> None:
    assert loss.allowed(np.array(allowed, dtype=float)).all()
    assert not loss.allowed(np.array(forbidden, dtype=float)).any()


@pytest.mark.parametrize(("make", "value"), [(Gaussian, -1.0), (Gamma, 0.0), (NegativeBinomial, 0.0)])
def test_constants_of_distributions_are_checked(make: Callable[[float], Likelihood], value: float) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        make(value)
