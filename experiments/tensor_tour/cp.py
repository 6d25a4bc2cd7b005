"""CP: where alternating least squares creeps, and what Levenberg–Marquardt makes of it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from experiments.charts import BLUE, INK, ORANGE, figure, save
from experiments.provenance import table
from experiments.tensor_speed.exact_fits import Difficult, collinear, compare_methods, matrix_multiplication
from mmdiscover.decompositions import FitSettings, NotConvergedWarning, cp_als, cp_lm, estimate_cp_rank

if TYPE_CHECKING:
    from pathlib import Path

_CONGRUENCES = (0.5, 0.9, 0.99)
_SECONDS = 0.5


def run(pictures: Path) -> list[str]:
    """Error against iterations on collinear factors, exact fits in the same time, and the rank of ⟨2,2,2⟩."""
    _draw(pictures)
    cases = [
        Difficult("20×20×20, rank 5, congruence 0.95", collinear((20, 20, 20), 5, 0.95).to_full(), 5),
        Difficult("8×8×8×8, rank 4, congruence 0.99", collinear((8, 8, 8, 8), 4, 0.99).to_full(), 4),
        Difficult("⟨2,2,2⟩, rank 7", matrix_multiplication(2, 2, 2), 7, 84.0),
    ]
    rows = [
        (row["case"], row["method"], row["starts"], row["exact"])
        for case in cases
        for row in compare_methods(case, _SECONDS, sweeps=(300, 3000))
    ]
    settings = FitSettings(bound=84.0, tolerance=1e-20)
    rank = estimate_cp_rank(matrix_multiplication(2, 2, 2), 8, settings=settings)
    errors = ", ".join(f"{tried}: {error:.2g}" for tried, error in rank.errors.items())
    return [
        "## CP",
        "",
        "Factors whose columns have large inner products (congruence) slow alternating least squares down; damped",
        "Gauss–Newton steps (`cp_lm`) move all factors together. 20×20×20, rank 5, one start:",
        "",
        "![Error against iterations](tensor_tour_cp_collinear.png)",
        "",
        f"Exact fits (relative error ≤ 1e-6) in {_SECONDS} CPU seconds of each method, from the same starts:",
        "",
        *table(("tensor", "method", "starts", "exact"), rows),
        "",
        f"The rank of the tensor of 2×2 matrix multiplication by trying: {rank.rank}. Least relative errors: {errors}.",
        "",
    ]


def _draw(pictures: Path) -> None:
    drawn, panels = figure(9, 3.2, columns=len(_CONGRUENCES))
    for panel, congruence in zip(panels, _CONGRUENCES, strict=True):
        tensor = collinear((20, 20, 20), 5, congruence).to_full()
        size = float(np.linalg.norm(tensor))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)
            als = cp_als(tensor, 5, seed=0, max_iterations=2000, tolerance=1e-12).history
            lm = np.sqrt(cp_lm(tensor, 5, seed=0).history) / size
        panel.loglog(np.arange(len(als)) + 1, als, color=ORANGE)
        panel.loglog(np.arange(len(lm)) + 1, np.maximum(lm, 1e-16), color=BLUE)
        panel.set(title=f"congruence {congruence}", xlabel="iteration", ylim=(1e-16, 3), xlim=(1, 2000))
        panel.title.set_color(INK)
    panels[0].set_ylabel("relative error")
    panels[-1].text(40, 1e-12, "LM", color=BLUE)
    panels[-1].text(300, 1e-5, "ALS", color=ORANGE)
    for panel in panels[1:]:
        panel.set_yticklabels([])
    save(drawn, pictures / "tensor_tour_cp_collinear.png")
