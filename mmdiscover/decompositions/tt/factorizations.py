"""QR and SVD of the unfoldings of cores, straight from LAPACK.

A core in C order, unfolded either way, is in Fortran order when it is transposed: LAPACK factorizes the transpose where
it lies. M = LP with orthonormal rows in P is Mᵀ = PᵀLᵀ, a QR factorization. Cores are often so small that SciPy's
wrappers would take longer than LAPACK itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy.linalg import get_lapack_funcs

from mmdiscover.decompositions.matrices import rank_for_error, robust_svd

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

_BLOCK = 64
"""Columns in a block of LAPACK's Householder routines, at most."""


@cache
def _lapack(char: str) -> tuple[Any, Any, Any, Any]:
    """Routines geqrf, orgqr, ormqr and gesdd for a type."""
    unitary = ("orgqr", "ormqr") if char in "fd" else ("ungqr", "unmqr")
    geqrf, orgqr, ormqr, gesdd = cast("list[Any]", get_lapack_funcs(("geqrf", *unitary, "gesdd"), dtype=np.dtype(char)))
    return geqrf, orgqr, ormqr, gesdd


@dataclass(frozen=True)
class Rows:
    """The LQ factorization of a matrix (n × m), its orthonormal rows P (k × m, k = min(n, m)) kept as reflectors."""

    packed: Array
    tau: Array

    @classmethod
    def of(cls, matrix: Array) -> Rows:
        """Factorize a matrix in C order."""
        packed, tau, _, info = _lapack(matrix.dtype.char)[0](matrix.T, lwork=_BLOCK * len(matrix))
        assert info == 0
        return cls(packed, tau)

    @property
    def lower(self) -> Array:
        """L, shape (n, k)."""
        return np.tril(self.packed[: len(self.tau)].T)

    def explicit(self) -> Array:
        """P, shape (k, m), in C order."""
        count = len(self.tau)
        rows, _, info = _lapack(self.packed.dtype.char)[1](self.packed[:, :count], self.tau, lwork=_BLOCK * count)
        assert info == 0
        transposed: Array = rows.T
        return transposed

    def after(self, matrix: Array) -> Array:
        """The product matrix @ P, shape (ρ, m), in C order, without forming P."""
        count = len(self.tau)
        padded = np.zeros((len(matrix), len(self.packed)), dtype=matrix.dtype)
        padded[:, :count] = matrix
        # Besides its blocks the routine wants room for the triangular factor of one.
        room = _BLOCK * len(matrix) + (_BLOCK + 1) * _BLOCK
        product, _, info = _lapack(matrix.dtype.char)[2](
            "L", "N", self.packed[:, :count], self.tau, padded.T, room, overwrite_c=1
        )
        assert info == 0
        transposed: Array = product.T
        return transposed


def truncated_columns(matrix: Array, rank: int, threshold: float) -> tuple[Array, Array]:
    """The leading left singular vectors U of a matrix and Uᴴ·matrix.

    Parameters
    ----------
    matrix : ndarray, shape (n, m)
        In C order.
    rank : int
        At most so many.
    threshold : float
        Frobenius norm that may be cut off besides.

    Returns
    -------
    tuple of ndarray, shapes (n, ρ) and (ρ, m)
    """
    n, m = matrix.shape
    if rank >= n and threshold == 0:
        return np.eye(n, dtype=matrix.dtype), matrix
    # Of a wide matrix, only the triangular factor is needed: its left singular vectors are the same.
    wide = 4 * m > 5 * n
    small = Rows.of(matrix).packed[:n] if wide else matrix.T
    small = np.triu(small) if wide else small
    right, values, left, info = _lapack(matrix.dtype.char)[3](small, full_matrices=0)
    if info != 0:
        right, values, left = robust_svd(small)
    kept = min(rank, len(values), rank_for_error(values, threshold))
    columns = np.ascontiguousarray(left[:kept].T)
    if wide:
        return columns, columns.conj().T @ matrix
    return columns, (right[:, :kept] * values[:kept]).T
