"""CP tensors against their entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from tests.decompositions.dense_tensors import close, cp_full, draw, dtypes, seeds, shapes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@given(shapes, st.integers(1, 4), seeds, dtypes)
def test_everything_equals_the_dense_tensor(shape: tuple[int, ...], rank: int, seed: int, dtype: DTypeLike) -> None:
    factors = tuple(draw((size, rank), seed + index, dtype) for index, size in enumerate(shape))
    tensor, other = CPTensor(factors, draw((rank,), seed, dtype)), random_cp(shape, 2, seed=seed, dtype=dtype)
    full = cp_full(tensor.factors, tensor.weights)
    assert close(tensor.to_full(), full, dtype)
    assert tensor.to_full().dtype == dtype
    assert close(tensor.norm(), np.linalg.norm(full), dtype)
    assert close(tensor.inner(other), np.vdot(full, cp_full(other.factors)), dtype)
    cells = np.argwhere(np.ones(shape))
    assert close(tensor.entries(cells), full.ravel(), dtype)
    assert tensor.parameters == sum(factor.size for factor in tensor.factors)
    assert (tensor.shape, tensor.rank, tensor.order) == (shape, rank, len(shape))


@given(shapes, st.integers(1, 4), seeds)
def test_normalized_is_the_same_tensor(shape: tuple[int, ...], rank: int, seed: int) -> None:
    tensor = random_cp(shape, rank, seed=seed)
    normal = tensor.normalized()
    assert np.allclose(normal.to_full(), tensor.to_full())
    assert all(np.allclose(np.linalg.norm(factor, axis=0), 1) for factor in normal.factors)
    assert np.all(np.diff(np.abs(normal.weights)) <= 0)


def test_a_zero_column_can_be_normalized() -> None:
    tensor = CPTensor((np.array([[1.0, 0.0]]), np.array([[2.0, 3.0]])))
    assert np.array_equal(tensor.normalized().to_full(), [[2.0]])


def test_they_cannot_be_changed() -> None:
    factor = np.ones((2, 1))
    tensor = CPTensor((factor, factor))
    with pytest.raises(ValueError, match="read-only"):
        tensor.factors[0][0, 0] = 2
    factor[0, 0] = 3.0  # the caller's array still can


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CPTensor((np.ones((2, 2)), np.ones((2, 3)))), "expected the same number of columns"),
        (lambda: CPTensor((np.ones((2, 2)),), np.ones(3)), "weights has 3 entries, expected 2"),
        (lambda: CPTensor(()), "factors is empty"),
        (lambda: CPTensor((np.array([[np.nan]]),)), r"factors\[0\] has 1 NaN"),
        (lambda: random_cp((2, 2), 0), "rank is 0"),
        (lambda: random_cp((2, 0), 1), "shape entry is 0"),
        (lambda: random_cp((2, 2), 1).inner(random_cp((2, 3), 1)), r"other has shape \(2, 3\), expected \(2, 2\)"),
    ],
)
def test_bad_parts_are_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
