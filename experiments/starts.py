"""Single starts of the numerical search as tasks: exact fits, and how small their norm can be made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.format import parse_scheme_name
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import FitSettings, fit_cp
from mmdiscover.search import EXACT_RESIDUAL, SearchSettings, run_start

if TYPE_CHECKING:
    from experiments.work import Result
    from mmdiscover.core.format import Format
    from mmdiscover.search import Fit


def parse_scheme(name: str) -> tuple[Format, int]:
    """Format and rank of ``"3x3x3:23"``."""
    fmt, rank = parse_scheme_name(name)
    if rank is None:
        raise ValueError(f"{name!r} names no rank")
    return fmt, rank


@dataclass(frozen=True)
class Start:
    """A random start of the search within ‖θ‖² ≤ `bound`."""

    scheme: str
    seed: int
    index: int
    bound: float
    start_scale: float
    max_iterations: int

    def fit(self) -> Fit:
        """What the search makes of it."""
        settings = SearchSettings(bound=self.bound, start_scale=self.start_scale, max_iterations=self.max_iterations)
        seed = np.random.SeedSequence(self.seed, spawn_key=(self.index,))
        return run_start(*parse_scheme(self.scheme), settings, seed)

    def run(self) -> Result:
        """``exact``, ``status``, ``residual`` φ, ``squared_norm`` ‖θ‖² and ``iterations``."""
        fit = self.fit()
        return {
            "exact": fit.exact,
            "status": str(fit.status),
            "residual": fit.residual,
            "squared_norm": fit.squared_norm,
            "iterations": fit.iterations,
        }


@dataclass(frozen=True)
class Shrink:
    """An exact fit, moved along the exact fits towards a smaller norm: c is lowered by `factor` again and again."""

    start: Start
    factor: float
    max_iterations: int

    def run(self) -> Result:
        """``squared_norm``, the last ‖θ‖² at which the fit could be kept exact."""
        fit = self.start.fit()
        tensor, point, norm = matmul_tensor(fit.factors.format), fit.factors.arrays, fit.squared_norm
        while True:
            limits = FitSettings(bound=self.factor * norm, max_iterations=self.max_iterations, initial_damping=1e-3)
            smaller = fit_cp(tensor, point, limits)
            if smaller.objective > EXACT_RESIDUAL:
                return {"squared_norm": norm}
            point = smaller.factors
            norm = sum(float(np.vdot(factor, factor)) for factor in point)
