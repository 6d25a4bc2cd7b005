"""Arithmetic of tensor trains against that of the dense tensors."""

from __future__ import annotations

from math import lgamma, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.tt.arithmetic import (
    add,
    hadamard,
    inner,
    kronecker,
    matmat,
    matvec,
    scale,
    scaled_inner,
    subtract,
)
from mmdiscover.decompositions.tt.matrix import TTMatrix
from mmdiscover.decompositions.tt.tensor_train import TensorTrain, random_tt
from tests.decompositions.dense_tensors import close
from tests.decompositions.tt.trains import dense, dense_matrix, draw_matrix, draw_train, dtypes, seeds, sizes

triples = st.lists(st.tuples(*[st.integers(1, 3)] * 3), min_size=1, max_size=3)


@given(shape=sizes, seed=seeds, dtypes=st.tuples(dtypes, dtypes))
def test_trains_are_added_multiplied_and_contracted_as_their_tensors(shape: list[int], seed: int, dtypes: Any) -> None:
    u, v = (draw_train(shape, 3, seed + 100 * k, dtype) for k, dtype in enumerate(dtypes))
    x, y = dense(u), dense(v)
    wide = np.result_type(*dtypes)
    loose = np.float32 if np.dtype(np.float32) in {np.dtype(each).type(0).real.dtype for each in dtypes} else wide
    for result, expected in (
        (add(u, v), x + y),
        (subtract(u, v), x - y),
        (u + v, x + y),
        (u - v, x - y),
        (-u, -x),
        (hadamard(u, v), x * y),
        (u * v, x * y),
        (kronecker(u, v), np.multiply.outer(x, y)),
    ):
        assert result.dtype == np.asarray(expected).dtype
        assert close(result.to_full(), expected, loose)
    assert close(inner(u, v), np.vdot(x, y), loose)


@given(shape=sizes, seed=seeds)
def test_ranks_add_up_in_sums_and_multiply_in_products(shape: list[int], seed: int) -> None:
    u, v = draw_train(shape, 3, seed), draw_train(shape, 3, seed + 50)
    assert add(u, v).ranks == tuple(a + b for a, b in zip(u.ranks, v.ranks, strict=True))
    assert hadamard(u, v).ranks == tuple(a * b for a, b in zip(u.ranks, v.ranks, strict=True))
    assert kronecker(u, v).ranks == (*u.ranks, 1, *v.ranks)


@given(triples=triples, seed=seeds, dtype=dtypes)
def test_matrices_multiply_as_dense_ones(triples: list[tuple[int, int, int]], seed: int, dtype: Any) -> None:
    m, n, p = zip(*triples, strict=True)
    a, b, x = draw_matrix(m, n, 3, seed, dtype), draw_matrix(n, p, 3, seed + 9, dtype), draw_train(n, 3, seed, dtype)
    full_a, full_b = dense_matrix(a), dense_matrix(b)
    product, image = matmat(a, b), matvec(a, x)
    assert (product.row_shape, product.column_shape, image.shape) == (m, p, m)
    assert close(product.to_full(), full_a @ full_b, dtype)
    assert close(image.to_full().ravel(), full_a @ dense(x).ravel(), dtype)
    assert close((a @ b).to_full(), product.to_full(), dtype)
    assert close((a @ x).to_full(), image.to_full(), dtype)


@given(
    pairs=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3), seed=seeds, dtype=dtypes
)
def test_matrices_are_added_entry_by_entry(pairs: list[tuple[int, int]], seed: int, dtype: Any) -> None:
    rows, columns = zip(*pairs, strict=True)
    a, b = (draw_matrix(rows, columns, 3, seed + k, dtype) for k in (0, 70))
    x, y = dense_matrix(a), dense_matrix(b)
    assert close((a + b).to_full(), x + y, dtype)
    assert close((a - b).to_full(), x - y, dtype)
    assert close((a * b).to_full(), x * y, dtype)
    assert close(kronecker(a, b).to_full(), np.kron(x, y), dtype)
    assert close(inner(a, b), np.vdot(x, y), dtype)


@pytest.mark.parametrize("factor", [2, -0.5, 1.5 + 2j, np.float64(3), np.float32(3), np.complex64(1j)])
def test_numbers_multiply_from_both_sides_and_keep_single_precision(factor: Any) -> None:
    train = draw_train((3, 4), 2, 5, np.float32)
    for product in (train * factor, factor * train, scale(train, factor)):
        assert isinstance(product, TensorTrain)
        assert product.dtype == (np.complex64 if np.iscomplexobj(factor) else np.float32)
        assert {core.dtype for core in product.cores} == {product.dtype}
        assert close(product.to_full(), dense(train) * factor, np.float32)


def test_inner_products_of_two_to_the_forty_entries() -> None:
    # The vector of all numbers 0, …, 2⁴⁰ − 1, its bits as indices, the first the most significant.
    bits = 40
    middle = [np.array([[[1.0, 0], [1, 2.0 ** (bits - 1 - k)]], [[0, 1], [0, 1]]]) for k in range(bits)]
    cores = [middle[0][:1], *middle[1:-1], middle[-1][..., 1:]]
    numbers = TensorTrain(tuple(cores))
    ones = TensorTrain((np.ones((1, 2, 1)),) * bits)
    n = 2**bits
    assert numbers.entries(np.array([[0] * bits, [1] * bits])).tolist() == [0, n - 1]
    assert inner(ones, numbers) == pytest.approx(n * (n - 1) // 2, rel=1e-14)
    assert inner(numbers, numbers) == pytest.approx((n - 1) * n * (2 * n - 1) // 6, rel=1e-13)
    assert numbers.norm() ** 2 == pytest.approx((n - 1) * n * (2 * n - 1) // 6, rel=1e-12)


def test_inner_products_that_no_number_holds_are_scaled() -> None:
    # Products of vectors: the inner product is that of each mode to the power of N.
    order = 2000
    u = TensorTrain((np.array([1.0, 2.0]).reshape(1, 2, 1),) * order)
    v = TensorTrain((np.array([-3.0, 1.0]).reshape(1, 2, 1),) * order)
    mantissa, exponent = scaled_inner(u, u)
    assert log(mantissa) + exponent * log(2) == pytest.approx(order * log(5), rel=1e-13)
    assert scaled_inner(u, v)[0] > 0
    with pytest.raises(OverflowError, match="scaled_inner"):
        inner(u, u)
    small = TensorTrain(tuple(core * 0.01 for core in u.cores))
    assert inner(small, small) == 0
    mantissa, exponent = scaled_inner(small, small)
    assert log(mantissa) + exponent * log(2) == pytest.approx(order * log(5e-4), rel=1e-13)
    # Large and small cores whose product is a number again.
    half = [core * (1e3 if k < order // 2 else 1e-3) for k, core in enumerate(u.cores)]
    unit = TensorTrain(tuple(core / np.sqrt(5) for core in half))
    assert inner(unit, unit) == pytest.approx(1, rel=1e-10)
    assert unit.norm() == pytest.approx(1, rel=1e-10)


def test_the_norm_of_a_uniform_product_is_known() -> None:
    # The norm of (1, …, d) ⊗ … ⊗ (1, …, d) is √(Σk²) to the power of N.
    d, order = 30, 500
    train = TensorTrain((np.arange(1.0, d + 1).reshape(1, d, 1),) * order)
    assert train.log_norm() == pytest.approx(order * log(d * (d + 1) * (2 * d + 1) / 6) / 2, rel=1e-13)
    # The entry with all indices different in a train of d cores is d!.
    factorial = TensorTrain(train.cores[:d]).entries(np.arange(d)[None])
    assert log(factorial[0]) == pytest.approx(lgamma(d + 1), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_products_of_many_entries_are_those_of_few(dtype: Any) -> None:
    # Results this large are put into one piece of memory.
    u, v = (random_tt((4,) * 8, 16, seed=seed, dtype=dtype) for seed in (1, 2))
    cells = np.random.default_rng(3).integers(0, 4, (50, 8))
    product = hadamard(u, v)
    assert product.parameters > 2**19
    assert product.dtype == dtype
    expected = u.entries(cells) * v.entries(cells)
    assert np.linalg.norm(product.entries(cells) - expected) < 1e-4 * np.linalg.norm(expected)
    identity = TTMatrix((np.eye(4, dtype=dtype)[None, ..., None],) * 8)
    several = identity + identity + identity + identity + identity + identity + identity + identity
    image = matvec(several, random_tt((4,) * 8, 64, seed=1, dtype=dtype))
    assert image.parameters > 2**19
    exact = random_tt((4,) * 8, 64, seed=1, dtype=dtype).entries(cells) * 8
    assert np.linalg.norm(image.entries(cells) - exact) < 1e-4 * np.linalg.norm(exact)


def test_orthogonal_trains() -> None:
    up, down = (TensorTrain((np.array([a, b]).reshape(1, 2, 1),) * 60) for a, b in ((1.0, 0.0), (0.0, 1.0)))
    assert inner(up, down) == 0
    assert (up * down).norm() == 0


@pytest.mark.parametrize("operation", [add, subtract, hadamard, inner])
def test_shapes_that_differ_are_rejected(operation: Any) -> None:
    with pytest.raises(ValueError, match=r"v has sizes \[3, 5\], expected \[3, 4\] as u"):
        operation(random_tt((3, 4), 2), random_tt((3, 5), 2))


def test_matrices_that_do_not_meet_are_rejected() -> None:
    a = TTMatrix.from_kronecker([np.ones((2, 3))] * 2)
    with pytest.raises(ValueError, match=r"right has row shape \(2, 2\), expected \(3, 3\)"):
        matmat(a, a)


@pytest.mark.parametrize("factor", [np.nan, np.inf, complex(0, np.inf)])
def test_factors_that_are_not_finite_are_rejected(factor: Any) -> None:
    with pytest.raises(ValueError, match="expected a finite number"):
        random_tt((3,), 1) * factor


def test_a_train_is_not_added_to_a_number_or_a_matrix() -> None:
    train = random_tt((4,), 1)
    for other in (1.0, TTMatrix.from_kronecker([np.eye(2)])):
        with pytest.raises(TypeError, match="unsupported operand"):
            train + other  # type: ignore[operator]
    with pytest.raises(TypeError, match="does not support ufuncs"):
        train * np.ones(4)  # type: ignore[operator]


@pytest.mark.parametrize(("dtype", "size"), [(np.float64, 1e200), (np.float64, 1e-200), (np.float32, 1e30)])
def test_inner_products_of_cores_whose_squares_are_no_numbers(dtype: Any, size: float) -> None:
    x = draw_train((3, 2, 4), 2, 7, dtype)
    full = dense(x).astype(np.float64)
    large = TensorTrain((*x.cores[:-1], x.cores[-1] * dtype(size)))
    mantissa, exponent = scaled_inner(large, large)
    assert log(mantissa) + exponent * log(2) == pytest.approx(log(np.vdot(full, full)) + 2 * log(size), rel=1e-6)


def test_a_train_and_a_matrix_are_not_mixed() -> None:
    train, matrix = draw_train((4, 4), 2, 1, np.float64), draw_matrix((2, 2), (2, 2), 2, 1, np.float64)
    for operation in (add, hadamard, inner, kronecker):
        with pytest.raises(ValueError, match="v is a TTMatrix, expected a TensorTrain as u"):
            operation(train, matrix)
        with pytest.raises(ValueError, match="u is a ndarray, expected a TensorTrain or TTMatrix"):
            operation(np.ones(4), train)  # type: ignore[type-var]


def test_short_texts() -> None:
    assert repr(draw_train((4, 3), 1, 1, np.float64)) == "TensorTrain(shape=(4, 3), ranks=(1,))"
    matrix = repr(draw_matrix((2, 3), (4, 5), 1, 1, np.float64))
    assert matrix == "TTMatrix(row_shape=(2, 3), column_shape=(4, 5), ranks=(1,))"


def test_a_factor_that_makes_infinite_entries_is_refused() -> None:
    with pytest.raises(OverflowError, match="factor is 1e\\+300, which makes entries of the first core too large"):
        scale(random_tt((2, 3), 1) * 1e300, 1e300)
