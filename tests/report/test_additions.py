"""Additions of stored schemes beside the published ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import results_db
from mmdiscover.core import metrics
from mmdiscover.core.format import Format
from mmdiscover.core.records import fewest_known_additions, fewest_known_shared_additions
from mmdiscover.core.ring import Ring
from mmdiscover.core.symmetry import cyclic_shift
from mmdiscover.export import shared_additions
from mmdiscover.report.additions import AdditionsRow, additions_table
from mmdiscover.report.ranks import Mark
from mmdiscover.verify import verify
from results_db import repository
from tests.export.samples import modulo_2, rational, rectangular
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mmdiscover.core.scheme import Scheme
    from results_db import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with results_db.open_database(str(tmp_path / "results.db")) as database:
        yield database


def store(db: Database, *schemes: Scheme) -> None:
    for scheme in schemes:
        verified = verify(scheme).verified
        assert verified is not None
        repository.store_scheme(db, verified, source_kind="import")


def test_a_row_for_each_format_in_its_sorted_order(db: Database) -> None:
    # Stored as 2x4x2, where it has 4 additions more than as 2x2x4.
    shifted = cyclic_shift(rectangular())
    store(db, strassen(), classical(Format(2, 2, 2)), winograd(), laderman(), shifted, rational(), modulo_2())
    assert list(additions_table(db, shared_additions, most=10)) == [
        AdditionsRow("2x2x2:7", Ring.ZT, 2, 18, 15, 3, 18, 15, Mark.EQUALS),
        AdditionsRow("2x2x4:14", Ring.ZT, 1, 36, 31, 5, 36, 31, Mark.EQUALS),
        AdditionsRow("3x3x3:23", Ring.ZT, 1, 98, 62, 4, 84, 58, Mark.WORSE),
    ]
    assert metrics.additions(shifted) == 40
    (first, *_) = additions_table(db, lambda _: 14, most=1)
    assert (first.schemes, first.reduced, first.mark) == (1, 14, Mark.BETTER)


def test_other_coefficients_count_where_no_ternary_scheme_has_the_rank(db: Database) -> None:
    store(db, classical(Format(2, 2, 2)), rational(), modulo_2())
    (row,) = additions_table(db, shared_additions, most=10)
    assert (row.scheme, row.ring, row.schemes, row.example) == ("2x2x2:7", Ring.Q, 1, 2)


def test_formats_and_ranks_without_published_counts(db: Database) -> None:
    store(db, classical(Format(1, 1, 2)), classical(Format(2, 2, 2)))
    rows = list(additions_table(db, shared_additions, most=10))
    assert [(row.as_json()["scheme"], row.known_reduced, str(row.mark)) for row in rows] == [
        ("1x1x2:2", None, "unlisted"),
        ("2x2x2:8", None, "unlisted"),
    ]


def test_published_counts() -> None:
    fmt = Format(5, 2, 4)
    assert (fewest_known_additions(fmt, 33), fewest_known_shared_additions(fmt, 33)) == (184, 112)
    assert fewest_known_shared_additions(fmt, 32) is None
