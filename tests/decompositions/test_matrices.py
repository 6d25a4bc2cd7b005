"""Truncated SVD: Eckart–Young, and the leading vectors of a matricization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.matrices import left_singular_vectors, truncated_svd
from mmdiscover.decompositions.products import matricize
from tests.decompositions.dense_tensors import draw, dtypes, seeds

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@given(st.integers(1, 6), st.integers(1, 6), seeds, dtypes, st.data())
def test_the_error_is_the_best_possible(m: int, n: int, seed: int, dtype: DTypeLike, data: st.DataObject) -> None:
    matrix = draw((m, n), seed, dtype)
    rank = data.draw(st.integers(1, min(m, n)))
    cut = truncated_svd(matrix, rank)
    tolerance = 1e-10 if dtype != np.float32 else 1e-4
    # Eckart–Young: √(σ²_{R+1} + …), and nothing of this rank is closer.
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert abs(cut.error - np.linalg.norm(singular[rank:])) < tolerance
    assert abs(np.linalg.norm(matrix - cut.to_full()) - cut.error) < tolerance
    other = draw((m, rank), seed + 1, dtype)
    closest = other @ np.linalg.lstsq(other, matrix, rcond=None)[0]
    assert np.linalg.norm(matrix - closest) >= cut.error - tolerance
    assert np.allclose(cut.u.conj().T @ cut.u, np.eye(rank), atol=1e-4)
    assert np.allclose(cut.vt @ cut.vt.conj().T, np.eye(rank), atol=1e-4)


def test_rank_by_error() -> None:
    matrix = np.diag([4.0, 3.0, 0.3, 0.4])
    assert [truncated_svd(matrix, error=error).rank for error in (0.0, 0.29, 0.31, 0.49, 0.51, 4.0, 9.0)] == [
        4, 4, 3, 3, 2, 1, 1,
    ]  # fmt: skip
    assert truncated_svd(matrix, 2, error=0.1).rank == 2
    assert truncated_svd(np.zeros((2, 3))).rank == 1


@pytest.mark.parametrize("shape", [(4, 5, 6), (7, 2, 3), (3, 4), (30, 2, 2)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-3, 1.0])
def test_leading_vectors_leave_no_more_than_those_of_an_svd(
    shape: tuple[int, ...], dtype: DTypeLike, noise: float
) -> None:
    """Also where the Gram matrix has lost what is cut off."""
    for mode, size in enumerate(shape):
        exact = draw((size, 2), 1, dtype) @ draw((2, int(np.prod(shape)) // size), 2, dtype)
        matrix = (exact + noise * draw(exact.shape, 3, dtype)).astype(dtype)
        tensor = np.moveaxis(matrix.reshape(size, *[s for m, s in enumerate(shape) if m != mode]), 0, mode)
        vectors, error = left_singular_vectors(np.ascontiguousarray(tensor), mode, 2)
        unfolded = matricize(tensor, mode)
        left = np.linalg.norm(unfolded - vectors @ (vectors.conj().T @ unfolded))
        best = np.linalg.norm(np.linalg.svd(unfolded, compute_uv=False)[2:])
        # Eight digits of what is cut off, or rounding relative to the whole.
        slack = 1e-8 * best + 100 * float(np.finfo(dtype).eps) * np.linalg.norm(unfolded)
        assert left <= best * (1 + 1e-3 * (dtype == np.float32)) + slack
        assert abs(error - left) <= 1e-3 * best + slack


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="rank is 3, expected an integer of at least 1 and at most 2"):
        truncated_svd(np.ones((2, 3)), 3)
    with pytest.raises(ValueError, match="rank is 0"):
        truncated_svd(np.ones((2, 3)), 0)
    with pytest.raises(ValueError, match="error is -1"):
        truncated_svd(np.ones((2, 3)), error=-1)
    with pytest.raises(ValueError, match="matrix has 3 modes"):
        truncated_svd(np.ones((2, 3, 1)))
