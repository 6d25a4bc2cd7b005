"""Generalized CP: counts with the Poisson loss and with least squares, and planted terms under all losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from experiments.charts import BLUE, GREY, ORANGE, figure, save
from experiments.provenance import table
from mmdiscover.decompositions.cp.comparison import factor_match_score
from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.gcp.fit import generalized_cp
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.outcome import Fitted

EVENTS = (4000, 1500, 500)
STARTS = 5
PICTURE = "tensor_tour_generalized_cp_counts.png"
LOSSES: tuple[Likelihood, ...] = (
    Gaussian(0.3),
    Gamma(3.0),
    Rayleigh(),
    Poisson(),
    PoissonLog(),
    BernoulliOdds(),
    BernoulliLogit(),
    NegativeBinomial(3.0),
)


def bumps(size: int, centres: Sequence[float], widths: Sequence[float]) -> Array:
    """Smooth columns that sum to one."""
    places = np.linspace(0, 1, size)[:, None]
    columns: Array = np.exp(-(((places - np.array(centres)) / np.array(widths)) ** 2) / 2)
    columns /= columns.sum(axis=0)
    return columns


def planted_counts() -> tuple[CPTensor, Array]:
    """Three smooth terms with different numbers of expected events, and events drawn from them."""
    truth = CPTensor(
        (
            bumps(60, (0.25, 0.5, 0.8), (0.05, 0.12, 0.08)),
            bumps(50, (0.7, 0.35, 0.6), (0.1, 0.06, 0.15)),
            bumps(40, (0.2, 0.6, 0.75), (0.08, 0.2, 0.06)),
        ),
        np.array(EVENTS, dtype=np.float64),
    )
    return truth, Poisson().sample(truth.to_full(), np.random.default_rng(0))


def planted(loss: Likelihood, shape: Sequence[int], rank: int, size: float) -> tuple[CPTensor, Array]:
    """Random terms whose entries have a root mean square, and data drawn from them."""
    rng = np.random.default_rng(1)
    factors = [
        rng.gamma(1.0, 1.0, (length, rank)) + 0.05 if loss.lower == 0 else rng.standard_normal((length, rank))
        for length in shape
    ]
    terms = CPTensor(tuple(factor / np.linalg.norm(factor, axis=0) for factor in factors))
    truth = CPTensor(terms.factors, np.full(rank, size * np.sqrt(np.prod(shape)) / terms.norm()))
    return truth, loss.sample(truth.to_full(), rng)


def best_fit(x: Array, rank: int, loss: Likelihood) -> Fitted[CPTensor]:
    """The fit with the lowest objective from several starts."""
    return min((generalized_cp(x, rank, loss, seed=seed) for seed in range(STARTS)), key=lambda fit: fit.objective)


def paired(model: CPTensor, truth: CPTensor) -> list[Array]:
    """Unit columns in the order and with the signs that suit those of the truth."""
    units = [factor / np.linalg.norm(factor, axis=0) for factor in model.factors]
    cosines = [
        unit.T @ (factor / np.linalg.norm(factor, axis=0)) for unit, factor in zip(units, truth.factors, strict=True)
    ]
    rows, columns = linear_sum_assignment(np.abs(np.prod(cosines, axis=0)), maximize=True)
    order = rows[np.argsort(columns)]
    return [
        unit[:, order] * np.sign(cosine[order, np.arange(len(order))])
        for unit, cosine in zip(units, cosines, strict=True)
    ]


def draw(truth: CPTensor, fits: dict[str, CPTensor], path: Path) -> None:
    """Columns of all factors: one row of panels for each mode, one column for each term."""
    drawn, panels = figure(9.5, 6.5, 3, truth.rank)
    exact = [factor / np.linalg.norm(factor, axis=0) for factor in truth.factors]
    models = {name: paired(model, truth) for name, model in fits.items()}
    for mode, factor in enumerate(exact):
        for term in range(truth.rank):
            panel = panels[mode * truth.rank + term]
            panel.plot(factor[:, term], color=GREY, linewidth=5, alpha=0.5, label="planted")
            for (name, model), colour in zip(models.items(), (ORANGE, BLUE), strict=True):
                panel.plot(model[mode][:, term], color=colour, linewidth=1.4, label=name)
            if mode == 0:
                panel.set_title(f"{EVENTS[term]} expected events", fontsize=10)
            if term == 0:
                panel.set_ylabel(f"mode {mode}")
    panels[-truth.rank + truth.rank // 2].set_xlabel("index")
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    save(drawn, path)


def run(pictures: Path) -> list[str]:
    """Fit, draw, and say what came out."""
    truth, counts = planted_counts()
    poisson, gaussian = best_fit(counts, truth.rank, Poisson()), best_fit(counts, truth.rank, Gaussian())
    draw(truth, {"least squares": gaussian.model, "Poisson": poisson.model}, pictures / PICTURE)
    rows = []
    for loss in LOSSES:
        planted_truth, x = planted(loss, (30, 31, 32), 3, 1.0 if isinstance(loss, PoissonLog) else 3.0)
        fit = generalized_cp(x, 3, loss)
        gain = float(loss.value(x, planted_truth.to_full()).sum()) - fit.objective
        rows.append(
            (
                loss.name,
                f"{gain:.1f}",
                f"{factor_match_score(fit.model, planted_truth):.4f}",
                fit.iterations,
                fit.status,
            )
        )
    scores = [factor_match_score(fit.model, truth) for fit in (poisson, gaussian)]
    data = (
        f"{sum(EVENTS)} expected events in a tensor of {' × '.join(map(str, truth.shape))} cells, from three planted "
        f"terms; {(counts > 0).mean():.1%} of the cells are not zero and the largest count is {counts.max():.0f}. Fits "
        f"with the Poisson loss (nonnegative) and by least squares, each the best of {STARTS} starts by its own "
        f"objective. Factor match score (mean cosine between paired terms): {scores[0]:.3f} with the Poisson loss, "
        f"{scores[1]:.3f} by least squares, which spends its third term on the noise of the largest one."
    )
    explanation = (
        "Data of 30 × 31 × 32 cells drawn from three planted random terms under each loss, and one fit from one start. "
        "Gain: how much lower the objective of the fit is than that of the planted terms; a local minimum that misses "
        "a term would show as a negative one."
    )
    return [
        "## Generalized CP: the loss should suit the data",
        "",
        data,
        "",
        f"![Columns of the planted factors and of both fits]({PICTURE})",
        "",
        explanation,
        "",
        *table(("loss", "gain", "factor match score", "iterations", "ended"), rows),
        "",
    ]
