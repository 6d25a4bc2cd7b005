"""Containers of tensor trains: shapes, entries, norms, and what they do not accept."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from mmdiscover.decompositions.tt.chain import largest_ranks
from mmdiscover.decompositions.tt.tensor_train import TensorTrain, random_tt
from tests.decompositions.dense_tensors import close
from tests.decompositions.tt.trains import dense, draw_train, dtypes, rounding_of, seeds, sizes


@given(shape=sizes, seed=seeds, dtype=dtypes)
def test_full_entries_and_norm_are_those_of_the_dense_tensor(shape: list[int], seed: int, dtype: Any) -> None:
    train = draw_train(shape, 4, seed, dtype)
    full = dense(train)
    assert train.to_full().dtype == train.dtype == dtype
    assert close(train.to_full(), full, dtype)
    cells = np.array(list(np.ndindex(*shape)))[::-1]
    assert close(train.entries(cells), full[tuple(cells.T)], dtype)
    assert train.norm() == pytest.approx(np.linalg.norm(full), abs=rounding_of(train))
    squared = rounding_of(train) ** 2 / float(np.finfo(dtype).eps)
    assert train.inner(train) == pytest.approx(np.vdot(full, full), abs=squared)


def test_parameters_are_those_of_the_table() -> None:
    train = random_tt((3, 4, 5, 6), (2, 3, 4))
    assert train.shape == (3, 4, 5, 6)
    assert train.ranks == (2, 3, 4)
    assert train.parameters == 3 * 2 + 2 * 4 * 3 + 3 * 5 * 4 + 4 * 6


def test_ranks_that_suffice_are_cut_to() -> None:
    assert largest_ranks((2, 3, 4, 2)) == (2, 6, 2)
    assert random_tt((2, 3, 4, 2), 100).ranks == (2, 6, 2)
    assert random_tt((7,), 3).ranks == ()


def test_norms_that_no_number_holds_are_given_as_logarithms() -> None:
    # E‖u‖² = ∏ dₖ ∏ Rₖ, and its logarithm is near that of the norm's square for so many cores.
    train = random_tt([10] * 1000, 5)
    expected = (1000 * log(10) + 999 * log(5)) / 2
    assert train.log_norm() == pytest.approx(expected, rel=0.01)
    with pytest.raises(OverflowError, match=r"the norm is 10.*log_norm"):
        train.norm()
    tiny = TensorTrain(tuple(core * 1e-3 for core in train.cores))
    assert tiny.log_norm() == pytest.approx(train.log_norm() - 3000 * log(10), rel=1e-12)
    with pytest.raises(OverflowError, match="the norm is 10"):
        tiny.norm()
    unit, logarithm = tiny.normalized()
    assert unit.norm() == pytest.approx(1, rel=1e-9)
    assert logarithm == tiny.log_norm()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_a_random_train_has_the_norm_asked_for(dtype: Any) -> None:
    train = random_tt([3] * 300, 4, norm=2.5, seed=3, dtype=dtype)
    assert train.dtype == dtype
    assert train.norm() == pytest.approx(2.5, rel=1e-3 if dtype in {np.float32, np.complex64} else 1e-9)


def test_the_norm_of_a_small_difference_is_accurate() -> None:
    train = random_tt([4] * 20, 5, norm=1.0, seed=1)
    other = train + 1e-11 * random_tt([4] * 20, 2, norm=1.0, seed=2)
    assert (other - train).norm() == pytest.approx(1e-11, rel=1e-3)


def test_zero_has_norm_zero() -> None:
    zero = TensorTrain((np.zeros((1, 3, 2)), np.ones((2, 3, 1))))
    assert zero.norm() == 0
    with pytest.raises(ValueError, match="zero"):
        zero.normalized()


def test_seeds_decide() -> None:
    one, same, other = (random_tt((3, 4), 2, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(one.to_full(), same.to_full())
    assert not np.array_equal(one.to_full(), other.to_full())


def test_cores_cannot_be_written_to() -> None:
    core = np.ones((1, 3, 1))
    train = TensorTrain((core,))
    with pytest.raises(ValueError, match="read-only"):
        train.cores[0][0, 0, 0] = 2
    core[0, 0, 0] = 2  # the caller's own array stays writable
    train.to_full()[0] = 7
    assert train.to_full()[0] == 2


def test_types_are_made_one() -> None:
    train = TensorTrain((np.ones((1, 3, 2), np.float32), np.ones((2, 3, 1), complex)))
    assert {core.dtype for core in train.cores} == {np.dtype(complex)}


@pytest.mark.parametrize(
    ("cores", "message"),
    [
        ((), "cores is empty"),
        ((np.ones((2, 3, 1)),), r"\(2, 3, 1\).*expected 1 as the first"),
        ((np.ones((1, 3, 2)),), r"\(1, 3, 2\).*expected 1 as the first and as the last"),
        ((np.ones((1, 3, 2)), np.ones((3, 3, 1))), r"cores\[0\] has shape \(1, 3, 2\) and cores\[1\]"),
        ((np.ones((3, 2)),), r"cores\[0\] has 2 modes"),
        ((np.full((1, 3, 1), np.nan),), r"cores\[0\] has 3 NaN"),
    ],
)
def test_cores_that_do_not_meet_are_rejected(cores: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorTrain(cores)


@pytest.mark.parametrize(
    ("shape", "ranks", "message"),
    [
        ((), 2, "shape is empty"),
        ((3, 0), 2, r"shape\[1\] is 0"),
        ((3, 4), 0, "ranks is 0"),
        ((3, 4), (4,), r"ranks\[0\] is 4.*at most 3"),
        ((3, 4), (1, 1), "ranks has 2 entries"),
    ],
)
def test_random_trains_that_cannot_be_are_rejected(shape: list[int], ranks: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_tt(shape, ranks)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([[0, 0, 0]], r"shape \(1, 3\), expected integers of shape \(m, 2\)"),
        ([[0.0, 0.0]], "float64"),
        ([[0, 0], [0, 4]], r"cell \[0, 4\], expected one of \(3, 4\)"),
        ([[-1, 0]], r"cell \[-1, 0\]"),
    ],
)
def test_cells_outside_are_rejected(indices: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_tt((3, 4), 2).entries(np.array(indices))
