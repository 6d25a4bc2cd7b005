"""QR and SVD of the unfoldings of cores, straight from LAPACK.

A matrix in C order is, transposed, in Fortran order: LAPACK factorizes the transpose where it lies. M = LP with
orthonormal rows in P is Mᵀ = PᵀLᵀ, a QR factorization. Many cores are so small that the wrappers of NumPy and SciPy
would take longer than LAPACK itself.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from mmdiscover.decompositions.matrices import rank_for_error, robust_svd

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

_BLOCK = 64
"""Columns in a block of LAPACK's Householder routines, at most."""


class _Routines(NamedTuple):
    """For one type; in complex types `orgqr` and `ormqr` are LAPACK's ungqr and unmqr."""

    geqrf: Any
    orgqr: Any
    ormqr: Any
    gesdd: Any
    trmm: Any


@cache
def _routines(char: str) -> _Routines:
    unitary = ("orgqr", "ormqr") if char in "fd" else ("ungqr", "unmqr")
    dtype = np.dtype(char)
    geqrf, orgqr, ormqr, gesdd = cast("list[Any]", get_lapack_funcs(("geqrf", *unitary, "gesdd"), dtype=dtype))
    return _Routines(geqrf, orgqr, ormqr, gesdd, get_blas_funcs("trmm", dtype=dtype))


def _householder(matrix: Array, *, overwrite: bool = False) -> tuple[Array, Array]:
    """QR factorization, R above the reflectors and their factors; no copy when Fortran order and overwriting meet."""
    packed, tau, _, info = _routines(matrix.dtype.char).geqrf(
        matrix, lwork=_BLOCK * matrix.shape[1], overwrite_a=overwrite
    )
    assert info == 0
    return packed, tau


def _columns(packed: Array, tau: Array, matrix: Array) -> Array:
    """Q @ matrix of a QR factorization, without forming Q; in C order."""
    count = len(tau)
    padded = np.zeros((len(packed), matrix.shape[1]), dtype=matrix.dtype, order="F")
    padded[:count] = matrix
    # Besides its blocks the routine wants room for the triangular factor of one.
    room = _BLOCK * matrix.shape[1] + (_BLOCK + 1) * _BLOCK
    product, _, info = _routines(matrix.dtype.char).ormqr(
        "L", "N", packed[:, :count], tau, padded, room, overwrite_c=True
    )
    assert info == 0
    return np.ascontiguousarray(product)


class Lower:
    """The factor L (n × k, k = min(n, m)) of an LQ factorization M = LP.

    Parameters
    ----------
    matrix : ndarray, shape (n, m)
        In C order. Its memory is used.
    """

    def __init__(self, matrix: Array) -> None:
        packed, tau = _householder(matrix.T, overwrite=True)
        self._upper = packed[: len(tau)]

    @property
    def width(self) -> int:
        """Columns k."""
        return len(self._upper)

    def times_from_left(self, matrix: Array) -> Array:
        """The product matrix @ L, in C order."""
        upper = self._upper
        if upper.shape[0] < upper.shape[1]:
            return matrix @ np.triu(upper).T
        # L's other triangle is not read.
        transposed: Array = _routines(upper.dtype.char).trmm(1.0, upper, matrix.T).T
        return transposed


def lower_and_rows(matrix: Array) -> tuple[Array, Array]:
    """The LQ factorization L (n × k), P (k × m) of a matrix (n × m) in C order."""
    packed, tau = _householder(matrix.T)
    count = len(tau)
    rows, _, info = _routines(packed.dtype.char).orgqr(packed[:, :count], tau, lwork=_BLOCK * count)
    assert info == 0
    return np.tril(packed[:count].T), rows.T


def split_off(matrix: Array, after: Lower | None, rank: int, error: float) -> tuple[Array, Array]:
    """The leading left singular vectors U of a matrix M·L, and UᴴM.

    Parameters
    ----------
    matrix : ndarray, shape (n, m)
        M, in C order.
    after : Lower, optional
        L, shape (m, k); the identity when left out.
    rank : int
        At most so many.
    error : float
        Frobenius norm that may be cut off besides, relative to that of M·L.

    Returns
    -------
    tuple of ndarray, shapes (n, ρ) and (ρ, m)
        Both in C order.
    """
    n, m = matrix.shape
    if error == 0 and n <= min(rank, after.width if after else m):
        return np.eye(n, dtype=matrix.dtype), matrix
    if 4 * n > 5 * m:
        packed, tau = _householder(matrix)
        upper = np.triu(packed[:m])
        small = after.times_from_left(upper) if after else upper
        columns = _leading(small.T, rank, error)
        return _columns(packed, tau, columns), columns.conj().T @ upper
    product = after.times_from_left(matrix) if after else matrix
    if 4 * product.shape[1] > 5 * n:
        # A wide matrix has the left singular vectors of its triangular factor.
        packed, _ = _householder(product.T, overwrite=after is not None)
        columns = _leading(np.triu(packed[:n]), rank, error)
    else:
        columns = _leading(product.T, rank, error)
    return columns, columns.conj().T @ matrix


def _leading(matrix: Array, rank: int, error: float) -> Array:
    """The leading left singular vectors of the transpose of a matrix, in C order."""
    _, values, right, info = _routines(matrix.dtype.char).gesdd(matrix, full_matrices=0)
    if info != 0:
        _, values, right = robust_svd(matrix)
    kept = min(rank, len(values))
    if error:
        kept = min(kept, rank_for_error(values, error * float(np.linalg.norm(values))))
    return np.ascontiguousarray(right[:kept].T)
