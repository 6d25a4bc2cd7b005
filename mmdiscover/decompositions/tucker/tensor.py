"""A tensor in Tucker form."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_cells, check_count, check_kind, check_ranks, frozen
from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.norms import frobenius_norm
from mmdiscover.decompositions.products import mode_product_unchecked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed


@dataclass(frozen=True, eq=False, repr=False)
class TuckerTensor:
    """G ×₁ U₁ ×₂ … ×_N U_N.

    Parameters
    ----------
    core : array_like, shape (R₁, …, R_N)
        Real or complex.
    factors : sequence of array_like, shapes (dₙ, Rₙ)

    Raises
    ------
    ValueError
        If the columns of a factor are not as many as the core has indices there, or an entry is not finite.
    """

    core: Array
    factors: tuple[Array, ...]

    def __post_init__(self) -> None:
        core = as_array("core", self.core)
        factors = tuple(as_array(f"factors[{mode}]", factor, 2) for mode, factor in enumerate(self.factors))
        columns = tuple(factor.shape[1] for factor in factors)
        if columns != core.shape:
            raise ValueError(f"factors have {columns} columns, expected {core.shape}, the shape of the core")
        object.__setattr__(self, "core", frozen(core))
        object.__setattr__(self, "factors", tuple(frozen(factor) for factor in factors))

    def __repr__(self) -> str:
        return f"TuckerTensor(shape={self.shape}, ranks={self.ranks})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""
        return tuple(len(factor) for factor in self.factors)

    @property
    def order(self) -> int:
        """Number of modes N."""
        return len(self.factors)

    @property
    def ranks(self) -> tuple[int, ...]:
        """(R₁, …, R_N)."""
        return self.core.shape

    @property
    def parameters(self) -> int:
        """R₁⋯R_N + Σ dₙRₙ."""
        return prod(self.ranks) + sum(size * rank for size, rank in zip(self.shape, self.ranks, strict=True))

    def to_full(self) -> Array:
        """The tensor with all its entries, shape (d₁, …, d_N)."""
        full = self.core
        for mode, factor in enumerate(self.factors):
            full = mode_product_unchecked(full, factor, mode)
        return full

    def entries(self, indices: NDArray[np.intp]) -> Array:
        """The entries in some cells, in O(m·R₁⋯R_N) operations.

        Parameters
        ----------
        indices : ndarray of int, shape (m, N)

        Returns
        -------
        ndarray, shape (m,)
        """
        cells = check_cells(indices, self.shape)
        rest = self.factors[0][cells[:, 0]] @ self.core.reshape(self.ranks[0], -1)
        for factor, column in zip(self.factors[1:], cells[:, 1:].T, strict=True):
            left = rest.shape[1] // factor.shape[1]
            rest = np.einsum("mr,mrk->mk", factor[column], rest.reshape(len(cells), factor.shape[1], left))
        return rest[:, 0]

    def inner(self, other: TuckerTensor) -> Any:
        """⟨self, other⟩ = Σ conj(self)·other from the cores and the products UₙᴴVₙ of the factors.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        check_kind("other", other, TuckerTensor)
        if self.shape != other.shape:
            raise ValueError(f"other has shape {other.shape}, expected {self.shape}")
        moved = other.core
        for mode, (own, others) in enumerate(zip(self.factors, other.factors, strict=True)):
            moved = mode_product_unchecked(moved, own.conj().T @ others, mode)
        return np.vdot(self.core, moved)

    def norm(self) -> float:
        """Frobenius norm, without forming the tensor: that of the core times the triangles of the factors."""
        core = self.core
        for mode, factor in enumerate(self.factors):
            if len(factor) > factor.shape[1]:
                core = mode_product_unchecked(core, np.linalg.qr(factor).R, mode)
            else:
                core = mode_product_unchecked(core, factor, mode)
        return frobenius_norm(core)


def random_tucker(
    shape: Sequence[int], ranks: int | Sequence[int], *, seed: Seed = 0, dtype: DTypeLike = np.float64
) -> TuckerTensor:
    """A Tucker tensor with independent standard normal entries in its core and factors.

    Parameters
    ----------
    shape : sequence of int
    ranks : int or sequence of int
        At most the sizes.
    seed : int, SeedSequence or Generator
    dtype : dtype
        Real or complex floating point.
    """
    sizes = [check_count(f"shape[{mode}]", size) for mode, size in enumerate(shape)]
    ranks = check_ranks("ranks", ranks, sizes)
    rng = np.random.default_rng(seed)
    factors = tuple(normal(rng, pair, dtype) for pair in zip(sizes, ranks, strict=True))
    return TuckerTensor(normal(rng, ranks, dtype), factors)
