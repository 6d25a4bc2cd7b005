"""Native JSON: what is written is read back, and what is malformed is refused by a sentence."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.symmetry import rescale
from mmdiscover.errors import InputError
from mmdiscover.interop.native import parse_native, write_native
from tests.schemes import classical, laderman, strassen
from tests.strategies import arbitrary_schemes, known_schemes

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme

HALF = Fraction(1, 2)


def native(**changes: Any) -> dict[str, Any]:
    """The smallest scheme, ⟨1,1,1:1⟩, as a document; None takes a key out."""
    document = {"format": [1, 1, 1], "rank": 1, "ring": "ZT", "u": [[1]], "v": [[1]], "w": [[1]]} | changes
    return {key: value for key, value in document.items() if value is not None}


def test_written_form() -> None:
    scales = np.array([HALF, Gaussian(HALF, -HALF)], dtype=object)
    scheme = rescale(classical(Format(1, 2, 1)), scales, scales)
    assert write_native(scheme, {"found": "today", "growth": 1.5}) == (
        '{\n  "format": [1, 2, 1],\n  "rank": 2,\n  "ring": "C",\n  "found": "today",\n  "growth": 1.5,\n'
        '  "u": [\n    ["1/2", 0],\n    [0, "1/2-1/2i"]\n  ],\n'
        '  "v": [\n    ["1/2", 0],\n    [0, "1/2-1/2i"]\n  ],\n'
        '  "w": [\n    [4],\n    ["2i"]\n  ]\n}\n'
    )


@given(st.one_of(known_schemes, arbitrary_schemes(), arbitrary_schemes(st.integers(0, 1), modulus=2)))
def test_what_is_written_is_read_back(scheme: Scheme) -> None:
    assert parse_native(write_native(scheme, {"note": [1.5, None, "x"]})) == scheme


def test_rows_are_products_and_w_is_transposed() -> None:
    document = json.loads(write_native(classical(Format(2, 1, 2))))
    assert document["u"] == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert document["v"] == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert document["w"] == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


def test_ring_declared_larger_than_needed_is_accepted_and_smaller_is_not() -> None:
    for ring in ("ZT", "Z", "Q", "C"):
        assert parse_native(json.dumps(native(ring=ring))).ring is Ring.ZT
    for entry, declared, needed in ((2, "ZT", "Z"), ("1/2", "Z", "Q"), ("1/2i", "Q", "C")):
        with pytest.raises(InputError, match=f"ring is '{declared}', but the entries need '{needed}'"):
            parse_native(json.dumps(native(ring=declared, u=[[entry]])))


def test_further_keys_may_hold_anything() -> None:
    text = json.dumps(native(growth=12.5, note=None, more={"deep": [1e300, True]})).replace("12.5", "9" * 5000)
    assert parse_native(text) == classical(Format(1, 1, 1))
    assert parse_native("\n " + text) == classical(Format(1, 1, 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"u": [[1.0]]}, r"u\[0\]\[0\] is 1.0, expected an integer or an exact string"),
        ({"v": [[1e3]]}, r"v\[0\]\[0\] is 1000.0, expected"),
        ({"w": [[True]]}, r"w\[0\]\[0\] is True, expected"),
        ({"w": [[None]]}, r"w\[0\]\[0\] is None, expected"),
        ({"u": [[[1]]]}, r"u\[0\]\[0\] is \[1\], expected"),
        ({"u": [["0.5"]]}, r"u\[0\]\[0\]: number '0.5': expected an exact number"),
        ({"u": [["1/0"]]}, r"u\[0\]\[0\]: number '1/0' divides by zero"),
        ({"u": [["1" * 5000]]}, r"u\[0\]\[0\]: number '1+…' has 5000 characters"),
        ({"u": [[""]]}, r"u\[0\]\[0\]: number ''"),
        ({"u": [[1, 0]]}, r"u\[0\] has 2 items, expected 1 entries"),
        ({"u": [[]]}, r"u\[0\] has 0 items, expected 1 entries"),
        ({"u": [1]}, r"u\[0\] is 1, expected a list of 1 entries"),
        ({"v": [[1], [1]]}, "v has 2 items, expected 1 rows, one per product"),
        ({"v": {"0": [1]}}, r"v is {'0': \[1\]}, expected a list of 1 rows"),
        ({"w": []}, "w has 0 items, expected 1 rows"),
        ({"w": None}, "key 'w' is missing, expected format, rank, ring, u, v, w"),
        ({"ring": None}, "key 'ring' is missing"),
        ({"ring": "R"}, "ring is 'R', expected one of ZT, Z, Q, C, Z2"),
        ({"ring": 2}, "ring is 2, expected one of"),
        ({"ring": "Z2", "u": [["1/2"]]}, "entry 1/2 at .* expected an integer modulo 2"),
        ({"rank": 0, "u": [], "v": [], "w": []}, "rank is 0, expected the rank, an integer >= 1"),
        ({"rank": 2}, "u has 1 items, expected 2 rows"),
        ({"rank": True}, "rank is True, expected the rank"),
        ({"rank": 1.0}, "rank is 1.0, expected the rank"),
        ({"rank": 10**100}, "u has 1 items, expected 1000+ rows"),
        ({"format": "1x1x1"}, "format is '1x1x1', expected three sizes"),
        ({"format": [1, 1]}, r"format is \[1, 1\], expected three sizes"),
        ({"format": [1, 1, 0]}, r"format is \[1, 1, 0\], expected three sizes, integers >= 1"),
        ({"format": [1, True, 1]}, r"format is \[1, True, 1\], expected three sizes"),
        ({"format": [1, 1.0, 1]}, r"format is \[1, 1.0, 1\], expected three sizes"),
        ({"format": [1, 2, 1]}, r"u\[0\] has 1 items, expected 2 entries"),
        ({"format": [10**9, 10**9, 10**9]}, r"u\[0\] has 1 items, expected 1000000000000000000 entries"),
    ],
)
def test_malformed_schemes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_native(json.dumps(native(**changes)))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("{", "is not JSON: .* at line 1 column 2"),
        ("[1, 2]", r"is \[1, 2\], expected a JSON object"),
        ("3", "is 3, expected a JSON object"),
        ('{"format": [1,1,1], "rank": NaN}', "NaN is not a number"),
        ('{"x": -Infinity}', "-Infinity is not a number"),
        ('{"u": 1, "u": 1}', "key 'u' is there twice"),
        ('{"x": {"y": 1, "y": 1}}', "key 'y' is there twice"),
        ("[" * 200_000, "nested too deeply"),
        ('{"x":' * 200_000, "nested too deeply"),
    ],
)
def test_what_is_not_a_json_object_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_native(text)
    assert "\n" not in str(caught.value)


def test_long_integers_are_refused_in_factors() -> None:
    text = json.dumps(native(ring="Z")).replace('"u": [[1]]', f'"u": [[{"9" * 201}]]')
    with pytest.raises(InputError, match=r"u\[0\]\[0\] is 9+\.\.\.9+, expected"):
        parse_native(text)
    assert parse_native(text.replace("9" * 201, "9" * 200)).u[0, 0] == 10**200 - 1


@given(st.data())
def test_any_damage_to_a_document_is_refused_or_harmless(data: st.DataObject) -> None:
    text = write_native(strassen())
    start = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:start] + data.draw(st.text(max_size=3)) + text[start + data.draw(st.integers(1, 5)) :]
    try:
        scheme = parse_native(damaged)
    except InputError:
        return
    assert scheme.format == Format(2, 2, 2)


def test_extra_keys_cannot_replace_the_scheme() -> None:
    with pytest.raises(InputError, match="extra key 'rank' has a meaning"):
        write_native(laderman(), {"rank": 22})
