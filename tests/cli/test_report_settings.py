"""What was learnt about settings, as a table and as JSON."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from mmdiscover.core.format import Format
from mmdiscover.search import Sandwich, SearchSettings, Transposition
from results_db import open_database, repository
from tests.results_db.samples import target, trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine

SLOW = SearchSettings(bound=151.8)
FAST = SearchSettings(bound=140.3, symmetry=Transposition(5, 1))
VAIN = SearchSettings(bound=400.2, start_scale=0.1, max_iterations=20_000, symmetry=Sandwich((None, 1, None)))
TRIALS = [
    # Format, rank, settings, statuses, seconds of each start
    (Format(3, 3, 3), 23, asdict(SLOW), ["exact", "exact", "plateau", "stalled"], 1.5),
    (Format(3, 3, 3), 23, asdict(FAST), ["stalled"] * 39 + ["exact"], 0.05),
    (Format(3, 3, 3), 23, asdict(VAIN), ["plateau"], 2.0),
    (Format(3, 3, 3), 23, {"path": "other"}, ["exact"], 0.0),
    (Format(3, 3, 3), 22, asdict(SLOW), ["plateau"], 2.0),
    (Format(3, 2, 2), 11, {"bound": 66.0}, ["exact"], 0.25),
]


@pytest.fixture
def learnt(folder: Path) -> Path:
    path = folder / "mmdiscover.db"
    with open_database(str(path)) as db:
        for fmt, rank, settings, statuses, seconds in TRIALS:
            target_id = target(db, fmt, rank)
            for index, status in enumerate(statuses):
                record = trial(index, settings=settings, status=status, search_seconds=seconds)
                repository.record_trial(db, target_id, record)
    return path


@pytest.mark.usefixtures("learnt")
class TestSettings:
    def test_json(self, cli: CommandLine) -> None:
        result = cli("report", "settings", "--json")
        assert (result.code, result.err) == (0, "")
        rows = result.document
        # Schemes in their order, and first the settings that bring the most fits per second.
        assert [(row["scheme"], row["symmetry"], row["starts"], row["fits"]) for row in rows] == [
            ("2x2x3:11", "none", 1, 1),
            ("3x3x3:22", "none", 1, 0),
            ("3x3x3:23", "diagonal-1:5", 40, 1),
            ("3x3x3:23", "none", 4, 2),
            ("3x3x3:23", "sandwich:a,1,a", 1, 0),
            ("3x3x3:23", None, 1, 1),
        ]
        assert rows[3] == {
            "scheme": "3x3x3:23",
            "format": "3x3x3",
            "rank": 23,
            "method": "numeric",
            "settings": asdict(SLOW),
            "bound": 151.8,
            "bound_per_product": pytest.approx(6.6),
            "symmetry": "none",
            "starts": 4,
            "fits": 2,
            "share": 0.5,
            "iterations": 4 * 37,
            "seconds": 6.0,
            "seconds_per_fit": 3.0,
            "fits_per_second": pytest.approx(1 / 3),
        }
        assert rows[2]["fits_per_second"] == pytest.approx(0.5)
        assert (rows[4]["seconds_per_fit"], rows[4]["fits_per_second"]) == (None, 0.0)
        # Settings of another version are shown as they are, and a time that nobody measured tells nothing.
        unknown = rows[5]
        assert unknown["settings"] == {"path": "other"}
        assert (unknown["bound"], unknown["bound_per_product"], unknown["symmetry"]) == (None, None, None)
        assert (unknown["seconds_per_fit"], unknown["fits_per_second"]) == (None, None)

    def test_table(self, cli: CommandLine) -> None:
        lines = cli("report", "settings", "3x3x3:23").out.splitlines()
        assert [line.split() for line in lines] == [
            ["scheme", "c", "c/r", "symmetry", "starts", "fits", "share", "s/fit", "scale,", "limit"],
            ["3x3x3:23", "140.3", "6.10", "diagonal-1:5", "40", "1", "2.5%", "2"],
            ["3x3x3:23", "151.8", "6.60", "none", "4", "2", "50%", "3"],
            ["3x3x3:23", "400.2", "17.40", "sandwich:a,1,a", "1", "0", "0%", "–", "0.1,", "20,000"],
            ["3x3x3:23", "–", "–", "–", "1", "1", "100%", "–", "unknown", "settings"],
        ]

    def test_a_line_has_80_columns(self, cli: CommandLine, learnt: Path) -> None:
        # As large as it gets: a number of products with three digits, and millions of starts.
        with open_database(str(learnt)) as db:
            settings = asdict(SearchSettings(bound=1234.5, symmetry=Transposition(100, 10)))
            repository.record_trial(db, target(db, Format(7, 7, 7), 249), trial(0, settings=settings))
        with closing(sqlite3.connect(learnt)) as connection, connection:
            connection.execute("UPDATE experience SET starts = 1234567, fits = 12345, seconds = 9e8 WHERE rank = 249")
        lines = cli("report", "settings", "7x7x7").out.splitlines()
        assert len(lines) == 2
        assert "1,234,567" in lines[1]
        assert "limit" not in lines[0]
        assert 60 < max(map(len, lines)) <= 80

    @pytest.mark.parametrize(
        ("scheme", "shown"),
        [
            ((), ["2x2x3:11", "3x3x3:22", "3x3x3:23", "3x3x3:23", "3x3x3:23", "3x3x3:23"]),
            (("3x3x3",), ["3x3x3:22", "3x3x3:23", "3x3x3:23", "3x3x3:23", "3x3x3:23"]),
            (("3x3x3:22",), ["3x3x3:22"]),
            (("2x3x2",), ["2x2x3:11"]),
            (("2x3x2:11",), ["2x2x3:11"]),
            (("2x3x2:12",), []),
            (("4x4x4",), []),
        ],
    )
    def test_a_format_or_scheme(self, cli: CommandLine, scheme: tuple[str, ...], shown: list[str]) -> None:
        assert [row["scheme"] for row in cli("report", "settings", *scheme, "--json").document] == shown
        result = cli("report", "settings", *scheme)
        assert [line.split()[0] for line in result.out.splitlines()[1:]] == shown
        assert result.err == ("" if shown else "nothing has been learnt about it yet\n")


def test_what_discover_learns_is_shown(cli: CommandLine) -> None:
    assert cli("discover", "2x2x2:7", "--seed", "1", "--starts", "5", "--method", "numeric").code == 0
    rows = cli("report", "settings", "--json").document
    assert {row["scheme"] for row in rows} == {"2x2x2:7"}
    assert sum(row["fits"] for row in rows) >= 1
    assert {row["method"] for row in rows} == {"numeric"}
    assert all(row["bound_per_product"] == pytest.approx(row["bound"] / 7) for row in rows)


def test_walks_are_shown(cli: CommandLine) -> None:
    assert cli("discover", "2x2x3:11", "--seed", "1", "--starts", "5", "--method", "discrete").code == 0
    rows = cli("report", "settings", "--json").document
    assert {(row["method"], row["bound"], row["symmetry"]) for row in rows} == {("discrete", None, None)}
    assert "walk over" in cli("report", "settings").out
