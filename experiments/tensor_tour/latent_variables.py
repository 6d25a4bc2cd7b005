"""Gaussian mixtures and topics learnt from samples by the method of moments: how errors fall with samples."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from experiments.charts import BLUE, GREY, ORANGE, figure, save
from experiments.provenance import table
from mmdiscover.decompositions import (
    SphericalMixture,
    TopicModel,
    WeakSignalWarning,
    fit_spherical_mixture,
    fit_topics,
    fit_unequal_spherical_mixture,
    match_components,
)
from mmdiscover.decompositions.outcome import NotConvergedWarning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

WORDS = 10
"""Of each document."""


class Fit(Protocol):
    """From samples to vectors of components."""

    def __call__(self, samples: Any, /) -> Any:
        """The components, in rows."""


@dataclass(frozen=True)
class Errors:
    """Errors of one estimate, for numbers of samples in columns and seeds in rows."""

    sizes: Sequence[int]
    moments: NDArray[np.float64]
    known: NDArray[np.float64]
    """Of the mean of the samples of each component, were the components known."""
    warned: NDArray[np.bool_]
    """Where the fit warned: of a second moment within the noise, or of power iterations that do not converge."""

    @property
    def slope(self) -> float:
        """Of the line through the logarithms of the mean errors."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.moments).mean(axis=0), 1)[0])

    def last_slope(self) -> float:
        """Between the last two numbers of samples."""
        logs = np.log(self.moments).mean(axis=0)
        return float((logs[-1] - logs[-2]) / np.log(self.sizes[-1] / self.sizes[-2]))


def mixture(variances: float | Sequence[float] = 1.0) -> SphericalMixture:
    """Five components in twenty dimensions; entries of the centres are standard normal."""
    centres = np.random.default_rng(1).standard_normal((5, 20))
    return SphericalMixture(centres, np.array([0.1, 0.15, 0.2, 0.25, 0.3]), np.asarray(variances))


def topics() -> TopicModel:
    """Ten topics over a hundred words, a few of them frequent in each topic."""
    rng = np.random.default_rng(1)
    return TopicModel(rng.dirichlet(np.full(100, 0.1), 10), rng.dirichlet(np.full(10, 10.0)))


def mixture_errors(truth: SphericalMixture, fit: Fit, sizes: Sequence[int], seeds: int) -> Errors:
    """Fit every number of samples of every seed."""

    def trial(size: int, seed: int) -> tuple[float, float, bool]:
        samples, labels = truth.sample(size, seed=seed)
        known = [samples[labels == label].mean(axis=0) for label in range(len(truth.weights))]
        found, warned = _fit(fit, samples)
        return match_components(found, truth.centres).error, match_components(known, truth.centres).error, warned

    return _all(trial, sizes, seeds)


def topic_errors(truth: TopicModel, sizes: Sequence[int], seeds: int) -> Errors:
    """Fit every number of documents of every seed."""

    def trial(size: int, seed: int) -> tuple[float, float, bool]:
        counts, labels = truth.sample(size, WORDS, seed=seed)
        totals = np.array([counts[labels == label].sum(axis=0) for label in range(len(truth.weights))])
        known = totals / totals.sum(axis=1, keepdims=True)
        found, warned = _fit(lambda counts: fit_topics(counts, 10).model.topics, counts)
        return match_components(found, truth.topics).error, match_components(known, truth.topics).error, warned

    return _all(trial, sizes, seeds)


def _fit(fit: Fit, samples: Any) -> tuple[Any, bool]:
    with warnings.catch_warnings(record=True) as caught:
        for category in (WeakSignalWarning, NotConvergedWarning):
            warnings.simplefilter("always", category)
        found = fit(samples)
    return found, bool(caught)


def _all(trial: Any, sizes: Sequence[int], seeds: int) -> Errors:
    results = np.array([[trial(size, 100 * seed + index) for index, size in enumerate(sizes)] for seed in range(seeds)])
    return Errors(sizes, results[..., 0], results[..., 1], results[..., 2].astype(bool))


def run(pictures: Path) -> list[str]:
    """Measure, draw, and describe."""
    sizes = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
    equal = mixture_errors(mixture(), lambda x: fit_spherical_mixture(x, 5).model.centres, sizes, seeds=3)
    documents = topic_errors(topics(), (1000, 3000, 10_000, 30_000, 100_000, 200_000), seeds=3)
    different = mixture((0.25, 0.5, 1.0, 1.5, 2.0))
    own = mixture_errors(different, lambda x: fit_unequal_spherical_mixture(x, 5).model.centres, sizes[:-1], seeds=3)
    common = mixture_errors(different, lambda x: fit_spherical_mixture(x, 5).model.centres, sizes[:-2], seeds=3)
    _draw(equal, documents, own, common, pictures)
    return _report(equal, documents, own, common)


def _draw(equal: Errors, documents: Errors, own: Errors, common: Errors, pictures: Path) -> None:
    drawn, (left, middle, right) = figure(12, 4, columns=3)
    _panel(left, equal, "5 centres in 20 dimensions, variance 1", "samples")
    left.set_ylabel("error (root mean square distance)")
    _panel(middle, documents, f"10 topics over 100 words, {WORDS} words each", "documents")
    middle.set_ylim(1e-3, 1e-1)
    _panel(right, own, "5 centres, variances from 0.25 to 2", "samples")
    right.plot(common.sizes, _means(common), "s-", color=GREY, markersize=4, label="one variance assumed")
    for panel in (left, middle, right):
        panel.legend(frameon=False, fontsize=8)
    save(drawn, pictures / "tensor_tour_latent_variables_errors.png")


def _means(errors: Errors) -> NDArray[np.float64]:
    means: NDArray[np.float64] = np.exp(np.log(errors.moments).mean(axis=0))
    return means


def _signed(number: float) -> str:
    return f"{number:.2f}".replace("-", "−")


def _panel(panel: Axes, errors: Errors, title: str, unit: str) -> None:
    sizes, means = np.array(errors.sizes), _means(errors)
    for row in errors.moments:
        panel.plot(sizes, row, ".", color=BLUE, alpha=0.4)
    panel.plot(sizes, means, "-", color=BLUE, label=f"moments (slope {_signed(errors.slope)})")
    anchor = np.exp(np.mean(np.log(means * np.sqrt(sizes))))
    panel.plot(sizes, anchor / np.sqrt(sizes), "--", color="black", linewidth=0.8, label="slope −1/2")
    known = np.exp(np.log(errors.known).mean(axis=0))
    panel.plot(sizes, known, "-", color=ORANGE, label="components known")
    panel.set(xscale="log", yscale="log", xlabel=unit)
    panel.set_title(title, fontsize=10)


def _report(equal: Errors, documents: Errors, own: Errors, common: Errors) -> list[str]:
    names = ("mixture, one variance", "topics", "mixture, own variances", "the same, one variance assumed")
    rows = []
    for name, errors in zip(names, (equal, documents, own, common), strict=True):
        means, known = _means(errors), np.exp(np.log(errors.known).mean(axis=0))
        warned = f"{errors.warned.sum()} of {errors.warned.size}"
        figures = (f"{means[0]:.3g}", f"{errors.sizes[-1]:,}", f"{means[-1]:.3g}", f"{means[-1] / known[-1]:.1f}")
        rows.append((name, *figures, _signed(errors.slope), _signed(errors.last_slope()), warned))
    return [
        "## Latent variables: mixtures and topics by the method of moments",
        "",
        "Second and third moments are estimated from samples and whitened directly (no d × d × d array), the robust",
        "tensor power method takes the k × k × k tensor apart, and components are matched with the true ones by an",
        "optimal assignment. The error is the root mean square distance of centres, or of topics as probability",
        "vectors; figures are geometric means over three seeds.",
        "",
        *table(
            (
                "model",
                "error at 1,000",
                "largest n",
                "error there",
                "times that of known components",
                "slope",
                "last slope",
                "fits that warned",
            ),
            rows,
        ),
        "",
        "A slope of −1/2 is an error like 1/√n. “Known components” is the mean of the samples of each true component,",
        "which needs to know where each sample came from. Fits warn where the second moment does not stand out of the",
        "noise, or the power iterations do not converge. The last row shows what a wrong assumption does: with",
        "variances that differ, the correction for one common variance is biased, and more samples do not help.",
        "",
        "![Errors against samples](tensor_tour_latent_variables_errors.png)",
    ]
