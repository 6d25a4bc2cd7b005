"""Rounding and orthogonal cores."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.tt.arithmetic import kronecker
from mmdiscover.decompositions.tt.rounding import left_orthogonalize, orthogonalize, right_orthogonalize, tt_round
from mmdiscover.decompositions.tt.svd import tt_svd
from mmdiscover.decompositions.tt.tensor_train import TensorTrain, random_tt
from tests.decompositions.dense_tensors import close
from tests.decompositions.tt.trains import (
    dense,
    dense_matrix,
    draw_matrix,
    draw_train,
    dtypes,
    rounding_of,
    seeds,
    sizes,
)

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array


def columns(core: Array) -> Array:
    matrix = core.reshape(-1, core.shape[-1])
    return matrix.conj().T @ matrix


def rows(core: Array) -> Array:
    matrix = core.reshape(len(core), -1)
    return matrix @ matrix.conj().T


@given(shape=sizes, seed=seeds, dtype=dtypes, data=st.data())
def test_cores_around_the_centre_become_orthonormal(shape: list[int], seed: int, dtype: Any, data: Any) -> None:
    train = draw_train(shape, 5, seed, dtype)
    centre = data.draw(st.integers(0, len(shape) - 1))
    found = orthogonalize(train, centre)
    assert close(dense(found), dense(train), dtype)
    assert all(close(columns(core), np.eye(core.shape[-1]), dtype) for core in found.cores[:centre])
    assert all(close(rows(core), np.eye(len(core)), dtype) for core in found.cores[centre + 1 :])
    assert np.linalg.norm(found.cores[centre]) == pytest.approx(train.norm(), abs=rounding_of(train))


def test_the_ends_as_centres() -> None:
    train = draw_train((3, 4, 5), 3, 1)
    for found, centre in ((left_orthogonalize(train), 2), (right_orthogonalize(train), 0)):
        assert np.array_equal(found.to_full(), orthogonalize(train, centre).to_full())
    assert np.array_equal(orthogonalize(train, -1).to_full(), orthogonalize(train, 2).to_full())
    with pytest.raises(ValueError, match="mode is 3"):
        orthogonalize(train, 3)


def test_norms_that_one_core_cannot_hold() -> None:
    train = random_tt([4] * 600, 5)
    with pytest.raises(OverflowError, match="normalized"):
        orthogonalize(train, 3)
    found = orthogonalize(train.normalized()[0], 300)
    assert np.linalg.norm(found.cores[300]) == pytest.approx(1, rel=1e-9)


@given(shape=sizes, seed=seeds, dtype=dtypes)
def test_sums_are_rounded_to_their_ranks(shape: list[int], seed: int, dtype: Any) -> None:
    train = draw_train(shape, 2, seed, dtype)
    total = train + train * 2 - train
    single = dtype in {np.float32, np.complex64}
    for found in (tt_round(total, error=1e-4 if single else 1e-10), tt_round(total, train.ranks)):
        assert found.dtype == dtype
        assert all(a <= b for a, b in zip(found.ranks, train.ranks, strict=True))
        error = np.linalg.norm(dense(found) - 2 * dense(train))
        assert error <= (1e-3 if single else 1e-9) * train.norm() + 10 * rounding_of(total)


@given(shape=st.lists(st.integers(2, 5), min_size=2, max_size=5), rank=st.integers(1, 4), seed=seeds, dtype=dtypes)
def test_rounding_is_the_tt_svd_of_the_full_tensor(shape: list[int], rank: int, seed: int, dtype: Any) -> None:
    train = draw_train(shape, 6, seed, dtype)
    found, expected = tt_round(train, rank), tt_svd(dense(train), [min(rank, r) for r in _attainable(train)])
    full = dense(train)
    errors = [float(np.linalg.norm(dense(each) - full)) for each in (found, expected)]
    scale = float(np.linalg.norm(full))
    assert errors[0] <= errors[1] + (1e-3 if dtype in {np.float32, np.complex64} else 1e-9) * scale
    assert all(close(columns(core), np.eye(core.shape[-1]), dtype) for core in found.cores[:-1])


def _attainable(train: TensorTrain) -> tuple[int, ...]:
    return tt_round(train).ranks


@given(shape=sizes, error=st.sampled_from([1e-6, 0.01, 0.1, 0.5, 0.9]), seed=seeds)
def test_no_more_is_cut_off_than_the_error_allows(shape: list[int], error: float, seed: int) -> None:
    train = draw_train(shape, 6, seed)
    found = tt_round(train, error=error)
    assert np.linalg.norm(dense(found) - dense(train)) <= error * train.norm() * (1 + 1e-9) + rounding_of(train)
    assert all(a <= b for a, b in zip(found.ranks, train.ranks, strict=True))


@given(pairs=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3), seed=seeds)
def test_matrices_are_rounded(pairs: list[tuple[int, int]], seed: int) -> None:
    row_sizes, column_sizes = zip(*pairs, strict=True)
    matrix = draw_matrix(row_sizes, column_sizes, 2, seed)
    found = tt_round(matrix + matrix, error=1e-10)
    assert (found.row_shape, found.column_shape) == (row_sizes, column_sizes)
    assert close(dense_matrix(found), 2 * dense_matrix(matrix))
    assert all(a <= b for a, b in zip(found.ranks, matrix.ranks, strict=True))


@pytest.mark.parametrize("factor", [1.0, 1e-3])
def test_trains_whose_norm_no_number_holds_are_rounded(factor: Any) -> None:
    train = random_tt([3] * 1000, 3, seed=1)
    train = TensorTrain(tuple(core * factor for core in train.cores))
    double = train + train
    found = tt_round(double, error=1e-10)
    assert found.ranks == train.ranks
    assert found.log_norm() == pytest.approx(train.log_norm() + log(2), rel=1e-12)
    assert (found - double).log_norm() - found.log_norm() < log(1e-10)


def test_a_small_difference_keeps_its_digits() -> None:
    # Gram matrices would lose what is 1e-10 of the rest.
    u, v = (random_tt([4] * 12, 3, norm=1.0, seed=seed) for seed in (1, 2))
    found = tt_round(u + 1e-10 * v, error=1e-13)
    assert max(found.ranks) == 6
    assert (found - u).norm() == pytest.approx(1e-10, rel=1e-3)
    assert max(tt_round(u + 1e-10 * v, error=1e-9).ranks) == 3


def test_error_and_ranks_both_bind() -> None:
    u = random_tt([4] * 6, 2, norm=1.0, seed=1)
    total = u + 1e-6 * random_tt([4] * 6, 2, norm=1.0, seed=2)
    assert max(tt_round(total, 4, error=1e-4).ranks) == 2
    assert max(tt_round(total, 3, error=1e-12).ranks) == 3


def test_errors_of_all_bonds_together_stay_within_the_error_allowed() -> None:
    # Four bonds where cutting loses ε each, 2ε together: an error of 1.05 ε allows none of them.
    eps = 1e-3
    pair = TensorTrain((np.eye(2)[None], np.diag([1.0, eps])[..., None]))
    train = kronecker(kronecker(pair, pair), kronecker(pair, pair))
    assert tt_round(train, error=1.05 * eps).ranks == train.ranks
    assert tt_svd(dense(train), error=1.05 * eps).ranks == train.ranks
    assert tt_round(train, error=2.7 * eps).ranks == (1,) * 7


def test_without_limits_only_surplus_ranks_go() -> None:
    assert tt_round(TensorTrain((np.ones((1, 3, 3)), np.ones((3, 2, 1))))).ranks == (2,)
    train = draw_train((2, 2, 2), 4, 3)
    assert all(rank <= 2 for rank in tt_round(train).ranks)
    assert close(dense(tt_round(train)), dense(train))
    single = random_tt((5,), 1)
    assert np.array_equal(tt_round(single).to_full(), single.to_full())


def test_a_train_of_zeros() -> None:
    zero = random_tt((3, 4, 5), 2) * 0.0
    found = tt_round(zero, error=1e-6)
    assert found.ranks == (1, 1)
    assert found.norm() == 0


def test_the_train_is_left_as_it_was() -> None:
    train = kronecker(random_tt((3, 4), 3, seed=1), random_tt((2, 3), 2, seed=2))
    before = [core.copy() for core in train.cores]
    tt_round(train, 2, error=0.1)
    orthogonalize(train, 1)
    assert all(np.array_equal(a, b) for a, b in zip(train.cores, before, strict=True))


@pytest.mark.parametrize(
    ("ranks", "error", "message"),
    [
        (0, 0.0, "ranks is 0"),
        ((2, 9), 0.0, r"ranks\[1\] is 9"),
        ((1,), 0.0, "ranks has 1"),
        (None, -1.0, "error is -1"),
    ],
)
def test_bad_arguments_are_rejected(ranks: Any, error: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tt_round(random_tt((3, 4, 5), 3), ranks, error=error)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_rounding_to_an_error_where_squares_are_no_numbers(size: float) -> None:
    train = random_tt((4, 5, 6), (2, 3), seed=1)
    *cores, last = (train + train).cores
    double = TensorTrain((*cores, last * size))
    rounded = tt_round(double, error=1e-10)
    assert rounded.ranks == (2, 3)
    assert np.allclose(rounded.to_full() / size, 2 * train.to_full(), rtol=1e-9, atol=1e-9)
