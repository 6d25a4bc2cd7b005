"""Norms that neither overflow nor vanish where squares of the entries would."""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmdiscover.decompositions.arguments import Array


def frobenius_norm(array: Array) -> float:
    """√Σ|aᵢ|², for entries of any size, 1e-200 and 1e200 included."""
    least, most = _range(array)
    with np.errstate(over="ignore"):
        norm = float(np.linalg.norm(array))
    if least < norm < most:
        return norm
    largest = np.abs(array).max(initial=0)
    return float(largest) * float(np.linalg.norm(array / largest)) if largest else 0.0


def column_lengths(matrix: Array) -> Array:
    """Euclidean lengths of columns with entries of any size, shape (n,)."""
    largest = np.abs(matrix).max(axis=0)
    # Powers of two, so that nothing is rounded.
    scales = np.ldexp(np.ones_like(largest), np.frexp(largest)[1] - 1)
    return np.asarray(scales * np.linalg.norm(matrix / scales, axis=0))


def check_scale(name: str, tensor: Array) -> float:
    """The norm of a tensor for methods that take squares of its entries.

    Raises
    ------
    ValueError
        If the tensor is not zero and squares lose digits, or overflow.
    """
    norm = frobenius_norm(tensor)
    least, most = _range(tensor)
    if norm and not least < norm < most:
        raise ValueError(
            f"{name} has the norm {norm:.3g}, expected one from {least:.0e} to {most:.0e}, as squares are taken: "
            "multiply it with a constant"
        )
    return norm


def norm_of(name: str, tensor: Array) -> float:
    """The same for a tensor that must not be zero, for errors relative to it."""
    size = check_scale(name, tensor)
    if size == 0:
        raise ValueError(f"{name} is zero everywhere, expected at least one entry that is not")
    return size


class _HasInner(Protocol):
    def inner(self, other: Any, /) -> Any:
        """⟨self, other⟩."""


def norm_by_inner(arrays: Sequence[Array], make: Callable[[Sequence[Array]], _HasInner]) -> float:
    """√⟨X, X⟩ of a tensor X that is linear in each of some arrays, where squares overflow or vanish, too."""

    def square(tensor: _HasInner) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.real(tensor.inner(tensor)))

    direct = square(make(arrays))
    if np.finfo(np.result_type(*arrays)).tiny < direct < np.inf:
        return sqrt(direct)
    # Of arrays with largest entries one, squares do not overflow, nor vanish all.
    scales = [float(np.abs(array).max()) or 1.0 for array in arrays]
    scaled = make([array / scale for array, scale in zip(arrays, scales, strict=True)])
    return prod(scales) * sqrt(max(square(scaled), 0.0))


def cancelled(dtype: np.dtype[Any]) -> float:
    """The share of ‖T‖² below which ‖T − X‖² is not to be had as a difference of squares."""
    return max(1e-6, 1e4 * float(np.finfo(dtype).eps))


def standing_still(tolerance: float, dtype: np.dtype[Any]) -> float:
    """A tolerance for changes of a relative error that rounding does not exceed; 0 stays 0, never reached."""
    return max(tolerance, 16 * float(np.finfo(dtype).eps)) if tolerance else 0.0


def _range(array: Array) -> tuple[float, float]:
    """Norms between which squares of entries neither lose digits nor overflow."""
    kind = np.finfo(array.dtype)
    return (float(kind.tiny) / float(kind.eps)) ** 0.5, (float(kind.max) * float(kind.eps)) ** 0.5
