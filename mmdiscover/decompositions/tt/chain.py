"""What tensor trains and matrices in tensor-train form share: a chain of cores, neighbours tied by a rank."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, isfinite, log
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_count, check_ranks, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mmdiscover.decompositions.arguments import Array

ChainT = TypeVar("ChainT", bound="Chain")

LOG_2 = log(2)


@dataclass(frozen=True, eq=False, repr=False)
class Chain:
    """Cores of which each one's last size is the next one's first; the common part of `TensorTrain` and `TTMatrix`."""

    cores: tuple[Array, ...]

    core_order: ClassVar[int]
    __array_ufunc__: ClassVar[None] = None  # so that a NumPy number times a chain is left to the chain

    def __post_init__(self) -> None:
        if not hasattr(self.cores, "__len__"):
            raise ValueError(f"cores is a {type(self.cores).__name__}, expected a sequence of arrays")
        cores = [as_array(f"cores[{k}]", core, self.core_order) for k, core in enumerate(self.cores)]
        if not cores:
            raise ValueError("cores is empty, expected at least one core")
        shapes = [core.shape for core in cores]
        if shapes[0][0] != 1 or shapes[-1][-1] != 1:
            raise ValueError(f"cores have shapes {shapes}, expected 1 as the first and as the last size")
        for k, (left, right) in enumerate(pairwise(shapes)):
            if left[-1] != right[0]:
                raise ValueError(
                    f"cores[{k}] has shape {left} and cores[{k + 1}] has shape {right}, expected the last size of one "
                    "as the first of the next"
                )
        dtype = np.result_type(*cores)
        object.__setattr__(self, "cores", tuple(frozen(np.ascontiguousarray(core, dtype)) for core in cores))

    @classmethod
    def trusted(cls, cores: Iterable[Array]) -> Self:
        """A chain of contiguous cores of one type that are known to meet, without the checks."""
        chain = object.__new__(cls)
        kept = tuple(cores)
        for core in kept:
            core.setflags(write=False)
        object.__setattr__(chain, "cores", kept)
        return chain

    @property
    def order(self) -> int:
        """Number of cores N."""
        return len(self.cores)

    @property
    def ranks(self) -> tuple[int, ...]:
        """(R₁, …, R_{N−1}), the sizes between neighbouring cores."""
        return tuple(core.shape[0] for core in self.cores[1:])

    @property
    def parameters(self) -> int:
        """d₁R₁ + R₁d₂R₂ + … + R_{N−1}d_N: entries of the cores (mₖnₖ stands for dₖ in a matrix)."""
        return sum(core.size for core in self.cores)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of all cores."""
        return self.cores[0].dtype

    def inner(self, other: Self) -> Any:
        """⟨self, other⟩ = Σ conj(self)·other in O(N d R³) operations; see `arithmetic.inner`."""
        from mmdiscover.decompositions.tt.arithmetic import inner

        return inner(self, other)

    def log_norm(self) -> float:
        """Natural logarithm of the Frobenius norm, −∞ for zero; for chains whose norm no floating-point number holds.

        By triangular factors, so that the norm of a difference is accurate to about ε of its terms, not √ε.
        """
        left: Array = np.ones((1, 1), dtype=self.dtype)
        exponent = 0
        for core in self.cores:
            left = (left @ core.reshape(len(core), -1)).reshape(-1, core.shape[-1])
            if len(left) > left.shape[1]:
                left = np.asarray(np.linalg.qr(left, mode="r"))
            left, shift = scaled(left)
            exponent += shift
        size = float(np.linalg.norm(left))
        return log(size) + exponent * LOG_2 if size else -inf

    def norm(self) -> float:
        """Frobenius norm, without forming the entries.

        Raises
        ------
        OverflowError
            If it is not zero, and too large or too small for a floating-point number; `log_norm` has it.
        """
        return representable_exp(self.log_norm(), "the norm", "log_norm")

    def normalized(self) -> tuple[Self, float]:
        """A chain of norm 1, and the logarithm of the factor: self = exp(factor) · chain.

        Raises
        ------
        ValueError
            If the norm is zero.
        """
        logarithm = self.log_norm()
        if logarithm == -inf:
            raise ValueError("the chain is zero, expected one that can be divided by its norm")
        factor = self.dtype.type(exp(-logarithm / self.order))
        return self.trusted(core * factor for core in self.cores), logarithm

    def __add__(self, other: Self) -> Self:
        from mmdiscover.decompositions.tt.arithmetic import add

        return add(self, other) if isinstance(other, type(self)) else NotImplemented

    def __sub__(self, other: Self) -> Self:
        from mmdiscover.decompositions.tt.arithmetic import subtract

        return subtract(self, other) if isinstance(other, type(self)) else NotImplemented

    def __neg__(self) -> Self:
        return self * -1.0

    def __mul__(self, other: Self | complex) -> Self:
        """A number times the chain, or the entry-by-entry product with another."""
        from mmdiscover.decompositions.tt.arithmetic import hadamard, scale

        if isinstance(other, type(self)):
            return hadamard(self, other)
        return scale(self, other) if np.isscalar(other) else NotImplemented  # type: ignore[arg-type] # it is a number

    __rmul__ = __mul__


def scaled(array: Array) -> tuple[Array, int]:
    """An array divided by a power of two, and the exponent: 0 unless products of it could over- or underflow soon."""
    with np.errstate(over="ignore", under="ignore"):
        square = np.vdot(array, array).real
    if 1e-16 < square < 1e16:
        return array, 0
    largest = float(np.abs(array).max())
    if largest == 0 or not isfinite(largest):
        return array, 0
    exponent = int(np.frexp(largest)[1])
    return times_power_of_two(array, -exponent), exponent


def times_power_of_two(array: Array, exponent: int) -> Array:
    """An array times 2ᵉ."""
    if exponent == 0:
        return array
    # In two steps, as 2^1074 is no number.
    half = exponent // 2
    product: Array = array * array.dtype.type(2.0**half) * array.dtype.type(2.0 ** (exponent - half))
    return product


def representable_exp(logarithm: float, what: str, instead: str) -> float:
    """The number with a given logarithm, or an OverflowError where it is none."""
    if logarithm == -inf:
        return 0.0
    if not np.log(np.finfo(np.float64).tiny) <= logarithm <= np.log(np.finfo(np.float64).max):
        raise OverflowError(f"{what} is 10^{logarithm / log(10):.2f}, which float64 cannot hold: use {instead}")
    return exp(logarithm)


def largest_ranks(sizes: Sequence[int]) -> tuple[int, ...]:
    """Ranks that suffice for every tensor of these sizes: the lesser of the products on either side."""
    left, right = [1], [1]
    for size in sizes[:-1]:
        left.append(left[-1] * size)
    for size in reversed(sizes[1:]):
        right.append(right[-1] * size)
    return tuple(min(pair) for pair in zip(left[1:], reversed(right[1:]), strict=True))


def check_chain(name: str, chain: object) -> None:
    """A train or matrix in tensor-train form, not an array."""
    if not isinstance(chain, Chain):
        raise ValueError(  # noqa: TRY004 # the house raises ValueError for every bad argument
            f"{name} is a {type(chain).__name__}, expected a TensorTrain or TTMatrix"
        )


def check_sizes(name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """At least one size, each at least 1."""
    if not hasattr(sizes, "__len__"):
        raise ValueError(f"{name} is {sizes!r}, expected a sequence of sizes")
    if not len(sizes):
        raise ValueError(f"{name} is empty, expected at least one size")
    return tuple(check_count(f"{name}[{index}]", size) for index, size in enumerate(sizes))


def check_paired_sizes(row_shape: Sequence[int], column_shape: Sequence[int]) -> list[tuple[int, int]]:
    """Sizes (mₖ, nₖ) of rows and columns, as many of one as of the other."""
    rows, columns = check_sizes("row_shape", row_shape), check_sizes("column_shape", column_shape)
    if len(rows) != len(columns):
        raise ValueError(f"column_shape has {len(columns)} entries, expected {len(rows)} as row_shape")
    return list(zip(rows, columns, strict=True))


def bounded_ranks(ranks: int | Sequence[int], sizes: Sequence[int]) -> tuple[int, ...]:
    """Ranks R₁, …, R_{N−1} of at most what sizes allow, with the two 1 around them."""
    return (1, *check_ranks("ranks", ranks, largest_ranks(sizes)), 1)
