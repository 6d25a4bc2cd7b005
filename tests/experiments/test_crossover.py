"""The experiment on crossovers writes its whole report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.crossover.run import main

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
threads = 1
float64 = [16, 24]
float32 = [16]
repeats = 1
plans = ["2x2x2:7", "2x2x2:7,2x2x2:7", "auto"]
[random]
seed = 1
count = 3
least = 4
most = 20
seconds = 0.0
"""


def test_the_whole_experiment(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS)
    main(tmp_path / "report.md", settings)
    report = (tmp_path / "report.md").read_text()
    for part in ("| 24 | auto: matmul |", "## float32", "report_float64.png", "Least ratio", "Made by"):
        assert part in report
    assert (tmp_path / "report_float32.png").exists()
