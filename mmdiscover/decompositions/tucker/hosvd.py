"""Tucker decompositions by singular value decompositions, one for each mode."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_number, check_ranks
from mmdiscover.decompositions.matrices import left_singular_vectors
from mmdiscover.decompositions.norms import frobenius_norm
from mmdiscover.decompositions.products import mode_product_unchecked
from mmdiscover.decompositions.tucker.tensor import TuckerTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array


def hosvd(tensor: ArrayLike, ranks: int | Sequence[int] | None = None, *, error: float = 0.0) -> TuckerTensor:
    """The higher-order SVD: every factor from the matricization of the whole tensor.

    ‖T − X‖ ≤ √N times the least possible for these ranks; exact when the multilinear rank allows (De Lathauwer, De
    Moor, Vandewalle, SIAM J. Matrix Anal. Appl. 21 (2000)).

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
        Real or complex, in single or double precision.
    ranks : int or sequence of int, optional
        (R₁, …, R_N); one number stands for all modes. The sizes when left out.
    error : float
        Relative error ‖T − X‖ / ‖T‖ allowed; the ranks become as small as each mode's share of it, error/√N, allows.

    Returns
    -------
    TuckerTensor
        Factors with orthonormal columns.

    Raises
    ------
    ValueError
        If a rank is below 1 or above its size, or an entry is not finite.
    """
    array, limits, share = _checked(tensor, ranks, error)
    factors = [left_singular_vectors(array, mode, rank, share)[0] for mode, rank in enumerate(limits)]
    return TuckerTensor(project(array, factors), tuple(factors))


def st_hosvd(
    tensor: ArrayLike,
    ranks: int | Sequence[int] | None = None,
    *,
    error: float = 0.0,
    modes: Sequence[int] | None = None,
) -> TuckerTensor:
    """The sequentially truncated HOSVD: each mode is cut off before the next one is looked at.

    The bound of `hosvd` holds, and the error is often smaller, for less work (Vannieuwenhoven, Vandebril, Meerbergen,
    SIAM J. Sci. Comput. 34 (2012)).

    Parameters
    ----------
    tensor, ranks, error
        See `hosvd`.
    modes : sequence of int, optional
        Order in which modes are cut off; smallest sizes first when left out, which costs least.

    Returns
    -------
    TuckerTensor
        Factors with orthonormal columns.

    Raises
    ------
    ValueError
        See `hosvd`; also when `modes` is not an arrangement of all modes.
    """
    array, limits, share = _checked(tensor, ranks, error)
    order = sorted(range(array.ndim), key=lambda mode: array.shape[mode]) if modes is None else list(modes)
    if sorted(order) != list(range(array.ndim)):
        raise ValueError(f"modes is {tuple(order)}, expected an arrangement of 0 to {array.ndim - 1}")
    factors: dict[int, Array] = {}
    core = array
    for mode in order:
        factors[mode], _ = left_singular_vectors(core, mode, limits[mode], share)
        core = mode_product_unchecked(core, factors[mode].conj().T, mode)
    return TuckerTensor(core, tuple(factors[mode] for mode in range(array.ndim)))


def project(array: Array, factors: Sequence[Array]) -> Array:
    """The core T ×₁ U₁ᴴ ×₂ … ×_N U_Nᴴ, the greatest reductions first."""
    for mode in sorted(range(array.ndim), key=lambda mode: factors[mode].shape[1] / factors[mode].shape[0]):
        array = mode_product_unchecked(array, factors[mode].conj().T, mode)
    return array


def _checked(
    tensor: ArrayLike, ranks: int | Sequence[int] | None, error: float
) -> tuple[Array, tuple[int, ...], float]:
    """The tensor, a rank for every mode, and the error that each may make."""
    array = as_array("tensor", tensor)
    check_number("error", error)
    limits = array.shape if ranks is None else check_ranks("ranks", ranks, array.shape)
    share = error * frobenius_norm(array) / sqrt(array.ndim) if error else 0.0
    return np.ascontiguousarray(array), limits, share
