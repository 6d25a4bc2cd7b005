"""Containers of matrices in tensor-train form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.products import kronecker
from mmdiscover.decompositions.tt.matrix import TTMatrix, random_tt_matrix
from mmdiscover.decompositions.tt.tensor_train import random_tt
from tests.decompositions.dense_tensors import close, draw
from tests.decompositions.tt.trains import dense_matrix, draw_matrix, dtypes, rounding_of, seeds

pairs = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4)


@given(pairs=pairs, seed=seeds, dtype=dtypes)
def test_full_transpose_and_norm_are_those_of_the_matrix(pairs: list[tuple[int, int]], seed: int, dtype: Any) -> None:
    rows, columns = zip(*pairs, strict=True)
    matrix = draw_matrix(rows, columns, 3, seed, dtype)
    full = dense_matrix(matrix)
    assert (matrix.row_shape, matrix.column_shape) == (rows, columns)
    assert matrix.shape == full.shape
    assert close(matrix.to_full(), full, dtype)
    assert close(matrix.transpose().to_full(), full.T, dtype)
    assert matrix.norm() == pytest.approx(np.linalg.norm(full), abs=rounding_of(matrix))
    back = TTMatrix.from_train(matrix.as_train(), rows, columns)
    assert np.array_equal(back.to_full(), matrix.to_full())


def test_kronecker_products_have_rank_one() -> None:
    factors = [draw((m, n), m) for m, n in ((2, 3), (3, 1), (2, 2))]
    matrix = TTMatrix.from_kronecker(factors)
    assert matrix.ranks == (1, 1)
    assert close(matrix.to_full(), kronecker(*factors))


def test_the_identity_of_a_space_of_2_to_the_50() -> None:
    identity = TTMatrix.from_kronecker([np.eye(2)] * 50)
    vector = random_tt([2] * 50, 3, norm=1.0)
    assert identity.shape == (2**50, 2**50)
    assert (identity @ vector - vector).norm() < 1e-14


def test_random_matrices() -> None:
    matrix = random_tt_matrix((2, 3), (4, 5), 100, seed=1, dtype=np.complex64)
    assert matrix.ranks == (8,)
    assert matrix.dtype == np.complex64
    assert matrix.parameters == 2 * 4 * 8 + 8 * 3 * 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TTMatrix((np.ones((1, 3, 1)),)), r"cores\[0\] has 3 modes"),
        (lambda: random_tt_matrix((2, 2), (2,), 1), "column_shape has 1 entries, expected 2"),
        (lambda: random_tt_matrix((), (), 1), "row_shape is empty"),
        (lambda: TTMatrix.from_kronecker([np.ones(3)]), r"factors\[0\] has 1 modes"),
        (lambda: TTMatrix.from_train(random_tt((4, 4), 2), (2, 2), (2, 3)), r"shape \(4, 4\), expected \(4, 6\)"),
        (lambda: random_tt_matrix((2,), (2,), 1) @ random_tt((3,), 1), r"vector has shape \(3,\), expected \(2,\)"),
    ],
)
def test_shapes_that_do_not_meet_are_rejected(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_factors_are_left_to_python() -> None:
    with pytest.raises(TypeError, match="does not support ufuncs"):
        random_tt_matrix((2,), (2,), 1) @ np.eye(2)  # type: ignore[operator]
