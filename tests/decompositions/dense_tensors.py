"""Oracles for tensors of any order, by einsum and loops over cells."""

from __future__ import annotations

from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike

    from mmdiscover.decompositions.arguments import Array

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float64, np.float32, np.complex128])


def cp_full(factors: Sequence[Array], weights: Array | None = None) -> Array:
    """Σᵣ wᵣ a¹ᵣ ∘ … ∘ aᴺᵣ."""
    letters = ascii_lowercase[: len(factors)]
    weights = np.ones(factors[0].shape[1]) if weights is None else weights
    terms = ",".join(f"{letter}z" for letter in letters)
    full: Array = np.einsum(f"{terms},z->{letters}", *factors, weights)
    return full


def draw(shape: Sequence[int], seed: int, dtype: Any = np.float64) -> Array:
    """Normal entries."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    array: Array = values.astype(dtype)
    return array


def relative_error(model: Array, tensor: Array) -> float:
    return float(np.linalg.norm(model - tensor) / np.linalg.norm(tensor))


def close(one: Any, other: Any, dtype: DTypeLike = np.float64) -> bool:
    """Equal to what the precision allows."""
    single = np.dtype(dtype).char in "fF"
    return np.allclose(one, other, atol=1e-2 if single else 1e-10, rtol=1e-3 if single else 1e-7)


def numeric_gradient(function: Callable[[Array], float], point: Array, step: float = 1e-6) -> Array:
    """Central differences, entry by entry."""
    gradient = np.zeros_like(point)
    for cell in np.ndindex(point.shape):
        moved = point.copy()
        moved[cell] += step
        above = function(moved)
        moved[cell] -= 2 * step
        gradient[cell] = (above - function(moved)) / (2 * step)
    return gradient
