"""Tucker: compression of a smooth function of three variables, by error."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from experiments.charts import BLUE, GREY, ORANGE, figure, save
from experiments.provenance import table
from mmdiscover.decompositions import hooi, hosvd, matricize, st_hosvd

if TYPE_CHECKING:
    from pathlib import Path

    from mmdiscover.decompositions import TuckerTensor
    from mmdiscover.decompositions.arguments import Array

_SIZE = 60
_RANKS = range(1, 9)


def run(pictures: Path) -> list[str]:
    """Singular values of the matricizations, the errors of three methods, and ranks by error."""
    grid = np.linspace(0, 1, _SIZE)
    x, y, z = np.meshgrid(grid, 2 * grid, 3 * grid, indexing="ij")
    tensor = 1 / (1 + np.sqrt(x**2 + y**2 + z**2))
    _draw(tensor, pictures)
    rows = []
    for error in (1e-1, 1e-2, 1e-4, 1e-6, 1e-8):
        found = st_hosvd(tensor, error=error)
        share = tensor.size / found.parameters
        rows.append((f"{error:.0e}", f"{_error(found, tensor):.1e}", found.ranks, found.parameters, f"{share:.0f}"))
    return [
        "## Tucker",
        "",
        f"The tensor 1/(1 + √(x² + y² + z²)) on a {_SIZE}×{_SIZE}×{_SIZE} grid. Left: singular values of its three",
        "matricizations. Right: relative errors of HOSVD and HOOI, ranks (R, R, R). The best approximation of these",
        "ranks lies in the grey band, from HOSVD/√3 to HOOI.",
        "",
        "![Singular values and errors](tensor_tour_tucker_decay.png)",
        "",
        "Ranks chosen by the error allowed (`st_hosvd(tensor, error=…)`):",
        "",
        *table(("error allowed", "error made", "ranks", "parameters", "times smaller"), rows),
        "",
    ]


def _error(model: TuckerTensor, tensor: Array) -> float:
    return float(np.linalg.norm(model.to_full() - tensor) / np.linalg.norm(tensor))


def _draw(tensor: Array, pictures: Path) -> None:
    drawn, (left, right) = figure(9, 3.4, columns=2)
    size = float(np.linalg.norm(tensor))
    values = [np.linalg.svd(matricize(tensor, mode), compute_uv=False)[:12] / size for mode in range(3)]
    for mode, (singular, colour) in enumerate(zip(values, (BLUE, ORANGE, GREY), strict=True)):
        left.semilogy(range(1, 13), singular, "o-", color=colour, markersize=4)
        left.text(12.2, singular[-1], "xyz"[mode], color=colour, va="center")
    left.set(xlabel="index", ylabel="singular value / norm")
    methods = [_error(hosvd(tensor, rank), tensor) for rank in _RANKS]
    best = [hooi(tensor, rank, tolerance=1e-12).objective for rank in _RANKS]
    right.fill_between(list(_RANKS), best, [error / sqrt(3) for error in methods], color="#e0e0e0")
    right.semilogy(_RANKS, methods, "o-", color=ORANGE, markersize=7)
    right.semilogy(_RANKS, best, "o-", color=BLUE, markersize=4)
    right.text(5.2, 4 * methods[4], "HOSVD", color=ORANGE)
    right.text(3.2, 0.15 * best[3], "HOOI", color=BLUE)
    right.set(xlabel="R", ylabel="relative error")
    save(drawn, pictures / "tensor_tour_tucker_decay.png")
