"""Optimisation under low rank: an image with gaps, and how much must be seen of a tensor to find it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_sample_image

from experiments.charts import BLUE, GREY, ORANGE, figure, save
from experiments.provenance import table
from mmdiscover.decompositions.cp.tensor import random_cp
from mmdiscover.decompositions.fitting.completion import complete_cp, held_out_error
from mmdiscover.decompositions.fitting.minimize import MinimizeSettings, minimize_low_rank
from mmdiscover.decompositions.fitting.regression import low_rank_regression
from mmdiscover.decompositions.fitting.starts import StartsSettings
from mmdiscover.decompositions.outcome import NotConvergedWarning
from mmdiscover.decompositions.sparse import SparseTensor
from mmdiscover.decompositions.tucker.tensor import TuckerTensor

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmdiscover.decompositions.cp.tensor import CPTensor

    Array = NDArray[np.float64]

SEEN = 0.35
CP_RANKS = (10, 20)
CP_RIDGE = 2.0
TUCKER_RANKS = (60, 80, 3)
SMOOTHNESS = 0.2
PROBLEMS = 6
SHARES = (0.03, 0.05, 0.06, 0.08, 0.1)
STARTS = 4
SAMPLES = (50, 60, 70, 80, 100, 140)


def run(pictures: Path) -> list[str]:
    """Draw the pictures and return the lines of the report."""
    with warnings.catch_warnings():
        # What is not recovered is counted.
        warnings.simplefilter("ignore", NotConvergedWarning)
        return [
            "## Optimisation under low rank",
            "",
            *_image(pictures / "tensor_tour_optimisation_image.png"),
            *_recovery(pictures / "tensor_tour_optimisation_recovery.png"),
        ]


class SmoothCompletion:
    """Σ (W_c − t_c)² over observed cells plus the squared differences of neighbouring pixels: a loss of one's own."""

    def __init__(self, observed: SparseTensor, smoothness: float) -> None:
        self.cells = tuple(observed.indices.T)
        self.values = observed.values
        self.smoothness = smoothness

    def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
        """The loss, and its gradient of the image's shape."""
        gradient = np.zeros_like(tensor)
        difference = tensor[self.cells] - self.values
        gradient[self.cells] = 2 * difference
        value = float(difference @ difference)
        for axis in (0, 1):
            step = np.diff(tensor, axis=axis)
            value += self.smoothness * float(np.vdot(step, step))
            padding = [(1, 1) if other == axis else (0, 0) for other in range(3)]
            gradient -= 2 * self.smoothness * np.diff(np.pad(step, padding), axis=axis)
        return value, gradient


def _image(path: Path) -> list[str]:
    photograph = load_sample_image("china.jpg")[50:370, 80:560].astype(np.float64) / 255
    image = photograph.reshape(160, 2, 240, 2, 3).mean(axis=(1, 3))
    rng = np.random.default_rng(0)
    pixels = rng.random(image.shape[:2]) < SEEN
    mean = float(image[pixels].mean())
    seen = np.repeat(pixels[..., None], 3, axis=2)
    cp = _cp(image - mean, pixels, rng)
    start = TuckerTensor(
        0.01 * rng.standard_normal(TUCKER_RANKS),
        tuple(_cosines(size, rank) for size, rank in zip(image.shape, TUCKER_RANKS, strict=True)),
    )
    loss = SmoothCompletion(SparseTensor.from_dense(image - mean, seen), SMOOTHNESS)
    tucker = minimize_low_rank(loss, start, settings=MinimizeSettings(max_iterations=80)).model
    ranks = " × ".join(map(str, TUCKER_RANKS))
    shown = [
        ("original", image, 0),
        (f"{SEEN:.0%} of the pixels", np.where(seen, image, 1.0), 0),
        (f"CP of rank {cp.rank}", np.clip(cp.to_full() + mean, 0, 1), cp.parameters),
        (f"Tucker {ranks} and smoothness", np.clip(tucker.to_full() + mean, 0, 1), tucker.parameters),
    ]
    drawn, panels = figure(10, 7.2, 2, 2)
    rows = []
    for panel, (name, picture, parameters) in zip(panels, shown, strict=True):
        panel.imshow(picture, interpolation="nearest")
        panel.set_axis_off()
        error = float(np.sqrt(np.mean(np.square(picture - image)[~seen])))
        title = name if not parameters else f"{name}: {-20 * np.log10(error):.1f} dB"
        panel.set_title(title, fontsize=11)
        if parameters:
            rows.append((name, f"{parameters:,}", f"{error:.3f}", f"{-20 * np.log10(error):.1f} dB"))
    save(drawn, path)
    blank = float(np.sqrt(np.mean(np.square(image - mean)[~seen])))
    rows.insert(0, ("the mean everywhere", "1", f"{blank:.3f}", f"{-20 * np.log10(blank):.1f} dB"))
    tried = ", ".join(map(str, CP_RANKS))
    return [
        f"A photograph of 160 × 240 pixels × 3 colours of which {SEEN:.0%} of the pixels are seen. The CP tensor",
        f"is fitted by `complete_cp` with a ridge of {CP_RIDGE:g}; its rank is the one of {tried} with the least",
        "error on a tenth of the seen pixels, held out. The Tucker tensor is fitted by `minimize_low_rank` with a loss",
        "made for this, which adds squared differences of neighbouring pixels: of the two, it alone knows that these",
        "are alike.",
        "Errors are over the pixels that were not seen, of values from 0 to 1.",
        "",
        *table(("model", "numbers", "RMSE", "PSNR"), rows),
        "",
        f"![An image completed]({path.name})",
        "",
    ]


def _cp(image: Array, pixels: NDArray[np.bool_], rng: np.random.Generator) -> CPTensor:
    """A CP tensor fitted to the seen pixels, of the rank that held-out pixels choose."""
    settings = StartsSettings(starts=1, max_iterations=20, tolerance=1e-3)
    held = pixels & (rng.random(pixels.shape) < 0.1)
    parts = (pixels & ~held, held, pixels)
    fit, rest, whole = (SparseTensor.from_dense(image, np.repeat(part[..., None], 3, axis=2)) for part in parts)
    errors = {}
    for rank in CP_RANKS:
        errors[rank] = held_out_error(complete_cp(fit, rank, ridge=CP_RIDGE, settings=settings).model, rest)
    return complete_cp(whole, min(errors, key=errors.__getitem__), ridge=CP_RIDGE, settings=settings).model


def _cosines(size: int, rank: int) -> Array:
    """The lowest frequencies of the discrete cosine transform, orthonormal columns."""
    angles = np.pi * (np.arange(size)[:, None] + 0.5) * np.arange(rank) / size
    return np.linalg.qr(np.cos(angles))[0]


def _recovery(path: Path) -> list[str]:
    entries = [(share, *_completed(share)) for share in SHARES]
    regressions = [(count, _regressed(count)) for count in SAMPLES]
    drawn, (left, right) = figure(10, 3.6, 1, 2)
    percent = 100 * np.array(entries)
    left.plot(percent[:, 0], percent[:, 1], "o-", color=GREY, label="one start")
    left.plot(percent[:, 0], percent[:, 2], "o-", color=BLUE, label=f"up to {STARTS} starts")
    left.axvline(100 * 264 / 30**3, color=GREY, linestyle=":")
    left.set_xlabel("entries observed, % of 30 × 30 × 30 (dotted: free numbers)")
    left.set_ylabel("recovered, %")
    left.set_title("Completion, CP rank 3", fontsize=11)
    left.legend(frameon=False, loc="lower right")
    right.plot([row[0] for row in regressions], [100 * row[1] for row in regressions], "o-", color=ORANGE)
    right.axvline(44, color=GREY, linestyle=":")
    right.set_xlabel("samples for 8 × 8 × 8 coefficients (dotted: free numbers)")
    right.set_ylabel("recovered, %")
    right.set_title("Regression, CP rank 2", fontsize=11)
    for panel in (left, right):
        panel.set_ylim(-4, 104)
        panel.set_xlim(left=0)
    save(drawn, path)
    return [
        f"How much must be seen: the share of {PROBLEMS} planted problems without noise that are recovered to a",
        "relative error of 1e-6, by `complete_cp` for tensors 30 × 30 × 30 of rank 3 (264 free numbers) and by",
        "`low_rank_regression` for coefficients 8 × 8 × 8 of CP rank 2 (44 free numbers) with normal inputs.",
        "",
        *table(
            ("entries observed", "of one start", f"of up to {STARTS} starts"),
            [(f"{share:.1%} ({round(share * 27000)})", f"{one:.0%}", f"{many:.0%}") for share, one, many in entries],
        ),
        "",
        *table(("samples", "recovered"), [(count, f"{share:.0%}") for count, share in regressions]),
        "",
        f"![Share recovered]({path.name})",
        "",
    ]


def _completed(share: float) -> tuple[float, float]:
    """The shares of problems recovered by one start and by several."""
    counts = [0, 0]
    for seed in range(PROBLEMS):
        truth = random_cp((30, 30, 30), 3, seed=seed)
        cells = np.random.default_rng(seed).permutation(30**3)[: round(share * 30**3)]
        indices = np.stack(np.unravel_index(cells, truth.shape), axis=1)
        observed = SparseTensor(indices, truth.entries(indices), truth.shape)
        if any(len(np.unique(column)) < 30 for column in indices.T):
            continue  # A slice that is not seen cannot be recovered.
        for index, starts in enumerate((1, STARTS)):
            fitted = complete_cp(observed, 3, settings=StartsSettings(starts=starts, max_iterations=100))
            recovered = _distance(fitted.model.to_full(), truth.to_full()) < 1e-6
            counts[index] += recovered
            if recovered and starts == 1:
                counts[1] += 1  # Several starts begin with this one.
                break
    return counts[0] / PROBLEMS, counts[1] / PROBLEMS


def _regressed(count: int) -> float:
    recovered = 0
    for seed in range(PROBLEMS):
        truth = random_cp((8, 8, 8), 2, seed=seed).to_full()
        inputs = np.random.default_rng(seed).standard_normal((count, 8, 8, 8))
        settings = StartsSettings(starts=STARTS, max_iterations=60)
        fitted = low_rank_regression(inputs, np.tensordot(inputs, truth, 3), 2, settings=settings)
        recovered += _distance(fitted.model.to_full(), truth) < 1e-6
    return recovered / PROBLEMS


def _distance(found: Array, truth: Array) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))
