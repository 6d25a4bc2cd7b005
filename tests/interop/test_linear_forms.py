"""Products of linear forms, in all dialects."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.errors import InputError
from mmdiscover.interop.linear_forms import parse_linear_forms, write_linear_forms
from mmdiscover.verify import verify
from tests.interop.texts import (
    CLASSICAL,
    LARGE,
    binary_schemes,
    check_published,
    damaged,
    only,
    rational_schemes,
    read_anything,
    refusal,
)
from tests.schemes import classical, strassen

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "(a11)*(b11)*(c11)\n(a11)*(b12)*(c21)\n(a21)*(b11)*(c12)\n(a21)*(b12)*(c22)\n"
THIRDS = Scheme(Format(1, 2, 1), [[1], [-2]], [[3], [0]], [[Fraction(2, 3)]])


def read_line(line: str) -> Scheme:
    """The product of a line, with a line before it that sets the sizes 3x3x3 and is dropped again."""
    readings = only(parse_linear_forms("a33*b33*c33\n" + line))
    return readings[0].with_arrays(readings[0].format, [factor[:, 1:] for factor in readings[0].arrays])


REFERENCE = read_line("(a11-a21)*(b12)*(c13+2*c31)")


@pytest.mark.parametrize(
    "line",
    [
        "(a11-a21)*b12*(c13+2*c31)",
        "(a11-a21)(b12)(c13+2*c31)",
        "(a11-a21) b12 (c13+2c31)",
        "  ( a11 - a21 ) * ( b12 ) * ( c13 + 2 c31 )  ",
        "(-a21+a11)*b12*(2c31+c13)",
        "(a11-a21) -b12 (-c13-2*c31)",
        "(a11-a21) (-b12) (-c13-2*c31)",
        "-(a11-a21)*b12*(-c13-2*c31)",
        "-((a11-a21) b12 (-c13-2c31))",
        "((a11-a21)*b12*(c13+2*c31))",
        "(2*a11-2a21)*b12*(c13+2*c31)/2",
        "-((a21-a11) b12 (3c13+6c31))/3",
        "-((a11-a21)*b12*(-3*c13-6*c31)/3)",
        "b12*(c13+2*c31)*(a11-a21)",
        "(a11-a21)*1/2*b12*(2*c13+4*c31)",
        "1/2*(2*a11-2*a21)*b12*(c13+2*c31)",
        "(a11-a21)*(1/2*b12+1/2b12)*(c13+2*c31)",
        "(a11-a21)*(b12/2)*(2c13+4c31)",
        "(+a11-a21)*b12*(c13+c31+c31)",
        "(3*(a11 - a21))*(b12)*(c13 + 2*c31)/3",
        "(-3*(a11 - a21))*(-b12)*(c13 + 2*c31)/3",
        "((a11-a21))*(1/2(2b12))*(c13+2*c31)",
    ],
)
def test_dialects(line: str) -> None:
    assert canonical_form(read_line(line)) == canonical_form(REFERENCE)


def test_the_rows_of_the_factors() -> None:
    assert [factor[:, 0].tolist() for factor in REFERENCE.arrays] == [
        [1, 0, 0, -1, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0, 2, 0, 0],
    ]


def test_bare_factors_and_sizes_from_the_largest_indices() -> None:
    exact, modulo_2 = only(parse_linear_forms("a11 b11 c11\n\na11b12c21\r\na21*b11*c12\n  a21 b12 c22"))
    assert exact == CLASSICAL
    assert modulo_2 == Scheme(CLASSICAL.format, *CLASSICAL.arrays, modulus=2)
    (sizes,) = {scheme.format for scheme in only(parse_linear_forms("a12*b13*c45"))}
    assert sizes == Format(5, 2, 4)


def test_a_line_of_bare_factors_in_parentheses() -> None:
    assert verify(only(parse_linear_forms("-(a11 b11 -c11)"))[0]).ok


def test_written_form() -> None:
    assert write_linear_forms(CLASSICAL) == TEXT
    assert write_linear_forms(THIRDS) == "(a11-2*a12)*(3*b11)*(2*c11)/3\n"
    hidden = Scheme(Format(2, 1, 2), [[1], [0]], [[0], [0]], [[0], [1], [0], [0]])
    assert write_linear_forms(hidden) == "(a11+0*a21)*(0*b12)*(c12+0*c22)\n"
    halves = Scheme(Format(1, 1, 1), [[Fraction(-1, 2)]], [[1]], [[Fraction(-2, 3)]])
    assert write_linear_forms(halves) == "(-1/2*a11)*(b11)*(-2/3*c11)\n"


@pytest.mark.parametrize("text", ["(a11)*(b22)*(c12)\n", "(a22)*(b11)*(c21)\n"])
def test_sizes_that_one_factor_shows_are_not_spelled_out(text: str) -> None:
    (scheme, _) = only(parse_linear_forms(text))
    assert scheme.format == Format(2, 2, 2)
    assert write_linear_forms(scheme) == text


@given(st.one_of(rational_schemes, binary_schemes))
def test_what_is_written_is_read_back(scheme: Scheme) -> None:
    readings = only(parse_linear_forms(write_linear_forms(scheme)))
    assert scheme == readings[-1 if scheme.modulus else 0]


def test_many_products_and_the_largest_size() -> None:
    for scheme in (LARGE, classical(Format(9, 1, 9))):
        assert only(parse_linear_forms(write_linear_forms(scheme)))[0] == scheme


def test_a_scheme_that_holds_modulo_2_only() -> None:
    exact, modulo_2 = only(parse_linear_forms(write_linear_forms(strassen()).replace("-", "+")))
    assert not verify(exact).ok
    assert verify(modulo_2).ok


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("(a11+a22*(b11+b22)*(c11+c22)", "line 2: '+', expected factors in a, b and c"),
        ("(a11+a22)*(b11+b22))*(c11+c22)", "line 2: ')', expected factors"),
        ("(a11+a22)*(b11+b22)*(c11+c22))", "line 2: ')', expected factors"),
        ("(a11)*(b11)*(c11", "line 2: ends there, expected factors"),
        ("((a11)*(b11)*(c11)", "line 2: ends there, expected factors"),
        ("(((((((a11))))))) b11 c11", " is nested too deeply, expected at most 5 levels"),
        ("(3*(a11)+a12) b11 c11", "'+', expected factors"),
        ("(3*) b11 c11", "expected"),
        ("a11 b11 c11 ()", "'' in '', expected terms"),
        ("a11*b11", "'a11*b11', expected one factor each in a, b and c"),
        ("a11*b11*c11*a12", "a second factor in a, 'a12'"),
        ("a11*b11*c11+a12*b21*c11", "'+', expected factors"),
        ("(a11+b11)*b11*c11", "'+', expected factors in a, b and c"),
        ("(a11-b11)*b11*c11", "a second factor in b, 'b11', expected one each"),
        ("(a11 a12)*b11*c11", "'a12' in 'a11 a12', expected terms such as -2*a11"),
        ("(a11+)*b11*c11", "'+' in 'a11+', expected terms"),
        ("()*b11*c11", "'' in '', expected terms"),
        ("( )*b11*c11", "' ' in ' ', expected terms"),
        ("a11**b11*c11", "'*', expected factors"),
        ("*a11*b11*c11", "'*', expected factors"),
        ("a11*b11*c11*", "ends after '*', expected a factor"),
        ("a11*b11*c11/", "ends after '/', expected a factor"),
        ("a11*b11*c11-", "ends after '-', expected a factor"),
        ("a11*b11*c11*2", "ends after '2', expected a factor"),
        ("a11*b11*c11/0", "a number divides by zero"),
        ("a11*b11*c11/x", "'x', expected an integer"),
        ("(a11/0)*b11*c11", "a number divides by zero"),
        ("--a11*b11*c11", "'-', expected factors"),
        ("a01*b11*c11", "'a', expected"),
        ("a111*b11*c11", "'a', expected"),
        ("(a11+a112)*b11*c11", "'+a112' in 'a11+a112', expected terms"),
        ("A11*b11*c11", "'A', expected factors"),
        ("m1 = a11*b11*c11", "'m', expected factors"),
        ("a11*b11*d11", "'d', expected factors"),
        (f"{'9' * 201}*a11*b11*c11", "has 201 characters, expected at most 200"),
        ("9" * 150 + "*" + "9" * 150 + "*a11*b11*c11", "a number is too long"),
        ("(" * 10**5, "is nested too deeply"),
    ],
)
def test_malformed_lines_are_named(line: str, message: str) -> None:
    found = refusal(parse_linear_forms, "a11*b11*c11\n" + line)
    assert found.startswith("line 2: ")
    assert message in found


def test_an_empty_text_is_refused() -> None:
    assert refusal(parse_linear_forms, " \n\n").startswith("is empty, expected products of linear forms")


def test_no_memory_for_many_short_lines() -> None:
    assert only(parse_linear_forms("a11b11c11\n" * 2**13))[0].rank == 2**13
    assert (
        refusal(parse_linear_forms, "a11b11c11\n" * (2**13 + 1))
        == "line 8193: more than 8,192 products, expected fewer"
    )


def test_what_cannot_be_written() -> None:
    with pytest.raises(InputError, match="format 10x1x1: expected sizes up to 9, indices have one digit each"):
        write_linear_forms(classical(Format(10, 1, 1)))
    i = Gaussian(Fraction(0), Fraction(1))
    with pytest.raises(InputError, match="entry i is not real"):
        write_linear_forms(Scheme(Format(1, 1, 1), [[i]], [[1]], [[-i]]))
    with pytest.raises(InputError, match="expected at most 200 characters"):
        write_linear_forms(Scheme(Format(1, 1, 1), [[10**201]], [[1]], [[1]]))


@given(
    st.one_of(damaged(write_linear_forms(strassen())), st.text(st.sampled_from("abc12+-*/() \n")), st.text(max_size=9))
)
def test_any_text_is_read_or_refused(text: str) -> None:
    read_anything(parse_linear_forms, text)


def test_published_files(published: Path) -> None:
    check_published(published, "*.exp", parse_linear_forms)
