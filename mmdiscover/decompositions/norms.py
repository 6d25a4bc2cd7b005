"""Norms that neither overflow nor vanish where squares of the entries would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
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
