"""Products by schemes against `numpy.matmul`, on numbers that are exact."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmdiscover
from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.errors import InputError
from mmdiscover.runtime import Multiplication, multiply
from mmdiscover.runtime.accuracy import error_bound, error_factor, measured_error_factor
from mmdiscover.runtime.library import known_schemes
from mmdiscover.verify import verify
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCHEMES = [strassen(), winograd(), laderman(), classical(Format(2, 1, 3)), classical(Format(1, 3, 1))]
TYPES = [
    np.float64,
    np.float32,
    np.complex128,
    np.complex64,
    np.int64,
    np.int32,
    np.int8,
    np.uint16,
    np.float16,
    object,
]


def integers(shape: tuple[int, ...], seed: int, dtype: Any = np.float64) -> NDArray[Any]:
    """So small that every type multiplies them exactly."""
    low = 0 if np.dtype(dtype).kind == "u" else -2
    return np.random.default_rng(seed).integers(low, 3, shape).astype(dtype)


sizes = st.tuples(*[st.integers(0, 20)] * 3)


@given(sizes, st.sampled_from(SCHEMES), st.integers(0, 3), st.sampled_from(TYPES), st.integers(0, 99))
def test_equals_the_classical_product(
    size: tuple[int, int, int], scheme: Scheme, levels: int, dtype: Any, seed: int
) -> None:
    a, b = integers(size[:2], seed, dtype), integers(size[1:], seed + 1, dtype)
    product = multiply(a, b, scheme, levels)
    expected = a @ b
    assert (product.dtype, product.shape) == (expected.dtype, expected.shape)
    assert np.array_equal(product, expected)


@given(sizes, st.lists(st.sampled_from(SCHEMES), max_size=3), st.integers(0, 99))
def test_schemes_may_change_from_level_to_level(size: tuple[int, int, int], schemes: list[Scheme], seed: int) -> None:
    a, b = integers(size[:2], seed), integers(size[1:], seed + 1)
    assert np.array_equal(multiply(a, b, schemes), a @ b)


def test_large_enough_to_share_rows_among_threads() -> None:
    a, b = integers((600, 611), 1), integers((611, 622), 2)
    for threads in (1, 2, 3):
        assert np.array_equal(multiply(a, b, "2x2x2:7", 1, threads=threads), a @ b)


@pytest.mark.parametrize("scheme", list(known_schemes().values()), ids=lambda scheme: scheme.name)
def test_schemes_of_the_package_multiply(scheme: Scheme) -> None:
    n, m, p = scheme.format.sizes
    a, b = integers((3 * n + 1, 2 * m), 1, object), integers((2 * m, 2 * p + 1), 2, object)
    assert np.array_equal(multiply(a, b, scheme), a @ b)
    assert verify(scheme).ok


def test_any_order_of_the_format_by_name() -> None:
    a, b = integers((9, 8), 1), integers((8, 12), 2)
    for name in ("2x2x2", "2x2x2:7"):
        assert np.array_equal(multiply(a, b, name), a @ b)


def test_memory_order_does_not_matter_and_inputs_stay() -> None:
    a, b = integers((20, 24), 1), integers((24, 28), 2)
    views = a[::2, 1::3], np.asfortranarray(b[:8, ::-1])
    before = [view.copy() for view in views]
    assert np.array_equal(multiply(*views, strassen()), views[0] @ views[1])
    assert np.array_equal(multiply(a.T, a, strassen()), a.T @ a)
    assert all(np.array_equal(*pair) for pair in zip(views, before, strict=True))
    assert np.array_equal(multiply([[1, 2], [3, 4]], [[1, 0], [0, 1]], strassen()), [[1, 2], [3, 4]])
    swapped = a.astype(a.dtype.newbyteorder())
    assert np.array_equal(multiply(swapped, b, strassen()), a @ b)


def test_exact_rationals_stay_exact() -> None:
    halves = rescale(strassen(), np.array([Fraction(1, 3)] * 7, dtype=object), np.array([2] * 7, dtype=object))
    a = np.array([[Fraction(i * j + 1, 7) for j in range(4)] for i in range(4)], dtype=object)
    product = multiply(a, a, halves, 2)
    assert np.array_equal(product, a @ a)
    assert isinstance(product[0, 0], Fraction)
    assert np.allclose(multiply(a.astype(float), a.astype(float), halves), (a @ a).astype(float))


def test_types_that_cannot_hold_the_coefficients_are_named() -> None:
    halves = rescale(strassen(), np.array([2] * 7, dtype=object), np.array([1] * 7, dtype=object))
    with pytest.raises(InputError, match="coefficient 1/2, which int64 matrices cannot hold"):
        multiply(integers((4, 4), 1, np.int64), integers((4, 4), 2, np.int64), halves)
    turn = np.array([[Gaussian(Fraction(0), Fraction(1)), 0], [0, 1]], dtype=object)
    gaussian = sandwich(strassen(), turn, np.eye(2, dtype=int), np.eye(2, dtype=int))
    a = integers((5, 6), 1, np.complex128)
    assert np.allclose(multiply(a, a.T, gaussian), a @ a.T)
    with pytest.raises(InputError, match="which float64 matrices cannot hold"):
        multiply(np.eye(2), np.eye(2), gaussian)


def test_integers_wrap_around_as_numpy_has_them() -> None:
    a = np.random.default_rng(1).integers(-(2**62), 2**62, (8, 8))
    assert np.array_equal(multiply(a, a, strassen(), 2), a @ a)
    b = a.astype(np.uint8)
    assert np.array_equal(multiply(b, b, laderman()), b @ b)


def test_mixed_types_meet_as_in_numpy() -> None:
    a, b = integers((4, 4), 1, np.int32), integers((4, 4), 2, np.float32)
    assert multiply(a, b, strassen()).dtype == (a @ b).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float64, np.complex64, np.float16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_where_numpy_has_it(dtype: Any, value: float) -> None:
    a, b = integers((8, 6), 1, dtype), integers((6, 8), 2, dtype)
    a[3, 2] = value
    with np.errstate(invalid="ignore"):
        assert np.array_equal(multiply(a, b, strassen()), a @ b, equal_nan=True)


def test_sums_that_overflow_though_the_product_does_not() -> None:
    a = np.diag([1.7e308, 1.7e308])
    assert np.array_equal(multiply(a, np.eye(2), strassen()), a)


def test_a_prepared_product_reuses_its_workspace() -> None:
    product = Multiplication((8, 8, 8), np.float64, ["2x2x2:7"])
    # A quarter of each matrix: one block of sums over A, one over B, and one product.
    assert product.workspace_bytes == 3 * 4 * 4 * 8
    out = np.empty((8, 8))
    for seed in range(3):
        left, right = integers((8, 8), seed), integers((8, 8), seed + 9)
        assert product(left, right, out) is out
        assert np.array_equal(out, left @ right)
    a, b = integers((8, 8), 1), integers((8, 8), 2)
    with pytest.raises(InputError, match=r"got float64 matrices of sizes \(8, 8, 4\), expected float64 ones of sizes"):
        product(a, b[:, :4])
    with pytest.raises(InputError, match="got float32 matrices"):
        product(a.astype(np.float32), b.astype(np.float32))
    for wrong in (np.empty((8, 4)), np.empty((8, 8), np.float32), np.empty((8, 8), order="F")):
        with pytest.raises(InputError, match="expected a C-contiguous float64 array"):
            product(a, b, wrong)
    with pytest.raises(InputError, match="out shares memory"):
        product(a, b, a)


def test_error_factors() -> None:
    # E = 12 for Strassen, of K²/4: 3 for each level, and what the sums add.
    assert error_factor([], 4096) == 1
    assert error_factor([strassen()], 10**9) == pytest.approx(3)
    assert error_factor([strassen()] * 2, 10**9) == pytest.approx(9)
    assert error_factor([winograd()], 10**9) == pytest.approx(18 / 4)
    # Q = 2 + 2 terms of the inputs, and 4 products in an output.
    assert error_bound([strassen()], 20) == pytest.approx(12 * 10 * (10 + 8))


def test_measured_error_factors() -> None:
    # The classical scheme sums two halves, which is a little better than one long sum; Strassen loses more.
    factors = [measured_error_factor(scheme) for scheme in (classical(Format(2, 2, 2)), strassen(), winograd())]
    assert None not in factors
    assert factors == sorted(factors, key=float)  # type: ignore[arg-type]
    turn = np.array([[Gaussian(Fraction(0), Fraction(1)), 0], [0, 1]], dtype=object)
    gaussian = sandwich(strassen(), turn, np.eye(2, dtype=int), np.eye(2, dtype=int))
    assert measured_error_factor(gaussian) == pytest.approx(factors[1], rel=0.5)
    assert measured_error_factor(Scheme(Format(2, 2, 2), *strassen().arrays, modulus=2)) is None


@given(st.integers(2, 60), st.integers(1, 3), st.sampled_from([strassen(), winograd(), laderman()]), st.integers(0, 9))
def test_the_error_is_within_its_bound(size: int, levels: int, scheme: Scheme, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.uniform(-1, 1, (size, size)).astype(np.float32) for _ in range(2))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    error = np.abs(multiply(a, b, scheme, levels) - exact).max()
    assert error <= error_bound([scheme] * levels, size) * np.abs(a).max() * np.abs(b).max() * 2.0**-24


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.ones((2, 3)), np.ones((2, 3))), {}, r"matrices have shapes \(2, 3\) and \(2, 3\), expected"),
        ((np.ones(3), np.ones(3)), {}, r"matrices have shapes \(3,\) and \(3,\)"),
        ((np.ones((2, 2), bool), np.ones((2, 2), bool), "2x2x2:7"), {}, "matrices have type bool"),
        ((np.ones((2, 2), bool), np.ones((2, 2), bool)), {}, "matrices have type bool"),
        ((np.ones((2, 3)), np.ones((4, 3, 2))), {}, r"matrices have shapes \(2, 3\) and \(4, 3, 2\)"),
        ((np.ones((2, 3)), np.ones(3)), {}, r"matrices have shapes \(2, 3\) and \(3,\)"),
        ((np.array([["a"]]), np.array([["b"]])), {}, "matrices have type <U1"),
        (
            (np.eye(2), np.eye(2), "7x7x7:3"),
            {},
            "scheme '7x7x7:3' does not come with mmdiscover, expected one of",
        ),
        ((np.eye(2), np.eye(2), "fast"), {}, "format 'fast'"),
        ((np.eye(2), np.eye(2), 7), {}, "scheme is 7, expected a name"),
        ((np.eye(2), np.eye(2), "auto", 2), {}, "levels is 2 with scheme 'auto'"),
        ((np.eye(2), np.eye(2), "2x2x2:7", -1), {}, "levels is -1"),
        ((np.eye(2), np.eye(2), ["2x2x2:7"], 2), {}, "levels is 2 for 1 schemes"),
        ((np.eye(2), np.eye(2), "2x2x2:7"), {"threads": 0}, "threads is 0"),
        ((np.eye(2), np.eye(2)), {"threads": 0}, "threads is 0"),
        ((np.eye(2), np.eye(2)), {"max_error_factor": 0.5}, "max_error_factor is 0.5"),
        ((np.eye(2), np.eye(2), "2x2x2:7"), {"max_error_factor": 0.5}, "max_error_factor is 0.5"),
        (
            (np.eye(2), np.eye(2), "2x2x2:7"),
            {"max_error_factor": 2},
            "error factor of 2x2x2:7 is .* at most 2",
        ),
    ],
)
def test_bad_arguments_are_named(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        multiply(*arguments, **options)


def test_schemes_that_do_not_multiply_are_refused() -> None:
    wrong = strassen().u.copy()
    wrong[0, 0] += 1
    with pytest.raises(InputError, match="does not multiply matrices"):
        multiply(np.eye(2), np.eye(2), Scheme(Format(2, 2, 2), wrong, strassen().v, strassen().w))
    modulo = Scheme(Format(2, 2, 2), *strassen().arrays, modulus=2)
    with pytest.raises(InputError, match="holds modulo 2 only"):
        multiply(np.eye(2), np.eye(2), modulo)


def test_verified_schemes_and_the_public_name() -> None:
    verified = verify(laderman()).verified
    assert verified is not None
    a, b = integers((7, 7), 1), integers((7, 7), 2)
    assert np.array_equal(mmdiscover.multiply(a, b, verified), a @ b)
