"""All formats: told apart by content, written and read back, and the published files."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.exact import Exact, Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, content_hash
from mmdiscover.errors import InputError, SchemeFileError
from mmdiscover.interop import EXPORT_FORMATS, read_schemes
from mmdiscover.interop.detect import parse_schemes
from mmdiscover.verify import verify_readings
from tests.schemes import classical, strassen
from tests.strategies import matrices

if TYPE_CHECKING:
    from pathlib import Path

THIRD, HALF = Fraction(1, 3), Fraction(1, 2)
INTEGERS = (-1, 0, 1, 2)
RATIONALS = (*INTEGERS, THIRD, -HALF, 10**20, Fraction(7, 10**20))
GAUSSIANS = (*RATIONALS, Gaussian(HALF, HALF), Gaussian(Fraction(0), Fraction(-1)))
DYADIC = (*INTEGERS, -HALF, Fraction(3, 1024), 2**60)

HOLDS: dict[str, tuple[Exact, ...]] = {
    "json": GAUSSIANS,
    "npz": GAUSSIANS,
    "fmm-json": RATIONALS,
    "alphatensor": DYADIC,
    "maple": GAUSSIANS,
    "m": GAUSSIANS,
    "exp": RATIONALS,
    "blocks": RATIONALS,
    "flip": RATIONALS,
}
"""Entries that each file format holds."""
PROMISING = {"maple", "blocks"}
"""Those that hold in characteristic zero, always."""
COMPLETE = {"exp"}
"""Those that say everything only where every product is there and every variable occurs."""


@st.composite
def schemes(draw: st.DrawFn, name: str, entries: tuple[Exact, ...], modulus: int = 0) -> Scheme:
    fmt = Format(*draw(st.tuples(*[st.integers(1, 3)] * 3)))
    rank = draw(st.sampled_from([1, 2, 5]))
    u, v, w = (draw(matrices(size, rank, st.sampled_from(entries))) for size in fmt.shape)
    if name in COMPLETE:
        for factor in (u, v, w):
            factor[0], factor[:, 0] = 1, 1
    return Scheme(fmt, u, v, w, modulus)


def read_back(name: str, scheme: Scheme) -> tuple[Scheme, ...]:
    (parsed,) = parse_schemes(EXPORT_FORMATS[name].content(scheme))
    return parsed.readings


def test_the_formats_are_those_agreed_on() -> None:
    assert set(EXPORT_FORMATS) == set(HOLDS)
    extensions = [EXPORT_FORMATS[name].extension for name in ("json", "fmm-json", "alphatensor", "maple", "flip")]
    assert extensions == ["json", "json", "npz", "mpl", "txt"]


@pytest.mark.parametrize("name", HOLDS)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_is_read_back(name: str, data: st.DataObject) -> None:
    scheme = data.draw(schemes(name, data.draw(st.sampled_from([INTEGERS, HOLDS[name]]))))
    assert read_back(name, scheme)[0] == scheme


@pytest.mark.parametrize("name", HOLDS.keys() - PROMISING)
@settings(max_examples=20)
@given(data=st.data())
def test_schemes_modulo_two_are_read_back(name: str, data: st.DataObject) -> None:
    scheme = data.draw(schemes(name, (0, 1), modulus=2))
    assert scheme in read_back(name, scheme)


@pytest.mark.parametrize("name", PROMISING)
def test_schemes_modulo_two_are_not_written_where_characteristic_zero_is_promised(name: str) -> None:
    with pytest.raises(InputError, match="2x2x2:7 holds modulo 2"):
        EXPORT_FORMATS[name].write(modulo_two())


@pytest.mark.parametrize("name", HOLDS)
@pytest.mark.parametrize("rank", [1, 200])
def test_few_and_many_products(name: str, rank: int) -> None:
    rng = np.random.default_rng(rank)
    fmt = Format(2, 3, 4)
    u, v, w = (rng.choice([-1, 1, 2], (size, rank)).astype(object) for size in fmt.shape)
    u[0, 0] = -HALF if name == "alphatensor" else THIRD
    scheme = Scheme(fmt, u, v, w)
    assert read_back(name, scheme)[0] == scheme


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("alphatensor", THIRD),
        ("alphatensor", 2**63 + 1),
        *((name, Gaussian(HALF, HALF)) for name in ("alphatensor", "fmm-json", "exp", "blocks", "flip")),
        *((name, 10**200) for name in HOLDS.keys() - {"npz", "alphatensor"}),
        *((name, Fraction(1, 10**200)) for name in HOLDS),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(name: str, entry: Exact) -> None:
    scheme = Scheme(Format(1, 1, 1), np.array([[entry]], dtype=object), [[1]], [[1]])
    with pytest.raises(InputError) as caught:
        EXPORT_FORMATS[name].content(scheme)
    assert len(str(caught.value)) < 200


def test_one_digit_indices_bound_the_size() -> None:
    with pytest.raises(InputError, match="10x1x1: expected sizes up to 9"):
        EXPORT_FORMATS["exp"].write(classical(Format(10, 1, 1)))


def modulo_two() -> Scheme:
    u, v, w = (np.abs(x) for x in strassen().arrays)
    return Scheme(Format(2, 2, 2), u, v, w, modulus=2)


@pytest.mark.parametrize("name", HOLDS.keys() - PROMISING)
def test_what_holds_modulo_two_only_is_said_to(name: str) -> None:
    scheme, verdict = verify_readings(read_back(name, modulo_two()))
    assert verdict.ok
    assert scheme.ring is Ring.Z2


SEVEN = EXPORT_FORMATS["exp"].content(strassen()).decode()
INLINE = {
    "reduced JSON": (
        '{"n": [1, 1, 1], "m": 1, "z2": false, "complexity": {"naive": 0, "reduced": 0}, "u_fresh": [[{"index": 0, '
        '"value": 2}]], "v_fresh": [], "w_fresh": [], "u": [[{"index": 1, "value": 1}]], "v": [[{"index": 0, "value": '
        '"1/2"}]], "w": [[{"index": 0, "value": 1}]]}'
    ),
    "braces over several lines": "{\n {{{1}},\n\n {{2}}, {{1/2}}}}",
    "Maple": "A:=Matrix(1, 1, [[A_1_1]]):\nTensor:=TriadSet([Triad([Matrix(1, 1, [[1*-1]]), Matrix(1, 1, [[-(1)]]), "
    "Matrix(1, 1, [[1]])])]):",
    "a linear form": "a11 2b11 c11/2\n",
    "blocks after a comment": "# rank 90, a11*b11 = [\n1\n#\n1\n# third\n1\n",
    "blocks without a comment at the start": "2\n#\n1/2\n#\n1\n",
    "flip": "1 1 1 1  1 1 1",
    "flip with fractions": "1 1 1 1\n2 1\n1 2\n1 1\n",
    "MATLAB": "syms a real\nA = [\n1\n]\nB = [\n1\n]\nC = [\n1\n]\n",
    "notebook": '{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["decomposition_111 = (np.array([[1.0]]), '
    'np.array([[-1]]), np.array([[-1.]]))"]}]}',
}


@pytest.mark.parametrize("name", INLINE)
def test_content_decides(name: str) -> None:
    (parsed,) = parse_schemes(INLINE[name].encode())
    scheme, verdict = verify_readings(parsed.readings)
    assert verdict.verified is not None
    assert (scheme.name, verdict.verified.hash) == ("1x1x1:1", content_hash(classical(Format(1, 1, 1))))
    (marked,) = parse_schemes(b"\xef\xbb\xbf" + INLINE[name].encode())
    assert marked.readings == parsed.readings


WRONG = {
    "one sign": EXPORT_FORMATS["fmm-json"].content(strassen()).decode().replace("-1", "1", 1),
    "modulo 2 where zero is promised": EXPORT_FORMATS["maple"].content(strassen()).decode().replace("-1", "1"),
    "a product missing": SEVEN[: SEVEN.rindex("a")],
    "code": EXPORT_FORMATS["m"].content(strassen()).decode().replace("1", "Print[1]", 1),
    "unbalanced": SEVEN.replace(")", "", 1),
    "index out of range": SEVEN.replace("c22", "c23", 1),
    "block missing": "1 1\n#\n1 1\n",
    "flip cut short": EXPORT_FORMATS["flip"].content(strassen()).decode()[:-4],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_refused(name: str) -> None:
    try:
        (parsed,) = parse_schemes(WRONG[name].encode())
    except InputError:
        return
    _, verdict = verify_readings(parsed.readings)
    assert not verdict.ok
    assert verdict.reason


@pytest.mark.parametrize("text", ["hello", "<html>", "\x01", "%PDF-1.7", "a = b", "αβγ"])
def test_what_is_in_no_known_format(text: str) -> None:
    with pytest.raises(InputError, match="which is no known format, expected a scheme file"):
        parse_schemes(text.encode())


STATED = {
    "classical212": classical(Format(2, 1, 2)),
    "classical234": classical(Format(2, 3, 4)),
    "strassen222": strassen(),
}


def test_published_files_hold_the_schemes_they_state(published: Path) -> None:
    files = sorted((published / "worked_examples").iterdir())
    assert len(files) >= 38
    for file in files:
        stated = [scheme for name, scheme in STATED.items() if file.name.startswith((name, "three_schemes"))]
        entries = read_schemes(file)
        assert len(entries) == len(stated), file
        for entry, expected in zip(entries, stated, strict=True):
            _, verdict = verify_readings(entry.readings)
            assert verdict.verified is not None, (file, verdict.reason)
            assert verdict.verified.scheme.name == expected.name, file
            assert verdict.verified.hash == content_hash(expected), file


def test_published_wrong_files_are_rejected(published: Path) -> None:
    files = sorted((published / "must_fail").iterdir())
    assert len(files) >= 13
    for file in files:
        try:
            entries = read_schemes(file)
        except SchemeFileError:
            continue
        for entry in entries:
            assert entry.reason or verify_readings(entry.readings)[1].reason, file
