"""Matrices of m₁⋯m_N rows and n₁⋯n_N columns in tensor-train form."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar, overload

import numpy as np

from mmdiscover.decompositions.arguments import as_array
from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.tt.chain import Chain, bounded_ranks, check_paired_sizes
from mmdiscover.decompositions.tt.tensor_train import TensorTrain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from mmdiscover.decompositions.arguments import Array, Seed


@dataclass(frozen=True, eq=False, repr=False)
class TTMatrix(Chain):
    """A[(i₁…i_N), (j₁…j_N)] = G₁[:, i₁, j₁, :] ⋯ G_N[:, i_N, j_N, :]; the last index runs fastest in rows and columns.

    ``+``, ``-``, ``*`` (by a number or entry by entry) and ``@`` (by a train or another matrix) are those of
    `arithmetic`.

    Parameters
    ----------
    cores : sequence of array_like, shapes (Rₖ₋₁, mₖ, nₖ, Rₖ)
        R₀ = R_N = 1. Float32, float64, complex64 or complex128; all take the type of the widest.

    Raises
    ------
    ValueError
        If there is no core, shapes do not meet, or an entry is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> swap = TTMatrix.from_kronecker([[[0, 1], [1, 0]], np.eye(2)])
    >>> swap.ranks, swap.shape
    ((1,), (4, 4))
    >>> swap.to_full()[0]
    array([0., 0., 1., 0.])
    """

    core_order: ClassVar[int] = 4

    def __repr__(self) -> str:
        return f"TTMatrix(row_shape={self.row_shape}, column_shape={self.column_shape}, ranks={self.ranks})"

    @classmethod
    def from_kronecker(cls, factors: Sequence[ArrayLike]) -> TTMatrix:
        """A₁ ⊗ … ⊗ A_N, the matrix whose ranks are all 1.

        Parameters
        ----------
        factors : sequence of array_like, shapes (mₖ, nₖ)
        """
        return cls(tuple(as_array(f"factors[{k}]", factor, 2)[None, ..., None] for k, factor in enumerate(factors)))

    @classmethod
    def from_train(cls, train: TensorTrain, row_shape: Sequence[int], column_shape: Sequence[int]) -> TTMatrix:
        """The inverse of `as_train`.

        Raises
        ------
        ValueError
            If the sizes of the train are not mₖnₖ.
        """
        sizes = check_paired_sizes(row_shape, column_shape)
        products = tuple(m * n for m, n in sizes)
        if train.shape != products:
            raise ValueError(f"train has shape {train.shape}, expected {products}, the products mₖnₖ")
        return cls.trusted(
            core.reshape(len(core), m, n, core.shape[2]) for core, (m, n) in zip(train.cores, sizes, strict=True)
        )

    @property
    def row_shape(self) -> tuple[int, ...]:
        """(m₁, …, m_N)."""
        return tuple(core.shape[1] for core in self.cores)

    @property
    def column_shape(self) -> tuple[int, ...]:
        """(n₁, …, n_N)."""
        return tuple(core.shape[2] for core in self.cores)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, m₁⋯m_N and n₁⋯n_N."""
        return prod(self.row_shape), prod(self.column_shape)

    def transpose(self) -> TTMatrix:
        """The transpose, not conjugated."""
        return TTMatrix.trusted(np.ascontiguousarray(core.transpose(0, 2, 1, 3)) for core in self.cores)

    def as_train(self) -> TensorTrain:
        """The train of shape (m₁n₁, …, m_Nn_N) with the same cores."""
        return TensorTrain.trusted(core.reshape(len(core), -1, core.shape[3]) for core in self.cores)

    def to_full(self) -> Array:
        """The matrix with all its entries, shape (m₁⋯m_N, n₁⋯n_N)."""
        pairs = [size for core in self.cores for size in core.shape[1:3]]
        axes = [*range(0, 2 * self.order, 2), *range(1, 2 * self.order, 2)]
        return self.as_train().to_full().reshape(pairs).transpose(axes).reshape(self.shape)

    @overload
    def __matmul__(self, other: TensorTrain) -> TensorTrain: ...

    @overload
    def __matmul__(self, other: TTMatrix) -> TTMatrix: ...

    def __matmul__(self, other: TensorTrain | TTMatrix) -> TensorTrain | TTMatrix:
        from mmdiscover.decompositions.tt.arithmetic import matmat, matvec

        if isinstance(other, TTMatrix):
            return matmat(self, other)
        return matvec(self, other) if isinstance(other, TensorTrain) else NotImplemented


def random_tt_matrix(
    row_shape: Sequence[int],
    column_shape: Sequence[int],
    ranks: int | Sequence[int],
    *,
    seed: Seed = 0,
    dtype: DTypeLike = np.float64,
) -> TTMatrix:
    """A matrix in tensor-train form with independent standard normal entries in its cores.

    Parameters
    ----------
    row_shape, column_shape : sequence of int
        (m₁, …, m_N) and (n₁, …, n_N).
    ranks : int or sequence of int
        (R₁, …, R_{N−1}), at most those that every matrix of this shape has; a single integer is cut to them.
    seed : int, SeedSequence or Generator
    dtype : dtype
        Real or complex floating point.
    """
    sizes = check_paired_sizes(row_shape, column_shape)
    bounds = bounded_ranks(ranks, [m * n for m, n in sizes])
    rng = np.random.default_rng(seed)
    return TTMatrix(tuple(normal(rng, (bounds[k], m, n, bounds[k + 1]), dtype) for k, (m, n) in enumerate(sizes)))
