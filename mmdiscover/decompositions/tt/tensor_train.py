"""Tensors of order N, or vectors of d₁⋯d_N entries, as tensor trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from mmdiscover.decompositions.arguments import check_number
from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.tt.chain import Chain, bounded_ranks, check_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed


@dataclass(frozen=True, eq=False, repr=False)
class TensorTrain(Chain):
    """T[i₁, …, i_N] = G₁[:, i₁, :] ⋯ G_N[:, i_N, :], a product of matrices picked by the indices.

    ``+``, ``-``, ``*`` (by a number, or entry by entry by another train) are those of `arithmetic`.

    Parameters
    ----------
    cores : sequence of array_like, shapes (Rₖ₋₁, dₖ, Rₖ)
        R₀ = R_N = 1. Float32, float64, complex64 or complex128; all take the type of the widest.

    Raises
    ------
    ValueError
        If there is no core, shapes do not meet, or an entry is not finite.

    Examples
    --------
    The sum i₁ + i₂ + i₃ of three indices has ranks (2, 2):

    >>> import numpy as np
    >>> i = np.arange(3.0)
    >>> one = np.ones(3)
    >>> first, last = np.stack([i, one], 1)[None], np.stack([one, i])[..., None]
    >>> middle = np.array([[one, 0 * one], [i, one]]).transpose(0, 2, 1)
    >>> train = TensorTrain((first, middle, last))
    >>> train.entries(np.array([[0, 1, 2], [2, 2, 2]]))
    array([3., 6.])
    """

    core_order: ClassVar[int] = 3

    def __repr__(self) -> str:
        return f"TensorTrain(shape={self.shape}, ranks={self.ranks})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""
        return tuple(core.shape[1] for core in self.cores)

    def to_full(self) -> Array:
        """The tensor with all its entries, shape (d₁, …, d_N)."""
        full = self.cores[0]
        for core in self.cores[1:]:
            full = full.reshape(-1, len(core)) @ core.reshape(len(core), -1)
        return full.reshape(self.shape).copy() if full is self.cores[0] else full.reshape(self.shape)

    def entries(self, indices: NDArray[np.intp]) -> Array:
        """The entries in some cells, in O(m N R²) operations.

        Parameters
        ----------
        indices : array_like of int, shape (m, N)
            From 0.

        Returns
        -------
        ndarray, shape (m,)

        Raises
        ------
        ValueError
            If they are no integers, of another shape, or outside of the tensor.
        """
        cells = np.asarray(indices)
        if cells.ndim != 2 or cells.shape[1] != self.order or cells.dtype.kind not in "iu":
            raise ValueError(
                f"indices are {cells.dtype} of shape {cells.shape}, expected integers of shape (m, {self.order})"
            )
        outside = ((cells < 0) | (cells >= np.array(self.shape))).any(axis=1)
        if outside.any():
            raise ValueError(f"indices has the cell {cells[np.argmax(outside)].tolist()}, expected one of {self.shape}")
        rows = np.ones((len(cells), 1), dtype=self.dtype)
        for core, column in zip(self.cores, cells.T, strict=True):
            # One matrix product for the cells that share an index.
            grown = np.empty((len(cells), core.shape[2]), dtype=self.dtype)
            for index in np.unique(column):
                where = column == index
                grown[where] = rows[where] @ core[:, index]
            rows = grown
        return rows[:, 0]


def random_tt(
    shape: Sequence[int],
    ranks: int | Sequence[int],
    *,
    norm: float | None = None,
    seed: Seed = 0,
    dtype: DTypeLike = np.float64,
) -> TensorTrain:
    """A tensor train with independent standard normal entries in its cores.

    Parameters
    ----------
    shape : sequence of int
        (d₁, …, d_N).
    ranks : int or sequence of int
        (R₁, …, R_{N−1}), at most those that every tensor of this shape has; a single integer is cut to them.
    norm : float, optional
        Frobenius norm that the train is brought to. Left out, it is near √(∏dₖ ∏Rₖ), for long trains no
        floating-point number.
    seed : int, SeedSequence or Generator
    dtype : dtype
        Real or complex floating point.
    """
    sizes = check_sizes("shape", shape)
    bounds = bounded_ranks(ranks, sizes)
    rng = np.random.default_rng(seed)
    cores = [normal(rng, (bounds[k], size, bounds[k + 1]), dtype) for k, size in enumerate(sizes)]
    train = TensorTrain(tuple(cores))
    if norm is None:
        return train
    wanted = check_number("norm", norm, above=True)
    unit, _ = train.normalized()
    return unit * wanted
