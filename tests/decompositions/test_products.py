"""Matricization and products against index formulas."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.cp.tensor import random_cp
from mmdiscover.decompositions.products import (
    dematricize,
    khatri_rao,
    kronecker,
    matricize,
    mode_product,
    mttkrp,
    multi_mode_product,
    outer,
)
from tests.decompositions.dense_tensors import cp_full, draw, dtypes, seeds, shapes

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


@given(shapes, st.data())
def test_matricization_counts_the_first_remaining_mode_fastest(shape: tuple[int, ...], data: st.DataObject) -> None:
    mode = data.draw(st.integers(0, len(shape) - 1))
    tensor = draw(shape, 1)
    matrix = matricize(tensor, mode)
    for cell in np.ndindex(shape):
        column, stride = 0, 1
        for other, size in enumerate(shape):
            if other != mode:
                column += cell[other] * stride
                stride *= size
        assert matrix[cell[mode], column] == tensor[cell]
    assert np.array_equal(dematricize(matrix, mode, shape), tensor)
    assert np.array_equal(matricize(tensor, mode - len(shape)), matrix)


@given(shapes.filter(lambda shape: len(shape) > 1), st.integers(1, 4), seeds, dtypes, st.data())
def test_cp_identity_and_mttkrp(
    shape: tuple[int, ...], rank: int, seed: int, dtype: DTypeLike, data: st.DataObject
) -> None:
    """W₍ₙ₎ = Aₙ (A_N ⊙ … ⊙ A₁)ᵀ, and the product of any tensor with that Khatri–Rao matrix."""
    mode = data.draw(st.integers(0, len(shape) - 1))
    factors = [draw((size, rank), seed + index, dtype) for index, size in enumerate(shape)]
    columns = khatri_rao(*[factor for other, factor in reversed(list(enumerate(factors))) if other != mode])
    assert np.allclose(matricize(cp_full(factors), mode), factors[mode] @ columns.T, atol=1e-3)
    tensor = draw(shape, seed, dtype)
    product = mttkrp(tensor, factors, mode)
    assert product.dtype == dtype
    assert np.allclose(product, matricize(tensor, mode) @ columns, atol=1e-10 if dtype != np.float32 else 1e-3)


def test_mttkrp_of_a_vector() -> None:
    assert np.array_equal(mttkrp([1.0, 2.0], [np.ones((2, 3))], 0), [[1, 1, 1], [2, 2, 2]])


@given(shapes, st.integers(1, 4), st.data())
def test_mode_product(shape: tuple[int, ...], rows: int, data: st.DataObject) -> None:
    mode = data.draw(st.integers(0, len(shape) - 1))
    tensor, matrix = draw(shape, 1), draw((rows, shape[mode]), 2)
    product = mode_product(tensor, matrix, mode)
    expected = np.moveaxis(np.tensordot(matrix, tensor, (1, mode)), 0, mode)
    assert np.allclose(product, expected)
    assert np.allclose(matricize(product, mode), matrix @ matricize(tensor, mode))


def test_several_mode_products_commute() -> None:
    tensor, a, c = draw((3, 4, 5), 1), draw((2, 3), 2), draw((7, 5), 3)
    expected = np.einsum("ijk,ai,ck->ajc", tensor, a, c)
    assert np.allclose(multi_mode_product(tensor, {0: a, -1: c}), expected)
    assert np.array_equal(multi_mode_product(tensor, {}), tensor)


def test_outer_kronecker_khatri_rao() -> None:
    assert np.array_equal(outer([1, 2], [3, 4], [5, 6]), np.einsum("i,j,k->ijk", [1, 2], [3, 4], [5, 6]))
    a, b, c = draw((2, 3), 1), draw((4, 3), 2), draw((2, 3), 3)
    assert np.allclose(kronecker(a, b, c), np.kron(np.kron(a, b), c))
    expected = np.stack([np.kron(np.kron(a[:, r], b[:, r]), c[:, r]) for r in range(3)], axis=1)
    assert np.allclose(khatri_rao(a, b, c), expected)
    # vec(b aᵀ), column by column, is a ⊗ b.
    assert np.allclose(kronecker(a[:, :1], b[:, :1])[:, 0], np.outer(b[:, 0], a[:, 0]).ravel(order="F"))


def test_nothing_is_changed() -> None:
    tensor = draw((3, 4, 5), 1)
    before, factors = tensor.copy(), random_cp((3, 4, 5), 2).factors
    mttkrp(tensor, factors, 1)
    mode_product(tensor, np.eye(3), 0)
    assert np.array_equal(tensor, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matricize(np.ones((2, 3)), 2), "mode is 2, expected an integer from -2 to 1"),
        (lambda: matricize([np.nan, 1.0], 0), "tensor has 1 NaN or infinite entries"),
        (lambda: matricize(np.ones((2, 0)), 0), r"tensor has shape \(2, 0\), expected at least one entry"),
        (lambda: matricize(np.array(["a"]), 0), "tensor has entries of type <U1, expected numbers"),
        (lambda: dematricize(np.ones((2, 5)), 0, (2, 3)), r"matrix has shape \(2, 5\), expected \(2, 3\)"),
        (lambda: mode_product(np.ones((2, 3)), np.ones((4, 2)), 1), r"matrix has shape \(4, 2\), expected 3 columns"),
        (lambda: multi_mode_product(np.ones((2, 3)), {1: np.ones((4, 2))}), r"matrices\[1\] has shape \(4, 2\)"),
        (lambda: khatri_rao(np.ones((2, 3)), np.ones((2, 2))), r"matrices have \[3, 2\] columns"),
        (khatri_rao, "matrices is empty"),
        (outer, "vectors is empty"),
        (lambda: kronecker(np.ones(3)), r"matrices\[0\] has 1 modes"),
        (lambda: mttkrp(np.ones((2, 3)), [np.ones((2, 2)), np.ones((4, 2))], 0), r"factors have shapes .* expected"),
        (lambda: mttkrp(np.ones((2, 3)), [np.ones((2, 2)), np.ones((3, 1))], 0), "same number of columns"),
    ],
)
def test_bad_arguments_are_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_large_finite_entries_are_finite() -> None:
    tensor = np.full((2, 2), 1e308)
    assert matricize(tensor, 0).shape == (2, prod((2,)))


def test_a_mode_named_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"matrices has the modes \(0, -3\), expected each mode once"):
        multi_mode_product(np.ones((2, 3, 4)), {0: np.ones((1, 2)), -3: np.ones((1, 2))})
