"""What is stored comes back as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import sandwich
from mmdiscover.errors import InputError
from results_db import codec
from tests.results_db.samples import HALF, shear
from tests.schemes import strassen

FORMATS = st.builds(Format, *[st.integers(1, 3)] * 3)
ENTRIES = st.sampled_from(
    [0, 1, -1, 2, 10**150, Fraction(1, 3), -HALF, Gaussian(HALF, HALF), Gaussian(Fraction(0), -HALF)]
)


@st.composite
def scheme_values(draw: st.DrawFn) -> Scheme:
    fmt, rank, modulus = draw(FORMATS), draw(st.sampled_from([1, 2, 7, 200])), draw(st.sampled_from([0, 2]))
    seed = draw(st.integers(0, 2**32))
    values = [0, 1, 2, -1] if modulus else draw(st.lists(ENTRIES, min_size=1, max_size=5))
    choose = np.random.default_rng(seed)
    factors = []
    for size in fmt.shape:
        factor = np.empty((size, rank), dtype=object)
        for index in np.ndindex(factor.shape):
            factor[index] = values[choose.integers(len(values))]
        factors.append(factor)
    u, v, w = factors
    return Scheme(fmt, u, v, w, modulus=modulus)


@given(scheme_values())
def test_schemes_come_back(scheme: Scheme) -> None:
    text = codec.scheme_text(scheme)
    assert codec.scheme_from_text(scheme.format, scheme.rank, str(scheme.ring), text) == scheme


def test_schemes_are_written_like_scheme_files() -> None:
    one = np.eye(2, dtype=int).astype(object)
    scheme = sandwich(strassen(), shear(Gaussian(HALF, Fraction(1, 3))), one, one)
    written = json.loads(codec.scheme_text(scheme))
    assert list(written) == ["u", "v", "w"]
    assert [len(row) for row in written["w"]] == [4] * 7  # one row per product
    assert written["u"][0] == [1, "1/2+1/3i", 0, 1]
    assert written["v"][0] == [1, 0, 0, 1]


def test_entries_too_long_to_be_read_are_not_written() -> None:
    scheme = Scheme(Format(1, 1, 1), [[10**250]], [[1]], np.array([[Fraction(1, 10**250)]]))
    with pytest.raises(InputError, match=r"u\[0\]\[0\] is too long to be read again, expected at most 200"):
        codec.scheme_text(scheme)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "cannot be read: JSONDecodeError"),
        ("[" * 100_000, "cannot be read: "),
        ("[]", "cannot be read: TypeError"),
        ('{"u": [[1]], "v": [[1]]}', "cannot be read: KeyError: 'w'"),
        ('{"u": [[1]], "v": [[1]], "w": []}', "malformed: w has 0 items, expected 1 rows"),
        ('{"u": [[1]], "v": [[1]], "w": [1]}', r"w\[0\] is 1, expected a list"),
        ('{"u": [[1]], "v": [[1]], "w": [[1, 2]]}', r"w\[0\] has 2 items, expected 1 entries"),
        ('{"u": [[1], [1]], "v": [[1], [1]], "w": [[1], [1]]}', "u has 2 items, expected 1 rows"),
        ('{"u": [[1.5]], "v": [[1]], "w": [[1]]}', r"u\[0\]\[0\] is 1.5"),
        ('{"u": [[true]], "v": [[1]], "w": [[1]]}', r"u\[0\]\[0\] is True"),
        (f'{{"u": [[{"9" * 201}]], "v": [[1]], "w": [[1]]}}', r"u\[0\]\[0\] is 9+\.\.\.9+, .* at most 200 characters"),
        ('{"u": [["x"]], "v": [[1]], "w": [[1]]}', "number 'x': expected an exact number"),
        ('{"u": [["1/0"]], "v": [[1]], "w": [[1]]}', "divides by zero"),
    ],
)
def test_damaged_factors_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        codec.scheme_from_text(Format(1, 1, 1), 1, "ZT", text)


@given(FORMATS, st.integers(1, 5), st.integers(0, 2**32))
def test_fits_come_back_bit_for_bit(fmt: Format, rank: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    u, v, w = (random.standard_normal((size, rank)) * 10.0 ** random.integers(-300, 300) for size in fmt.shape)
    u[0, 0] = -0.0
    stored = [codec.fit_bytes(factor) for factor in Factors(fmt, u, v, w).arrays]
    back = codec.fit_from_bytes(fmt, rank, (stored[0], stored[1], stored[2]))
    assert back.format == fmt
    assert [factor.tobytes() for factor in back.arrays] == [u.tobytes(), v.tobytes(), w.tobytes()]
    with pytest.raises(InputError, match="factor u has"):
        codec.fit_from_bytes(fmt, rank + 1, (stored[0], stored[1], stored[2]))


def test_fits_are_little_endian_and_row_major() -> None:
    assert (
        codec.fit_bytes(np.array([[1.0, 2.0], [3.0, 4.0]], order="F")) == np.array([1, 2, 3, 4], dtype="<f8").tobytes()
    )


def test_metrics_of_known_schemes() -> None:
    assert codec.scheme_metrics(strassen()) == {
        "ring": "ZT",
        "nonzeros": 36,
        "additions": 18,
        "growth_factor": 12.0,
        "orbit_class": "58b60d4de2cd",
        "null_space": 23,
        "orbit_dimension": 23,
    }
    huge = Scheme(Format(1, 1, 1), [[10**150]], [[10**150]], [[10**150]])
    assert codec.scheme_metrics(huge)["growth_factor"] is None


def test_what_cannot_be_computed_in_a_few_seconds_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MOST_UNKNOWNS", 84)
    expected = {"orbit_class": "58b60d4de2cd", "null_space": 23, "orbit_dimension": 23}
    assert codec.orbit_columns(strassen()) == expected
    monkeypatch.setattr(codec, "MOST_UNKNOWNS", 83)
    assert codec.orbit_columns(strassen()) == expected | {"null_space": None, "orbit_dimension": None}
    # No prime is left to compute with.
    entry = Fraction(1, 8388593 * 8388581 * 8388473)
    scheme = Scheme(Format(1, 1, 1), *np.array([[[entry]], [[1 / entry]], [[1]]], dtype=object))
    assert codec.orbit_columns(scheme) == dict.fromkeys(expected)


def test_settings_become_plain_json() -> None:
    settings: dict[str, Any] = {
        "bound": np.float64(1.5),
        "count": np.int32(3),
        "key": (1, 2),
        "none": None,
        "ring": Ring.Q,
    }
    stored = codec.plain_json("settings", settings)
    assert stored == {"bound": 1.5, "count": 3, "key": [1, 2], "none": None, "ring": "Q"}
    assert all(type(value) in {float, int, list, str, type(None)} for value in stored.values())


@pytest.mark.parametrize("value", [float("nan"), np.float64("inf"), object(), {(1, 2): 3}])
def test_settings_that_json_cannot_hold_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="settings cannot be stored: "):
        codec.plain_json("settings", {"value": value})


def test_text_that_no_database_stores_is_written_out() -> None:
    assert codec.plain_text("schöne\udcffDatei\0.json") == "schöne\\udcffDatei\\x00.json"
    assert codec.plain_text(None) is None


def test_numbers_that_are_not_finite_become_null() -> None:
    assert [codec.finite(value) for value in (None, float("nan"), float("inf"), 2)] == [None, None, None, 2.0]
    assert type(codec.finite(np.float64(1))) is float


def test_moments_are_shown_in_utc() -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert codec.iso(noon.replace(tzinfo=None)) == "2026-01-02T12:00:00+00:00"
    assert codec.iso(noon.astimezone(timezone(timedelta(hours=5)))) == "2026-01-02T12:00:00+00:00"
