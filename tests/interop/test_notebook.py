"""Notebooks with decompositions."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian, real_and_imaginary
from mmdiscover.core.ring import Ring
from mmdiscover.core.symmetry import rescale
from mmdiscover.interop.notebook import parse_notebook
from mmdiscover.verify import verify
from tests.interop.texts import CLASSICAL, check_published, damaged, only, read_anything, refusal
from tests.schemes import laderman, strassen
from tests.strategies import arbitrary_schemes, matrices

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

SOURCE = """\
#@title Data

decomposition_212 = (np.array([[ 1. ,  1. , -0. ,  0. ],
       [-0. ,  0. ,  1. ,  1. ]], dtype=np.float32), np.array([[1, 0, 1, 0], [0, 1, 0, 1]]),
      np.array([[1., 0., 0., 0.], [0., 0., 1., 0.], [0., 1., 0., 0.], [0., 0., 0., 1.]],
      dtype=np.int32))
print(decomposition_212)
"""


def notebook(*sources: str | list[str] | Any, kind: str = "code") -> str:
    cells: list[Any] = [{"cell_type": kind, "metadata": {}, "outputs": [], "source": source} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "text"}, *cells], "metadata": {}, "nbformat": 4})


def array(*rows: str) -> str:
    return f"np.array([{', '.join(f'[{row}]' for row in rows)}])"


def one_by_one(cell: str, name: str = "decomposition_111") -> str:
    return f"{name} = ({array(cell)}, {array('1')}, {array('1')})\n"


def python_source(scheme: Scheme) -> str:
    """A scheme with dyadic entries as NumPy prints it."""

    def text(factor: NDArray[np.object_]) -> str:
        parts = [[tuple(map(float, real_and_imaginary(x))) for x in row] for row in factor]
        return array(*(", ".join(f"{re!r}{im:+}j" if im else f" {re!r} " for re, im in row) for row in parts))

    return f"decomposition_x = ({text(scheme.u)}, {text(scheme.v)}, {text(scheme.w)})"


def test_the_classical_scheme() -> None:
    parsed = parse_notebook(notebook("import numpy as np", SOURCE.splitlines(keepends=True)))
    assert only(parsed) == (CLASSICAL,)
    assert parsed[0].label == "decomposition_212"


def test_several_decompositions_and_broken_ones() -> None:
    broken = "decomposition_112 = compute()\ndecomposition_113 = (np.array([[1.]]), np.array([[x]]), np.array([[1]]))\n"
    first, second, third, fourth = parse_notebook(notebook(SOURCE, broken + one_by_one("2", "decomposition_111")))
    assert [entry.label for entry in (first, second, third, fourth)] == [
        f"decomposition_{x}" for x in (212, 112, 113, 111)
    ]
    assert (second.readings, third.readings) == ((), ())
    assert second.reason == "line 1 column 20: 'compute()', expected ( and three arrays"
    assert third.reason is not None
    assert "'x', expected a number such as 0.5 or 0.5-0.5j" in third.reason
    assert fourth.readings[0].u[0, 0] == 2


dyadic = st.integers(-8, 8).map(lambda x: Fraction(x, 4))


@given(
    st.one_of(
        st.sampled_from([laderman(), strassen()]),
        arbitrary_schemes(st.one_of(dyadic, st.builds(Gaussian, dyadic, dyadic))),
    )
)
def test_literals_are_exact(scheme: Scheme) -> None:
    assert only(parse_notebook(notebook(python_source(scheme)))) == (scheme,)


@given(
    matrices(
        2,
        7,
        st.builds(lambda k, i: Gaussian(Fraction(0), Fraction(k)) if i else k, st.sampled_from([1, -2]), st.booleans()),
    )
)
def test_gaussian_schemes_verify(scales: NDArray[np.object_]) -> None:
    (scheme,) = only(parse_notebook(notebook(python_source(rescale(strassen(), *scales)))))
    assert verify(scheme).ok


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("-0.", 0),
        (" 0.5", Fraction(1, 2)),
        (".25", Fraction(1, 4)),
        ("+1", 1),
        ("1e-1", Fraction(1, 10)),
        ("2.5E+1", 25),
        (" 0.5-0.5j", Gaussian(Fraction(1, 2), Fraction(-1, 2))),
        ("-0. +1.j ", Gaussian(Fraction(0), Fraction(1))),
        (" 1. -0.j", 1),
        ("0.5j", Gaussian(Fraction(0), Fraction(1, 2))),
        ("- .5j", Gaussian(Fraction(0), Fraction(-1, 2))),
    ],
)
def test_literals(literal: str, value: object) -> None:
    (scheme,) = only(parse_notebook(notebook(one_by_one(literal))))
    assert scheme.u[0, 0] == value
    assert scheme.ring is (Ring.C if isinstance(value, Gaussian) else scheme.ring)


@pytest.mark.parametrize(
    "literal",
    [
        "",
        "-",
        "j",
        "1 2",
        "1.2.3",
        "1 2j",
        "0.50.5j",
        "1+1",
        "1j+1",
        "1_0",
        "1e999",
        "1" * 201,
        "nan",
        "1j2",
        "__import__('os')",
    ],
)
def test_what_is_no_literal(literal: str) -> None:
    (entry,) = parse_notebook(notebook(one_by_one(literal)))
    assert entry.readings == ()
    assert entry.reason is not None
    assert "expected" in entry.reason


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (SOURCE.replace(", 0, 1, 0]", ", 0, 1]"), "rows of different lengths before it, expected a matrix"),
        (SOURCE.replace("[[1, 0, 1, 0], [0, 1, 0, 1]]", "[[1, 0, 1], [0, 1, 0]]"), "arrays have 4, 3 and 4 columns"),
        (SOURCE.replace(" [0., 1., 0., 0.],", ""), "products have 2, 2 and 3 coefficients"),
        (SOURCE.replace("(np", "[np"), r"expected ( and three arrays"),
        (SOURCE.replace("float32)", "float32"), r"expected np.array([[...], ...])"),
        (SOURCE.replace("int32))", "int32)"), "expected ) after three arrays"),
        (SOURCE.replace("np.int32", "os.system('true')"), "expected np.array([[...], ...])"),
    ],
)
def test_malformed_decompositions_have_a_reason(source: str, message: str) -> None:
    (entry,) = parse_notebook(notebook(source))
    assert entry.readings == ()
    assert entry.reason is not None
    assert message in entry.reason
    assert entry.reason.isprintable()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'', expected a notebook in JSON"),
        ("decomposition_1 = 1", "expected a notebook in JSON"),
        ("[" * 100_000, "expected a notebook in JSON"),
        ("[1]", "expected a notebook: a JSON object with a list of cells"),
        ('{"cells": 1}', "expected a notebook: a JSON object with a list of cells"),
        ('{"cells": [1, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 1}]}', "a notebook without a cell"),
        (notebook(SOURCE, kind="markdown"), "a notebook without a cell decomposition_nmp"),
        (notebook("x = decomposition_212 == 1\ndecomposition_212 == 2"), "a notebook without a cell"),
        (notebook(one_by_one("1") * 1001), "more than 1,000 decompositions"),
    ],
)
def test_what_is_no_notebook_of_decompositions(text: str, message: str) -> None:
    assert message in refusal(parse_notebook, text)


@given(st.one_of(damaged(notebook(SOURCE)), damaged(SOURCE).map(notebook), st.text(max_size=9)))
def test_any_text_is_read_or_refused(text: str) -> None:
    read_anything(parse_notebook, text)


def test_published_files(published: Path) -> None:
    check_published(published, "*.ipynb", parse_notebook)
