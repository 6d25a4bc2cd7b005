"""TT-SVD: a tensor or matrix with all its entries as a tensor train."""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_number
from mmdiscover.decompositions.tt.chain import (
    bounded_ranks,
    check_paired_sizes,
    largest_ranks,
    scaled,
    times_power_of_two,
)
from mmdiscover.decompositions.tt.factorizations import split_off
from mmdiscover.decompositions.tt.matrix import TTMatrix
from mmdiscover.decompositions.tt.tensor_train import TensorTrain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array


def tt_svd(tensor: ArrayLike, ranks: int | Sequence[int] | None = None, *, error: float = 0.0) -> TensorTrain:
    """The TT-SVD: one truncated SVD for each pair of neighbouring cores (Oseledets 2011, algorithm 1).

    With ranks, ‖T − X‖ ≤ √(N−1)·‖T − X*‖ for the best X* of these ranks, so T is recovered to rounding where it has
    them. With an error, each SVD may cut off error·‖T‖/√(N−1), so that ‖T − X‖ ≤ error·‖T‖. With both, the ranks that
    the error needs, but at most those given.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
        Real or complex, of single or double precision.
    ranks : int or sequence of int, optional
        (R₁, …, R_{N−1}), at most those that every tensor of this shape has; a single integer is cut to them.
    error : float
        Relative to ‖T‖, the Frobenius norm. With 0, no rank below those given is looked for, so singular values that
        are zero but for rounding are kept.

    Returns
    -------
    TensorTrain
        All cores but the last have orthonormal columns (over their first two indices).

    Raises
    ------
    ValueError
        If the tensor is empty or not finite, or a rank or the error is out of range.

    Notes
    -----
    The unfoldings are wide. Their left singular vectors are those of the triangular factor of an LQ factorization,
    and a product with them is all that goes on to the next core. This takes about a third of the operations of an SVD
    of the unfolding, and unlike the eigenvectors of the Gram matrix loses no accuracy.

    Examples
    --------
    >>> import numpy as np
    >>> i = np.arange(1.0, 6.0)
    >>> train = tt_svd(np.add.outer(np.add.outer(i, i), i), error=1e-12)
    >>> train.ranks
    (2, 2)
    >>> np.round(train.to_full()[4, 3, 2], 10)
    np.float64(12.0)
    """
    array = np.ascontiguousarray(as_array("tensor", tensor))
    bounds = bounded_ranks(largest_ranks(array.shape) if ranks is None else ranks, array.shape)
    check_number("error", error)
    # Squares of singular values must not over- or underflow.
    start, exponent = scaled(array)
    share = error / sqrt(max(1, array.ndim - 1))
    cores: list[Array] = []
    rest, rank = start, 1
    for k, d in enumerate(array.shape[:-1]):
        columns, rest = split_off(rest.reshape(rank * d, -1), None, bounds[k + 1], share)
        cores.append(columns.reshape(rank, d, -1))
        rank = columns.shape[1]
    # A copy where nothing was cut off, and what is left is the caller's array still.
    last = rest.copy() if np.may_share_memory(rest, array) else times_power_of_two(rest, exponent)
    return TensorTrain.trusted([*cores, last.reshape(rank, -1, 1)])


def tt_matrix_svd(
    matrix: ArrayLike,
    row_shape: Sequence[int],
    column_shape: Sequence[int],
    ranks: int | Sequence[int] | None = None,
    *,
    error: float = 0.0,
) -> TTMatrix:
    """The TT-SVD of a matrix, row and column index of each core taken together.

    Parameters
    ----------
    matrix : array_like, shape (m₁⋯m_N, n₁⋯n_N)
    row_shape, column_shape : sequence of int
        (m₁, …, m_N) and (n₁, …, n_N).
    ranks, error
        See `tt_svd`.

    Raises
    ------
    ValueError
        If the sizes do not multiply to the shape of the matrix, and as `tt_svd`.

    Examples
    --------
    >>> import numpy as np
    >>> tt_matrix_svd(np.eye(64), (4, 4, 4), (4, 4, 4), error=1e-12).ranks
    (1, 1)
    """
    array = as_array("matrix", matrix, 2)
    sizes = check_paired_sizes(row_shape, column_shape)
    rows, columns = zip(*sizes, strict=True)
    if array.shape != (prod(rows), prod(columns)):
        raise ValueError(
            f"matrix has shape {array.shape}, expected {(prod(rows), prod(columns))} for row_shape {rows} and "
            f"column_shape {columns}"
        )
    order = len(sizes)
    axes = [axis for k in range(order) for axis in (k, order + k)]
    paired = array.reshape(*rows, *columns).transpose(axes).reshape([m * n for m, n in sizes])
    return TTMatrix.from_train(tt_svd(paired, ranks, error=error), rows, columns)
