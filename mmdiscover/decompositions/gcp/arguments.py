"""Checks of data, weights and starts of generalized CP decompositions, and random starts."""

from __future__ import annotations

from math import inf, prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_real_array, check_kind
from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.gcp.objective import balanced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.gcp.losses import Loss
    from mmdiscover.decompositions.sparse import SparseTensor


def check_loss(loss: Loss) -> None:
    """A loss whose bound can be kept by bounds on the factors."""
    if isinstance(loss, type):
        raise ValueError(f"loss is the class {loss.__name__}, expected an object such as {loss.__name__}()")  # noqa: TRY004 # bad input is a ValueError here
    if loss.lower not in {0.0, -inf}:
        raise ValueError(f"loss.lower is {loss.lower!r}, expected 0 or -inf")


def check_values(values: ArrayLike, loss: Loss, indices: NDArray[np.intp] | None = None) -> Array:
    """Data in the domain of the loss, as ``float64``.

    Parameters
    ----------
    values : array_like
    loss : Loss
    indices : ndarray of int, shape (m, N), optional
        Cells of the values, where they are a list.

    Raises
    ------
    ValueError
        If an entry is complex, NaN, infinite or outside the domain; the first such cell is named.
    """
    array = as_real_array("tensor", values).astype(np.float64, copy=False)
    wrong = ~loss.allowed(array)
    if wrong.any():
        place = np.unravel_index(int(np.argmax(wrong)), array.shape)
        cell = tuple(int(index) for index in (place if indices is None else indices[place[0]]))
        raise ValueError(
            f"tensor has {array[place]:g} in cell {cell}, expected {loss.domain} for the {loss.name} loss "
            f"({int(wrong.sum())} entries are outside)"
        )
    return array


def check_weights(weights: ArrayLike | None, shape: tuple[int, ...]) -> Array | None:
    """Weights ≥ 0, or a mask, of a given shape, not all of them zero.

    Raises
    ------
    ValueError
        If not.
    """
    if weights is None:
        return None
    array = as_real_array("weights", weights).astype(np.float64, copy=False)
    if array.shape != shape:
        raise ValueError(f"weights has shape {array.shape}, expected {shape}")
    if array.min() < 0:
        raise ValueError(f"weights has the entry {array.min():g}, expected numbers >= 0")
    if array.max() == 0:
        raise ValueError("weights are all zero, expected at least one observed cell")
    return array


def observed(tensor: ArrayLike, weights: Array | None) -> Array:
    """A dense tensor, the cells of weight zero filled with an observed value, so that its loss is finite there.

    Raises
    ------
    ValueError
        If an observed cell holds NaN or infinity; the first is named.
    """
    array = np.asarray(tensor)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"tensor has entries of type {array.dtype}, expected real numbers")
    wrong = ~np.isfinite(array) if weights is None else ~np.isfinite(array) & (weights > 0)
    if wrong.any():
        cell = tuple(int(index) for index in np.unravel_index(int(np.argmax(wrong)), array.shape))
        raise ValueError(
            f"tensor has {array[cell]} in the observed cell {cell}, expected finite numbers "
            "(missing entries have weight 0)"
        )
    if weights is not None and not weights.all():
        array = np.where(weights > 0, array, array[weights > 0][0])
    return array


def start_factors(
    start: CPTensor | None, shape: Sequence[int], rank: int, loss: Loss, scale: float, seed: Seed
) -> list[Array]:
    """Factors to start from: those given, weights shared among them, or random ones.

    Parameters
    ----------
    start : CPTensor or None
    shape : sequence of int
    rank : int
    loss : Loss
    scale : float
        Root mean square of the entries of a random model.
    seed : int, SeedSequence or Generator

    Raises
    ------
    ValueError
        If the start has another shape or rank, is complex, or is negative where the loss asks for m ≥ 0.
    """
    if start is not None:
        check_kind("start", start, CPTensor)
        if start.shape != tuple(shape) or start.rank != rank:
            raise ValueError(f"start has shape {start.shape} and rank {start.rank}, expected {tuple(shape)} and {rank}")
        if any(np.iscomplexobj(array) for array in (*start.factors, start.weights)):
            raise ValueError("start is complex, expected real numbers")
        if loss.lower == 0 and min(array.min() for array in (*start.factors, start.weights)) < 0:
            raise ValueError(f"start has negative entries, expected numbers >= 0 for the {loss.name} loss")
        return balanced([factor.astype(np.float64) for factor in start.factors], start.weights.astype(np.float64))
    rng = np.random.default_rng(seed)
    factors = [rng.uniform(max(loss.lower, -1.0), 1.0, (size, rank)) for size in shape]
    size = CPTensor(tuple(factors)).norm() / np.sqrt(float(prod(shape)))
    factor = ((scale if scale > 0 else 1.0) / size) ** (1 / len(shape))
    return [factor * array for array in factors]


def check_sparse(tensor: SparseTensor, loss: Loss) -> Array:
    """The listed values of a sparse tensor, in the domain of the loss."""
    return check_values(tensor.values, loss, tensor.indices)
