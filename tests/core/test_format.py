"""Formats and names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format, parse_scheme_name, scheme_name
from mmdiscover.errors import InputError

sizes = st.integers(1, 999_999_999)
any_format = st.builds(Format, sizes, sizes, sizes)


@given(any_format)
def test_a_written_format_is_read_back(fmt: Format) -> None:
    assert Format.parse(str(fmt)) == fmt
    assert Format.parse(f" {str(fmt).replace('x', '×')} ") == fmt
    assert Format.parse(str(fmt).upper()) == fmt


@given(any_format, st.integers(1, 10**11))
def test_a_written_name_is_read_back(fmt: Format, rank: int) -> None:
    assert parse_scheme_name(scheme_name(fmt, rank)) == (fmt, rank)
    assert parse_scheme_name(str(fmt)) == (fmt, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0x2x2", "format '0x2x2': sizes start at 1"),
        ("3x3", "format '3x3': expected three sizes such as 3x3x2"),
        ("axbxc", "format 'axbxc': expected three sizes"),
        ("3x3x3x3", "expected three sizes"),
        ("-1x2x2", "expected three sizes"),
        ("2x2x", "expected three sizes"),
        ("2 x 2 x 2", "expected three sizes"),
        ("2.0x2x2", "expected three sizes"),
        ("", "format '': expected three sizes"),
        ("1234567890x1x1", "expected three sizes"),
        ("٢x2x2", "expected three sizes"),
    ],
)
def test_nonsense_formats(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Format.parse(text)


@pytest.mark.parametrize("size", [0, -1, 2.0, "2", True, None])
def test_sizes_are_positive_integers(size: Any) -> None:
    with pytest.raises(InputError, match=f"format: size m is {size!r}, expected an integer >= 1"):
        Format(2, size, 2)


@pytest.mark.parametrize("tail", ["0", "-1", "x", "7.0", "7:8", "1" * 13, " 7", "٧"])
def test_nonsense_ranks(tail: str) -> None:
    with pytest.raises(InputError, match=r"rank .*, expected an integer >= 1"):
        parse_scheme_name(f"2x2x2:{tail}")


def test_a_missing_rank_after_the_colon() -> None:
    with pytest.raises(InputError, match="rank ''"):
        parse_scheme_name("2x2x2:")


def test_shapes() -> None:
    fmt = Format(2, 3, 4)
    assert fmt.sizes == (2, 3, 4)
    assert fmt.shape == (6, 12, 8)
    assert fmt.matrix_shapes == ((2, 3), (3, 4), (4, 2))
    assert fmt.classical_rank == 24
    assert fmt.flattening_rank == 12


def test_orders() -> None:
    assert [str(fmt) for fmt in Format(3, 3, 2).orders()] == ["2x3x3", "3x2x3", "3x3x2"]
    assert len(Format(4, 2, 3).orders()) == 6
    assert Format(2, 2, 2).orders() == (Format(2, 2, 2),)
    assert Format(4, 2, 3).sorted() == Format(2, 3, 4)


@given(any_format)
def test_all_orders_share_one_sorted_format(fmt: Format) -> None:
    assert {order.sorted() for order in fmt.orders()} == {fmt.sorted()}
    assert fmt in fmt.orders()
