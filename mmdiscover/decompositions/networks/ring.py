"""Tensor rings: tensor trains whose two ends are joined (Zhao, Zhou, Xie, Zhang and Cichocki, arXiv:1606.05535)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import isqrt, prod, sqrt
from sys import maxsize
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.arguments import (
    as_array,
    check_cells,
    check_count,
    check_kind,
    check_number,
    check_ranks,
    frozen,
)
from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.matrices import svd_unchecked
from mmdiscover.decompositions.norms import frobenius_norm, norm_by_inner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed


@dataclass(frozen=True, eq=False)
class TensorRing:
    """T[i₁, …, i_N] = Tr(G₁[:, i₁, :] ⋯ G_N[:, i_N, :]).

    Parameters
    ----------
    cores : sequence of array_like, shapes (Rₖ₋₁, dₖ, Rₖ)
        Real or complex, with R_N = R₀. A tensor train is the case R₀ = 1.

    Raises
    ------
    ValueError
        If there is no core, neighbours do not have one rank between them, or an entry is not finite.
    """

    cores: tuple[Array, ...]

    def __post_init__(self) -> None:
        cores = tuple(as_array(f"cores[{index}]", core, 3) for index, core in enumerate(self.cores))
        if not cores:
            raise ValueError("cores is empty, expected at least one core")
        for index, (core, following) in enumerate(pairwise((*cores, cores[0]))):
            if core.shape[2] != following.shape[0]:
                raise ValueError(
                    f"cores[{index}] has shape {core.shape} and cores[{(index + 1) % len(cores)}] {following.shape}, "
                    "expected the last size of one as the first of the next"
                )
        object.__setattr__(self, "cores", tuple(frozen(core) for core in cores))

    def __repr__(self) -> str:
        return f"TensorRing(shape={self.shape}, ranks={self.ranks})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""
        return tuple(core.shape[1] for core in self.cores)

    @property
    def order(self) -> int:
        """Number of modes N."""
        return len(self.cores)

    @property
    def ranks(self) -> tuple[int, ...]:
        """(R₀, …, R_{N−1}), the first being that which closes the ring."""
        return tuple(core.shape[0] for core in self.cores)

    @property
    def parameters(self) -> int:
        """R₀d₁R₁ + … + R_{N−1}d_N R₀: entries of the cores."""
        return sum(core.size for core in self.cores)

    def to_full(self) -> Array:
        """The tensor with all its entries, shape (d₁, …, d_N)."""
        half = (self.order + 1) // 2
        left = reduce(_joined, self.cores[:half])
        if half == self.order:
            return np.asarray(np.einsum("aia->i", left)).reshape(self.shape)
        right = reduce(_joined, self.cores[half:])
        # Sum over both ranks between the halves at once, as one matrix product.
        rows = left.transpose(1, 2, 0).reshape(left.shape[1], -1)
        columns = right.transpose(0, 2, 1).reshape(-1, right.shape[1])
        full: Array = (rows @ columns).reshape(self.shape)
        return full

    def entries(self, indices: NDArray[np.intp]) -> Array:
        """The entries in some cells, in O(m N R³) operations.

        Parameters
        ----------
        indices : ndarray of int, shape (m, N)

        Returns
        -------
        ndarray, shape (m,)
        """
        cells = check_cells(indices, self.shape)
        slices = [core[:, column].swapaxes(0, 1) for core, column in zip(self.cores, cells.T, strict=True)]
        return np.asarray(np.trace(reduce(np.matmul, slices), axis1=1, axis2=2))

    def inner(self, other: TensorRing) -> Any:
        """⟨self, other⟩ = Σ conj(self)·other, without forming either.

        The trace of the product of the transfer matrices Σᵢ conj(G[:, i, :]) ⊗ H[:, i, :], begun where the ranks are
        least, R₀ say: O(N d R₀² R³) operations, hence O(N d R⁵) for equal ranks and O(N d R³) for trains.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        check_kind("other", other, TensorRing)
        if self.shape != other.shape:
            raise ValueError(f"other has shape {other.shape}, expected {self.shape}")
        ranks = [a * b for a, b in zip(self.ranks, other.ranks, strict=True)]
        start = ranks.index(min(ranks))
        own, others = (
            [ring.cores[(start + index) % self.order] for index in range(self.order)] for ring in (self, other)
        )
        closing, closing_other = own[0].shape[0], others[0].shape[0]
        # Rows: the two ranks at the start; then the rank of each ring reached so far.
        carried: Array = np.eye(ranks[start]).reshape(-1, closing, closing_other)
        for core, second in zip(own, others, strict=True):
            half = np.tensordot(carried, core.conj(), (1, 0))  # start, other's rank, d, own next rank
            carried = np.tensordot(half, second, ((1, 2), (0, 1)))
        return np.trace(carried.reshape(ranks[start], -1))

    def norm(self) -> float:
        """Frobenius norm, without forming the tensor; accurate to about √ε relative to the terms where they cancel."""
        return norm_by_inner(self.cores, lambda cores: TensorRing(tuple(cores)))


def random_ring(
    shape: Sequence[int], ranks: int | Sequence[int], *, seed: Seed = 0, dtype: DTypeLike = np.float64
) -> TensorRing:
    """A tensor ring with independent standard normal entries in its cores.

    Parameters
    ----------
    shape : sequence of int
    ranks : int or sequence of int
        (R₀, …, R_{N−1}), the first between the last core and the first.
    seed : int, SeedSequence or Generator
    dtype : dtype
        Real or complex floating point.
    """
    given = [ranks] * len(shape) if isinstance(ranks, (int, np.integer)) else list(ranks)
    if len(given) != len(shape):
        raise ValueError(f"ranks has {len(given)} entries ({tuple(given)}), expected {len(shape)}")
    sides = [check_count(f"ranks[{index}]", rank) for index, rank in enumerate(given)]
    rng = np.random.default_rng(seed)
    around = pairwise([*sides, *sides[:1]])
    return TensorRing(
        tuple(
            normal(rng, (left, check_count("shape entry", size), right), dtype)
            for size, (left, right) in zip(shape, around, strict=True)
        )
    )


def ring_svd(tensor: ArrayLike, ranks: int | Sequence[int] | None = None, *, error: float = 0.0) -> TensorRing:
    """A tensor ring by successive singular value decompositions (TR-SVD; Zhao et al., arXiv:1606.05535, Algorithm 1).

    The rank of the first unfolding is split into two factors R₀ and R₁, after which the rest is as for a tensor train.
    The squared error is exactly the sum of the squares of all singular values that were cut off. Unlike for trains,
    no bound relates it to the error of the best ring of those ranks, and a ring is not recovered with its own ranks: as
    the rank R₀R₁ is split in the basis of the singular vectors, the later ranks come out larger.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
        Real or complex.
    ranks : int or sequence of int, optional
        At most (R₀, …, R_{N−1}). R₀R₁ may not be above the sizes of the first unfolding, nor any other Rₖ₊₁ above
        Rₖdₖ₊₁ and dₖ₊₂⋯d_N R₀; a single integer is cut to that.
    error : float
        Relative error ‖T − X‖ / ‖T‖ allowed, of which the first cut may take √(2/N) and each other one √(1/N) (the rule
        of Zhao et al.). 0 cuts nothing off that the ranks do not: without ranks, the ring is exact.

    Returns
    -------
    TensorRing
        Without ranks, R₀ and R₁ are the factors nearest to each other of the rank of the first unfolding; a prime one
        gives R₀ = 1, a tensor train.

    Raises
    ------
    ValueError
        If a rank is below 1 or too large, or the error negative.

    Examples
    --------
    >>> ring = random_ring((4, 5, 6), 2)
    >>> found = ring_svd(ring.to_full(), error=1e-12)
    >>> found.ranks, bool(abs(found.to_full() - ring.to_full()).max() < 1e-12)
    ((2, 2, 8), True)
    """
    array = as_array("tensor", tensor)
    check_number("error", error)
    shape, order = array.shape, array.ndim
    if order == 1:
        return TensorRing((array.reshape(1, -1, 1),))
    share = error * frobenius_norm(array) / sqrt(order) if error else 0.0
    limit = min(shape[0], prod(shape[1:]))
    bounds = _bounds(ranks, shape, limit)
    first = svd_unchecked(array.reshape(shape[0], -1), min(limit, bounds[0] * bounds[1]), sqrt(2) * share)
    closing, right = _split(first.rank, bounds[0], bounds[1])
    # Where the bounds leave no factors of the very rank found, a little more is taken and filled with zeros.
    fill = closing * right - first.rank
    u = np.pad(first.u, ((0, 0), (0, fill)))
    rest = np.pad(first.singular_values[:, None] * first.vt, ((0, fill), (0, 0)))
    cores = [u.reshape(shape[0], closing, right).transpose(1, 0, 2)]
    # The rank that closes the ring goes to the end, where the last core has it.
    rest = rest.reshape(closing, -1).T.reshape(right, -1)
    for mode in range(1, order - 1):
        matrix = rest.reshape(right * shape[mode], -1)
        cut = svd_unchecked(matrix, bounds[mode + 1], share)
        cores.append(cut.u.reshape(right, shape[mode], cut.rank))
        rest, right = cut.singular_values[:, None] * cut.vt, cut.rank
    cores.append(rest.reshape(right, shape[-1], closing))
    return TensorRing(tuple(cores))


def _joined(left: Array, right: Array) -> Array:
    """Two neighbouring cores as one, its mode running through the pairs of indices."""
    return np.tensordot(left, right, 1).reshape(left.shape[0], -1, right.shape[2])


def _bounds(ranks: int | Sequence[int] | None, shape: tuple[int, ...], limit: int) -> tuple[int, ...]:
    """Bounds of all ranks, given that of the first unfolding's."""
    order = len(shape)
    if ranks is None:
        return (limit,) * 2 + (maxsize,) * (order - 2)
    if isinstance(ranks, (int, np.integer)):
        closing = min(check_count("ranks", ranks), isqrt(limit))
        return (closing, min(int(ranks), limit // closing)) + (int(ranks),) * (order - 2)
    bounds = check_ranks("ranks", ranks, (limit,) * 2 + (maxsize,) * (order - 2))
    if bounds[0] * bounds[1] > limit:
        raise ValueError(f"ranks begins with {bounds[0]}·{bounds[1]}, expected a product of at most {limit}")
    for mode in range(1, order - 1):
        most = min(bounds[mode] * shape[mode], prod(shape[mode + 1 :]) * bounds[0])
        check_count(f"ranks[{mode + 1}]", bounds[mode + 1], 1, most)
    return bounds


def _split(rank: int, most_left: int, most_right: int) -> tuple[int, int]:
    """Two numbers within bounds whose product is the least that reaches a rank, as near to each other as can be."""
    choices = [(left, -(-rank // left)) for left in range(1, min(rank, most_left) + 1)]
    return min(
        (pair for pair in choices if pair[1] <= most_right),
        key=lambda pair: (pair[0] * pair[1], abs(pair[0] - pair[1])),
    )
