"""The table of known ranks."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from mmdiscover.core.format import Format
from mmdiscover.core.records import VALID_OVER, best_known_rank, fewest_known_additions
from mmdiscover.core.ring import Ring


@pytest.mark.parametrize(
    ("name", "ring", "expected"),
    [
        ("2x2x2", None, 7),
        ("3x3x3", None, 23),
        ("3x3x2", None, 15),
        ("3x2x3", Ring.ZT, 15),
        ("4x4x4", None, 48),
        ("4x4x4", Ring.Q, 48),
        ("4x4x4", Ring.C, 48),  # what holds over Q holds over C
        ("4x4x4", Ring.Z, 49),
        ("4x4x4", Ring.ZT, 49),
        ("4x4x4", Ring.Z2, 47),
        ("5x4x2", None, 32),
        ("5x4x2", Ring.ZT, 33),
        ("2x4x5", Ring.Z2, 33),  # an integer scheme, read modulo 2
        ("5x5x5", None, 93),
        ("1x1x1", None, 1),
        ("1x5x7", Ring.Z2, 35),
        ("5x1x7", None, 35),
        ("2x2x17", None, None),
        ("40x41x42", Ring.Z2, None),
    ],
)
def test_known_ranks(name: str, ring: Ring | None, expected: int | None) -> None:
    assert best_known_rank(Format.parse(name), ring) == expected


def test_the_table_is_complete_and_consistent() -> None:
    for sizes in combinations_with_replacement(range(2, 17), 3):
        fmt = Format(*sizes)
        ranks = {ring: best_known_rank(fmt, ring) for ring in Ring}
        # An order of the format is the same format; no rank lies outside the two bounds.
        assert {best_known_rank(order) for order in fmt.orders()} == {ranks[Ring.Q]}
        for ring, rank in ranks.items():
            assert rank is not None
            assert fmt.flattening_rank <= rank <= fmt.classical_rank
            assert all(rank <= (ranks[part] or 0) for part in VALID_OVER[ring])


@pytest.mark.parametrize(
    ("name", "rank", "expected"),
    [("2x2x2", 7, 18), ("3x2x3", 15, 58), ("3x3x3", 23, 84), ("3x3x3", 24, None), ("2x2x17", 50, None)],
)
def test_known_additions(name: str, rank: int, expected: int | None) -> None:
    assert fewest_known_additions(Format.parse(name), rank) == expected
