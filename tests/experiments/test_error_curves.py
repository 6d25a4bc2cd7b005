"""Figures of φ against c."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from experiments.charts import spread
from experiments.curves import grid
from experiments.error_curves.run import Curve, draw, main, rows
from mmdiscover.core.format import Format

if TYPE_CHECKING:
    from pathlib import Path

C = grid(50, 10000, 8)


def curves() -> list[Curve]:
    c = np.array(C)
    exact = np.where(c > 130, 1e-28, 20 / c)
    return [Curve(9, 30, C, 1 + 50 / c), Curve(10, 30, C, (c / 50) ** -2.0), Curve(11, 30, C, exact)]


def test_the_lines_of_a_table() -> None:
    levels, falls, exact = rows(curves())
    assert [str(value) for value in levels[-3:]] == ["–", "-0.01", "levels off"]
    assert [str(value) for value in falls[-3:]] == ["–", "-2.00", "falls towards zero"]
    assert [str(value) for value in exact[-3:]] == [f"{next(c for c in C if c > 130):.0f}", "–", "exact"]
    assert exact[3:7] == ["0"] * 4
    assert float(str(falls[6])) == pytest.approx(2.5e-5)


def test_every_curve_is_labelled() -> None:
    [panel] = draw(Format(2, 2, 3), curves()).axes
    assert [text.get_text().partition(" from")[0] for text in panel.texts] == [
        "r = 9: levels off",
        "r = 10: falls towards zero",
        "r = 11: exact",
    ]


def test_labels_keep_their_distance_and_their_order() -> None:
    placed = spread([0.0, 0.1, -5.0, 0.05], 1.0)
    assert placed == pytest.approx([-0.95, 1.05, -5.0, 0.05])
    assert spread([0.0, 3.0], 1.0) == [0.0, 3.0]
    assert spread([], 1.0) == []


def test_the_whole_experiment(tmp_path: Path) -> None:
    settings, report = tmp_path / "settings.toml", tmp_path / "reports" / "curves.md"
    settings.write_text(
        "seed = 1\nper_decade = 4\nstart_scale = 0.5\nfirst_per_product = [5.0, 15.0]\nkeep = 2\n"
        "screen = { max_iterations = 200, stall_window = 50, stall_decrease = 0.01 }\n"
        "sweep = { max_iterations = 200, stall_window = 50, stall_decrease = 0.01, initial_damping = 1e-3 }\n"
        '[[format]]\nname = "2x2x3"\nleast = 30.0\nmost = 3000.0\nranks = [9, 10, 11]\nstarts = [8, 12]\n'
    )
    main([str(report), "--settings", str(settings), "--work", str(tmp_path / "work")])
    text = report.read_text()
    verdicts = [
        line.split("|")[-2].strip() for line in text.splitlines() if line.startswith(("| 9 |", "| 10 |", "| 11 |"))
    ]
    assert verdicts == ["levels off", "falls towards zero", "exact"]
    assert "(curves_2x2x3.png)" in text
    assert (report.parent / "curves_2x2x3.png").read_bytes().startswith(b"\x89PNG")
