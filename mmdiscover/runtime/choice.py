"""Which schemes pay, from the speeds of this machine."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mmdiscover.core.symmetry import permute
from mmdiscover.runtime.accuracy import error_factor
from mmdiscover.runtime.calibration import calibrate
from mmdiscover.runtime.library import known_schemes
from mmdiscover.runtime.step import prepare_step

if TYPE_CHECKING:
    import numpy as np

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.runtime.calibration import Calibration

    Shape = tuple[int, int, int]

GAIN = 1.04
"""Expected speed-up below which a level is not taken: the expectation may be wrong by a few per cent."""
_SECONDS_PER_PRODUCT = 5e-5
"""Of the interpreter, and of handing sums to threads."""
_SMALLEST_BLOCK = 32
_MOST_LEVELS = 6


@lru_cache(maxsize=1024)
def choose(shape: Shape, dtype: np.dtype[Any], threads: int, limit: float | None = None) -> tuple[Scheme, ...]:
    """The schemes that are expected to be fastest, one for each level.

    Parameters
    ----------
    shape : (n, m, p)
    dtype : dtype
    threads : int
        For sums.
    limit : float, optional
        The most that `error_factor` may be.

    Returns
    -------
    tuple of Scheme
        Empty where the classical product is not slower.
    """
    calibration = calibrate(dtype, threads) if min(shape) >= 2 * _SMALLEST_BLOCK else None
    chosen: tuple[Scheme, ...] = ()
    if calibration is None:
        return chosen
    block = shape
    while len(chosen) < _MOST_LEVELS:
        allowed = [s for s in candidates() if limit is None or error_factor((*chosen, s), shape[1]) <= limit]
        times = {scheme: level_seconds(scheme, block, dtype, calibration) for scheme in allowed}
        best = min(times, key=times.__getitem__, default=None)
        if best is None or times[best] * GAIN > calibration.classical(*block):
            break
        chosen = (*chosen, best)
        n, m, p = (size // side for size, side in zip(block, best.format.sizes, strict=True))
        block = (n, m, p)
    return chosen


@lru_cache(maxsize=1)
def candidates() -> tuple[Scheme, ...]:
    """The schemes that come with the package, in all orders of their formats."""
    return tuple(permute(scheme, fmt) for scheme in known_schemes().values() for fmt in scheme.format.orders())


def level_seconds(scheme: Scheme, shape: Shape, dtype: np.dtype[Any], calibration: Calibration) -> float:
    """Expected seconds of one level, its products and what the blocks leave over computed classically."""
    sizes = scheme.format.sizes
    n, m, p = (size // side for size, side in zip(shape, sizes, strict=True))
    if min(n, m, p) < _SMALLEST_BLOCK:
        return float("inf")
    step = prepare_step(scheme, dtype)
    left, right, out = step.passes
    sums = sum(
        calibration.passes(count * block, block) for count, block in ((left, n * m), (right, m * p), (out, n * p))
    )
    products = len(step.products) * (calibration.classical(n, m, p) + _SECONDS_PER_PRODUCT)
    rows, inner, columns = (block * side for block, side in zip((n, m, p), sizes, strict=True))
    # Thin strips cost more than their work: their outputs are read and written as often as those of thick ones.
    rest = calibration.classical(*shape) * (1 - rows * inner * columns / (shape[0] * shape[1] * shape[2]))
    if inner < shape[1]:
        rest += calibration.passes(3 * rows * columns, rows * columns)
    return sums + products + 2 * rest
