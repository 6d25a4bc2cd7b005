"""Compiled sums of blocks: every operand is read once and every result written once.

Everything compiled is in this one file, and nothing in it calls what is compiled elsewhere: see
`mmdiscover.decompositions.kernels` for why. Arrays are C-contiguous; blocks are given by their first row and column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Places = NDArray[np.int64]

F = TypeVar("F", bound="Callable[..., Any]")


def _compiled(function: F) -> F:
    # Results must not depend on how a sum is ordered, so no reassociation; a fused multiply-add rounds once.
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
    try:
        return cast("F", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no folder that compiled code could be kept in
        return cast("F", numba.njit(**options)(function))


@_compiled
def combine(source: Array, places: Places, coefficients: Array, out: Array, first: int, last: int) -> None:
    """Put Σ_t coefficients[t] · block_t into rows `first` to `last` of `out`.

    Parameters
    ----------
    source : ndarray, shape (rows, columns)
        Holds the blocks, which have the shape of `out`.
    places : ndarray of int64, shape (k, 2)
        First row and column of each.
    coefficients : ndarray, shape (k,)
        Of the type of `source`.
    out : ndarray, shape (h, w)
    first, last : int
    """
    width, terms = out.shape[1], len(places)
    for row in range(first, last):
        target = out[row]
        x = source[places[0, 0] + row, places[0, 1] : places[0, 1] + width]
        a = coefficients[0]
        if terms == 1:
            for j in range(width):
                target[j] = a * x[j]
            continue
        y = source[places[1, 0] + row, places[1, 1] : places[1, 1] + width]
        b = coefficients[1]
        if terms == 2:
            for j in range(width):
                target[j] = a * x[j] + b * y[j]
            continue
        z = source[places[2, 0] + row, places[2, 1] : places[2, 1] + width]
        c = coefficients[2]
        for j in range(width):
            target[j] = a * x[j] + b * y[j] + c * z[j]
        # The row of the target stays in the cache.
        for term in range(3, terms):
            x = source[places[term, 0] + row, places[term, 1] : places[term, 1] + width]
            a = coefficients[term]
            for j in range(width):
                target[j] += a * x[j]


@_compiled
def distribute(
    product: Array, target: Array, places: Places, coefficients: Array, begun: Array, first: int, last: int
) -> None:
    """Add coefficients[t] · product to each block of `target`, or put it there where nothing is yet.

    Parameters
    ----------
    product : ndarray, shape (h, w)
    target : ndarray, shape (rows, columns)
    places : ndarray of int64, shape (k, 2)
        First row and column of each block.
    coefficients : ndarray, shape (k,)
    begun : ndarray of bool, shape (k,)
        Whether the block holds a sum already.
    first, last : int
        Rows of the product.
    """
    width = product.shape[1]
    for row in range(first, last):
        source = product[row]
        for term in range(len(places)):
            block = target[places[term, 0] + row, places[term, 1] : places[term, 1] + width]
            a = coefficients[term]
            if begun[term]:
                for j in range(width):
                    block[j] += a * source[j]
            else:
                for j in range(width):
                    block[j] = a * source[j]


@_compiled
def has_nonfinite(array: Array, first: int, last: int) -> bool:
    """Whether rows `first` to `last` hold a NaN or an infinity."""
    for row in range(first, last):
        wrong = 0
        for j in range(array.shape[1]):
            wrong += array[row, j] * 0 != 0
        if wrong:
            return True
    return False
