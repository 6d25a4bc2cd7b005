"""Which schemes pay, from the speeds of this machine."""

from __future__ import annotations

from functools import lru_cache
from math import inf
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
_LOOKAHEAD = 2


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
        best, seconds = None, calibration.classical(*block)
        for scheme in allowed:
            # One level may pay only with another one below it.
            expected = GAIN * level_seconds(scheme, block, dtype, calibration, levels=_LOOKAHEAD)
            if expected < seconds:
                best, seconds = scheme, expected
        if best is None:
            break
        chosen = (*chosen, best)
        block = _blocks(best, block)
    return chosen


@lru_cache(maxsize=1)
def candidates() -> tuple[Scheme, ...]:
    """The schemes that come with the package, in all orders of their formats."""
    return tuple(permute(scheme, fmt) for scheme in known_schemes().values() for fmt in scheme.format.orders())


def level_seconds(
    scheme: Scheme, shape: Shape, dtype: np.dtype[Any], calibration: Calibration, levels: int = 1
) -> float:
    """Expected seconds of a product with one level of a scheme, its products with the best of further levels.

    Parameters
    ----------
    scheme : Scheme
    shape : (n, m, p)
    dtype : dtype
    calibration : Calibration
    levels : int
        This one included; below them products are classical.
    """
    n, m, p = block = _blocks(scheme, shape)
    if min(block) < _SMALLEST_BLOCK:
        return inf
    step = prepare_step(scheme, dtype)
    left, right, out = step.passes
    sums = sum(calibration.passes(count * size, size) for count, size in ((left, n * m), (right, m * p), (out, n * p)))
    product = calibration.classical(*block)
    if levels > 1:
        below = (GAIN * level_seconds(other, block, dtype, calibration, levels - 1) for other in candidates())
        product = min(product, *below)
    rows, inner, columns = (size * side for size, side in zip(block, scheme.format.sizes, strict=True))
    # Thin strips cost more than their work: their outputs are read and written as often as those of thick ones.
    rest = calibration.classical(*shape) * (1 - rows * inner * columns / (shape[0] * shape[1] * shape[2]))
    if inner < shape[1]:
        rest += calibration.passes(3 * rows * columns, rows * columns)
    return sums + len(step.products) * (product + _SECONDS_PER_PRODUCT) + 2 * rest


def _blocks(scheme: Scheme, shape: Shape) -> Shape:
    """Sizes of the blocks."""
    n, m, p = (size // side for size, side in zip(shape, scheme.format.sizes, strict=True))
    return n, m, p
