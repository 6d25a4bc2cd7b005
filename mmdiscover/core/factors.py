"""Float factor matrices of a (not yet exact) scheme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.core.format import Format


def check_shapes(fmt: Format, factors: Sequence[NDArray[np.generic]]) -> None:
    """Check that three factor matrices have shapes (nm, r), (mp, r), (pn, r) with one r ≥ 1.

    Raises
    ------
    InputError
        Naming the factor, its shape and the expected one.
    """
    rank = factors[0].shape[1] if factors[0].ndim == 2 else None
    for name, rows, factor in zip("uvw", fmt.shape, factors, strict=True):
        if factor.ndim != 2 or factor.shape[0] != rows or factor.shape[1] != rank or not rank:
            raise InputError(
                f"factor {name} of {fmt} has shape {factor.shape}, expected ({rows}, {rank or 'r'}) with r >= 1"
            )


@dataclass(frozen=True, eq=False)
class Factors:
    """Float factors U (nm×r), V (mp×r), W (pn×r), one column per product.

    Parameters
    ----------
    format : Format
        The format ⟨n,m,p⟩.
    u, v, w : array_like of float
        Copied, and read-only afterwards. Row i·m+j of `u` belongs to a_ij, row j·p+k of `v` to b_jk,
        row k·n+i of `w` to c_ik (the third mode indexes Cᵀ).

    Raises
    ------
    InputError
        If a factor is not an array of real numbers, shapes do not meet or an entry is not finite.
    """

    format: Format
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    w: NDArray[np.float64]

    def __init__(self, fmt: Format, u: ArrayLike, v: ArrayLike, w: ArrayLike) -> None:
        factors = [_float_matrix(f"{name} of {fmt}", factor) for name, factor in zip("uvw", (u, v, w), strict=True)]
        check_shapes(fmt, factors)
        for name, factor in zip("uvw", factors, strict=True):
            if not np.isfinite(factor).all():
                raise InputError(f"factor {name} of {fmt} has a NaN or infinite entry, expected finite numbers")
            factor.flags.writeable = False
            object.__setattr__(self, name, factor)
        object.__setattr__(self, "format", fmt)

    @property
    def rank(self) -> int:
        """Number of products r."""
        return int(self.u.shape[1])

    @property
    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(U, V, W)."""
        return self.u, self.v, self.w

    def with_arrays(self, fmt: Format, arrays: Sequence[NDArray[np.float64]]) -> Factors:
        """The same kind of value with other factors."""
        u, v, w = arrays
        return Factors(fmt, u, v, w)

    def squared_norm(self) -> float:
        """‖θ‖², the sum of squares of all entries."""
        return float(sum(np.vdot(factor, factor) for factor in self.arrays))

    def residual(self) -> float:
        """φ = ‖T − ⟦U,V,W⟧‖², zero for an exact fit."""
        model = np.einsum("ar,br,cr->abc", *self.arrays, optimize=True)
        return float(np.sum((model - matmul_tensor(self.format)) ** 2))


def _float_matrix(name: str, factor: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.array(factor, dtype=np.float64, order="C")
    except (ValueError, TypeError, OverflowError) as error:
        # Rows of different lengths, text, complex numbers, or integers beyond floating point: NumPy says which.
        raise InputError(f"factor {name} is no matrix of real numbers: {error}") from None
