"""Learning: handwritten digits by a tensor-train classifier and by a tensor-train layer, and what a layer costs."""

from __future__ import annotations

import tracemalloc
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np

from experiments.charts import BLUE, GREY, ORANGE, figure, save
from experiments.digits.data import digits
from experiments.digits.tasks import DenseFit, LayerFit, LogisticFit
from experiments.provenance import table
from mmdiscover.decompositions.learning.dmrg import Sweeps, SweepSettings
from mmdiscover.decompositions.learning.features import trigonometric_features
from mmdiscover.decompositions.learning.layers import random_dense_layer
from mmdiscover.decompositions.learning.losses import SquaredLoss
from mmdiscover.decompositions.learning.tt_classifier import TTClassifier
from mmdiscover.decompositions.learning.tt_function import TTFunction
from mmdiscover.decompositions.learning.tt_layer import random_tt_layer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from experiments.work import Task
    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.learning.layers import DenseLayer
    from mmdiscover.decompositions.learning.tt_layer import TTLayer

_SEEDS = (0, 1)
_SWEEPS = 3
_CHOSEN = SweepSettings(max_rank=20)
_ADAPTIVE = SweepSettings(max_rank=40, cutoff=0.2)
_SAMPLES, _RANK = 32, 4


class Course:
    """A fit of the digits, watched after every sweep."""

    def __init__(self, seed: int, settings: SweepSettings, count: int) -> None:
        data = digits(seed)
        begun = process_time()
        sweeps = Sweeps(
            trigonometric_features(data.train), np.eye(10)[data.train_labels], SquaredLoss(), settings, seed=seed
        )
        self.train, self.test, self.ranks = [], [], []
        for _ in range(count):
            sweeps.sweep()
            model = TTClassifier(TTFunction(sweeps.weights()), np.arange(10))
            self.train.append(100 * model.accuracy(data.train, data.train_labels))
            self.test.append(100 * model.accuracy(data.test, data.test_labels))
            self.ranks.append(sweeps.ranks)
        self.parameters = sweeps.weights().parameters
        self.singular_values = sweeps.singular_values
        self.seconds = process_time() - begun


def run(pictures: Path) -> list[str]:
    """Accuracies, sweeps, singular values and ranks, and times and memory of a layer."""
    courses = [Course(seed, _CHOSEN, _SWEEPS) for seed in _SEEDS]
    adaptive = Course(0, _ADAPTIVE, 2)
    logistic = [LogisticFit(seed).run()["test"] for seed in _SEEDS]
    networks: dict[str, Callable[[int], Task]] = {
        "network, 256 hidden units, tensor train of rank 3": lambda seed: LayerFit(seed, (4, 8, 8), (4, 4, 4), 3),
        "network, 256 hidden units, dense": lambda seed: DenseFit(seed, 256),
        "network, 32 hidden units, tensor train of rank 2": lambda seed: LayerFit(seed, (2, 4, 4), (4, 4, 4), 2),
        "network, 32 hidden units, dense": lambda seed: DenseFit(seed, 32),
    }
    _draw(courses, 100 * float(np.mean(logistic)), adaptive, pictures)
    rows = [
        ("tensor-train classifier, rank 20", courses[0].parameters, *(f"{each.test[-1]:.1f}" for each in courses)),
        (
            f"the same, ranks by cutoff {_ADAPTIVE.cutoff:g} (seed 0)",
            adaptive.parameters,
            f"{adaptive.test[-1]:.1f}",
            "",
        ),
        ("logistic regression", 650, *(f"{100 * each:.1f}" for each in logistic)),
        *((name, *_layer_row([fit(seed).run() for seed in _SEEDS])) for name, fit in networks.items()),
    ]
    return [
        "## Supervised learning",
        "",
        "scikit-learn's digits, 8 × 8 pixels, 75 % for training, stratified. The classifier (Stoudenmire, Schwab,",
        "NeurIPS 2016) has a tensor train of 64 cores as weights and learns by sweeps over pairs of cores. Of the",
        "networks the parameters of the hidden layer are counted (Novikov et al., NeurIPS 2015).",
        "[Five seeds](digits.md) and what else was tried.",
        "",
        *table(("model", "parameters", *(f"test accuracy, seed {seed}, %" for seed in _SEEDS)), rows),
        "",
        f"A classifier with {_SWEEPS} sweeps took {np.mean([each.seconds for each in courses]):.1f} CPU s.",
        "",
        "![Accuracy, singular values and ranks](tensor_tour_learning_sweeps.png)",
        "",
        f"Left: accuracy after every sweep. Middle and right: ranks chosen by a cutoff of {_ADAPTIVE.cutoff:g} of the",
        f"largest singular value, at most {_ADAPTIVE.max_rank}. The outputs sit at its left end when a sweep ends.",
        "",
        f"What an M × M layer costs in tensor-train form, cores 4 × 4 and ranks {_RANK}, beside a dense one:",
        f"{_SAMPLES} samples at once in double precision, the best of three. Memory: the most at once in a forward and",
        "backward pass, the parameters included.",
        "",
        *table(
            (
                "M",
                "parameters, train",
                "dense",
                "forward ms, train",
                "dense",
                "backward ms, train",
                "dense",
                "memory MB, train",
                "dense",
            ),
            [_cost_row(cores) for cores in range(3, 7)],
        ),
        "",
    ]


def _layer_row(results: list[dict[str, float]]) -> list[object]:
    return [results[0]["parameters"], *(f"{100 * result['test']:.1f}" for result in results)]


def _cost_row(cores: int) -> list[object]:
    size = 4**cores
    layers: list[TTLayer | DenseLayer] = [
        random_tt_layer((4,) * cores, (4,) * cores, _RANK),
        random_dense_layer(size, size),
    ]
    inputs = np.random.default_rng(0).standard_normal((_SAMPLES, size))
    costs = [_cost(layer, inputs) for layer in layers]
    return [
        size,
        *(layer.parameters for layer in layers),
        *(f"{1e3 * cost[0]:.2f}" for cost in costs),
        *(f"{1e3 * cost[1]:.2f}" for cost in costs),
        *(f"{(cost[2] + 8 * layer.parameters) / 1e6:.2f}" for cost, layer in zip(costs, layers, strict=True)),
    ]


def _cost(layer: TTLayer | DenseLayer, inputs: Array) -> tuple[float, float, int]:
    """Seconds forward and backward, and bytes made on the way."""
    forward, backward = [], []
    for _ in range(3):
        begun = perf_counter()
        outputs, tape = layer.forward(inputs)
        between = perf_counter()
        layer.backward(tape, outputs)  # type: ignore[arg-type] # the tape of the same layer
        forward.append(between - begun)
        backward.append(perf_counter() - between)
    tracemalloc.start()
    outputs, tape = layer.forward(inputs)
    layer.backward(tape, outputs)  # type: ignore[arg-type] # the tape of the same layer
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(forward), min(backward), peak


def _draw(courses: list[Course], logistic: float, adaptive: Course, pictures: Path) -> None:
    drawn, (left, middle, right) = figure(12, 3.6, columns=3)
    sweeps = range(1, _SWEEPS + 1)
    for number, course in enumerate(courses):
        left.plot(sweeps, course.train, "o--", color=GREY, markersize=4, label=None if number else "training")
        left.plot(sweeps, course.test, "o-", color=BLUE, markersize=4, label=None if number else "test")
    left.axhline(logistic, color=ORANGE, linestyle=":", label="logistic regression, test")
    left.set(xlabel="sweep", ylabel="accuracy, %", title="Two splits", xticks=list(sweeps), ylim=(95, 100.2))
    left.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.02))
    for bond, colour in ((10, GREY), (31, BLUE), (54, ORANGE)):
        values = adaptive.singular_values[bond]
        middle.semilogy(
            range(1, len(values) + 1),
            values / values[0],
            "o-",
            color=colour,
            markersize=4,
            label=f"after pixel {bond + 1}",
        )
    middle.axhline(_ADAPTIVE.cutoff, color=GREY, linestyle=":")
    ticks = [0.2, 0.3, 0.4, 0.6, 0.8, 1.0]
    middle.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    middle.set_yticks([], minor=True)
    middle.set(xlabel="k", title="Singular values kept, σₖ/σ₁")
    middle.legend(frameon=False)
    places = range(1, len(adaptive.ranks[0]) + 1)
    for ranks, colour, name in zip(adaptive.ranks, (GREY, BLUE), ("first sweep", "second sweep"), strict=True):
        right.step(places, ranks, where="mid", color=colour, label=name)
    right.set(xlabel="after pixel", ylabel="rank", title="Ranks along the train", ylim=(0, None))
    right.legend(frameon=False)
    save(drawn, pictures / "tensor_tour_learning_sweeps.png")
