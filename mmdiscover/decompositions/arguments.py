"""Checks of what callers hand over: each error names the argument, what came and what was expected."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]
    """Real or complex floating-point numbers."""
    Seed = int | np.random.SeedSequence | np.random.Generator


def as_array(name: str, value: ArrayLike, order: int | None = None, *, least_order: int = 1) -> Array:
    """A finite array of floating-point numbers; a view of what came where its type allows.

    ``float32``, ``float64``, ``complex64`` and ``complex128`` stay what they are, everything else becomes ``float64``.

    Parameters
    ----------
    name : str
        Of the argument, for errors.
    value : array_like
    order : int, optional
        Number of modes it must have.
    least_order : int
        Number of modes it must have at least.

    Raises
    ------
    ValueError
        If the number of modes is another, an entry is NaN or infinite, or it is empty.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not an array, expected numbers in rows of equal length ({error})") from error
    if array.dtype.char not in "fdFD":
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} has entries of type {array.dtype}, expected numbers")
        array = array.astype(np.float64)
    if order is not None and array.ndim != order:
        raise ValueError(f"{name} has {array.ndim} modes (shape {array.shape}), expected {order}")
    if array.ndim < least_order:
        raise ValueError(f"{name} has {array.ndim} modes (shape {array.shape}), expected at least {least_order}")
    if array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}, expected at least one entry")
    # One pass without a temporary as large as the array; the sum of finite numbers may overflow, so look closer then.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(array.sum())
    if suspicious and not np.isfinite(array).all():
        count = int(array.size - np.isfinite(array).sum())
        raise ValueError(f"{name} has {count} NaN or infinite entries, expected finite numbers")
    return array


def as_real_array(name: str, value: ArrayLike, order: int | None = None, *, least_order: int = 1) -> Array:
    """The same for methods that know real numbers only."""
    array = as_array(name, value, order, least_order=least_order)
    if np.iscomplexobj(array):
        raise ValueError(f"{name} is complex, expected real numbers")
    return array


def frozen(array: Array) -> Array:
    """A view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def check_mode(mode: int, order: int) -> int:
    """A mode of a tensor as a number from 0 to order − 1; negative ones count from the end."""
    if not isinstance(mode, (int, np.integer)) or not -order <= mode < order:
        raise ValueError(f"mode is {mode!r}, expected an integer from {-order} to {order - 1}")
    return int(mode) % order


def check_count(name: str, value: int, least: int = 1, most: int | None = None) -> int:
    """An integer between bounds, such as a rank."""
    upper = "" if most is None else f" and at most {most}"
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, np.integer))
        or value < least
        or (most is not None and value > most)
    ):
        raise ValueError(f"{name} is {value!r}, expected an integer of at least {least}{upper}")
    return int(value)


def check_ranks(name: str, ranks: int | Sequence[int], limits: Sequence[int]) -> tuple[int, ...]:
    """Ranks, one for each limit; a single integer stands for as many, none of them above its limit.

    Raises
    ------
    ValueError
        If there are more or fewer than limits, or one is below 1 or above its limit.
    """
    if isinstance(ranks, (int, np.integer)):
        return tuple(min(check_count(name, ranks), limit) for limit in limits)
    if not hasattr(ranks, "__len__"):
        raise ValueError(f"{name} is {ranks!r}, expected an integer or {len(limits)} of them")
    if len(ranks) != len(limits):
        raise ValueError(f"{name} has {len(ranks)} entries ({tuple(ranks)}), expected {len(limits)}")
    return tuple(
        check_count(f"{name}[{index}]", rank, 1, limit)
        for index, (rank, limit) in enumerate(zip(ranks, limits, strict=True))
    )


def check_cells(indices: ArrayLike, shape: Sequence[int]) -> NDArray[np.intp]:
    """Cells of a tensor, one in each row.

    Raises
    ------
    ValueError
        If they are no integers, of another shape than (m, N), or outside of the tensor.
    """
    cells = np.asarray(indices)
    if cells.ndim != 2 or cells.shape[1] != len(shape) or cells.dtype.kind not in "iu":
        raise ValueError(
            f"indices are {cells.dtype} of shape {cells.shape}, expected integers of shape (m, {len(shape)})"
        )
    outside = ((cells < 0) | (cells >= np.array(shape))).any(axis=1)
    if outside.any():
        cell = tuple(int(index) for index in cells[np.argmax(outside)])
        raise ValueError(f"indices has the cell {cell}, expected cells of a tensor of shape {tuple(shape)}")
    return cells


def check_kind(name: str, value: object, kind: type) -> None:
    """An object of a class, such as a start or the other tensor of an inner product."""
    if not isinstance(value, kind):
        raise ValueError(  # noqa: TRY004 # ValueError for every bad argument
            f"{name} is a {type(value).__name__}, expected a {kind.__name__}"
        )


def check_number(name: str, value: float, *, least: float = 0.0, above: bool = False) -> float:
    """A finite number of at least, or above, a bound."""
    if (
        not isinstance(value, (int, float, np.integer, np.floating))
        or not isfinite(value)
        or value < least
        or (above and value == least)
    ):
        raise ValueError(f"{name} is {value!r}, expected a number {'>' if above else '>='} {least:g}")
    return float(value)
