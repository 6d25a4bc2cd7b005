"""The table of ranks and border ranks."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from experiments.curves import Trend
from experiments.rank_table.run import (
    BorderSearch,
    ExactSearch,
    FormatResult,
    border_rows,
    known_border_rank,
    main,
    search_format,
    search_rank,
    summary_row,
)
from experiments.work import Journal, Work
from mmdiscover.core.format import Format

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
seed = 1
exact = { bound_per_product = 7.0, start_scale = 0.5, max_iterations = 300, batch = 4, fits = 3 }
shrink = { fits = 1, factor = 0.9, max_iterations = 50 }
[border]
first_per_product = 15
most = 2000.0
per_decade = 6
start_scale = 0.5
batch = 6
keep = 2
screen = { max_iterations = 300, stall_window = 50, stall_decrease = 0.01 }
sweep = { max_iterations = 300, stall_window = 50, stall_decrease = 0.005, initial_damping = 1e-3 }
[[format]]
name = "2x2x2"
from = 8
starts = 10
border_starts = 12
[[format]]
name = "2x2x3"
from = 11
starts = 10
border_starts = 12
"""

FALLS, LEVELS, UNDECIDED = Trend(0.01, -1.0, -1.0), Trend(1.0, -0.01, 0.0), Trend(0.9, -0.2, -0.2)
EXACT = (
    ExactSearch(12, 20, 20, 1.0, 55.0),
    ExactSearch(11, 40, 10, 2.0, 50.06),
    ExactSearch(10, 200, 0, 3.0, float("inf")),
)


def test_a_line_of_the_table() -> None:
    result = FormatResult(Format(2, 2, 3), EXACT, (BorderSearch(10, 50, FALLS), BorderSearch(9, 100, LEVELS)))
    assert [str(value) for value in summary_row(result)] == [
        "2x2x3", "11", "11", "10 / 40", "0.200", "50.1", "10: 200", "10", "10", "9: 1.00",
    ]  # fmt: skip
    assert border_rows(result)[0] == ["2x2x3:10", 50, "0.01", "-1.00", "-1.00", "falls towards zero"]


@pytest.mark.parametrize(
    ("courses", "rank"), [([LEVELS], 11), ([UNDECIDED], 11), ([FALLS, LEVELS], 10), ([FALLS, FALLS, LEVELS], 9)]
)
def test_the_border_rank_is_the_smallest_whose_curve_falls(courses: list[Trend], rank: int) -> None:
    border = [BorderSearch(10 - place, 50, course) for place, course in enumerate(courses)]
    assert FormatResult(Format(2, 2, 3), EXACT, border).border_rank == rank


def test_nothing_is_said_where_nothing_was_searched() -> None:
    assert FormatResult(Format(2, 2, 3), EXACT, ()).border_rank is None
    assert [str(value) for value in summary_row(FormatResult(Format(2, 4, 5), EXACT[2:], ()))] == [
        "2x4x5", "–", "32", "–", "–", "–", "10: 200", "–", "–", "–",
    ]  # fmt: skip


def test_published_border_ranks() -> None:
    assert known_border_rank(Format(3, 3, 2)) == 14
    assert known_border_rank(Format(2, 2, 2)) is None


def test_a_search_ends_after_the_batch_with_the_last_fit_wanted(tmp_path: Path) -> None:
    search = search_rank(Work(Journal(tmp_path / "journal")), Format(2, 2, 3), 11, 40, tomllib.loads(SETTINGS))
    assert 3 <= search.fits <= 6
    assert search.starts % 4 == 0
    assert search.squared_norm < 7 * 11


def test_ranks_and_border_ranks_are_found(tmp_path: Path) -> None:
    settings = tomllib.loads(SETTINGS)
    work = Work(Journal(tmp_path / "journal"))
    found = [search_format(work, target, settings) for target in settings["format"]]
    assert [[search.rank for search in result.exact] for result in found] == [[8, 7, 6], [11, 10]]
    assert [[search.rank for search in result.border] for result in found] == [[6], [10, 9]]
    assert [result.border_rank for result in found] == [7, 10]
    # The first batch with a curve that falls is the last; where none falls, all starts are made.
    assert [[search.starts for search in result.border] for result in found] == [[12], [6, 12]]


def test_the_whole_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, report = tmp_path / "settings.toml", tmp_path / "reports" / "table.md"
    settings.write_text(SETTINGS)
    arguments = [str(report), "--settings", str(settings), "--work", str(tmp_path / "work")]
    main(arguments)
    first = report.read_text()
    assert "| 2x2x3:10 | " in first
    assert "python -m experiments.rank_table.run" in first
    assert capsys.readouterr().err != ""
    main(arguments)
    assert report.read_text() == first
    assert capsys.readouterr().err == ""
