"""The truncated singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg

from mmdiscover.decompositions.arguments import as_array, check_count, check_number, frozen

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
    tail = float(np.linalg.norm(s[kept:]))
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
    tails = np.sqrt(np.cumsum(np.square(singular_values[::-1], dtype=np.float64))[::-1])
    return max(1, int(np.sum(tails > error)))
