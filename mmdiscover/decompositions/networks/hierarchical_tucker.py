"""Tensors in hierarchical Tucker form, on a binary tree of modes (Grasedyck, SIAM J. Matrix Anal. Appl. 31, 2010)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_cells, check_count, check_kind, frozen
from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.norms import frobenius_norm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed

    Tree = int | tuple[Any, Any]
    """A mode, or a pair of trees: ``((0, 1), (2, 3))``."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class HierarchicalTucker:
    """A tensor whose modes are brought together pair by pair along a binary tree.

    Each leaf has a frame U of d × k; each pair of subtrees with a left and b right columns has a transfer tensor B, and
    its own columns are U_c = Σ_ab B[a, b, c] U_a ⊗ U_b. The tensor is the single column of the root.

    Parameters
    ----------
    frames : sequence of array_like, shapes (dₙ, kₙ)
        In the order of the modes. Real or complex.
    transfers : sequence of array_like, shapes (k_left, k_right, k)
        One for each pair of the tree, those of its subtrees before it (left, then right), hence the root's last; that
        has k = 1.
    tree : nested pairs of int, optional
        Such as ``((0, 1), (2, 3))``; left out, `balanced_tree`.

    Raises
    ------
    ValueError
        If the tree does not have each mode once, shapes do not meet along it, or an entry is not finite.
    """

    frames: tuple[Array, ...]
    transfers: tuple[Array, ...]
    tree: Tree = None  # type: ignore[assignment] # it is a tree once made

    def __post_init__(self) -> None:
        frames = tuple(as_array(f"frames[{mode}]", frame, 2) for mode, frame in enumerate(self.frames))
        transfers = tuple(as_array(f"transfers[{place}]", array, 3) for place, array in enumerate(self.transfers))
        if not frames:
            raise ValueError("frames is empty, expected at least one matrix")
        tree = balanced_tree(len(frames)) if self.tree is None else self.tree
        check_tree(tree, len(frames))
        if len(transfers) != len(frames) - 1:
            raise ValueError(f"transfers has {len(transfers)} arrays, expected {len(frames) - 1}")
        object.__setattr__(self, "tree", tree)
        object.__setattr__(self, "frames", tuple(frozen(frame) for frame in frames))
        object.__setattr__(self, "transfers", tuple(frozen(array) for array in transfers))

        def join(left: int, right: int, place: int) -> int:
            if transfers[place].shape[:2] != (left, right):
                raise ValueError(
                    f"transfers[{place}] has shape {transfers[place].shape}, expected it to begin with {(left, right)}"
                )
            return int(transfers[place].shape[2])

        columns = fold(tree, lambda mode: frames[mode].shape[1], join)
        if columns != 1:
            raise ValueError(f"the root has {columns} columns, expected 1")

    def __repr__(self) -> str:
        return f"HierarchicalTucker(shape={self.shape}, ranks={self.ranks}, tree={self.tree})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""
        return tuple(len(frame) for frame in self.frames)

    @property
    def order(self) -> int:
        """Number of modes N."""
        return len(self.frames)

    @property
    def ranks(self) -> tuple[int, ...]:
        """Columns k of every node below the root: subtrees before their pair, left before right."""
        found: list[int] = []
        fold(
            self.tree,
            lambda mode: found.append(self.frames[mode].shape[1]),
            lambda _left, _right, place: found.append(self.transfers[place].shape[2]),
        )
        return tuple(found[:-1])

    @property
    def parameters(self) -> int:
        """Σ dₙkₙ + Σ k_left k_right k: entries of frames and transfer tensors."""
        return sum(array.size for array in (*self.frames, *self.transfers))

    def to_full(self) -> Array:
        """The tensor with all its entries, shape (d₁, …, d_N)."""

        def join(left: Array, right: Array, place: int) -> Array:
            half = np.tensordot(left, self.transfers[place], 1)  # left rows, right columns, columns
            return np.asarray(np.matmul(right, half).reshape(-1, half.shape[2]))

        full = fold(self.tree, lambda mode: self.frames[mode], join)
        modes = leaves(self.tree)
        return np.ascontiguousarray(full.reshape([self.shape[mode] for mode in modes]).transpose(np.argsort(modes)))

    def entries(self, indices: NDArray[np.intp]) -> Array:
        """The entries in some cells, in O(m N k³) operations.

        Parameters
        ----------
        indices : ndarray of int, shape (m, N)

        Returns
        -------
        ndarray, shape (m,)
        """
        cells = check_cells(indices, self.shape)

        def join(left: Array, right: Array, place: int) -> Array:
            half = np.tensordot(left, self.transfers[place], 1)
            return np.asarray(np.matmul(right[:, None, :], half)[:, 0, :])

        return fold(self.tree, lambda mode: self.frames[mode][cells[:, mode]], join)[:, 0]

    def inner(self, other: HierarchicalTucker) -> Any:
        """⟨self, other⟩ = Σ conj(self)·other in O(N d k² + N k⁴) operations, without forming either.

        Raises
        ------
        ValueError
            If shapes or trees differ.
        """
        check_kind("other", other, HierarchicalTucker)
        if self.shape != other.shape:
            raise ValueError(f"other has shape {other.shape}, expected {self.shape}")
        if self.tree != other.tree:
            raise ValueError(f"other has the tree {other.tree}, expected {self.tree}")

        def join(left: Array, right: Array, place: int) -> Array:
            moved = np.tensordot(left, other.transfers[place], 1)
            moved = np.tensordot(right, moved, (1, 1))  # own right, own left, other's columns
            return np.tensordot(self.transfers[place].conj(), moved, ((0, 1), (1, 0)))

        return fold(self.tree, lambda mode: self.frames[mode].conj().T @ other.frames[mode], join)[0, 0]

    def norm(self) -> float:
        """Frobenius norm, without forming the tensor: triangular factors are sent from the leaves to the root."""

        def join(left: Array, right: Array, place: int) -> Array:
            half = np.tensordot(left, self.transfers[place], 1)
            return _triangle(np.matmul(right, half).reshape(-1, half.shape[2]))

        return frobenius_norm(fold(self.tree, lambda mode: _triangle(self.frames[mode]), join))


def balanced_tree(order: int) -> Tree:
    """The tree that halves the modes 0, …, order − 1 again and again, the left half being the larger.

    Examples
    --------
    >>> balanced_tree(5)
    (((0, 1), 2), (3, 4))
    """
    check_count("order", order)

    def grow(first: int, last: int) -> Tree:
        if last - first == 1:
            return first
        middle = (first + last + 1) // 2
        return grow(first, middle), grow(middle, last)

    return grow(0, order)


def random_hierarchical_tucker(
    shape: Sequence[int],
    ranks: int | Sequence[int],
    *,
    tree: Tree | None = None,
    seed: Seed = 0,
    dtype: DTypeLike = np.float64,
) -> HierarchicalTucker:
    """A hierarchical Tucker tensor with independent standard normal entries in its frames and transfer tensors.

    Parameters
    ----------
    shape : sequence of int
    ranks : int or sequence of int
        Of every node below the root, in the order of `HierarchicalTucker.ranks`.
    tree : nested pairs of int, optional
        Left out, `balanced_tree`.
    seed : int, SeedSequence or Generator
    dtype : dtype
        Real or complex floating point.
    """
    sizes = [check_count("shape entry", size) for size in shape]
    tree = balanced_tree(len(sizes)) if tree is None else tree
    check_tree(tree, len(sizes))
    nodes = 2 * len(sizes) - 2
    given = [ranks] * nodes if isinstance(ranks, (int, np.integer)) else list(ranks)
    if len(given) != nodes:
        raise ValueError(f"ranks has {len(given)} entries ({tuple(given)}), expected {nodes}")
    columns = iter([*(check_count(f"ranks[{node}]", rank) for node, rank in enumerate(given)), 1])
    rng = np.random.default_rng(seed)
    frames: dict[int, Array] = {}
    transfers: list[Array] = []

    def leaf(mode: int) -> int:
        frames[mode] = normal(rng, (sizes[mode], next(columns)), dtype)
        return int(frames[mode].shape[1])

    def join(left: int, right: int, _place: int) -> int:
        transfers.append(normal(rng, (left, right, next(columns)), dtype))
        return int(transfers[-1].shape[2])

    fold(tree, leaf, join)
    return HierarchicalTucker(tuple(frames[mode] for mode in range(len(sizes))), tuple(transfers), tree)


def fold(tree: Tree, leaf: Callable[[int], T], join: Callable[[T, T, int], T]) -> T:
    """The value of the root, from those of the leaves (by mode) and of pairs (by their two values and their place)."""
    done: list[T] = []
    pairs = 0
    waiting: list[Tree | None] = [tree]  # none: the last two values are to be joined
    while waiting:
        node = waiting.pop()
        if node is None:
            right, left = done.pop(), done.pop()
            done.append(join(left, right, pairs))
            pairs += 1
        elif isinstance(node, tuple):
            waiting += [None, node[1], node[0]]
        else:
            done.append(leaf(node))
    return done[0]


def leaves(tree: Tree) -> list[int]:
    """The modes from left to right."""
    found: list[int] = []
    fold(tree, found.append, lambda _left, _right, _place: None)
    return found


def check_tree(tree: Tree, order: int) -> None:
    """See that a tree consists of pairs and has each of the modes 0, …, order − 1 once.

    Raises
    ------
    ValueError
        If not.
    """
    waiting, modes = [tree], []
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple) and len(node) == 2:
            waiting += node
        elif isinstance(node, (int, np.integer)):
            modes.append(int(node))
        else:
            raise ValueError(f"tree has the node {node!r}, expected a mode or a pair of trees")
    if sorted(modes) != list(range(order)):
        raise ValueError(f"tree has the modes {sorted(modes)}, expected each of 0 to {order - 1} once")


def sizes_below(tree: Tree, shape: Sequence[int]) -> list[int]:
    """The product of the sizes of the modes below each node, in the order of `HierarchicalTucker.ranks`."""
    found: list[int] = []

    def note(size: int) -> int:
        found.append(size)
        return size

    fold(tree, lambda mode: note(shape[mode]), lambda left, right, _place: note(left * right))
    return found[: 2 * len(shape) - 2]


def _triangle(matrix: Array) -> Array:
    """A matrix of no more rows than columns with the same Gram matrix."""
    return np.asarray(np.linalg.qr(matrix, mode="r")) if len(matrix) > matrix.shape[1] else matrix
