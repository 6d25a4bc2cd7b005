"""`mmdiscover report walks`: numbers, and a picture in a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mmdiscover.core.format import Format
from results_db import open_database, repository
from tests.results_db.samples import trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine


@pytest.fixture
def walked(folder: Path) -> Path:
    """The default database, with a campaign of two walks."""
    path = folder / "mmdiscover.db"
    with open_database(str(path)) as db:
        campaign = repository.create_campaign(db, name="small", kind="campaign", seed=1, settings={})
        target = repository.add_target(db, campaign, 0, Format(2, 2, 2), 7, {})
        for index, ring in enumerate(("Z2", "ZT")):
            settings = {"walk": {"ring": ring, "cyclic": False}, "begin": "fresh"}
            trace = ((0, 8), (500, 7)) if ring == "ZT" else ((0, 8),)
            record = trial(index, settings=settings, iterations=1000, trace=trace, status="exhausted")
            repository.record_trial(db, target, record)
    return path


@pytest.mark.usefixtures("walked")
def test_a_line_per_target(cli: CommandLine) -> None:
    lines = cli("report", "walks", "small").out.splitlines()
    assert lines[0].split("  ")[0] == "target"
    assert [line.split() for line in lines[1:]] == [["2x2x2:7", "2", "2,000", "7", "500", "ZT", "7"]]
    document = cli("report", "walks", "1", "2x2x2", "--json").document
    assert document["campaign"] == "small"
    (target,) = document["targets"]
    assert (target["scheme"], target["best_rank"], target["flips"]) == ("2x2x2:7", 7, 2000)
    assert target["known"] == {"Z2": 7, "ZT": 7}
    assert [walk["trace"] for walk in target["walks"]] == [[[0, 8]], [[0, 8], [500, 7]]]


def test_the_picture_is_written(walked: Path, cli: CommandLine) -> None:
    picture = walked.with_name("walks.PNG")
    result = cli("report", "walks", "small", "-o", picture)
    assert (result.code, result.err) == (0, f"wrote {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    cli("report", "walks", "small", "-o", picture).assert_refused("exists")


def test_what_cannot_be_drawn_is_refused(walked: Path, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("report", "walks", "small", "-o", "walks.txt").assert_refused("walks.txt", ".png, .svg, .pdf")
    cli("report", "walks", "large").assert_refused("'large' is not in database")
    cli("report", "walks", "small", "3x3x3").assert_refused("no walks for 3x3x3")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    cli("report", "walks", "small", "-o", "walks.png").assert_refused("matplotlib", "mmdiscover[plot]")
    assert not walked.with_name("walks.png").exists()
