"""A tensor in CP form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_cells, check_count, check_kind, frozen
from mmdiscover.decompositions.norms import column_lengths, norm_by_inner
from mmdiscover.decompositions.products import check_factors, khatri_rao_unchecked
from mmdiscover.decompositions.sparse import khatri_rao_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed


@dataclass(frozen=True, eq=False, repr=False)
class CPTensor:
    """Σᵣ wᵣ a¹ᵣ ∘ … ∘ aᴺᵣ, written ⟦w; A₁, …, A_N⟧.

    Parameters
    ----------
    factors : sequence of array_like, shapes (dₙ, R)
        Real or complex.
    weights : array_like, shape (R,), optional
        Ones when left out.

    Raises
    ------
    ValueError
        If the numbers of columns differ, or an entry is not finite.
    """

    factors: tuple[Array, ...]
    weights: Array = None  # type: ignore[assignment] # it is an array once made

    def __post_init__(self) -> None:
        factors = check_factors("factors", self.factors)
        rank = factors[0].shape[1]
        weights = np.ones(rank, dtype=factors[0].dtype) if self.weights is None else self.weights
        weights = as_array("weights", weights, 1)
        if len(weights) != rank:
            raise ValueError(f"weights has {len(weights)} entries, expected {rank}, one for each column of the factors")
        object.__setattr__(self, "factors", tuple(frozen(factor) for factor in factors))
        object.__setattr__(self, "weights", frozen(weights))

    def __repr__(self) -> str:
        return f"CPTensor(shape={self.shape}, rank={self.rank})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""
        return tuple(len(factor) for factor in self.factors)

    @property
    def order(self) -> int:
        """Number of modes N."""
        return len(self.factors)

    @property
    def rank(self) -> int:
        """Number of terms R."""
        return len(self.weights)

    @property
    def parameters(self) -> int:
        """R(d₁ + … + d_N): entries of the factors, weights not counted as they can be put into a factor."""
        return self.rank * sum(self.shape)

    def absorbed(self) -> tuple[Array, ...]:
        """Factors with the weights multiplied into the first."""
        return (self.factors[0] * self.weights, *self.factors[1:])

    def to_full(self) -> Array:
        """The tensor with all its entries, shape (d₁, …, d_N)."""
        factors = self.absorbed()
        # Two halves of about the same number of modes make one matrix product.
        half = max(1, self.order // 2)
        left = khatri_rao_unchecked(factors[:half])
        right = khatri_rao_unchecked(factors[half:]) if self.order > 1 else np.ones((1, self.rank), dtype=left.dtype)
        full: Array = np.matmul(left, right.T).reshape(self.shape)
        return full

    def entries(self, indices: NDArray[np.intp]) -> Array:
        """The entries in some cells.

        Parameters
        ----------
        indices : ndarray of int, shape (m, N)

        Returns
        -------
        ndarray, shape (m,)
        """
        return khatri_rao_rows(self.factors, check_cells(indices, self.shape)) @ self.weights

    def inner(self, other: CPTensor) -> Any:
        """⟨self, other⟩ = Σ conj(self)·other in O(N d R R′) operations, without forming either.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        check_kind("other", other, CPTensor)
        if self.shape != other.shape:
            raise ValueError(f"other has shape {other.shape}, expected {self.shape}")
        grams = [a.conj().T @ b for a, b in zip(self.factors, other.factors, strict=True)]
        return self.weights.conj() @ reduce(np.multiply, grams) @ other.weights

    def norm(self) -> float:
        """Frobenius norm, without forming the tensor; accurate to about √ε relative to the terms where they cancel."""
        return norm_by_inner((*self.factors, self.weights), lambda arrays: CPTensor(tuple(arrays[:-1]), arrays[-1]))

    def normalized(self) -> CPTensor:
        """The same tensor with columns of length one and weights in descending order of their size."""
        lengths = [column_lengths(factor) for factor in self.factors]
        weights = self.weights * reduce(np.multiply, lengths)
        order = np.argsort(-np.abs(weights), kind="stable")
        factors = [
            (factor / np.where(length > 0, length, 1))[:, order]
            for factor, length in zip(self.factors, lengths, strict=True)
        ]
        return CPTensor(tuple(factors), weights[order])


def random_cp(shape: Sequence[int], rank: int, *, seed: Seed = 0, dtype: DTypeLike = np.float64) -> CPTensor:
    """A CP tensor with independent standard normal entries in its factors.

    Parameters
    ----------
    shape : sequence of int
    rank : int
    seed : int, SeedSequence or Generator
    dtype : dtype
        Real or complex floating point.
    """
    check_count("rank", rank)
    rng = np.random.default_rng(seed)
    return CPTensor(tuple(normal(rng, (check_count("shape entry", size), rank), dtype) for size in shape))


def normal(rng: np.random.Generator, shape: Sequence[int], dtype: DTypeLike = np.float64) -> Array:
    """Independent standard normal numbers; complex ones have variance 1/2 in each part."""
    dtype = np.dtype(dtype)
    if dtype.char not in "fdFD":
        raise ValueError(f"dtype is {dtype}, expected float32, float64, complex64 or complex128")
    if dtype.kind == "c":
        result: Array = ((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)).astype(dtype)
        return result
    return rng.standard_normal(shape).astype(dtype)
