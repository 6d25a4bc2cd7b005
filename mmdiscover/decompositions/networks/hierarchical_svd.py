"""The hierarchical singular value decomposition, leaves to root (Grasedyck, SIAM J. Matrix Anal. Appl. 31, 2010)."""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_number, check_ranks
from mmdiscover.decompositions.matrices import left_singular_vectors
from mmdiscover.decompositions.networks.hierarchical_tucker import (
    HierarchicalTucker,
    balanced_tree,
    check_tree,
    fold,
    leaves,
    sizes_below,
)
from mmdiscover.decompositions.norms import frobenius_norm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.networks.hierarchical_tucker import Tree


def hierarchical_svd(
    tensor: ArrayLike,
    ranks: int | Sequence[int] | None = None,
    *,
    error: float = 0.0,
    tree: Tree | None = None,
) -> HierarchicalTucker:
    """A tensor in hierarchical Tucker form, by ranks or by error.

    Node after node, subtrees before their pair, the leading left singular vectors of the unfolding are kept and the
    tensor is replaced by its coordinates in them, so that it shrinks on the way. The projections are nested, hence the
    squared error is exactly the sum of the squares of all singular values cut off, and each of these sums is at most
    the squared error of the best tensor of those ranks: ‖T − X‖ ≤ √(2N−3)·min ‖T − Y‖ over all Y of the ranks given
    (the two nodes below the root cut the same matrix, which counts once where they have one rank).

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
        Real or complex.
    ranks : int or sequence of int, optional
        At most as many columns of each node below the root, in the order of `HierarchicalTucker.ranks`: a subtree
        before its pair, left before right. A single integer stands for as many, as far as a node has so many.
    error : float
        Relative error ‖T − X‖ / ‖T‖ allowed; each of 2N − 3 nodes may make error/√(2N−3) of it. 0 cuts nothing off that
        the ranks do not.
    tree : nested pairs of int, optional
        Left out, `balanced_tree`.

    Returns
    -------
    HierarchicalTucker
        With orthonormal columns everywhere but at the root, whose transfer tensor has the norm of the tensor.

    Raises
    ------
    ValueError
        If the tree does not fit, the error is negative, or a rank is below 1 or above what the unfolding has.

    Examples
    --------
    >>> import numpy as np
    >>> i = np.arange(5.0)
    >>> full = i[:, None, None, None] + i[:, None, None] + i[:, None] + i
    >>> found = hierarchical_svd(full, error=1e-12)
    >>> found.ranks, found.parameters, bool(np.allclose(found.to_full(), full))
    ((2, 2, 2, 2, 2, 2), 60, True)
    """
    array = as_array("tensor", tensor)
    check_number("error", error)
    shape, order = array.shape, array.ndim
    tree = balanced_tree(order) if tree is None else tree
    check_tree(tree, order)
    below = sizes_below(tree, shape)
    limits = [min(size, array.size // size) for size in below]
    bounds = iter(check_ranks("ranks", max(limits, default=1) if ranks is None else ranks, limits))
    share = error * frobenius_norm(array) / sqrt(max(1, 2 * order - 3)) if error else 0.0
    modes = leaves(tree)
    # Sizes of what is done (columns of subtrees), of the mode at hand, and of the modes still to come, left to right.
    rest = array.transpose(modes)
    done: list[int] = []
    frames: dict[int, Array] = {}
    transfers: list[Array] = []

    def cut(rows: int) -> Array:
        """Take the leading columns of the slot behind those done, and put the coordinates into its place."""
        nonlocal rest
        before = prod(done)
        # The right node below the root, the last one, cuts the same matrix as the left one, which took the share.
        allowed = share if len(frames) + len(transfers) < 2 * order - 3 else 0.0
        slots = rest.reshape(before, rows, -1)
        columns, _ = left_singular_vectors(slots, 1, next(bounds), allowed)
        rest = np.matmul(columns.conj().T, slots)
        done.append(columns.shape[1])
        return columns

    def leaf(mode: int) -> None:
        frames[mode] = rest.reshape(-1, 1) if order == 1 else cut(shape[mode])

    def join(_left: None, _right: None, _place: int) -> None:
        right, left = done.pop(), done.pop()
        if len(transfers) == order - 2:
            transfers.append(rest.reshape(left, right, 1))
            return
        transfers.append(cut(left * right).reshape(left, right, -1))

    fold(tree, leaf, join)
    return HierarchicalTucker(tuple(frames[mode] for mode in range(order)), tuple(transfers), tree)
