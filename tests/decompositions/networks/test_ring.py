"""Tensor rings against dense sums, and TR-SVD."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.networks.ring import TensorRing, random_ring, ring_svd
from tests.decompositions.networks.random_networks import norm

LETTERS = "abcdefgh"


def dense(ring: TensorRing) -> np.ndarray:
    """All entries by one sum."""
    ranks = LETTERS[: ring.order]
    terms = [f"{ranks[k]}{'ijklmn'[k]}{ranks[(k + 1) % ring.order]}" for k in range(ring.order)]
    return np.asarray(np.einsum(",".join(terms) + "->" + "ijklmn"[: ring.order], *ring.cores))


@st.composite
def rings(draw: st.DrawFn) -> TensorRing:
    sizes = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=5))
    shape, ranks = zip(*sizes, strict=True)
    dtype = draw(st.sampled_from([np.float64, np.complex128]))
    return random_ring(shape, ranks, seed=draw(st.integers(0, 2**32 - 1)), dtype=dtype)


@given(rings())
def test_entries_and_full(ring: TensorRing) -> None:
    expected = dense(ring)
    np.testing.assert_allclose(ring.to_full(), expected, rtol=1e-11, atol=1e-11)
    cells = np.array(list(np.ndindex(ring.shape)))
    np.testing.assert_allclose(ring.entries(cells), expected.ravel(), rtol=1e-11, atol=1e-11)


@given(rings(), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_inner_and_norm(ring: TensorRing, rank: int, seed: int) -> None:
    other = random_ring(ring.shape, rank, seed=seed)
    scale = norm(dense(ring)) * norm(dense(other)) + 1
    np.testing.assert_allclose(ring.inner(other), np.vdot(dense(ring), dense(other)), atol=1e-10 * scale)
    np.testing.assert_allclose(ring.norm(), norm(dense(ring)), rtol=1e-6, atol=1e-6)


def test_long_rings_have_norms() -> None:
    ring = random_ring((2,) * 40, 3, seed=1)
    scaled = TensorRing(tuple(core / 3 for core in ring.cores))
    transfer = np.eye(9)
    for core in scaled.cores:
        transfer = transfer @ sum(np.kron(core[:, i], core[:, i]) for i in range(2))
    np.testing.assert_allclose(scaled.norm(), np.sqrt(np.trace(transfer)), rtol=1e-10)


tensors = st.builds(
    lambda shape, seed: np.random.default_rng(seed).standard_normal(shape),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)


@given(tensors)
def test_without_ranks_or_error_the_ring_is_exact(tensor: np.ndarray) -> None:
    found = ring_svd(tensor)
    np.testing.assert_allclose(found.to_full(), tensor, atol=1e-12 * (1 + norm(tensor)))


@given(tensors, st.floats(0.01, 0.9))
def test_the_error_is_kept(tensor: np.ndarray, error: float) -> None:
    found = ring_svd(tensor, error=error)
    assert norm(found.to_full() - tensor) <= error * norm(tensor) * (1 + 1e-12)
    assert found.parameters <= ring_svd(tensor).parameters


@given(tensors, st.integers(1, 4), st.sampled_from([0.0, 0.3]))
def test_ranks_are_bounds(tensor: np.ndarray, rank: int, error: float) -> None:
    found = ring_svd(tensor, rank, error=error)
    assert found.shape == tensor.shape
    assert max(found.ranks) <= rank


def test_bounds_on_the_first_two_ranks_are_filled_with_zeros() -> None:
    # The first unfolding has rank 5; no product of numbers up to 3 is 5.
    rng = np.random.default_rng(2)
    tensor = (rng.standard_normal((9, 5)) @ rng.standard_normal((5, 12))).reshape(9, 3, 4)
    found = ring_svd(tensor, (3, 3, 9), error=1e-10)
    assert found.ranks[:2] == (2, 3)
    np.testing.assert_allclose(found.to_full(), tensor, atol=1e-9)


def test_first_ranks_are_as_near_to_each_other_as_can_be() -> None:
    assert ring_svd(np.random.default_rng(3).standard_normal((6, 4, 5))).ranks[:2] == (2, 3)
    assert ring_svd(np.random.default_rng(3).standard_normal((7, 4, 5))).ranks[:2] == (1, 7)


def test_the_error_is_that_of_the_singular_values_cut_off() -> None:
    tensor = np.random.default_rng(4).standard_normal((4, 5, 6))
    found = ring_svd(tensor, (2, 2, 3))
    first = np.linalg.svd(tensor.reshape(4, -1))[1]
    assert first.shape == (4,)  # all of them kept
    u, s, vt = np.linalg.svd(tensor.reshape(4, -1), full_matrices=False)
    rest = (s[:, None] * vt).reshape(2, 2, 5, 6).transpose(1, 2, 3, 0).reshape(10, 12)
    tail = norm(np.linalg.svd(rest)[1][3:])
    np.testing.assert_allclose(norm(found.to_full() - tensor), tail, rtol=1e-10)
    assert u.shape == (4, 4)


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        (0, "ranks is 0, expected an integer of at least 1"),
        ((2, 2), r"ranks has 2 entries \(\(2, 2\)\), expected 3"),
        ((3, 2, 2), "ranks begins with 3·2, expected a product of at most 4"),
        ((1, 2, 11), r"ranks\[2\] is 11, expected an integer of at least 1 and at most 6"),
    ],
)
def test_wrong_ranks(ranks: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ring_svd(np.ones((4, 5, 6)), ranks)


def test_wrong_arguments() -> None:
    with pytest.raises(
        ValueError, match=r"cores\[1\] has shape \(2, 3, 2\) and cores\[0\] \(3, 3, 2\), expected the last"
    ):
        TensorRing((np.ones((3, 3, 2)), np.ones((2, 3, 2))))
    with pytest.raises(ValueError, match="cores is empty"):
        TensorRing(())
    with pytest.raises(ValueError, match="error is -1"):
        ring_svd(np.ones((2, 2)), error=-1)
    with pytest.raises(ValueError, match=r"ranks has 1 entries \(\(2,\)\), expected 2"):
        random_ring((2, 2), (2,))
    ring = random_ring((2, 3), 2)
    with pytest.raises(ValueError, match=r"other has shape \(3, 2\), expected \(2, 3\)"):
        ring.inner(random_ring((3, 2), 2))
    with pytest.raises(ValueError, match=r"indices are int64 of shape \(2,\), expected integers of shape \(m, 2\)"):
        ring.entries(np.array([0, 0]))
