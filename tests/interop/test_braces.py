"""Nested braces."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.braces import parse_braces, write_braces
from mmdiscover.verify import verify
from tests.interop.texts import (
    CLASSICAL,
    LARGE,
    binary_schemes,
    check_published,
    damaged,
    exact_schemes,
    only,
    read_anything,
    refusal,
)
from tests.schemes import strassen

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
{{{{1}, {0}}, {{1, 0}}, {{1, 0}, {0, 0}}},
 {{{1}, {0}}, {{0, 1}}, {{0, 0}, {1, 0}}},
 {{{0}, {1}}, {{1, 0}}, {{0, 1}, {0, 0}}},
 {{{0}, {1}}, {{0, 1}}, {{0, 0}, {0, 1}}}}
"""


def test_the_classical_scheme() -> None:
    exact, modulo_2 = only(parse_braces(TEXT))
    assert exact == CLASSICAL
    assert modulo_2 == Scheme(CLASSICAL.format, *CLASSICAL.arrays, modulus=2)
    assert write_braces(CLASSICAL) == TEXT


def test_blanks_and_newlines_anywhere() -> None:
    for text in (TEXT.replace(" ", "").replace("\n", ""), TEXT.replace(",", "\n,\r\n\t").replace("{", "{ \n")):
        assert only(parse_braces(text))[0] == CLASSICAL


@given(st.one_of(exact_schemes, binary_schemes))
def test_what_is_written_is_read_back(scheme: Scheme) -> None:
    readings = only(parse_braces(write_braces(scheme)))
    assert scheme == readings[-1 if scheme.modulus else 0]


def test_many_products() -> None:
    assert only(parse_braces(write_braces(LARGE)))[0] == LARGE


def test_gaussian_numbers_as_mathematica_writes_them() -> None:
    value = Gaussian(Fraction(1, 2), Fraction(1, 2))
    scheme = Scheme(Format(1, 1, 1), [[value]], [[Gaussian(Fraction(0), Fraction(-1))]], [[Fraction(-1, 3)]])
    assert write_braces(scheme) == "{{{{1/2+1/2*I}}, {{-I}}, {{-1/3}}}}\n"
    assert only(parse_braces("{{{{1/2+1/2*I}},{{-I}},{{-1/3}}}}")) == (scheme,)


def test_a_scheme_that_holds_modulo_2_only() -> None:
    exact, modulo_2 = only(parse_braces(write_braces(strassen()).replace("-1", "1")))
    assert not verify(exact).ok
    assert verify(modulo_2).ok
    assert modulo_2.ring is Ring.Z2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 column 1: ends there, expected { at the beginning of a list of products"),
        ("{}", "line 1 column 2: '}', expected { at the beginning of a product"),
        (TEXT[:-2], "line 4 column 42: ends there, expected another product or } at the end of the list"),
        (TEXT + "x", "expected nothing after the list"),
        (TEXT.replace("{{0, 1}}", "{{0, 1}, {0}}", 1), "rows of different lengths before it, expected a matrix"),
        (
            TEXT.replace("{{0, 1}}", "{{0, 1, 0}}", 1),
            "line 2 column 44: matrices are 2×1, 1×3, 2×2, expected 2×1, 1×2, 2×2 as in the first product",
        ),
        ("{{{{1, 0}}, {{1, 0}}, {{1}}}}", "matrices are 1×2, 1×2, 1×1, expected n×m, m×p and p×n"),
        (TEXT.replace("0", "Print[1]", 1), "line 1 column 4: 'Print[1]': 'P', expected exact arithmetic"),
        (TEXT.replace("{0}", "{0 1}", 1), "line 1 column 4: '0 1': '1', expected exact arithmetic"),
        (TEXT.replace("{0}", "{}", 1), "line 1 column 4: '': ends there, expected exact arithmetic"),
        (TEXT.replace("{0}", "{0.5}", 1), "line 1 column 4: '0.5': '.', expected exact arithmetic"),
        ("{" * 10**6, "line 1 column 3: "),
    ],
)
def test_malformed_texts_are_named(text: str, message: str) -> None:
    assert message in refusal(parse_braces, text)


def test_too_long_numbers_are_not_written() -> None:
    with pytest.raises(InputError, match="expected at most 200 characters"):
        write_braces(Scheme(Format(1, 1, 1), [[10**201]], [[1]], [[1]]))


@given(st.one_of(damaged(TEXT), st.text(max_size=20)))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_anything(parse_braces, text)


def test_published_files(published: Path) -> None:
    check_published(published, "*.m", parse_braces)
