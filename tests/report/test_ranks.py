"""Stored ranks beside known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import results_db
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.report.ranks import Mark, RankRow, compare_ranks, rank_table
from mmdiscover.verify import verify
from results_db import repository
from results_db.queries import BestRank
from tests.schemes import classical, laderman, strassen

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("rank", "mark"), [(22, Mark.BETTER), (23, Mark.EQUALS), (24, Mark.WORSE)])
def test_marks(rank: int, mark: Mark) -> None:
    assert compare_ranks([BestRank("3x3x3", Ring.ZT, rank, 1)]) == (RankRow("3x3x3", Ring.ZT, rank, 23, mark),)


def test_formats_without_a_known_rank() -> None:
    (row,) = compare_ranks([BestRank("2x2x17", Ring.ZT, 60, 1)])
    assert row.as_json() == {"format": "2x2x17", "ring": "ZT", "rank": 60, "known": None, "mark": "unlisted"}


def test_schemes_count_for_every_ring_they_are_valid_over() -> None:
    stored = [
        BestRank("2x4x5", Ring.ZT, 33, 5),
        BestRank("2x4x5", Ring.Q, 34, 1),
        BestRank("2x4x5", Ring.C, 32, 1),
        BestRank("2x4x5", Ring.Z2, 40, 1),
        BestRank("4x4x4", Ring.Q, 48, 1),
        BestRank("4x4x4", Ring.Z2, 49, 1),
    ]
    assert [(row.format, row.ring, row.rank, row.known, row.mark) for row in compare_ranks(stored)] == [
        ("2x4x5", Ring.ZT, 33, 33, Mark.EQUALS),
        ("2x4x5", Ring.Q, 33, 32, Mark.WORSE),
        ("2x4x5", Ring.C, 32, 32, Mark.EQUALS),
        ("2x4x5", Ring.Z2, 33, 33, Mark.EQUALS),
        ("4x4x4", Ring.Q, 48, 48, Mark.EQUALS),
        ("4x4x4", Ring.Z2, 49, 47, Mark.WORSE),
    ]


def test_the_table_of_a_database(tmp_path: Path) -> None:
    with results_db.open_database(str(tmp_path / "results.db")) as db:
        assert rank_table(db) == ()
        for scheme in (laderman(), classical(Format(2, 2, 2)), strassen(), classical(Format(3, 2, 2))):
            verified = verify(scheme).verified
            assert verified is not None
            repository.store_scheme(db, verified, source_kind="import")
        assert rank_table(db) == (
            RankRow("2x2x2", Ring.ZT, 7, 7, Mark.EQUALS),
            RankRow("2x2x3", Ring.ZT, 12, 11, Mark.WORSE),
            RankRow("3x3x3", Ring.ZT, 23, 23, Mark.EQUALS),
        )
