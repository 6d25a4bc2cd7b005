"""Handwritten digits by tensor trains: accuracy of the classifier and of the layer, and what was tried.

Usage: python -m experiments.digits.run [REPORT.md] [--settings FILE] [--work FOLDER] [--workers N]

Killed and started again, it goes on where it was.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.digits.tasks import LAYER_L2, DenseFit, FrozenFit, KernelFit, LayerFit, LogisticFit, TrainFit
from experiments.provenance import provenance, table, write_report
from experiments.work import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.work import Result, Task

    Fits = dict[str, list[Result]]

HERE = Path(__file__).parent

_INTRODUCTION = """\
scikit-learn's digits: 1797 images of 8 × 8 pixels, scaled to [0, 1], ten classes; 75 % for training, 25 % (450 images)
for testing, stratified, one split for each seed. The tensor-train classifier (`fit_tt_classifier`) is that of
Stoudenmire and Schwab (NeurIPS 2016, arXiv:1605.05775) with features (cos πx/2, sin πx/2); logistic regression is
scikit-learn's on the pixels. *All weights*: ridge regression with the kernel ∏ cos π(xᵢ − yᵢ)/2, which is the same
model with W any 2 × … × 2 × 10 tensor."""

_VARIANTS = """\
Each differs from the chosen settings by what its name says; the chosen ones with five seeds, the others with three.
Times are CPU seconds of a fit on one core of a machine at other work too."""

_LAYERS = f"""\
Hidden layer, ReLU, dense output layer, cross-entropy, l2 {LAYER_L2:g}, L-BFGS (`fit_two_layer_network`). Only the
hidden layer differs: dense, or a matrix in tensor-train form (Novikov et al., NeurIPS 2015, arXiv:1509.06569) whose
columns are 4·4·4 pixels and whose rows are 4·8·8 or 2·4·4 units. Parameters are those of the hidden layer. *Random*:
the output layer alone is fitted."""


def percent(results: Sequence[Result], key: str = "test") -> list[str]:
    """Each share in percent, then their mean and the least."""
    shares = [100 * result[key] for result in results]
    return [*(f"{share:.1f}" for share in shares), f"**{np.mean(shares):.2f}**", f"{min(shares):.1f}"]


def mean(results: Sequence[Result], key: str) -> float:
    """The mean of a figure."""
    return float(np.mean([result[key] for result in results]))


def train(base: dict[str, Any], variant: dict[str, Any], seed: int) -> TrainFit:
    """The fit of a variant, what it leaves out taken from the first settings."""
    return TrainFit(seed, **{key: value for key, value in (base | variant).items() if key != "name"})


def network(layer: dict[str, Any], seed: int) -> Task:
    """The fit of a network with this hidden layer."""
    if "rank" in layer:
        return LayerFit(seed, tuple(layer["row_shape"]), tuple(layer["column_shape"]), layer["rank"])
    return (FrozenFit if layer.get("frozen") else DenseFit)(seed, layer["hidden"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all fits and write the report."""
    chosen = options(HERE, arguments)
    settings: dict[str, Any] = tomllib.loads(chosen.settings.read_text(encoding="utf-8"))
    work, seeds = chosen.begin(), settings["seeds"]
    base, variants = settings["classifier"][0], settings["classifier"][1:]
    best = work.run(base["name"], [train(base, base, seed) for seed in seeds])
    logistic = work.run("logistic regression", [LogisticFit(seed) for seed in seeds])
    full = work.run("all weights", [KernelFit(seed, base["l2"]) for seed in seeds])
    layers = {
        layer["name"]: work.run(layer["name"], [network(layer, seed) for seed in seeds]) for layer in settings["layer"]
    }
    trains = {base["name"]: best}
    for variant in variants:
        tasks = [train(base, variant, seed) for seed in settings["variant_seeds"]]
        trains[variant["name"]] = work.run(variant["name"], tasks)
    lines = [
        *_report(seeds, trains, {"logistic regression": logistic, "all weights": full}, layers),
        (HERE / "findings.md").read_text(encoding="utf-8"),
        f"All fits together took {work.seconds / 60:.1f} CPU minutes.",
        "",
        provenance("python -m experiments.digits.run", chosen.settings),
    ]
    write_report(chosen.report, lines)


def _report(seeds: Sequence[int], trains: Fits, others: Fits, layers: Fits) -> list[str]:
    """The tables; the first of the trains is that of the chosen settings."""
    best, logistic, full = next(iter(trains.values())), others["logistic regression"], others["all weights"]
    per_seed = [f"seed {seed}" for seed in seeds]
    return [
        "# Handwritten digits by tensor trains",
        "",
        *_INTRODUCTION.splitlines(),
        "",
        "Test accuracy, %:",
        "",
        *table(
            ("model", "parameters", *per_seed, "mean", "least"),
            [
                ("tensor-train classifier", f"{mean(best, 'parameters'):.0f}", *percent(best)),
                ("logistic regression", f"{mean(logistic, 'parameters'):.0f}", *percent(logistic)),
                ("all weights", "–", *percent(full)),
            ],
        ),
        "",
        "## What was tried",
        "",
        *_VARIANTS.splitlines(),
        "",
        *table(
            ("settings", "test, mean %", "least %", "train, mean %", "largest rank", "parameters", "sweeps", "CPU s"),
            [
                (
                    name,
                    *percent(results)[-2:],
                    f"{100 * mean(results, 'train'):.2f}",
                    max(max(result["ranks"]) for result in results),
                    f"{mean(results, 'parameters'):.0f}",
                    f"{mean(results, 'sweeps'):.1f}",
                    f"{mean(results, 'seconds'):.1f}",
                )
                for name, results in trains.items()
            ],
        ),
        "",
        "## A hidden layer in tensor-train form",
        "",
        *_LAYERS.splitlines(),
        "",
        *table(
            ("hidden layer", "parameters", *per_seed, "mean", "least"),
            [
                (
                    name,
                    f"{mean(results, 'parameters'):.0f}",
                    *percent(results),
                )
                for name, results in layers.items()
            ],
        ),
        "",
    ]


if __name__ == "__main__":
    main()
