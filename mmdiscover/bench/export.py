"""Products by schemes beside `numpy.matmul`: time, memory, rounding errors."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from mmdiscover.errors import InputError
from mmdiscover.runtime import Multiplication
from mmdiscover.runtime.accuracy import error_bound
from mmdiscover.runtime.choice import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mmdiscover.runtime.library import SchemeLike

AUTO = "auto"
_SAMPLE = 32
"""Rows and columns whose products are computed again in extended precision."""


@dataclass(frozen=True)
class MultiplyTimes:
    """One way to multiply matrices, beside `numpy.matmul` in the same run.

    Parameters
    ----------
    scheme : str
        Names of the schemes, the outermost level first; ``matmul`` where none is used.
    n : int
        Size of the square matrices.
    dtype : str
    threads, levels : int
    seconds, matmul_seconds : float
        Medians of runs in turns.
    speedup : float
        Median of the ratios of neighbouring runs, matmul by scheme.
    relative_error, matmul_error, error_bound : float
        Largest errors of a sample of entries, and the bound that the growth factors give, all divided by the largest
        entry of the product.
    workspace_mib : float
        Memory beside the three matrices.
    """

    scheme: str
    n: int
    dtype: str
    threads: int
    levels: int
    seconds: float
    matmul_seconds: float
    speedup: float
    relative_error: float
    matmul_error: float
    error_bound: float
    workspace_mib: float


def time_multiply(
    n: int, dtype: str, plans: Sequence[tuple[SchemeLike, ...] | str], threads: int, *, repeats: int = 5, seed: int = 0
) -> list[MultiplyTimes]:
    """Time products of random n×n matrices.

    Parameters
    ----------
    n : int
    dtype : {"float32", "float64"}
    plans : sequence of tuple of schemes, or ``"auto"``
        A scheme for each level.
    threads : int
        Of the sums and of the products.
    repeats : int
        Runs of each plan, and of matmul before it.
    seed : int
        Of the matrices, whose entries are uniform in [-1, 1).

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    if n < 1 or repeats < 1 or threads < 1:
        raise InputError(f"size {n}, repeats {repeats}, threads {threads}: expected integers of at least 1")
    if dtype not in {"float32", "float64"}:
        raise InputError(f"number type {dtype!r}, expected float32 or float64")
    kind: np.dtype[Any] = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(-1, 1, (n, n)).astype(kind) for _ in range(2))
    out = np.empty_like(a)
    with threadpool_limits(threads):
        products = [Multiplication((n, n, n), kind, _chosen(plan, n, kind, threads), threads=threads) for plan in plans]
        for product in products:
            product(a, b, out)
        times = _in_turns([lambda: np.matmul(a, b, out=out), *(lambda p=p: p(a, b, out) for p in products)], repeats)
        exact, sample = _exact(a, b)
        np.matmul(a, b, out=out)
        classical = _error(out, exact, sample)
        cases = []
        for product, seconds in zip(products, times[1:], strict=True):
            product(a, b, out)
            bound = error_bound(product.schemes, n) * float(np.finfo(kind).eps) / 2
            cases.append(
                MultiplyTimes(
                    scheme=", ".join(scheme.name for scheme in product.schemes) or "matmul",
                    n=n,
                    dtype=dtype,
                    threads=threads,
                    levels=len(product.schemes),
                    seconds=median(seconds),
                    matmul_seconds=median(times[0]),
                    speedup=median(one / other for one, other in zip(times[0], seconds, strict=True)),
                    relative_error=_error(out, exact, sample),
                    matmul_error=classical,
                    error_bound=bound * float(np.abs(a).max() * np.abs(b).max() / np.abs(exact).max()),
                    workspace_mib=product.workspace_bytes / 2**20,
                )
            )
    return cases


def _chosen(plan: tuple[SchemeLike, ...] | str, n: int, kind: np.dtype[Any], threads: int) -> Sequence[SchemeLike]:
    if plan == AUTO:
        return choose((n, n, n), kind, threads)
    return (plan,) if isinstance(plan, str) else plan


def _in_turns(runs: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Seconds of each, one after the other, so that all meet the same load."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for run, seconds in zip(runs, times, strict=True):
            begin = perf_counter()
            run()
            seconds.append(perf_counter() - begin)
    return times


def _exact(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Some entries of the product in extended precision, and which rows and columns they are."""
    sample = np.linspace(0, len(a) - 1, min(_SAMPLE, len(a))).astype(np.intp)
    return a[sample].astype(np.longdouble) @ b[:, sample].astype(np.longdouble), sample


def _error(product: NDArray[Any], exact: NDArray[Any], sample: NDArray[np.intp]) -> float:
    return float(np.abs(product[np.ix_(sample, sample)] - exact).max() / np.abs(exact).max())
