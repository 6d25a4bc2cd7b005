"""Sparse tensors: some cells of a tensor with their values (coordinate format)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_mode, frozen
from mmdiscover.decompositions.norms import frobenius_norm
from mmdiscover.decompositions.products import check_factors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array


@dataclass(frozen=True, eq=False, repr=False)
class SparseTensor:
    """Cells of a tensor with their values: its nonzeros, or the entries that were observed.

    Parameters
    ----------
    indices : array_like of int, shape (m, N)
        One row for each cell, from 0; no cell twice.
    values : array_like, shape (m,)
    shape : tuple of int
        (d₁, …, d_N).

    Raises
    ------
    ValueError
        If there is no cell, a cell lies outside or occurs twice, or lengths differ.
    """

    indices: NDArray[np.intp]
    values: Array
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        shape = tuple(self.shape) if hasattr(self.shape, "__len__") else ()
        if not shape or not all(isinstance(size, (int, np.integer)) and size >= 1 for size in shape):
            raise ValueError(f"shape is {self.shape}, expected at least one mode and sizes of at least 1")
        shape = tuple(int(size) for size in shape)
        raw = np.asarray(self.indices)
        if raw.size == 0:
            raise ValueError("indices are empty, expected at least one cell")
        if raw.ndim != 2 or raw.shape[1] != len(shape) or raw.dtype.kind not in "iu":
            raise ValueError(
                f"indices are {raw.dtype} of shape {raw.shape}, expected integers of shape (m, {len(shape)})"
            )
        indices = raw.astype(np.intp, copy=False)
        values = as_array("values", self.values, 1)
        if len(values) != len(indices):
            raise ValueError(f"values has {len(values)} entries, expected {len(indices)}, one for each row of indices")
        outside = (indices < 0).any(axis=1) | (indices >= np.array(shape)).any(axis=1)
        if outside.any():
            cell = tuple(int(index) for index in indices[np.argmax(outside)])
            raise ValueError(f"indices has the cell {cell}, expected cells of a tensor of shape {shape}")
        if len(np.unique(indices, axis=0)) < len(indices):
            raise ValueError("indices has a cell twice, expected each once")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "indices", frozen(indices))
        object.__setattr__(self, "values", frozen(values))

    def __repr__(self) -> str:
        return f"SparseTensor(shape={self.shape}, {len(self.values)} cells)"

    @classmethod
    def from_dense(cls, tensor: ArrayLike, mask: ArrayLike | None = None) -> SparseTensor:
        """The cells of a dense tensor where a mask is true; its nonzeros when there is no mask.

        Parameters
        ----------
        tensor : array_like, shape (d₁, …, d_N)
            May hold NaN where the mask is false.
        mask : array_like of bool, shape (d₁, …, d_N), optional
        """
        array = np.asarray(tensor)
        where = array != 0 if mask is None else np.asarray(mask, dtype=bool)
        if where.shape != array.shape:
            raise ValueError(f"mask has shape {where.shape}, expected {array.shape} as tensor")
        indices = np.argwhere(where)
        return cls(indices, array[where], array.shape)

    @property
    def order(self) -> int:
        """Number of modes."""
        return len(self.shape)

    @property
    def density(self) -> float:
        """Share of the cells that are listed."""
        return len(self.values) / prod(self.shape)

    def to_full(self) -> Array:
        """The dense tensor, zero in all other cells."""
        full = np.zeros(self.shape, dtype=self.values.dtype)
        full[tuple(self.indices.T)] = self.values
        return full

    def norm(self) -> float:
        """Frobenius norm of the listed cells."""
        return frobenius_norm(self.values)

    def with_values(self, values: Array) -> SparseTensor:
        """The same cells with other values."""
        twin = object.__new__(SparseTensor)
        if values.shape != self.values.shape:
            raise ValueError(f"values has shape {values.shape}, expected {self.values.shape}")
        object.__setattr__(twin, "shape", self.shape)
        object.__setattr__(twin, "indices", self.indices)
        object.__setattr__(twin, "values", frozen(values))
        return twin

    def mttkrp(self, factors: Sequence[ArrayLike], mode: int) -> Array:
        """See `mttkrp`; the work is proportional to the number of listed cells.

        Parameters
        ----------
        factors : sequence of array_like, shapes (dₙ, R)
        mode : int

        Returns
        -------
        ndarray, shape (dₙ, R)
        """
        arrays = check_factors("factors", factors, self.shape)
        mode = check_mode(mode, self.order)
        rows = self.values[:, None] * khatri_rao_rows(arrays, self.indices, skip=mode)
        return sum_rows(rows, self.indices[:, mode], self.shape[mode])


def khatri_rao_rows(factors: Sequence[Array], indices: NDArray[np.intp], skip: int | None = None) -> Array:
    """Rows of the Khatri–Rao product of all factors but one, at some cells.

    Parameters
    ----------
    factors : sequence of ndarray, shapes (dₙ, R)
    indices : ndarray of int, shape (m, N)
    skip : int, optional
        Mode that is left out.

    Returns
    -------
    ndarray, shape (m, R)
        Row c is the entry-by-entry product of the rows indices[c, n] of the factors; its sum over R is the entry of
        ⟦A₁, …, A_N⟧ in cell c when no mode is left out.
    """
    rows = np.ones((len(indices), factors[0].shape[1]), dtype=np.result_type(*factors))
    for mode, factor in enumerate(factors):
        if mode != skip:
            rows *= factor[indices[:, mode]]
    return rows


def sum_rows(rows: Array, targets: NDArray[np.intp], size: int) -> Array:
    """Add row c to row targets[c] of a zero matrix with `size` rows.

    Parameters
    ----------
    rows : ndarray, shape (m, R)
    targets : ndarray of int, shape (m,)
    size : int

    Returns
    -------
    ndarray, shape (size, R)
    """
    # One sparse product is far faster than numpy.add.at on rows; stored by columns, nothing has to be sorted for it.
    from scipy.sparse import csc_array

    count = len(targets)
    gather = csc_array((np.ones(count), targets, np.arange(count + 1)), shape=(size, count))
    return np.asarray(gather @ rows, dtype=rows.dtype)
