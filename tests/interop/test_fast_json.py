"""JSON of FastMatrixMultiplication: full and reduced, read and refused."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.fast_json import fast_scheme, write_fast_json
from mmdiscover.interop.json_text import load_json
from tests.schemes import classical, strassen, winograd


def full(**changes: Any) -> dict[str, Any]:
    """The smallest scheme, ⟨1,1,1:1⟩; None takes a key out."""
    document = {"n": [1, 1, 1], "m": 1, "z2": False, "u": [[1]], "v": [[1]], "w": [[1]]} | changes
    return {key: value for key, value in document.items() if value is not None}


def form(text: str) -> list[dict[str, int]]:
    """``"0-5"`` is x₀ − x₅."""
    terms = text.replace("-", " -").replace("+", " ").split()
    return [{"index": abs(int(term.lstrip("-"))), "value": -1 if term.startswith("-") else 1} for term in terms]


def reduced(**changes: Any) -> dict[str, Any]:
    """Strassen-Winograd with 15 additions: four shared forms in A and in B, three in the products."""
    document = {
        "n": [2, 2, 2],
        "m": 7,
        "z2": False,
        "complexity": {"naive": 24, "reduced": 15},
        # a21 + a22, that − a11; and what is left of a12
        "u_fresh": [form("2+3"), form("4-0")],
        "v_fresh": [form("1-0"), form("3-4")],
        "w_fresh": [form("0+5"), form("7+6")],
        "u": [form("0"), form("1"), form("1-5"), form("3"), form("4"), form("5"), form("0-2")],
        "v": [form("0"), form("2"), form("3"), form("5-2"), form("4"), form("5"), form("3-1")],
        "w": [form("0+1"), form("8-3"), form("7+4+2"), form("8+4")],
    } | changes
    return {key: value for key, value in document.items() if value is not None}


def test_the_full_kind() -> None:
    text = (
        '{"n":[2,1,2],"m":4,"z2":false,"u":[[1,0],[1,0],[0,1],[0,1]],"v":[[1,0],[0,1],[1,0],[0,1]],'
        '"w":[[1,0,0,0],[0,0,1,0],[0,1,0,0],[0,0,0,1]], "complexity": 0, "multiplications": ["m1 = (a11) * (b11)"]}'
    )
    assert fast_scheme(load_json(text)) == classical(Format(2, 1, 2))
    scheme = fast_scheme(full(z2=True, u=[[3]]))
    assert scheme.ring is Ring.Z2
    assert scheme.u[0, 0] == 1
    assert fast_scheme(full(u=[["-1/2"]])).u[0, 0] == Fraction(-1, 2)


def test_the_reduced_kind_with_variables_that_stand_for_others() -> None:
    assert fast_scheme(reduced()) == winograd()
    assert fast_scheme(reduced(complexity=None)) == winograd()


def test_a_reduced_scheme_modulo_two() -> None:
    scheme = fast_scheme(reduced(z2=True, complexity=None))
    assert scheme.modulus == 2
    assert scheme == Scheme(Format(2, 2, 2), *winograd().arrays, modulus=2)


def test_written_form() -> None:
    document = json.loads(write_fast_json(strassen()))
    assert (document["n"], document["m"], document["z2"], document["complexity"]) == ([2, 2, 2], 7, False, 18)
    assert document["w"][1] == [0, 1, 0, -1]
    one = classical(Format(1, 1, 1))
    imaginary = Scheme(one.format, [[Gaussian(Fraction(0), Fraction(1))]], one.v, one.w)
    with pytest.raises(InputError, match="1x1x1:1 has complex entries, which this file format has not"):
        write_fast_json(imaginary)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"z2": None}, "key 'z2' is missing, expected n, m, z2, u, v, w"),
        ({"z2": 0}, "z2 is 0, expected true or false"),
        ({"m": None}, "key 'm' is missing"),
        ({"m": 8}, "u has 1 items, expected 8 rows"),
        ({"n": [1, 1]}, "n is .* expected three sizes"),
        ({"n": None}, "key 'n' is missing, expected n"),
    ],
)
def test_malformed_full_files_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fast_scheme(full(**changes))


def term(index: Any = 0, value: Any = 1) -> list[dict[str, Any]]:
    return [{"index": index, "value": value}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v_fresh": None}, "key 'v_fresh' is missing, expected n, m, z2, u, v, w, u_fresh, v_fresh, w_fresh"),
        ({"n": [2, 2, 3]}, "v.*|w has 4 items, expected 6 forms"),
        ({"m": 8}, "u has 7 items, expected 8 forms"),
        ({"m": 10**9}, r"2x2x2 with 1000000000 products: expected factors of at most"),
        ({"u": [*reduced()["u"][:6], term(6)]}, r"u\[6\]\[0\] has the index 6, expected 0 to 5"),
        ({"u": [*reduced()["u"][:6], term(-1)]}, r"u\[6\]\[0\] has the index -1"),
        ({"u": [*reduced()["u"][:6], term(True)]}, r"u\[6\]\[0\] is .*, expected {\"index\""),
        ({"u": [*reduced()["u"][:6], [{"index": 0}]]}, r"u\[6\]\[0\] is {'index': 0}, expected"),
        ({"u": [*reduced()["u"][:6], [0]]}, r"u\[6\]\[0\] is 0, expected"),
        ({"u": [*reduced()["u"][:6], 0]}, r"u\[6\] is 0, expected a list"),
        ({"u": [*reduced()["u"][:6], term(0, "x")]}, r"u\[6\]\[0\] value: number 'x'"),
        ({"u_fresh": [term(4)]}, r"u_fresh\[0\]\[0\] has the index 4, expected 0 to 3"),
        ({"w_fresh": {}}, "w_fresh is {}, expected a list"),
        ({"complexity": {"naive": 24, "reduced": 14}}, r"complexity is .*, but there are {'naive': 24, 'reduced': 15}"),
        ({"complexity": {"naive": 23, "reduced": 15}}, "complexity is .*, but there are"),
        ({"complexity": 15}, "complexity is 15, but there are"),
    ],
)
def test_malformed_reduced_files_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        fast_scheme(reduced(**changes))
    assert len(str(caught.value)) < 200


def test_forms_that_grow_without_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    doubling = [term(0), *([{"index": 3 + k, "value": 1}] * 2 for k in range(1, 2000))]
    with pytest.raises(InputError, match=r"u_fresh\[\d+\]\[\d\]: a number is too long"):
        fast_scheme(reduced(u_fresh=[[{"index": 0, "value": 1}], *doubling[1:]]))
    monkeypatch.setattr("mmdiscover.interop.fast_json._MOST_TERMS", 30)
    with pytest.raises(InputError, match="stands for too many terms"):
        fast_scheme(reduced())
