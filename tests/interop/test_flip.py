"""Text of flip-graph programs."""

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
from mmdiscover.interop.flip import parse_flip, write_flip, write_flips
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
from tests.schemes import strassen

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
2 1 2 4
1 0 1 0 0 1 0 1
1 0 0 1 1 0 0 1
1 0 0 0 0 0 1 0 0 1 0 0 0 0 0 1
"""
FRACTIONS = """\
2 1 2 4
1 1 0 1 1 1 0 1 0 1 1 1 0 1 1 1
1 1 0 1 0 1 1 1 1 1 0 1 0 1 1 1
1 1 0 1 0 1 0 1 0 1 0 1 1 1 0 1 0 1 1 1 0 1 0 1 0 1 0 1 0 1 1 1
"""
HALVES = Scheme(Format(1, 1, 1), [[Fraction(1, 2)]], [[-4]], [[Fraction(-1, 3)]])


@pytest.mark.parametrize("text", [TEXT, FRACTIONS, " ".join(TEXT.split()), "\r\n".join(FRACTIONS.split())])
def test_the_classical_scheme_with_and_without_fractions(text: str) -> None:
    assert only(parse_flip(text)) == (CLASSICAL, Scheme(CLASSICAL.format, *CLASSICAL.arrays, modulus=2))


def test_written_form() -> None:
    assert write_flip(CLASSICAL) == TEXT
    assert write_flip(HALVES) == "1 1 1 1\n1 2\n-4 1\n-1 3\n"
    assert write_flips([CLASSICAL, CLASSICAL]) == "2\n" + TEXT + TEXT
    assert write_flips([CLASSICAL, HALVES]) == "2\n" + FRACTIONS + write_flip(HALVES)


@given(st.one_of(rational_schemes, binary_schemes))
def test_what_is_written_is_read_back(scheme: Scheme) -> None:
    readings = only(parse_flip(write_flip(scheme)))
    assert scheme == readings[-1 if scheme.modulus else 0]


@given(st.lists(rational_schemes, min_size=2, max_size=4))
def test_several_schemes_are_read_back(schemes: list[Scheme]) -> None:
    assert [entry.readings[0] for entry in parse_flip(write_flips(schemes))] == schemes


def test_one_scheme_of_several_and_many_products() -> None:
    assert [entry.readings[0] for entry in parse_flip(write_flips([LARGE]))] == [LARGE]
    assert only(parse_flip(write_flip(LARGE)))[0] == LARGE


def test_a_scheme_that_holds_modulo_2_only() -> None:
    exact, modulo_2 = only(parse_flip(write_flip(strassen()).replace("-1", "1")))
    assert not verify(exact).ok
    assert verify(modulo_2).ok


def test_fractions_are_exact_only() -> None:
    assert only(parse_flip("1 1 1 1  1 2  4 1  2 4")) == (
        Scheme(Format(1, 1, 1), [[Fraction(1, 2)]], [[4]], [[Fraction(1, 2)]]),
    )


def test_no_memory_for_very_many_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    text = write_flips([CLASSICAL] * 4)
    monkeypatch.setattr("mmdiscover.interop.flip.MAX_SCHEMES", 4)
    assert len(parse_flip(text)) == 4
    monkeypatch.setattr("mmdiscover.interop.flip.MAX_SCHEMES", 3)
    assert "or 4 (at most 3) schemes" in refusal(parse_flip, text)


def test_a_zero_denominator_spoils_its_own_scheme_only() -> None:
    first, second = parse_flip("2  1 1 1 1  1 0 1 1 1 1  1 1 1 1  1 1 1 1 1 1")
    assert (first.readings, first.reason) == ((), "a number divides by zero")
    assert verify(second.readings[0]).ok


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'', expected n m p r and the entries of three factors"),
        ("2 2 2 7", "'2 2 2 7', expected n m p r"),
        (TEXT[:-2], "35 integers, expected 4 + 32 for 2x1x2:4, or 4 + 64 with fractions, or 2 (at most 65536) schemes"),
        (TEXT + "0", "37 integers, expected 4 + 32"),
        (TEXT.replace("0", "1_0", 1), "token 6: '1_0', expected an integer"),
        (TEXT.replace("0", "0.5", 1), "token 6: '0.5', expected an integer"),
        (TEXT.replace("0", "٠", 1), "expected an integer"),  # an Arabic digit
        (TEXT.replace("0", "9" * 201, 1), "has 201 characters, expected at most 200"),
        ("2 1 2 -4 1 1 1", "7 integers, expected n m p r and the entries"),
        ("0 0 0 0 0", "5 integers, expected n m p r"),
        (f"{'9' * 100} 9 9 9 9 9", "6 integers, expected"),
        (f"{10**6} " + "1 1 1 1 1 1 1 " * 9, "or 1000000 (at most 65536) schemes"),
    ],
)
def test_malformed_texts_are_named(text: str, message: str) -> None:
    assert message in refusal(parse_flip, text)


def test_what_cannot_be_written() -> None:
    i = Gaussian(Fraction(0), Fraction(1))
    with pytest.raises(InputError, match="entry i is not real, expected rational entries"):
        write_flip(Scheme(Format(1, 1, 1), [[i]], [[1]], [[-i]]))
    with pytest.raises(InputError, match="expected at most 200 characters"):
        write_flip(Scheme(Format(1, 1, 1), [[10**201]], [[1]], [[1]]))
    with pytest.raises(InputError, match="no scheme, expected at least one"):
        write_flips([])


@given(
    st.one_of(damaged(TEXT), damaged("2\n" + FRACTIONS * 2), st.text(st.sampled_from("0123 -/")), st.text(max_size=9))
)
def test_any_text_is_read_or_refused(text: str) -> None:
    read_anything(parse_flip, text)


def test_published_files(published: Path) -> None:
    check_published(published, "*_flip*.txt", parse_flip)
