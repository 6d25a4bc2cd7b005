"""The truncated singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from mmdiscover.decompositions.arguments import as_array, check_count, check_number, frozen
from mmdiscover.decompositions.norms import frobenius_norm

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array


@dataclass(frozen=True, eq=False)
class TruncatedSVD:
    """U·diag(s)·V, the best approximation of a matrix of its rank (Eckart–Young).

    Parameters
    ----------
    u : ndarray, shape (m, R)
        Orthonormal columns.
    singular_values : ndarray, shape (R,)
        Descending.
    vt : ndarray, shape (R, n)
        Orthonormal rows.
    error : float
        Frobenius norm of what was cut off, √(σ²_{R+1} + …).
    """

    u: Array
    singular_values: Array
    vt: Array
    error: float

    @property
    def rank(self) -> int:
        """Number of singular values kept."""
        return len(self.singular_values)

    def to_full(self) -> Array:
        """The matrix, shape (m, n)."""
        return (self.u * self.singular_values) @ self.vt


def truncated_svd(matrix: ArrayLike, rank: int | None = None, *, error: float = 0.0) -> TruncatedSVD:
    """The best approximation of a matrix by rank, or of least rank by error.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        Real or complex.
    rank : int, optional
        At most so many singular values are kept; all of them when left out.
    error : float
        Frobenius norm that may be cut off besides.

    Returns
    -------
    TruncatedSVD

    Examples
    --------
    >>> truncated_svd([[3.0, 0.0], [0.0, 4.0]], 1).error
    3.0
    """
    array = as_array("matrix", matrix, 2)
    limit = min(array.shape) if rank is None else check_count("rank", rank, 1, min(array.shape))
    check_number("error", error)
    return svd_unchecked(array, limit, error)


def svd_unchecked(matrix: Array, rank: int, error: float = 0.0) -> TruncatedSVD:
    """`truncated_svd` of a finite matrix with a rank that may exceed its sizes."""
    u, s, vt = robust_svd(matrix)
    kept = min(rank, rank_for_error(s, error))
    tail = frobenius_norm(s[kept:])
    return TruncatedSVD(frozen(u[:, :kept]), frozen(s[:kept]), frozen(vt[:kept]), tail)


def robust_svd(matrix: Array) -> tuple[Array, Array, Array]:
    """The thin SVD; LAPACK's slower driver takes over where the fast one does not converge."""
    try:
        return scipy.linalg.svd(matrix, full_matrices=False, check_finite=False)
    except np.linalg.LinAlgError:
        return scipy.linalg.svd(matrix, full_matrices=False, check_finite=False, lapack_driver="gesvd")


def rank_for_error(singular_values: Array, error: float) -> int:
    """The least rank, at least 1, that cuts off no more than a Frobenius norm.

    Parameters
    ----------
    singular_values : ndarray, shape (n,)
        Descending.
    error : float
    """
    tails = np.hypot.accumulate(singular_values[::-1].astype(np.float64))[::-1]
    return max(1, int(np.sum(tails > error)))


# Eigenvectors of A·Aᴴ are those of A to about ε·σ₁²: good enough where what is cut off is well above √ε·σ₁.
_GRAM_IS_ENOUGH = 1e-5


def left_singular_vectors(array: Array, mode: int, rank: int, error: float = 0.0) -> tuple[Array, float]:
    """The leading left singular vectors of a matricization, which is not formed where that can be avoided.

    By the Gram matrix, a third to a tenth of the work of an SVD, unless what is cut off is so small that squaring
    would lose it; then by a QR decomposition first and the SVD of its triangle.

    Parameters
    ----------
    array : ndarray, shape (d₁, …, d_N)
        Finite.
    mode : int
        From 0.
    rank : int
        At most so many.
    error : float
        Frobenius norm that may be cut off besides.

    Returns
    -------
    vectors : ndarray, shape (dₙ, R)
        Orthonormal columns.
    error : float
        Frobenius norm of what is cut off.
    """
    size = array.shape[mode]
    wide = array.size // size
    kind = np.finfo(array.dtype)
    gram = _gram(array, mode) if wide > size else None
    # Squares of tiny entries vanish, those of huge ones overflow.
    if gram is not None and kind.tiny / kind.eps < np.trace(gram).real < np.inf:
        values, vectors = scipy.linalg.eigh(gram, check_finite=False)
        singular = np.sqrt(np.maximum(values[::-1], 0))
        kept = min(rank, rank_for_error(singular, error))
        tail = float(np.linalg.norm(singular[kept:]))
        least = _GRAM_IS_ENOUGH if kind.eps < 1e-10 else np.sqrt(_GRAM_IS_ENOUGH)
        if (kept == size and not error) or min(tail, error or tail) > least * singular[0]:
            return np.ascontiguousarray(vectors[:, ::-1][:, :kept]), tail
    unfolded = np.moveaxis(array, mode, 0).reshape(size, -1)
    if wide > size:
        triangle = scipy.linalg.qr(unfolded.T, mode="r", check_finite=False)[0][:size]
        unfolded = triangle.T
    cut = svd_unchecked(unfolded, rank, error)
    return np.ascontiguousarray(cut.u), cut.error


def _gram(array: Array, mode: int) -> Array:
    """T₍ₙ₎ T₍ₙ₎ᴴ, its lower triangle at least."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _products_of_slices(array, mode)


def _products_of_slices(array: Array, mode: int) -> Array:
    size = array.shape[mode]
    if array.dtype.char in "fd":
        syrk = scipy.linalg.get_blas_funcs("syrk", (array,))
        if mode == 0:
            return np.asarray(syrk(1.0, array.reshape(size, -1).T, trans=1, lower=True))
        if mode == array.ndim - 1:
            return np.asarray(syrk(1.0, array.reshape(-1, size).T, lower=True))
    slices = array.reshape(-1, size, int(np.prod(array.shape[mode + 1 :])))
    gram: Array = np.matmul(slices, slices.conj().swapaxes(1, 2)).sum(axis=0)
    return gram
