"""Losses of generalized CP decompositions: negative log-likelihoods of the data given the entries of a model.

The eight of Table 1 in Hong, Kolda and Duersch, "Generalized canonical polyadic tensor decomposition", SIAM Review 62
(2020), arXiv:1808.07452: x is an entry of the data, m that of the model, terms without m are left out. ε = 10⁻¹⁰, as
there, keeps logarithms and quotients finite at m = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from scipy.special import expit

from mmdiscover.decompositions.arguments import check_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EPSILON = 1e-10
"""ε of the paper."""
LARGEST_LOG = 53 * log(2)
"""Up to here e^m is taken as it is; counts above 2⁵³ are no exact numbers, and e^m must not overflow on the way."""


class Loss(Protocol):
    """What a loss of one's own must have; all methods work entry by entry on arrays of one shape."""

    @property
    def name(self) -> str:
        """Of the loss, for errors."""

    @property
    def lower(self) -> float:
        """Lower bound of m: 0, which holds the factors nonnegative, or −inf."""

    @property
    def domain(self) -> str:
        """What x may be, in words, for errors."""

    def allowed(self, x: Array) -> NDArray[np.bool_]:
        """Where x is in the domain."""

    def value(self, x: Array, m: Array) -> Array:
        """f(x, m)."""

    def derivative(self, x: Array, m: Array) -> Array:
        """∂f/∂m."""

    def scale(self, x: Array, weights: Array | None) -> float:
        """A typical size of m for such data, to which random starts are scaled."""


class Likelihood(Loss, Protocol):
    """A loss that comes from a distribution; the eight in this file are such."""

    def mean(self, m: Array) -> Array:
        """Expected x: the inverse of the link function, in terms of the mean."""

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Independent draws of x, one for each entry of m."""


class _Nonnegative:
    """x ≥ 0 and m ≥ 0 with m the mean of x."""

    lower: ClassVar[float] = 0.0
    domain: ClassVar[str] = "numbers >= 0"

    def allowed(self, x: Array) -> NDArray[np.bool_]:
        return x >= 0

    def mean(self, m: Array) -> Array:
        return m

    def scale(self, x: Array, weights: Array | None) -> float:
        return float(np.average(x, weights=weights))


class _Counts(_Nonnegative):
    domain: ClassVar[str] = "counts 0, 1, 2, …"

    def allowed(self, x: Array) -> NDArray[np.bool_]:
        counts: NDArray[np.bool_] = (x >= 0) & (x == np.floor(x))
        return counts


class _Binary(_Nonnegative):
    domain: ClassVar[str] = "0 or 1"

    def allowed(self, x: Array) -> NDArray[np.bool_]:
        binary: NDArray[np.bool_] = (x == 0) | (x == 1)
        return binary


@dataclass(frozen=True)
class Gaussian:
    """(x − m)²: x ~ N(m, σ²).

    Parameters
    ----------
    deviation : float
        σ of what is sampled; it does not change the fit.
    """

    deviation: float = 1.0
    name: ClassVar[str] = "Gaussian"
    lower: ClassVar[float] = -inf
    domain: ClassVar[str] = "any number"

    def __post_init__(self) -> None:
        check_number("deviation", self.deviation)

    def allowed(self, x: Array) -> NDArray[np.bool_]:
        """Everywhere."""
        return np.isfinite(x)

    def value(self, x: Array, m: Array) -> Array:
        """(x − m)²."""
        difference = m - x
        return difference * difference

    def derivative(self, x: Array, m: Array) -> Array:
        """2(m − x)."""
        return 2 * (m - x)

    def scale(self, x: Array, weights: Array | None) -> float:
        """Root mean square of the data."""
        return float(np.sqrt(np.average(x * x, weights=weights)))

    def mean(self, m: Array) -> Array:
        """The entry m itself."""
        return m

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Normal, with mean m."""
        return m + self.deviation * rng.standard_normal(m.shape)


@dataclass(frozen=True)
class Gamma(_Nonnegative):
    """x/(m + ε) + log(m + ε): x ~ Gamma with mean m, for positive data.

    A zero is let in (data may be rounded), but it has density zero, and only ε keeps its loss from falling for ever.

    Parameters
    ----------
    shape : float
        k of what is sampled; it does not change the fit.
    """

    shape: float = 1.0
    name: ClassVar[str] = "Gamma"

    def __post_init__(self) -> None:
        check_number("shape", self.shape, above=True)

    def value(self, x: Array, m: Array) -> Array:
        """x/(m + ε) + log(m + ε)."""
        shifted = m + EPSILON
        return x / shifted + np.log(shifted)

    def derivative(self, x: Array, m: Array) -> Array:
        """(1 − x/(m + ε)) / (m + ε)."""
        inverse = 1 / (m + EPSILON)
        return (1 - x * inverse) * inverse

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Of shape k and scale m/k."""
        return rng.gamma(self.shape, m / self.shape)


@dataclass(frozen=True)
class Rayleigh(_Nonnegative):
    """2 log(m + ε) + (π/4)(x/(m + ε))²: x ~ Rayleigh with mean m; on zeros see `Gamma`."""

    name: ClassVar[str] = "Rayleigh"

    def value(self, x: Array, m: Array) -> Array:
        """2 log(m + ε) + (π/4)(x/(m + ε))²."""
        shifted = m + EPSILON
        quotient = x / shifted
        return 2 * np.log(shifted) + (np.pi / 4) * (quotient * quotient)

    def derivative(self, x: Array, m: Array) -> Array:
        """(2 − (π/2)(x/(m + ε))²) / (m + ε)."""
        inverse = 1 / (m + EPSILON)
        quotient = x * inverse
        return (2 - (np.pi / 2) * (quotient * quotient)) * inverse

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Of scale m √(2/π)."""
        return np.asarray(rng.rayleigh(m * np.sqrt(2 / np.pi)))


@dataclass(frozen=True)
class Poisson(_Counts):
    """m − x log(m + ε): x ~ Poisson(m), identity link."""

    name: ClassVar[str] = "Poisson"

    def value(self, x: Array, m: Array) -> Array:
        """The difference m − x log(m + ε)."""
        loss: Array = m - x * np.log(m + EPSILON)
        return loss

    def derivative(self, x: Array, m: Array) -> Array:
        """1 − x/(m + ε)."""
        return 1 - x / (m + EPSILON)

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Counts with mean m."""
        return rng.poisson(m).astype(np.float64)


@dataclass(frozen=True)
class PoissonLog(_Counts):
    """e^m − xm: x ~ Poisson(e^m), log link.

    Above e^m = 2⁵³ the exponential goes on along its tangent: no overflow, and still one convex smooth function.
    """

    name: ClassVar[str] = "Poisson with log link"
    lower: ClassVar[float] = -inf

    def value(self, x: Array, m: Array) -> Array:
        """e^m − xm."""
        capped = np.minimum(m, LARGEST_LOG)
        return np.exp(capped) * (1 + (m - capped)) - x * m

    def derivative(self, x: Array, m: Array) -> Array:
        """e^m − x."""
        return np.exp(np.minimum(m, LARGEST_LOG)) - x

    def scale(self, x: Array, weights: Array | None) -> float:
        """1: the products in a random model have long tails, which e^m makes longer."""
        del x, weights
        return 1.0

    def mean(self, m: Array) -> Array:
        """e^m."""
        return np.exp(m)

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Counts with mean e^m."""
        return rng.poisson(np.exp(m)).astype(np.float64)


@dataclass(frozen=True)
class BernoulliOdds(_Binary):
    """log(1 + m) − x log(m + ε): x is 1 with odds m = ρ/(1 − ρ)."""

    name: ClassVar[str] = "Bernoulli (odds)"

    def value(self, x: Array, m: Array) -> Array:
        """log(1 + m) − x log(m + ε)."""
        return np.log1p(m) - x * np.log(m + EPSILON)

    def derivative(self, x: Array, m: Array) -> Array:
        """1/(1 + m) − x/(m + ε)."""
        return 1 / (1 + m) - x / (m + EPSILON)

    def scale(self, x: Array, weights: Array | None) -> float:
        """Odds of the share of ones; at most 100."""
        share = float(np.average(x, weights=weights))
        return share / max(1 - share, 0.01)

    def mean(self, m: Array) -> Array:
        """ρ = m/(1 + m)."""
        return m / (1 + m)

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Zeros and ones."""
        return (rng.random(m.shape) < self.mean(m)).astype(np.float64)


@dataclass(frozen=True)
class BernoulliLogit(_Binary):
    """log(1 + e^m) − xm: x is 1 with log-odds m = log(ρ/(1 − ρ))."""

    name: ClassVar[str] = "Bernoulli (logit)"
    lower: ClassVar[float] = -inf

    def value(self, x: Array, m: Array) -> Array:
        """log(1 + e^m) − xm."""
        return np.logaddexp(0, m) - x * m

    def derivative(self, x: Array, m: Array) -> Array:
        """ρ − x."""
        return self.mean(m) - x

    def scale(self, x: Array, weights: Array | None) -> float:
        """1."""
        del x, weights
        return 1.0

    def mean(self, m: Array) -> Array:
        """ρ = 1/(1 + e^−m)."""
        return np.asarray(expit(m))

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Zeros and ones."""
        return (rng.random(m.shape) < self.mean(m)).astype(np.float64)


@dataclass(frozen=True)
class NegativeBinomial(_Counts):
    """(r + x) log(1 + m) − x log(m + ε): x successes, of odds m = ρ/(1 − ρ) each, before the r-th failure.

    Parameters
    ----------
    failures : float
        r > 0.
    """

    failures: float = 1.0
    name: ClassVar[str] = "negative binomial"

    def __post_init__(self) -> None:
        check_number("failures", self.failures, above=True)

    def value(self, x: Array, m: Array) -> Array:
        """(r + x) log(1 + m) − x log(m + ε)."""
        return (self.failures + x) * np.log1p(m) - x * np.log(m + EPSILON)

    def derivative(self, x: Array, m: Array) -> Array:
        """(r + x)/(1 + m) − x/(m + ε)."""
        return (self.failures + x) / (1 + m) - x / (m + EPSILON)

    def scale(self, x: Array, weights: Array | None) -> float:
        """Mean of the data over r."""
        return float(np.average(x, weights=weights)) / self.failures

    def mean(self, m: Array) -> Array:
        """The mean rm."""
        return self.failures * m

    def sample(self, m: Array, rng: np.random.Generator) -> Array:
        """Counts with mean rm and variance rm(1 + m)."""
        return rng.negative_binomial(self.failures, 1 / (1 + m)).astype(np.float64)
