"""Samples of the cells of a tensor, with weights that make sums over a sample estimate sums over all cells.

Kolda and Hong, "Stochastic gradients for large-scale tensor decomposition", SIAM Journal on Mathematics of Data Science
2 (2020), arXiv:1906.01687.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.sparse import SparseTensor


@dataclass(frozen=True, eq=False)
class Sample:
    """Some cells.

    Parameters
    ----------
    cells : ndarray of int, shape (N, m)
        One column for each cell.
    values : ndarray, shape (m,)
    weights : ndarray, shape (m,)
        One over the expected number of times that the cell is drawn.
    """

    cells: NDArray[np.intp]
    values: Array
    weights: Array


class Sampler(Protocol):
    """Draws cells."""

    def draw(self, count: int, rng: np.random.Generator) -> Sample:
        """About so many cells, with replacement."""


class UniformSampler:
    """Cells of a dense tensor, each with the same probability.

    Parameters
    ----------
    tensor : ndarray, shape (d₁, …, d_N)
    """

    def __init__(self, tensor: Array) -> None:
        self._shape = tensor.shape
        self._values = np.ascontiguousarray(tensor).ravel()

    def draw(self, count: int, rng: np.random.Generator) -> Sample:
        """So many cells, each of weight (number of cells)/count."""
        places = rng.integers(self._values.size, size=count)
        cells = np.stack(np.unravel_index(places, self._shape))
        return Sample(cells, self._values[places], np.full(count, self._values.size / count))


class StratifiedSampler:
    """Half of the cells from those a sparse tensor lists, half from its others, which are zeros.

    Parameters
    ----------
    tensor : SparseTensor
        With fewer than 2⁶³ cells.

    Raises
    ------
    ValueError
        If there are more.
    """

    def __init__(self, tensor: SparseTensor) -> None:
        self._shape, self._size = tensor.shape, prod(tensor.shape)
        if self._size >= 2**63:
            raise ValueError(f"tensor has shape {tensor.shape}, expected fewer than 2**63 cells")
        self._cells = np.ascontiguousarray(tensor.indices.T)
        self._values = tensor.values.astype(np.float64, copy=False)
        self._listed = np.sort(np.ravel_multi_index(tuple(self._cells), self._shape))
        # Where more than half is listed, drawing until a zero is met would take long, and there is room for a list.
        self._unlisted = (
            np.setdiff1d(np.arange(self._size), self._listed) if self._size < 2 * len(self._listed) else None
        )

    def draw(self, count: int, rng: np.random.Generator) -> Sample:
        """Half of the count from each stratum, each cell weighted with (size of the stratum)/(drawn from it)."""
        size = len(self._listed)
        zeros = self._size - size
        from_zeros = count // 2 if zeros else 0
        from_listed = count - from_zeros
        chosen = rng.integers(size, size=from_listed)
        cells = np.stack(np.unravel_index(self._draw_zeros(from_zeros, rng), self._shape))
        return Sample(
            np.concatenate([self._cells.take(chosen, axis=1), cells], axis=1),
            np.concatenate([self._values[chosen], np.zeros(from_zeros)]),
            np.repeat([size / from_listed, zeros / max(from_zeros, 1)], [from_listed, from_zeros]),
        )

    def _draw_zeros(self, count: int, rng: np.random.Generator) -> NDArray[np.intp]:
        if self._unlisted is not None:
            return self._unlisted[rng.integers(max(len(self._unlisted), 1), size=count)]
        # In order, as neighbours are looked up faster one after the other.
        places = np.sort(rng.integers(self._size, size=count))
        while (hit := self._is_listed(places)).any():
            places[hit] = rng.integers(self._size, size=int(hit.sum()))
        return places

    def _is_listed(self, places: NDArray[np.intp]) -> NDArray[np.bool_]:
        nearest = np.searchsorted(self._listed, places)
        found: NDArray[np.bool_] = self._listed[np.minimum(nearest, len(self._listed) - 1)] == places
        return found
