"""Rows of JSON values: what is written is read, and what would not be read is not written."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Exact, Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.rows import scheme_of_rows, scheme_rows
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop import write_native
from mmdiscover.interop.native import parse_native
from results_db import codec
from tests.strategies import arbitrary_schemes

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = Format(1, 1, 1)


def scheme_with(entry: Exact) -> Scheme:
    u = np.empty((1, 1), dtype=object)
    u[0, 0] = entry
    return Scheme(ONE, u, [[1]], [[1]])


@given(arbitrary_schemes() | arbitrary_schemes(st.integers(0, 1), modulus=2))
def test_what_is_written_is_read(scheme: Scheme) -> None:
    rows = json.loads(json.dumps(scheme_rows(scheme)))
    assert scheme_of_rows(scheme.format, scheme.rank, rows, modulus=scheme.modulus) == scheme


@pytest.mark.parametrize(
    "longest",
    [
        10**200 - 1,
        1 - 10**199,
        Fraction(-1, 10**197 - 1),
        Gaussian(Fraction(0), Fraction(10**199 - 1)),
    ],
    ids=["positive", "negative", "fraction", "Gaussian"],
)
@pytest.mark.parametrize(
    ("write", "read"),
    [
        (write_native, parse_native),
        (codec.scheme_text, lambda text: codec.scheme_from_text(ONE, 1, "C", text)),
    ],
    ids=["file", "database"],
)
def test_files_and_database_keep_the_same_numbers(
    longest: Exact, write: Callable[[Scheme], str], read: Callable[[str], Scheme]
) -> None:
    written = write(scheme_with(longest))
    assert read(written) == scheme_with(longest)
    for longer in (longest * 10, longest * 10**5000):  # Python itself refuses to write the second
        with pytest.raises(InputError, match=r"u\[0\]\[0\] is too long to be read again, expected at most 200"):
            write(scheme_with(longer))
    digits = "9" * 100
    assert digits in written
    with pytest.raises(InputError, match=r"u\[0\]\[0\].* at most 200"):
        read(written.replace(digits, digits + "9", 1))
