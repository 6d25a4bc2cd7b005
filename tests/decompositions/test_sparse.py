"""Sparse tensors against dense ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.products import mttkrp
from mmdiscover.decompositions.sparse import SparseTensor, sum_rows
from tests.decompositions.dense_tensors import draw, seeds, shapes


@given(shapes, st.integers(1, 3), seeds, st.data())
def test_products_equal_dense_ones(shape: tuple[int, ...], rank: int, seed: int, data: st.DataObject) -> None:
    full = draw(shape, seed) * (draw(shape, seed + 1) > 0)
    full.flat[0] = 1.0
    sparse = SparseTensor.from_dense(full)
    mode = data.draw(st.integers(0, len(shape) - 1))
    factors = [draw((size, rank), seed + 2) for size in shape]
    assert np.array_equal(sparse.to_full(), full)
    assert np.allclose(sparse.mttkrp(factors, mode), mttkrp(full, factors, mode))
    assert np.isclose(sparse.norm(), np.linalg.norm(full))
    assert sparse.density == np.count_nonzero(full) / full.size
    assert np.array_equal(sparse.with_values(2 * sparse.values).to_full(), 2 * full)


def test_observed_zeros_stay_listed() -> None:
    tensor = np.array([[0.0, np.nan], [3.0, 4.0]])
    observed = SparseTensor.from_dense(tensor, ~np.isnan(tensor))
    assert observed.indices.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert observed.values.tolist() == [0, 3, 4]


def test_rows_are_added_where_they_belong() -> None:
    assert sum_rows(np.array([[1.0], [2.0], [4.0]]), np.array([2, 0, 2]), 4).tolist() == [[2], [0], [5], [0]]


def test_nothing_can_be_written() -> None:
    sparse = SparseTensor.from_dense(np.eye(2))
    with pytest.raises(ValueError, match="read-only"):
        sparse.values[0] = 3


@pytest.mark.parametrize(
    ("indices", "values", "shape", "message"),
    [
        ([[0, 2]], [1.0], (2, 2), r"indices has the cell \(0, 2\), expected cells of a tensor of shape \(2, 2\)"),
        ([[0, -1]], [1.0], (2, 2), "indices has the cell"),
        ([[0, 1], [0, 1]], [1.0, 2.0], (2, 2), "indices has a cell twice"),
        ([[0, 1]], [1.0, 2.0], (2, 2), "values has 2 entries, expected 1"),
        ([[0, 1, 1]], [1.0], (2, 2), r"indices are int64 of shape \(1, 3\), expected integers of shape \(m, 2\)"),
        ([[0.5, 1]], [1.0], (2, 2), "indices are float64"),
        (np.empty((0, 2), dtype=int), [], (2, 2), "indices are empty, expected at least one cell"),
        ([[0, 1]], [np.inf], (2, 2), "values has 1 NaN or infinite entries"),
        ([[0, 1]], [1.0], (2, 0), "shape is"),
    ],
)
def test_bad_cells_are_named(indices: object, values: object, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SparseTensor(np.array(indices), np.array(values), shape)


def test_a_mask_must_fit() -> None:
    with pytest.raises(ValueError, match=r"mask has shape \(2,\), expected \(2, 2\)"):
        SparseTensor.from_dense(np.eye(2), [True, False])
    with pytest.raises(ValueError, match=r"values has shape \(1,\), expected \(2,\)"):
        SparseTensor.from_dense(np.eye(2)).with_values(np.ones(1))


def test_a_shape_is_of_integers() -> None:
    for shape in ((2.5, 2), 2):
        with pytest.raises(ValueError, match=r"shape is .*, expected at least one mode and sizes of at least 1"):
            SparseTensor([[0, 0]], [1.0], shape)  # type: ignore[arg-type]
