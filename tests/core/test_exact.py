"""Exact numbers and their linear algebra, against Fraction, complex arithmetic and sympy."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.exact import (
    MAX_DIGITS,
    Exact,
    Gaussian,
    denominator,
    format_exact,
    inverse,
    parse_exact,
    real_and_imaginary,
    reciprocal,
    simplify,
    solve,
)
from mmdiscover.errors import InputError
from tests.strategies import exact_numbers, gaussians, invertible, matrices, nonzero_numbers, rationals

HALF = Fraction(1, 2)


def to_sympy(value: Exact) -> Any:
    re, im = real_and_imaginary(value)
    return sympy.Rational(re.numerator, re.denominator) + sympy.I * sympy.Rational(im.numerator, im.denominator)


def sympy_matrix(matrix: Any) -> Any:
    return sympy.Matrix(*matrix.shape, [to_sympy(x) for x in matrix.ravel()])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        (" 3 ", 3),
        ("-0", 0),
        ("1/2", HALF),
        ("-1/2", -HALF),
        ("4/2", 2),
        ("i", Gaussian(Fraction(0), Fraction(1))),
        ("-i", Gaussian(Fraction(0), Fraction(-1))),
        ("2i", Gaussian(Fraction(0), Fraction(2))),
        ("1/2i", Gaussian(Fraction(0), HALF)),
        ("1/2+1/2i", Gaussian(HALF, HALF)),
        ("-1/2-i", Gaussian(-HALF, Fraction(-1))),
        ("3+2*i", Gaussian(Fraction(3), Fraction(2))),
        ("3-2j", Gaussian(Fraction(3), Fraction(-2))),
        ("1+0i", 1),
        ("0i", 0),
    ],
)
def test_numbers_are_read(text: str, value: Exact) -> None:
    assert parse_exact(text) == value
    assert type(parse_exact(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "x",
            "0.5",
            "1e3",
            "1/",
            "/2",
            "1//2",
            "1 2",
            "1/-2",
            "--1",
            "1+",
            "12i3",
            "3 i",
            "1+2",
            "i+1",
            "nan",
        ),
        *("inf", "0x10", "1_000", "\u0661", "\uff11", "1/2/3", "+", "i i", "*i", "-*i", "1+*i", "1+i+i", "1*", "1\n2"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected an exact number"):
        parse_exact(text)


@pytest.mark.parametrize("text", ["1/0", "0/0", "i/0", "1/0i", "1+1/0i"])
def test_division_by_zero_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_exact(text)


def test_long_numbers_are_refused() -> None:
    assert parse_exact("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    with pytest.raises(InputError, match="has 201 characters, expected at most 200") as caught:
        parse_exact("9" * (MAX_DIGITS + 1))
    assert len(str(caught.value)) < 120


@given(exact_numbers)
def test_written_numbers_are_read_back(value: Exact) -> None:
    assert parse_exact(format_exact(value)) == value


def test_written_form() -> None:
    assert [
        format_exact(simplify(Gaussian(Fraction(re), Fraction(im)))) for re in (0, HALF) for im in (0, 1, -HALF)
    ] == [
        "0",
        "i",
        "-1/2i",
        "1/2",
        "1/2+i",
        "1/2-1/2i",
    ]
    assert str(Gaussian(HALF, -HALF)) == "1/2-1/2i"


@given(st.integers(), st.integers(1, 9), st.integers())
def test_simplify_finds_the_smallest_type(numerator: int, divisor: int, im: int) -> None:
    value = simplify(Gaussian(Fraction(numerator, divisor), Fraction(im)))
    if im:
        assert isinstance(value, Gaussian)
    elif numerator % divisor:
        assert isinstance(value, Fraction)
    else:
        assert type(value) is int


@given(exact_numbers, gaussians)
def test_gaussian_arithmetic_agrees_with_sympy(x: Exact, z: Exact) -> None:
    for ours, theirs in (
        (x + z, to_sympy(x) + to_sympy(z)),
        (x - z, to_sympy(x) - to_sympy(z)),
        (z - x, to_sympy(z) - to_sympy(x)),
        (x * z, to_sympy(x) * to_sympy(z)),
        (-z, -to_sympy(z)),
    ):
        assert to_sympy(ours) == sympy.expand(theirs)
        if isinstance(z, Gaussian):
            assert type(simplify(ours)) is type(ours)


def test_gaussian_arithmetic_refuses_other_types() -> None:
    z: Any = Gaussian(HALF, HALF)
    for operation in (operator.add, operator.sub, operator.mul):
        for other in (0.5, "1", None):
            with pytest.raises(TypeError):
                operation(z, other)
            with pytest.raises(TypeError):
                operation(other, z)


def test_gaussian_size_and_truth() -> None:
    assert abs(Gaussian(Fraction(3), Fraction(-4))) == 5.0
    assert complex(Gaussian(HALF, Fraction(-4))) == 0.5 - 4j
    assert Gaussian(Fraction(0), HALF)
    assert not Gaussian(Fraction(0), Fraction(0))


@given(nonzero_numbers)
def test_reciprocal(value: Exact) -> None:
    assert simplify(value * reciprocal(value)) == 1


def test_reciprocal_of_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        reciprocal(0)


@given(st.lists(exact_numbers, max_size=5))
def test_denominator_is_the_least_that_clears(values: list[Exact]) -> None:
    multiple = denominator(values)
    parts = [Fraction(part) for value in values for part in real_and_imaginary(value)]
    assert [m for m in range(1, multiple + 1) if all((m * part).denominator == 1 for part in parts)] == [multiple]


@settings(max_examples=25)
@given(st.integers(1, 3).flatmap(lambda size: invertible(size, exact_numbers)))
def test_inverse(matrix: Any) -> None:
    result = inverse(matrix)
    assert (sympy_matrix(matrix) * sympy_matrix(result)).applyfunc(sympy.expand) == sympy.eye(len(matrix))
    assert all(type(x) is type(simplify(x)) for x in result.ravel())


def test_inverse_of_an_integer_array_stays_exact() -> None:
    assert inverse(np.array([[3, 0], [1, 1]])).tolist() == [[Fraction(1, 3), 0], [Fraction(-1, 3), 1]]


@given(matrices(3, 3, st.integers(-4, 4)))
def test_inverse_modulo_two(matrix: Any) -> None:
    if sympy_matrix(matrix).det() % 2:
        product = matrix @ inverse(matrix, 2) % 2
        assert (product == np.eye(3, dtype=int)).all()
        assert set(inverse(matrix, 2).ravel()) <= {0, 1}
    else:
        with pytest.raises(InputError, match="singular"):
            inverse(matrix, 2)


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(1, 3), st.sampled_from([rationals, exact_numbers]), st.data())
def test_solve(size: int, columns: int, entries: st.SearchStrategy[Exact], data: st.DataObject) -> None:
    matrix = data.draw(invertible(size, entries))
    solution = data.draw(matrices(size, columns, entries))
    found = solve(matrix, matrix @ solution)
    assert found.tolist() == solution.tolist()
    assert all(type(x) is type(simplify(x)) for x in found.ravel())
    # A vector is one right side, and gives a vector.
    assert solve(matrix, matrix @ solution[:, 0]).tolist() == solution[:, 0].tolist()


@given(matrices(3, 3, st.integers(-4, 4)), matrices(3, 2, st.integers(-9, 9)), st.sampled_from([2, 3, 7]))
def test_solve_modulo_a_prime(matrix: Any, right: Any, prime: int) -> None:
    if sympy_matrix(matrix).det() % prime:
        solution = solve(matrix, right, prime)
        assert ((matrix @ solution - right) % prime == 0).all()
        assert set(solution.ravel()) <= set(range(prime))
        assert solve(matrix, right[:, 1], prime).tolist() == solution[:, 1].tolist()
    else:
        with pytest.raises(InputError, match="singular"):
            solve(matrix, right, prime)


def test_solve_by_hand() -> None:
    z: Exact = Gaussian(Fraction(0), Fraction(1))
    # The first pivot is in the second row; integer arrays stay exact.
    matrix, right = np.array([[0, 2], [3, 4]]), np.array([[2, 1], [1, 0]])
    assert solve(matrix, right).tolist() == [[-1, Fraction(-2, 3)], [1, HALF]]
    assert (matrix.tolist(), right.tolist()) == ([[0, 2], [3, 4]], [[2, 1], [1, 0]])
    assert solve(np.array([[z, 1], [1, z]], dtype=object), np.array([0, 2], dtype=object)).tolist() == [1, -z]


def test_systems_without_unknowns() -> None:
    nothing = np.zeros((0, 0), dtype=object)
    assert solve(nothing, np.zeros(0, dtype=object)).shape == (0,)
    assert solve(nothing, np.zeros((0, 3), dtype=object)).shape == (0, 3)


def test_what_cannot_be_solved() -> None:
    right = np.array([1, 2], dtype=object)
    with pytest.raises(InputError, match=r"matrix is singular, expected an invertible one: \[\[1, 2\], \[2, 4\]\]"):
        solve(np.array([[1, 2], [2, 4]], dtype=object), right)
    with pytest.raises(InputError, match="singular"):
        solve(np.array([[1, 1], [1, 3]], dtype=object), right, 2)
    with pytest.raises(InputError, match=r"matrix has shape \(2, 3\), expected a square one"):
        solve(np.ones((2, 3), dtype=object), right)


def test_what_has_no_inverse() -> None:
    with pytest.raises(InputError, match=r"matrix is singular, expected an invertible one: \[\[1, 2\], \[2, 4\]\]"):
        inverse(np.array([[1, 2], [2, 4]], dtype=object))
    with pytest.raises(InputError, match=r"matrix has shape \(2, 3\), expected a square one"):
        inverse(np.ones((2, 3), dtype=object))
