"""Time of the Brent check, beside the arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.tensor import matmul_triples, require_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# V. Strassen, Numer. Math. 13 (1969); one row per product, W for Cᵀ.
_STRASSEN = tuple(
    np.array([["-01".index(digit) - 1 for digit in row] for row in text.split()]).T
    for text in (
        "1001 0011 1000 0001 1100 -010 010-",
        "1001 1000 010- -010 0001 1100 0011",
        "1001 010- 0011 1100 -010 0001 1000",
    )
)
_LEAST_ROUNDS, _MOST_ROUNDS = 5, 1000


@dataclass(frozen=True)
class VerifyTimes:
    """Medians in milliseconds, on one BLAS thread.

    Parameters
    ----------
    scheme : str
    read_ms : float
        From the text of a scheme file to a scheme.
    brent_ms : float
        The Brent check.
    arithmetic_ms : float
        The reference: the sum over all products in floating point, by BLAS.
    """

    scheme: str
    read_ms: float
    brent_ms: float
    arithmetic_ms: float

    @property
    def ratio(self) -> float:
        """Brent check over its arithmetic."""
        return self.brent_ms / self.arithmetic_ms


def blocked_scheme(fmt: Format) -> Scheme:
    """A valid scheme: blocks of 2×2 by Strassen's, what is left over by the classical one.

    Parameters
    ----------
    fmt : Format

    Returns
    -------
    Scheme
        Of rank nmp − ⌊n/2⌋⌊m/2⌋⌊p/2⌋.

    Raises
    ------
    CapacityError
        If it would not fit in memory.
    """
    require_memory(16 * sum(fmt.shape) * fmt.classical_rank, f"a scheme of {fmt}")
    factors: tuple[list[NDArray[np.int64]], ...] = ([], [], [])
    for rows, inner, columns in product(*map(_blocks, fmt.sizes)):
        sizes = len(rows), len(inner), len(columns)
        small = _STRASSEN if sizes == (2, 2, 2) else _classical(sizes)
        places = [
            [i * fmt.m + j for i in rows for j in inner],
            [j * fmt.p + k for j in inner for k in columns],
            [k * fmt.n + i for k in columns for i in rows],
        ]
        for factor, block, place, height in zip(factors, small, places, fmt.shape, strict=True):
            factor.append(np.zeros((height, block.shape[1]), dtype=np.int64))
            factor[-1][place] = block
    u, v, w = (np.concatenate(factor, axis=1) for factor in factors)
    return Scheme(fmt, u, v, w)


def time_verify(
    scheme: Scheme, read: Callable[[], object], check: Callable[[Scheme], object], budget: float = 1.0
) -> VerifyTimes:
    """Time reading, checking and bare arithmetic in turn, so that a busy machine slows all of them alike.

    Parameters
    ----------
    scheme : Scheme
        With integer entries.
    read : callable
        Reads it from a file's content.
    check : callable
        The Brent check.
    budget : float
        Seconds after which no further round begins, once there have been a few.

    Returns
    -------
    VerifyTimes
    """
    u, v, w = (factor.astype(float) for factor in scheme.arrays)
    steps: tuple[Callable[[], object], ...] = (
        read,
        lambda: check(scheme),
        lambda: [(v * row) @ w.T for row in u],
    )
    rounds: list[list[float]] = []
    with threadpool_limits(1):
        end = perf_counter() + budget
        while len(rounds) < _LEAST_ROUNDS or (perf_counter() < end and len(rounds) < _MOST_ROUNDS):
            rounds.append([_seconds(step) for step in steps])
    return VerifyTimes(scheme.name, *(1e3 * median(times) for times in zip(*rounds, strict=True)))


def _seconds(step: Callable[[], object]) -> float:
    begin = perf_counter()
    step()
    return perf_counter() - begin


def _blocks(size: int) -> list[range]:
    return [range(start, min(start + 2, size)) for start in range(0, size, 2)]


def _classical(sizes: tuple[int, int, int]) -> list[NDArray[np.int64]]:
    fmt = Format(*sizes)
    triples = matmul_triples(fmt).T
    return [np.eye(size, dtype=np.int64)[:, index] for size, index in zip(fmt.shape, triples, strict=True)]
