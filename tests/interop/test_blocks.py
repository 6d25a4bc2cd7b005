"""Coefficient blocks: plain, eliminated and approximate."""

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
from mmdiscover.interop.blocks import parse_blocks, write_blocks
from mmdiscover.interop.laurent import parse_laurent
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
from tests.schemes import strassen, winograd

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# 2x1x2:4
1 1 0 0
0 0 1 1
#
1 0 1 0
0 1 0 1
#
1 0 0 0
0 1 0 0
0 0 1 0
0 0 0 1
"""

# ⟨2,2,2:7⟩ of Winograd with a21+a22 and b12-b11 computed once for two products each, m1+m6 for three entries of C.
ELIMINATED = """\
# an eliminated algorithm
1 0  1 0 0 -1  1
0 1  1 0 0  0  0
0 0 -1 0 0  0 -1
0 0 -1 1 0  0  0
0 0  0 0 1  1  0
#
1 0 0  1 0  0  0
0 0 0 -1 0  0 -1
0 1 0 -1 0  0  0
0 0 1  1 0  1  1
0 0 0  0 1 -1  0
#
1 1 0 0 0 0 0 0
0 0 1 0 1 0 0 1
0 0 0 -1 0 0 1 1
0 0 0 0 1 0 1 1
# Substitution information
0 0 1 1
#
-1 1 0 0
#
1 0 0 0 0 1 0
"""

# Bini et al. (1979): a 2×2 matrix with three nonzero entries times a 2×2 matrix with five products, up to O(x); twice.
APPROXIMATE = """\
# a 3x2 by 2x2 product of border rank 10
1 0 1 0 1 0 0 0 0 0
0 0 0 x x 0 0 0 0 0
0 0 0 0 0 1 0 1 0 1
1 1 0 1 0 0 0 0 0 0
0 0 0 0 0 0 0 0 x x
0 0 0 0 0 1 1 0 1 0
#
x 0 0 -x 0 1 1 -1 1 0
0 0 0 0 x 0 0 -1 0 1
0 -1 0 1 0 0 0 0 x 0
1 -1 1 0 1 x 0 0 0 -x
#
xi xi -xi xi 0 0 0 0 0 0
0 0 -xi 0 xi 0 0 0 0 0
0 0 0 1 0 1 0 0 -1 0
1 0 0 0 -1 0 0 0 0 1
0 0 0 0 0 0 -xi 0 xi 0
0 0 0 0 0 xi -xi xi 0 xi
"""


def test_the_classical_scheme() -> None:
    assert only(parse_blocks(TEXT)) == (CLASSICAL,)
    assert write_blocks(CLASSICAL) == TEXT


def test_tabs_blank_lines_and_comments() -> None:
    text = "# author\n# another line\n\n" + TEXT.replace(" ", "\t").replace("#\n", "\n#\n# B or C\n\n") + "#\n# end\n"
    assert only(parse_blocks(text.replace("\n", "\r\n"))) == (CLASSICAL,)
    assert only(parse_blocks(TEXT.partition("\n")[2])) == (CLASSICAL,)


@pytest.mark.parametrize(
    ("cell", "value"), [("-1/2", Fraction(-1, 2)), ("0.25", Fraction(1, 4)), ("-2.", -2), ("+3", 3)]
)
def test_cells(cell: str, value: object) -> None:
    (scheme,) = only(parse_blocks(f"{cell}\n#\n1\n#\n1"))
    assert scheme.u[0, 0] == value


@given(rational_schemes)
def test_what_is_written_is_read_back(scheme: Scheme) -> None:
    assert only(parse_blocks(write_blocks(scheme))) == (scheme,)


def test_many_products() -> None:
    assert only(parse_blocks(write_blocks(LARGE))) == (LARGE,)


def test_an_eliminated_scheme() -> None:
    (scheme,) = only(parse_blocks(ELIMINATED))
    assert verify(scheme).ok
    assert scheme == winograd()


def test_substitutions_may_be_missing() -> None:
    head, _, _ = TEXT.partition("XXX")
    for tail in (
        "# Substitution information\n",
        "# substitution information:\n#\n#\n\n",
        "# SUBSTITUTION INFORMATION\n#\n#\n#\n",
    ):
        assert only(parse_blocks(head + tail)) == (CLASSICAL,)


def test_substitutions_are_added_and_groups_may_be_missing() -> None:
    text = TEXT.replace("0 0 1 1\n#", "0 0 1 1\n3 0 0 0\n#", 1) + "# Substitution information\n1/2 -1\n"
    (scheme,) = only(parse_blocks(text))
    assert scheme.u[:, 0].tolist() == [Fraction(5, 2), -3]
    assert scheme.u[:, 1:].tolist() == CLASSICAL.u[:, 1:].tolist()


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("x", {1: 1}),
        ("-x", {1: -1}),
        ("x2", {2: 1}),
        ("xi", {-1: 1}),
        ("-2/3x2i", {-2: Fraction(-2, 3)}),
        ("1/5x", {1: Fraction(1, 5)}),
        ("0.5x", {1: Fraction(1, 2)}),
        ("-3", {0: -3}),
        ("0", {}),
        ("(x+x2)", {1: 1, 2: 1}),
        ("(1+-x)", {0: 1, 1: -1}),
        ("(1/5x+-x2)", {1: Fraction(1, 5), 2: -1}),
        ("(x+-x)", {}),
    ],
)
def test_monomials(cell: str, value: dict[int, Fraction]) -> None:
    assert parse_laurent(cell) == value


@pytest.mark.parametrize(
    "cell", ["", "-", "()", "x+x2", "(x", "y", "xx", "x1234", "2i", "1/x", "--x", "1e3", "(x+)", "x-1"]
)
def test_what_is_no_monomial(cell: str) -> None:
    with pytest.raises(InputError, match="expected a number or a monomial in x"):
        parse_laurent(cell)


def reason(text: str) -> str:
    (entry,) = parse_blocks(text)
    assert entry.readings == ()
    assert entry.reason is not None
    assert "\n" not in entry.reason
    return entry.reason


def test_approximate_algorithms_are_recognised_and_not_read() -> None:
    assert reason(APPROXIMATE) == (
        "has coefficients in x, a 3x2x2 algorithm with 10 products that is approximate (border rank): "
        "it gives AB + O(x^1), expected an exact one"
    )
    assert "AB + O(x^2)" in reason(APPROXIMATE.replace("x", "x2").replace("x2i", "x2i"))
    assert "that does not give AB + O(x)" in reason(APPROXIMATE.replace("-xi", "xi", 1))
    assert "that does not give AB + O(x)" in reason("x\n#\n1\n#\nx")
    assert "that is exact for every x" in reason("2x\n#\n1\n#\n1/2xi")
    assert "it gives AB + O(x^1)" in reason("(1+x)\n#\n1\n#\n(1+-1/5x)")


def test_large_approximate_algorithms_are_not_checked() -> None:
    row = "x " * 81 + "\n"
    assert "(too large to be checked)" in reason("#\n".join([row * 81] * 3))
    assert "(too large to be checked)" in reason("#\n".join(["x\n" + "0\n" * 9999] * 3))
    cells = " ".join(f"1/{10**100 + k}x" for k in range(20))
    assert "(too large to be checked)" in reason("#\n".join([cells + "\n"] * 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 blocks of coefficients, expected three, for A, B and C"),
        ("# only\n# comments", "0 blocks"),
        (TEXT[: TEXT.rindex("#")], "2 blocks"),
        (TEXT + "#\n1", "4 blocks"),
        (TEXT.replace("0 1 0 1", "0 1 0"), "line 6: 3 cells, expected 4"),
        (TEXT.replace("0 0 1 0", "0 0 1 0 0"), "line 10: 5 cells, expected 4"),
        (TEXT + "1 0 0 0\n", "products have 2, 2 and 5 coefficients, expected nm, mp and np of some format"),
        (TEXT.replace("0", "a", 1), "line 2: 'a', expected an integer, fraction or decimal"),
        (TEXT.replace("0", "1e9", 1), "line 2: '1e9', expected"),
        (TEXT.replace("0", "1_0", 1), "line 2: '1_0', expected"),
        (TEXT.replace("0", "1/0", 1), "line 2: '1/0' divides by zero"),
        (TEXT.replace("0", "1/0x", 1), "line 2: '1/0x' divides by zero"),
        (TEXT.replace("0", "1" * 201, 1), "', expected an integer, fraction or decimal"),
        (TEXT.replace("0", "xy", 1), "line 2: 'xy', expected a number or a monomial in x"),
        (ELIMINATED.replace("#\n-1 1", "#\n-1 1 1"), "line 21: 5 cells, expected 4"),
        (ELIMINATED.replace("0 0 1 1\n#\n-1", "0 0 1 1\n1 0 0 0\n#\n-1"), "cells, expected 3"),
        (ELIMINATED.replace("1 0 0 0 0 1 0\n", ""), "line 14: 8 cells, expected 7"),
        (ELIMINATED + "#\n1 0 0 0 0 0 0\n", "four groups of substitutions, expected at most three"),
        (ELIMINATED + "#\n#\n#\n1 0 0 0 0 0 0\n", "four groups of substitutions"),
        ("1\n" * (2**16 + 1), "line 65537: more than 65,536 rows"),
        (ELIMINATED.replace("-1 1 0 0", "-x 1 0 0").replace("1 0 0  1", "x 0 0  1"), "cells in x and substitutions"),
        (ELIMINATED.replace("-1 1 0 0", "-x 1 0 0"), "line 21: '-x', expected an integer, fraction or decimal"),
    ],
)
def test_malformed_texts_are_named(text: str, message: str) -> None:
    assert message in refusal(parse_blocks, text)


def test_no_time_for_large_substitutions() -> None:
    a = ("1 " * 2000 + "\n") * 201  # 100 entries and 101 linear forms of all of them, each in 2000 products
    definitions = ("1 " * 100 + "\n") * 101
    b = "\n".join(["1 " * 2000] * 100)
    text = f"{a}#\n{b}\n#\n{b}\n# Substitution information\n{definitions}"
    assert refusal(parse_blocks, text) == "substitutions need more than 1,048,576 steps"


def test_what_cannot_be_written() -> None:
    with pytest.raises(InputError, match="2x2x2:7 holds modulo 2, but coefficient block files promise"):
        write_blocks(Scheme(strassen().format, *strassen().arrays, modulus=2))
    i = Gaussian(Fraction(0), Fraction(1))
    with pytest.raises(InputError, match="entry i is not real"):
        write_blocks(Scheme(Format(1, 1, 1), [[i]], [[1]], [[-i]]))


@given(
    st.one_of(
        *map(damaged, (TEXT, ELIMINATED, APPROXIMATE)), st.text(st.sampled_from("01x/-.i #\n")), st.text(max_size=9)
    )
)
def test_any_text_is_read_or_refused(text: str) -> None:
    read_anything(parse_blocks, text)


def test_published_files(published: Path) -> None:
    check_published(published, "*_blocks.txt", parse_blocks)
