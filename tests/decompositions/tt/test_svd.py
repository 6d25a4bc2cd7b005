"""TT-SVD: exact recovery, bounds of the error, and the textbook algorithm beside it."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.tt.chain import largest_ranks
from mmdiscover.decompositions.tt.svd import tt_matrix_svd, tt_svd
from mmdiscover.decompositions.tt.tensor_train import TensorTrain
from tests.decompositions.dense_tensors import close, draw, relative_error
from tests.decompositions.tt.trains import dense, dense_matrix, draw_matrix, draw_train, dtypes, seeds, sizes

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array


def textbook(tensor: Array, ranks: Any) -> TensorTrain:
    """Algorithm 1 of Oseledets (2011) as it is printed, by NumPy's SVD of the unfoldings."""
    cores, rest, rank = [], tensor, 1
    for size, wanted in zip(tensor.shape[:-1], ranks, strict=True):
        u, s, vt = np.linalg.svd(rest.reshape(rank * size, -1), full_matrices=False)
        cores.append(u[:, :wanted].reshape(rank, size, -1))
        rest, rank = s[:wanted, None] * vt[:wanted], min(wanted, len(s))
    return TensorTrain((*cores, rest.reshape(rank, -1, 1)))


def tails(tensor: Array, ranks: Any) -> list[float]:
    """Frobenius norms of what the unfoldings have beyond the ranks: each is at most the best error."""
    found = []
    for k, rank in enumerate(ranks, start=1):
        values = np.linalg.svd(tensor.reshape(int(np.prod(tensor.shape[:k])), -1), compute_uv=False)
        found.append(float(np.linalg.norm(values[rank:])))
    return found


def orthonormal_columns(train: TensorTrain) -> None:
    for core in train.cores[:-1]:
        matrix = core.reshape(-1, core.shape[-1])
        assert close(matrix.conj().T @ matrix, np.eye(matrix.shape[1]), train.dtype)


@given(shape=sizes, seed=seeds, dtype=dtypes)
def test_without_limits_the_tensor_comes_back(shape: list[int], seed: int, dtype: Any) -> None:
    tensor = draw(shape, seed, dtype)
    train = tt_svd(tensor)
    assert train.dtype == dtype
    assert close(dense(train), tensor, dtype)
    orthonormal_columns(train)


@given(shape=sizes, rank=st.integers(1, 3), seed=seeds, dtype=dtypes)
def test_a_tensor_of_the_ranks_is_recovered(shape: list[int], rank: int, seed: int, dtype: Any) -> None:
    planted = draw_train(shape, rank, seed, dtype)
    tensor = dense(planted)
    limits = [min(pair) for pair in zip(planted.ranks, largest_ranks(shape), strict=True)]
    single = dtype in {np.float32, np.complex64}
    by_ranks, by_error = tt_svd(tensor, limits), tt_svd(tensor, error=1e-4 if single else 1e-9)
    for train in (by_ranks, by_error):
        assert relative_error(dense(train), tensor) < (1e-3 if single else 1e-8)
        assert all(a <= b for a, b in zip(train.ranks, limits, strict=True))
        orthonormal_columns(train)


@given(shape=st.lists(st.integers(2, 5), min_size=2, max_size=5), rank=st.integers(1, 4), seed=seeds)
def test_errors_are_within_the_bound_and_those_of_the_textbook(shape: list[int], rank: int, seed: int) -> None:
    tensor = draw(shape, seed)
    train = tt_svd(tensor, rank)
    error = float(np.linalg.norm(dense(train) - tensor))
    lost = tails(tensor, train.ranks)
    # ‖T − X*‖ ≥ each tail, so √(N−1)·max ≤ √(N−1)·‖T − X*‖.
    assert error <= np.linalg.norm(lost) * (1 + 1e-10) + 1e-12
    assert error <= sqrt(len(shape) - 1) * max(lost) * (1 + 1e-10) + 1e-12
    assert close(dense(train), dense(textbook(tensor, train.ranks)))
    assert close(np.linalg.norm(dense(train)) ** 2 + error**2, np.linalg.norm(tensor) ** 2)


@given(shape=sizes, error=st.sampled_from([1e-6, 0.01, 0.1, 0.5, 0.9]), seed=seeds, dtype=dtypes)
def test_no_more_is_cut_off_than_the_error_allows(shape: list[int], error: float, seed: int, dtype: Any) -> None:
    tensor = draw(shape, seed, dtype)
    train = tt_svd(tensor, error=error)
    assert relative_error(dense(train), tensor) <= error * (1 + 1e-4) + 1e-5 * (dtype in {np.float32, np.complex64})


def test_the_least_ranks_for_an_error_are_found() -> None:
    # Singular values 1, 1e-2, 1e-4, … on the one bond.
    u, v = (np.linalg.qr(draw((8, 8), seed))[0] for seed in (1, 2))
    matrix = u * 10.0 ** (-2 * np.arange(8)) @ v
    assert tt_svd(matrix, error=0.5).ranks == (1,)
    assert tt_svd(matrix, error=1.1e-4).ranks == (2,)
    assert tt_svd(matrix, error=0.9e-4).ranks == (3,)
    assert tt_svd(matrix, 2, error=1e-9).ranks == (2,)


def test_small_singular_values_keep_their_digits() -> None:
    # From a Gram matrix, what lies 1e-8 below the largest singular value would be noise.
    u, v = (np.linalg.qr(draw((size, size), size))[0] for size in (20, 40))
    matrix = u * 10.0 ** (-np.arange(20.0)) @ v[:20]
    for wide_or_tall in (matrix, matrix.T, matrix[:, :20]):
        train = tt_svd(wide_or_tall, error=3e-13)
        assert np.linalg.norm(wide_or_tall - dense(train)) <= 3e-13 * np.linalg.norm(wide_or_tall)
        assert train.ranks[0] in ((13,) if wide_or_tall.size == 800 else (12, 13))


@pytest.mark.parametrize("shape", [(40, 5, 4), (4, 5, 40), (6, 40, 6), (20, 21), (21, 20)])
def test_wide_square_and_tall_unfoldings(shape: tuple[int, ...]) -> None:
    tensor = draw(shape, 3, np.complex128)
    train = tt_svd(tensor, 5)
    assert close(dense(train), dense(textbook(tensor, train.ranks)))
    orthonormal_columns(train)


@pytest.mark.parametrize("size", [1e-200, 1e150])
def test_very_small_and_large_entries(size: float) -> None:
    tensor = dense(draw_train((3, 4, 5), 2, 1))
    train = tt_svd(size * tensor, error=1e-8)
    assert max(train.ranks) <= 2
    assert close(dense(train) / size, tensor)


def test_a_tensor_of_zeros_has_rank_one() -> None:
    train = tt_svd(np.zeros((3, 4, 5)), error=1e-3)
    assert train.ranks == (1, 1)
    assert train.norm() == 0


def test_the_tensor_is_left_as_it_was() -> None:
    for tensor in (draw((4, 3, 2), 1), np.asfortranarray(draw((4, 3, 2), 1)), draw((5,), 1)):
        before = tensor.copy()
        for train in (tt_svd(tensor), tt_svd(tensor, 2), tt_svd(tensor, error=0.1)):
            assert np.array_equal(tensor, before)
            assert tensor.flags.writeable
            assert not any(np.may_share_memory(core, tensor) for core in train.cores)


@given(
    pairs=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3), seed=seeds, dtype=dtypes
)
def test_matrices_are_recovered(pairs: list[tuple[int, int]], seed: int, dtype: Any) -> None:
    rows, columns = zip(*pairs, strict=True)
    planted = draw_matrix(rows, columns, 2, seed, dtype)
    full = dense_matrix(planted)
    found = tt_matrix_svd(full, rows, columns, error=1e-5 if dtype in {np.float32, np.complex64} else 1e-10)
    assert (found.row_shape, found.column_shape) == (rows, columns)
    assert close(dense_matrix(found), full, dtype)
    assert all(a <= b for a, b in zip(found.ranks, planted.ranks, strict=True))


def test_a_kronecker_product_is_found() -> None:
    a, b = draw((3, 4), 1), draw((5, 2), 2)
    assert tt_matrix_svd(np.kron(a, b), (3, 5), (4, 2), error=1e-12).ranks == (1,)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.ones((2, 2)), 0), 0.0, "ranks is 0"),
        ((np.ones((2, 2)), (3,)), 0.0, r"ranks\[0\] is 3.*at most 2"),
        ((np.ones((2, 2)), (1, 1)), 0.0, "ranks has 2 entries"),
        ((np.ones((2, 2)),), -1.0, "error is -1.0"),
        ((np.ones((2, 2)),), np.nan, "error is nan"),
        ((np.array([[1.0, np.inf]]),), 0.0, "tensor has 1 NaN or infinite"),
        ((np.ones((2, 0)),), 0.0, r"tensor has shape \(2, 0\)"),
        ((np.float64(1.0),), 0.0, "tensor has 0 modes"),
    ],
)
def test_bad_arguments_are_rejected(arguments: Any, error: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tt_svd(*arguments, error=error)


def test_matrices_of_other_shapes_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"matrix has shape \(4, 4\), expected \(4, 6\)"):
        tt_matrix_svd(np.eye(4), (2, 2), (2, 3))
