"""MATLAB text."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.interop.matlab import parse_matlab
from mmdiscover.verify import verify
from tests.interop.texts import (
    CLASSICAL,
    LARGE,
    check_published,
    damaged,
    only,
    rational_schemes,
    read_anything,
    refusal,
)
from tests.schemes import classical, laderman

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

TEXT = """\
A = [
1 1 0 0
0 0 1 1
]
B = [
1 0 1 0
0 1 0 1
]
C = [
1 0 0 0
0 0 1 0
0 1 0 0
0 0 0 1
]
"""

# ⟨1,1,1:1⟩ as a family in two parameters.
FAMILY = "syms a b real\n\nA = [\n a^2/(b) ]\nB=A(:,[1])\nC = [ 1/(a*b) ];\n"


def matlab(factor: NDArray[np.object_]) -> str:
    return "[\n" + "\n".join("  ".join(map(str, row)) for row in factor) + "\n]"


def written(scheme: Scheme) -> str:
    return "".join(f"{name} = {matlab(factor)}\n\n" for name, factor in zip("ABC", scheme.arrays, strict=True))


def test_the_classical_scheme() -> None:
    assert only(parse_matlab(TEXT))[0] == CLASSICAL


@given(rational_schemes)
def test_factors_are_read_exactly(scheme: Scheme) -> None:
    assert only(parse_matlab(written(scheme)))[0] == scheme


def test_many_products() -> None:
    assert only(parse_matlab(written(LARGE)))[0] == LARGE


def test_column_major_order_is_the_second_reading() -> None:
    scheme = classical(Format(2, 3, 4))
    u, v, w = (
        factor.reshape(*shape, scheme.rank).transpose(1, 0, 2).reshape(-1, scheme.rank)
        for factor, shape in zip(scheme.arrays, scheme.format.matrix_shapes, strict=True)
    )
    first, second = only(parse_matlab("".join(f"{x} = {matlab(y)}\n" for x, y in zip("ABC", (u, v, w), strict=True))))
    assert not verify(first).ok
    assert second == scheme


def test_commas_semicolons_and_comments() -> None:
    text = "% a scheme\nA=[1,1 , 0, 0;0 0 1 1];\nB = [ 1 0\t1 0 % first\n\n0 1 0 1, ] ; C= " + TEXT.partition("C = ")[2]
    assert only(parse_matlab(text.replace("\n", "\r\n")))[0] == CLASSICAL


def test_matrices_side_by_side_with_a_factor() -> None:
    text = "A1 = [ 2 2\n0 0 ]\nA2= [ 0 0\n2 2]\nA=1/2*[A1,A2]\nB1 = [1 0 1 0\n0 1 0 1]\nB = [B1]   \n  \n"
    assert only(parse_matlab(text + "C = [1 0 0 0\n0 0 1 0\n0 1 0 0\n0 0 0 1]"))[0] == CLASSICAL
    (scheme, _) = only(parse_matlab("X=[3]\nA=-1/2*[X]\nB = 2 * [ X ]\nC=[1]"))
    assert (scheme.u[0, 0], scheme.v[0, 0]) == (Fraction(-3, 2), 6)


def test_columns_are_chosen_from_1_on() -> None:
    text = TEXT.replace("B = [\n1 0 1 0\n0 1 0 1\n]", "X = [1 1 0 0 0\n0 0 1 1 7]\nB=X(:,[1,3:3,2:2,4])\n")
    assert only(parse_matlab(text))[0] == CLASSICAL


def test_a_cyclic_symmetric_scheme() -> None:
    """Three times three columns: u, v and w of ⟨1,1,1:1⟩ in turn."""
    (scheme, _) = only(parse_matlab("A = [1 2 3]\nB=A(:,[2:3,1])\nC=B(:,[2:3,1])\n"))
    assert [factor.tolist() for factor in scheme.arrays] == [[[1, 2, 3]], [[2, 3, 1]], [[3, 1, 2]]]


def test_families_are_recognised_and_not_read() -> None:
    (entry,) = parse_matlab(FAMILY)
    assert entry.readings == ()
    assert entry.reason == "is a family of 1x1x1:1 algorithms with symbols a, b, expected numbers"
    (entry,) = parse_matlab("syms a\nA = [a,a]\nB = [1 1]\nC = [1 1]")
    assert entry.reason == "is a family of 1x1x1:2 algorithms with symbols a, expected numbers"
    assert only(parse_matlab("syms a b real\n" + TEXT))[0] == CLASSICAL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no matrix A, expected A, B and C"),
        (TEXT.partition("C = ")[0], "no matrix C, expected A, B and C"),
        (TEXT + "system('true')", "line 15 column 1: \"system('true')\", expected a statement such as A = [...]"),
        (TEXT + "D = rand(3)", "line 15 column 5: 'rand(3)', expected [...], [A1,A2]"),
        (TEXT.replace("0 1 0 1", "0 1 0"), "line 5 column 5: a matrix without rows, or with rows of different lengths"),
        (TEXT.replace("]\nB", "B"), "expected"),
        (TEXT.replace("1 0 0 0\n", ""), "products have 2, 2 and 3 coefficients"),
        (TEXT.replace("1 0 1 0\n0 1 0 1", "1 0\n0 1"), "A, B and C have 4, 2 and 4 columns, expected one per product"),
        (TEXT.replace("1", "x", 1), "line 1 column 5: 'x', expected a number, or an expression in symbols"),
        ("syms x real\n" + TEXT.replace("1", "real", 1), "'real', expected a number, or an expression in symbols"),
        ("syms x real\n" + TEXT.replace("1", "x!", 1), "'x!', expected a number, or an expression in symbols"),
        (TEXT.replace("1", "1/0", 1), "a number divides by zero"),
        (TEXT.replace("1", ",,", 1), "'': ends there, expected exact arithmetic"),
        (TEXT.replace("1", "1 - 1", 1), "'-': ends there, expected exact arithmetic"),
        (TEXT.replace("1", "I", 1), "'I', expected a number"),
        (TEXT + "D = [A,X]", "X is not known here"),
        (TEXT + "D = [A,C]", "A, C have different numbers of rows"),
        (TEXT + "D = 1/0*[A]", "a number divides by zero"),
        (TEXT + "D = X(:,[1])", "X is not known here"),
        (TEXT + "D = A(:,[0])", "columns '0' of A, expected some of its 4"),
        (TEXT + "D = A(:,[5])", "columns '5' of A, expected some of its 4"),
        (TEXT + "D = A(:,[3:2])", "columns '3:2' of A"),
        (TEXT + "D = A(:,[1:2:3])", "columns '1:2:3' of A"),
        (TEXT + "D = A(:,[])", "columns '' of A"),
        ("A=[1]\n" * 1001, "line 1001 column 1: more than 1,000 statements"),
        (TEXT + "D = A(:,[1:999999999])", "columns '1:999999999' of A"),
    ],
)
def test_malformed_texts_are_named(text: str, message: str) -> None:
    found = refusal(parse_matlab, text)
    assert message in found
    assert found.count("line") <= 1


def test_no_memory_for_doubled_matrices() -> None:
    doubled = "".join(f"X{k + 1}=[X{k},X{k}]\n" for k in range(100))
    assert "more than 4,194,304 entries are put together" in refusal(
        parse_matlab, "X0 = [" + "1 " * 2**15 + "]\n" + doubled
    )
    again = "A=[1 1]\n" + "A=A(:,[1:2,1:2])\nA=A(:,[1:2])\n" * 10 + "B=[1 1]\nC=[1 1]"
    assert only(parse_matlab(again))[0].rank == 2


@given(st.one_of(damaged(TEXT), damaged(FAMILY), st.text(max_size=9)))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_anything(parse_matlab, text)


def test_laderman_side_by_side() -> None:
    parts = [
        f"{x}1 = {matlab(y[:, :9])}\n{x}2 = {matlab(y[:, 9:])}\n{x}=[{x}1,{x}2]\n"
        for x, y in zip("ABC", laderman().arrays, strict=True)
    ]
    assert only(parse_matlab("".join(parts)))[0] == laderman()


def test_published_files(published: Path) -> None:
    check_published(published, "*_matlab.txt", parse_matlab)
