"""Ranks of walks against their flips: what a campaign has stored is what is told and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.campaign.campaign import run_campaign
from mmdiscover.campaign.spec import parse_campaign
from mmdiscover.campaign.stored import open_campaign
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.errors import DatabaseError, InputError
from mmdiscover.report import walks as report
from mmdiscover.report.walks import TargetWalks, picture, walks_of_targets
from results_db import open_database, queries
from results_db.queries import WalkRow
from tests.campaign.test_campaign import Log, Threads

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

CAMPAIGN = """
name = "7"
seed = 3
[[target]]
scheme = "2x2x2:7"
starts = 3
method = "discrete"
[[target]]
scheme = "2x2x3:11"
starts = 2
method = "discrete"
[[target]]
scheme = "1x1x2:2"
starts = 1
method = "numeric"
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a real campaign."""
    file = tmp_path_factory.mktemp("walks") / "walks.db"
    with open_database(str(file)) as db:
        run_campaign(db, open_campaign(db, parse_campaign(CAMPAIGN))[0], Log(), Threads(1))
    return file


def row(trial: int, ring: Ring, *trace: tuple[int, int], flips: int = 1000, cyclic: bool = False) -> WalkRow:
    return WalkRow(0, Format(2, 2, 2), 7, trial, ring, cyclic, "exhausted", flips, trace)


def drawn(target: TargetWalks) -> tuple[Axes, dict[str, Any]]:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    return axes, report._panel(axes, target)


def points(line: Line2D) -> list[list[float]]:
    found: list[list[float]] = np.asarray(line.get_xydata()).tolist()
    return found


def test_the_walks_of_a_campaign(path: Path) -> None:
    with open_database(str(path)) as db:
        name, (small, larger) = walks_of_targets(db, "7")
        with db.read() as connection:
            stored = connection.exec_driver_sql("SELECT iterations FROM trials ORDER BY target_id, trial_index").all()
        assert [target.scheme for target in walks_of_targets(db, "1", "2x2x3")[1]] == ["2x2x3:11"]
        assert walks_of_targets(db, "7", "2x2x3:11")[1] == (larger,)
        for scheme in ("1x1x2", "2x2x3:10"):
            with pytest.raises(InputError, match=f"campaign '7' has no walks for {scheme}"):
                walks_of_targets(db, "7", scheme)
        with pytest.raises(InputError, match="campaign '2' is not in database"):
            walks_of_targets(db, "2")
    assert (name, small.scheme, larger.scheme) == ("7", "2x2x2:7", "2x2x3:11")
    walks = (*small.walks, *larger.walks)
    assert [walk.flips for walk in walks] == [flips for (flips,) in stored[:5]]
    assert small.flips == sum(walk.flips for walk in small.walks)
    for target in (small, larger):
        assert set(target.known.values()) == {target.best.rank}
        for walk in target.walks:
            flips, ranks = zip(*walk.trace, strict=True)
            assert list(flips) == sorted(flips)
            assert list(ranks) == sorted(set(ranks), reverse=True)
            assert flips[-1] <= walk.flips
            assert (walk.rank, walk.status) == (int(target.scheme.partition(":")[2]), "exact")


def test_a_damaged_walk_is_named(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    with open_database(str(copy)) as db:
        with db.write() as connection:
            connection.exec_driver_sql("UPDATE trials SET trace = '[[1]]' WHERE id = 2")
        assert any("trials" in str(found) for found in queries.check_rows(db) if found.reason)
        with pytest.raises(DatabaseError, match="a walk of campaign '7' is damaged"):
            walks_of_targets(db, "7")


def test_the_best_is_of_the_least_rank_and_the_fewest_flips() -> None:
    worse, late = row(0, Ring.ZT, (0, 8)), row(1, Ring.ZT, (0, 8), (50, 7))
    early = row(2, Ring.Z2, (0, 8), (40, 7), flips=2000)
    target = TargetWalks("2x2x2:7", (worse, late, early), {})
    assert target.best is early
    assert target.flips == 4000
    assert target.as_json()["walks"][1] == {  # type: ignore[index]
        "trial": 1,
        "ring": "ZT",
        "cyclic": False,
        "status": "exhausted",
        "flips": 1000,
        "rank": 7,
        "trace": [[0, 8], [50, 7]],
    }


def test_lines_are_the_traces() -> None:
    pair = row(0, Ring.ZT, (0, 9), (30, 8)), row(1, Ring.ZT, (0, 9), (200, 7))
    axes, shown = drawn(TargetWalks("2x2x2:7", pair, {Ring.ZT: 7}))
    one, other, best = [points(line) for line in axes.lines[:3]]
    assert one == [[10, 9], [30, 8], [1000, 8]]
    assert other == best == [[10, 9], [200, 7], [1000, 7]]
    assert axes.lines[2].get_drawstyle() == "steps-post"
    assert (axes.get_xscale(), axes.get_xlim()) == ("log", (10, 1000))
    assert set(shown) == {"walk over ZT", "best walk", "best known rank"}
    assert [text.get_text() for text in axes.texts] == ["7, known over ZT"]
    assert {rank for _, rank in points(axes.lines[-1])} == {7}


def test_kinds_of_walks_are_told_apart() -> None:
    kinds = [(ring, cyclic) for ring in (Ring.Z2, Ring.ZT) for cyclic in (False, True)]
    rows = tuple(row(k, ring, (0, 8), cyclic=cyclic) for k, (ring, cyclic) in enumerate(kinds))
    axes, shown = drawn(TargetWalks("2x2x2:7", rows, {Ring.Z2: 6, Ring.ZT: 7}))
    lines = axes.lines[:4]
    assert len({line.get_color() for line in lines}) == 4
    assert len({points(line)[0][1] for line in lines}) == 4
    assert {"walk over Z2", "cyclic walk over Z2", "walk over ZT", "cyclic walk over ZT"} < set(shown)
    assert [text.get_text() for text in axes.texts] == ["6, known over Z2", "7, known over ZT"]


@pytest.mark.parametrize(("kind", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_picture_is_the_same_every_time(path: Path, kind: str, head: bytes) -> None:
    with open_database(str(path)) as db:
        name, targets = walks_of_targets(db, "7")
    first = picture(name, targets, kind)
    assert first.startswith(head)
    assert picture(name, targets, kind) == first


def test_one_picture_holds_so_many_targets() -> None:
    target = TargetWalks("2x2x2:7", (row(0, Ring.ZT, (0, 8)),), {})
    with pytest.raises(InputError, match="13 targets have walks, expected at most 12"):
        picture("many", [target] * 13)
