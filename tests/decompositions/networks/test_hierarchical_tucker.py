"""Hierarchical Tucker tensors against their definition, and the hierarchical SVD against its bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.networks.hierarchical_svd import hierarchical_svd
from mmdiscover.decompositions.networks.hierarchical_tucker import (
    HierarchicalTucker,
    balanced_tree,
    random_hierarchical_tucker,
)
from tests.decompositions.networks.random_networks import norm

Tree = Any


def dense(tensor: HierarchicalTucker) -> np.ndarray:
    """All entries from the definition, by recursion over the tree."""
    transfers = iter(tensor.transfers)

    def columns(tree: Tree) -> tuple[np.ndarray, list[int]]:
        if isinstance(tree, int):
            return tensor.frames[tree], [tree]
        (left, left_modes), (right, right_modes) = columns(tree[0]), columns(tree[1])
        transfer = next(transfers)
        terms = [
            sum(
                transfer[a, b, c] * np.multiply.outer(left[..., a], right[..., b])
                for a in range(transfer.shape[0])
                for b in range(transfer.shape[1])
            )
            for c in range(transfer.shape[2])
        ]
        return np.stack(terms, axis=-1), left_modes + right_modes

    full, modes = columns(tensor.tree)
    return np.moveaxis(full[..., 0], range(len(modes)), modes)


def subsets(tree: Tree) -> list[list[int]]:
    """The modes below each node but the root, in the order of the ranks."""

    def walk(node: Tree) -> list[list[int]]:
        if isinstance(node, int):
            return [[node]]
        left, right = walk(node[0]), walk(node[1])
        return [*left, *right, left[-1] + right[-1]]

    return walk(tree)[:-1]


def unfolding(tensor: np.ndarray, modes: list[int]) -> np.ndarray:
    return np.moveaxis(tensor, modes, range(len(modes))).reshape(int(np.prod([tensor.shape[m] for m in modes])), -1)


@st.composite
def trees(draw: st.DrawFn, order: int) -> Tree:
    """Any tree with the modes in any order."""
    nodes: list[Tree] = draw(st.permutations(range(order)))
    while len(nodes) > 1:
        place = draw(st.integers(0, len(nodes) - 2))
        nodes = [*nodes[:place], (nodes[place], nodes[place + 1]), *nodes[place + 2 :]]
    return nodes[0]


@st.composite
def tensors(draw: st.DrawFn) -> HierarchicalTucker:
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    nodes = 2 * len(shape) - 2
    ranks = draw(st.lists(st.integers(1, 3), min_size=nodes, max_size=nodes))
    dtype = draw(st.sampled_from([np.float64, np.complex128]))
    seed = draw(st.integers(0, 2**32 - 1))
    return random_hierarchical_tucker(shape, ranks, tree=draw(trees(len(shape))), seed=seed, dtype=dtype)


@given(tensors(), st.integers(1, 3))
def test_entries_inner_and_norm(tensor: HierarchicalTucker, rank: int) -> None:
    expected = dense(tensor)
    size = norm(expected)
    np.testing.assert_allclose(tensor.to_full(), expected, rtol=1e-11, atol=1e-11 * (1 + size))
    cells = np.array(list(np.ndindex(tensor.shape)))
    np.testing.assert_allclose(tensor.entries(cells), expected.ravel(), rtol=1e-11, atol=1e-11 * (1 + size))
    np.testing.assert_allclose(tensor.norm(), size, rtol=1e-10)
    other = random_hierarchical_tucker(tensor.shape, rank, tree=tensor.tree, seed=7)
    exact = np.vdot(expected, dense(other))
    np.testing.assert_allclose(tensor.inner(other), exact, atol=1e-10 * (1 + size * norm(dense(other))))


def test_tensors_of_astronomical_size_have_norms() -> None:
    tensor = random_hierarchical_tucker((4,) * 64, 3, seed=1)
    ones = hierarchical_svd(np.ones((2, 2, 2)))
    np.testing.assert_allclose(ones.norm(), np.sqrt(8))
    np.testing.assert_allclose(tensor.norm() ** 2, tensor.inner(tensor), rtol=1e-9)


@given(st.data())
def test_without_ranks_or_error_nothing_is_lost(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    full = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).standard_normal(shape)
    found = hierarchical_svd(full, tree=data.draw(trees(len(shape))))
    np.testing.assert_allclose(found.to_full(), full, atol=1e-12 * (1 + norm(full)))


@given(st.data())
def test_planted_ranks_are_found(data: st.DataObject) -> None:
    planted = data.draw(tensors())
    full = planted.to_full()
    found = hierarchical_svd(full, error=1e-10, tree=planted.tree)
    np.testing.assert_allclose(found.to_full(), full, atol=1e-9 * (1 + norm(full)))
    for rank, modes in zip(found.ranks, subsets(planted.tree), strict=True):
        values = np.linalg.svd(unfolding(full, modes))[1]
        assert rank <= max(1, int(np.sum(values > 1e-13 * values[0])))


@given(st.data())
def test_error_bounds(data: st.DataObject) -> None:
    """At most √(2N−3) times the error of the best of the same ranks, which no unfolding's tail exceeds."""
    order = data.draw(st.integers(2, 4))
    shape = data.draw(st.lists(st.integers(2, 4), min_size=order, max_size=order))
    full = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).standard_normal(shape)
    tree = data.draw(trees(order))
    found = hierarchical_svd(full, data.draw(st.integers(1, 3)), tree=tree)
    tails = [
        norm(np.linalg.svd(unfolding(full, modes))[1][rank:])
        for rank, modes in zip(found.ranks, subsets(tree), strict=True)
    ]
    error = norm(found.to_full() - full)
    sides = subsets(tree)
    root = [place for place, modes in enumerate(sides) if sorted(sides[-1] + modes) == list(range(order))]
    if found.ranks[root[0]] == found.ranks[-1]:
        assert error <= np.sqrt(np.sum(np.square(tails[:-1]))) * (1 + 1e-10) + 1e-12
        assert error <= np.sqrt(2 * order - 3) * max(tails) * (1 + 1e-10) + 1e-12
    assert error <= np.sqrt(np.sum(np.square(tails))) * (1 + 1e-10) + 1e-12
    assert error >= max(tails) * (1 - 1e-10) - 1e-12


def test_not_far_from_the_best_by_construction() -> None:
    """A tensor of the ranks plus noise: the best has at most the noise as error."""
    planted = random_hierarchical_tucker((4, 4, 4, 4), 2, seed=3).to_full()
    noise = 1e-3 * np.random.default_rng(4).standard_normal(planted.shape)
    found = hierarchical_svd(planted + noise, 2)
    assert set(found.ranks) == {2}
    assert norm(found.to_full() - planted - noise) <= np.sqrt(5) * norm(noise)


@given(st.data(), st.floats(0.01, 0.9))
def test_the_error_is_kept(data: st.DataObject, error: float) -> None:
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    full = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1))).standard_normal(shape)
    found = hierarchical_svd(full, error=error, tree=data.draw(trees(len(shape))))
    assert norm(found.to_full() - full) <= error * norm(full) * (1 + 1e-12)


def test_columns_are_orthonormal() -> None:
    found = hierarchical_svd(np.random.default_rng(5).standard_normal((4, 3, 5, 4, 2)), 3)
    for frame in found.frames:
        np.testing.assert_allclose(frame.T @ frame, np.eye(frame.shape[1]), atol=1e-12)
    for transfer in found.transfers[:-1]:
        matrix = transfer.reshape(-1, transfer.shape[2])
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(transfer.shape[2]), atol=1e-12)
    np.testing.assert_allclose(norm(found.transfers[-1]), found.norm())


def test_ranks_come_in_the_order_of_the_nodes() -> None:
    full = np.random.default_rng(6).standard_normal((4, 3, 5, 2))
    assert balanced_tree(4) == ((0, 1), (2, 3))
    assert hierarchical_svd(full, (4, 3, 6, 5, 2, 6)).ranks == (4, 3, 6, 5, 2, 6)
    assert hierarchical_svd(full, 3).ranks == (3, 3, 3, 3, 2, 3)


FRAMES = (np.ones((4, 2)), np.ones((3, 2)), np.ones((5, 2)))
TRANSFERS = (np.ones((2, 2, 2)), np.ones((2, 2, 1)))


@pytest.mark.parametrize(
    ("frames", "transfers", "tree", "message"),
    [
        (FRAMES, TRANSFERS[:1], None, "transfers has 1 arrays, expected 2"),
        (FRAMES, TRANSFERS[::-1], None, r"transfers\[1\] has shape \(2, 2, 2\), expected it to begin with \(1, 2\)"),
        (FRAMES, (TRANSFERS[0], np.ones((2, 2, 2))), None, "the root has 2 columns, expected 1"),
        (FRAMES, TRANSFERS, ((0, 1), 1), r"tree has the modes \[0, 1, 1\], expected each of 0 to 2 once"),
        (FRAMES, TRANSFERS, (0, 1, 2), r"tree has the node \(0, 1, 2\), expected a mode or a pair of trees"),
        ((), (), None, "frames is empty"),
    ],
)
def test_shapes_that_do_not_meet(frames: Any, transfers: Any, tree: Tree, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HierarchicalTucker(frames, transfers, tree)


def test_wrong_arguments() -> None:
    full = np.ones((4, 3, 5))
    with pytest.raises(ValueError, match=r"ranks\[1\] is 4, expected an integer of at least 1 and at most 3"):
        hierarchical_svd(full, (2, 4, 2, 2))
    with pytest.raises(ValueError, match=r"ranks has 2 entries \(\(2, 2\)\), expected 4"):
        hierarchical_svd(full, (2, 2))
    with pytest.raises(ValueError, match="error is nan"):
        hierarchical_svd(full, error=float("nan"))
    with pytest.raises(ValueError, match="tree has the modes"):
        hierarchical_svd(full, tree=(0, 1))
    with pytest.raises(ValueError, match=r"ranks has 1 entries \(\(2,\)\), expected 4"):
        random_hierarchical_tucker((2, 2, 2), (2,))
    tensor = HierarchicalTucker(FRAMES, TRANSFERS)
    with pytest.raises(ValueError, match=r"other has shape \(2, 2, 2\), expected \(4, 3, 5\)"):
        tensor.inner(random_hierarchical_tucker((2, 2, 2), 2))
    with pytest.raises(ValueError, match="other has the tree"):
        tensor.inner(random_hierarchical_tucker((4, 3, 5), 2, tree=(0, (1, 2))))
    with pytest.raises(ValueError, match=r"indices are int64 of shape \(2,\), expected integers of shape \(m, 3\)"):
        tensor.entries(np.array([0, 0]))
