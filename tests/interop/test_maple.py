"""Maple files of the FMM catalogue."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.maple import parse_maple, write_maple
from tests.interop.texts import CLASSICAL, LARGE, check_published, damaged, exact_schemes, only, read_anything, refusal

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
A:=Matrix(2, 1, [[A_1_1],[A_2_1]]):
B:=Matrix(1, 2, [[B_1_1,B_1_2]]):
C:=Matrix(2, 2, [[C_1_1,C_1_2],[C_2_1,C_2_2]]):
Tensor:=TriadSet([Triad([Matrix(2, 1, [[1],[0]]), Matrix(1, 2, [[1,0]]), Matrix(2, 2, [[1,0],[0,0]])]), \
Triad([Matrix(2, 1, [[1],[0]]), Matrix(1, 2, [[0,1]]), Matrix(2, 2, [[0,0],[1,0]])]), \
Triad([Matrix(2, 1, [[0],[1]]), Matrix(1, 2, [[1,0]]), Matrix(2, 2, [[0,1],[0,0]])]), \
Triad([Matrix(2, 1, [[0],[1]]), Matrix(1, 2, [[0,1]]), Matrix(2, 2, [[-0,0],[0,1]])])]):
map(expand, A.B-add(f(op([1,i,1,1],Tensor)), i=1..4));"""


def one_by_one(cell: str) -> str:
    return f"Tensor:=TriadSet([Triad([Matrix(1, 1, [[{cell}]]), Matrix(1,1,[[1]]), Matrix(1, 1, [[1]])])])"


def test_a_file_of_the_catalogue() -> None:
    assert only(parse_maple(TEXT)) == (CLASSICAL,)


def test_written_form() -> None:
    lines = write_maple(CLASSICAL).splitlines()
    assert lines[:3] == TEXT.splitlines()[:3]
    assert lines[3:] == [TEXT.splitlines()[3].replace("-0", "0")]


@given(exact_schemes)
def test_what_is_written_is_read_back(scheme: Scheme) -> None:
    assert only(parse_maple(write_maple(scheme))) == (scheme,)


def test_many_products() -> None:
    assert only(parse_maple(write_maple(LARGE))) == (LARGE,)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("-0", 0),
        ("-1/4", Fraction(-1, 4)),
        ("1*-4", -4),
        ("-(0*1-1*0+1)", -1),
        ("0**2*0", 0),
        ("-2*(0+1)", -2),
        ("-2**2", -4),
        ("2^3/6", Fraction(4, 3)),
        ("2**-1", Fraction(1, 2)),
        ("2**3**2", 512),
        ("1-2-3", -4),
        ("8/2/2", 2),
        (" ( 1 + 2 ) ", 3),
        ("--1", 1),
        ("1/2+3/4*I", Gaussian(Fraction(1, 2), Fraction(3, 4))),
        ("-I", Gaussian(Fraction(0), Fraction(-1))),
        ("I*I", -1),
    ],
)
def test_arithmetic_in_cells(cell: str, value: object) -> None:
    (scheme,) = only(parse_maple(one_by_one(cell)))
    assert scheme.u[0, 0] == value
    assert type(scheme.u[0, 0]) is type(value)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "ends there, expected exact arithmetic"),
        ("1 0", "'0', expected exact arithmetic"),
        ("1+", "ends there"),
        ("(1", "ends there"),
        ("1)", r"'\)', expected"),
        ("x", "'x', expected"),
        ("1.5", "'.', expected"),
        ("١", "expected exact arithmetic"),  # an Arabic digit
        ("1/0", "divides by zero"),
        ("0**-1", "divides by zero"),
        ("9**9**9", "with integers up to 64"),
        ("2**(1/2)", "with integers up to 64"),
        ("I**2", "expected real powers"),
        ("10**64*10**64*10**64*10**64", "a number is too long"),
        ("1" * 201, "has 201 characters, expected at most 200"),
        ("(" * 51 + "1" + ")" * 51, "nested too deeply"),
        ("2**" * 51 + "1", "nested too deeply"),
        ("1+" * 5000 + "1", "has 10001 characters, expected at most 10,000"),
        ("system(1)", "'s', expected"),
    ],
)
def test_other_cells_are_refused(cell: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_maple(one_by_one(cell))
    assert refusal(parse_maple, one_by_one(cell)).startswith("line 1 column 26: ")


def test_parentheses_up_to_the_bound() -> None:
    (scheme,) = only(parse_maple(one_by_one("(" * 50 + "1" + ")" * 50)))
    assert scheme.u[0, 0] == 1


def test_signs_may_be_many() -> None:
    (scheme,) = only(parse_maple(one_by_one("-" * 9_999 + "1")))
    assert scheme.u[0, 0] == -1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Tensor:=", "tensor:=", "expected a statement Tensor:=TriadSet"),
        ("i=1..4", "i=1..5", "the check sums over 5 products, expected 4 as in Tensor"),
        ("A:=Matrix(2, 1", "A:=Matrix(1, 2", "A is declared 1×2, expected 2×1 as in Tensor"),
        ("C:=Matrix(2, 2", "C:=Matrix(2, 3", "C is declared 2×3, expected 2×2 as in Tensor"),
        ("Matrix(2, 1, [[1],[0]])", "Matrix(2, 1, [[1]])", "line 4 column 26: .* cells, expected 2×1"),
        ("Matrix(1, 2, [[1,0]])", "Matrix(1, 2, [[1]])", "cells, expected 1×2"),
        ("Matrix(2, 1, [[0],[1]])", "Matrix(1, 2, [[0,1]])", "a 1×2 matrix, expected 2×1 as in the first product"),
        ("Triad([Matrix(2, 1, [[0],[1]]), ", "Triad([", "a 1×2 matrix, expected 2×1"),
        (", Matrix(2, 2, [[1,0],[0,0]])", "", "expected a comma and the next of three matrices"),
        ("Matrix(2, 2, [[1,0],[0,0]])", "zip(2, 2)", r"expected Matrix\(rows, columns, \[\[...\], ...\]\)"),
        ("[0,1]])])]):", "[0,1]])]):", "expected another Triad or the end of the TriadSet"),
    ],
)
def test_malformed_files_are_named(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError, match=message):
        parse_maple(TEXT.replace(old, new))
    refusal(parse_maple, TEXT.replace(old, new))


def test_sizes_must_meet() -> None:
    text = one_by_one("1").replace("Matrix(1,1,[[1]])", "Matrix(2,1,[[1],[1]])")
    assert refusal(parse_maple, text) == "matrices are 1×1, 2×1, 1×1, expected n×m, m×p and p×n"


def test_what_cannot_be_written() -> None:
    scheme = Scheme(Format(1, 1, 1), [[1]], [[1]], [[1]], modulus=2)
    with pytest.raises(InputError, match="1x1x1:1 holds modulo 2, but Maple files promise characteristic zero"):
        write_maple(scheme)
    with pytest.raises(InputError, match="a number is too long, expected at most 200 characters"):
        write_maple(Scheme(Format(1, 1, 1), [[10**250]], [[1]], [[1]]))


@given(st.one_of(damaged(TEXT), st.text(max_size=20)))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_anything(parse_maple, text)


def test_published_files(published: Path) -> None:
    check_published(published, "*.mpl", parse_maple)
