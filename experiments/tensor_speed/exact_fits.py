"""Exact CP fits per CPU second on difficult tensors: Levenberg–Marquardt beside alternating least squares."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.cp.als import cp_als
from mmdiscover.decompositions.cp.lm import cp_lm
from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.cp_fit import FitSettings
from mmdiscover.decompositions.outcome import NotConvergedWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmdiscover.decompositions.arguments import Array

EXACT = 1e-6
SWEEPS = (300, 3000, 30000)


@dataclass(frozen=True)
class Difficult:
    """A tensor with an exact fit that is hard to find.

    Parameters
    ----------
    name : str
    tensor : ndarray
    rank : int
    bound : float or None
        Norm bound for Levenberg–Marquardt.
    """

    name: str
    tensor: Array
    rank: int
    bound: float | None = None


def collinear(shape: Sequence[int], rank: int, congruence: float, seed: int = 0) -> CPTensor:
    """Factors whose columns have length one and all the same inner product."""
    rng = np.random.default_rng(seed)
    mixing = np.linalg.cholesky(np.full((rank, rank), congruence) + (1 - congruence) * np.eye(rank)).T
    return CPTensor(tuple(np.linalg.qr(rng.standard_normal((size, rank))).Q @ mixing for size in shape))


def matrix_multiplication(n: int, m: int, p: int) -> Array:
    """The tensor of the product of an n×m by an m×p matrix."""
    tensor = np.zeros((n, m, m, p, p, n))
    for i, j, k in np.ndindex(n, m, p):
        tensor[i, j, j, k, k, i] = 1
    return tensor.reshape(n * m, m * p, p * n)


def cases() -> list[Difficult]:
    """Collinear factors of order three and four, and matrix multiplication tensors."""
    return [
        Difficult("20×20×20, rank 5, congruence 0.95", collinear((20, 20, 20), 5, 0.95).to_full(), 5),
        Difficult("20×20×20, rank 5, congruence 0.99", collinear((20, 20, 20), 5, 0.99).to_full(), 5),
        Difficult("8×8×8×8, rank 4, congruence 0.99", collinear((8, 8, 8, 8), 4, 0.99).to_full(), 4),
        Difficult("⟨2,2,2⟩, rank 7", matrix_multiplication(2, 2, 2), 7, 84.0),
        Difficult("⟨2,2,3⟩, rank 11", matrix_multiplication(2, 2, 3), 11, 132.0),
        Difficult("⟨2,3,3⟩, rank 15", matrix_multiplication(2, 3, 3), 15, 180.0),
    ]


def count(case: Difficult, fit: Callable[[CPTensor], CPTensor], seconds: float) -> tuple[int, int, float]:
    """Starts, exact fits and CPU seconds of one method, from the same starts in the same order for all methods."""
    size, starts, exact = float(np.linalg.norm(case.tensor)), 0, 0
    begin = process_time()
    while not starts or process_time() - begin < seconds:
        scale = (size / np.sqrt(case.rank * case.tensor.size)) ** (1 / case.tensor.ndim)
        draw = random_cp(case.tensor.shape, case.rank, seed=starts)
        model = fit(CPTensor(tuple(scale * factor for factor in draw.factors)))
        exact += bool(np.linalg.norm(model.to_full() - case.tensor) <= EXACT * size)
        starts += 1
    return starts, exact, process_time() - begin


def compare_methods(case: Difficult, seconds: float, sweeps: Sequence[int] = SWEEPS) -> list[dict[str, float | str]]:
    """Exact fits per CPU second of `cp_lm`, and of `cp_als` with several limits on its sweeps."""
    settings = FitSettings(
        bound=case.bound,
        max_iterations=500,
        tolerance=1e-20 * float(np.sum(case.tensor**2)),
        stall_window=20,
        stall_decrease=1e-2,
    )

    def by_als(sweeps: int) -> Callable[[CPTensor], CPTensor]:
        def fit(start: CPTensor) -> CPTensor:
            end = cp_als(case.tensor, case.rank, start=start, max_iterations=sweeps, tolerance=1e-12)
            return end.model

        return fit

    methods: dict[str, Callable[[CPTensor], CPTensor]] = {
        "cp_lm": lambda start: cp_lm(case.tensor, case.rank, start=start, settings=settings).model
    } | {f"cp_als, at most {limit} sweeps": by_als(limit) for limit in sweeps}
    rows: list[dict[str, float | str]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        for name, fit in methods.items():
            fit(random_cp(case.tensor.shape, case.rank, seed=0))
            starts, exact, spent = count(case, fit, seconds)
            rows.append({"case": case.name, "method": name, "starts": starts, "exact": exact, "cpu_s": spent})
    return rows


if __name__ == "__main__":
    for case in cases():
        for row in compare_methods(case, 5.0):
            print(f"{row['case']:36} {row['method']:32} {row['starts']:5} {row['exact']:5} {row['cpu_s']:.1f} s")
