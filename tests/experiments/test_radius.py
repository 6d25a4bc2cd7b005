"""Success rates, costs and rules for c."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from experiments.radius.run import main, rows, rules
from experiments.radius.summary import Cell, Profile, best_rule, cell

if TYPE_CHECKING:
    from pathlib import Path


def profile(scheme: str, best: float, least_norm: float = 50.0) -> Profile:
    """Costs grow with the distance of c from `best`."""
    bounds = np.geomspace(best / 3, best * 3, 21)
    cells = [Cell(float(c), 1000, round(1000 / (1 + 10 * abs(np.log(c / best)))), 10.0) for c in bounds]
    return Profile(scheme, cells, least_norm)


def test_a_cell_sums_up_its_starts() -> None:
    summed = cell(70.0, [{"exact": True, "seconds": 0.5}, {"exact": False, "seconds": 1.0}])
    assert summed == Cell(70.0, 2, 1, 1.5)
    assert (summed.rate, summed.cost) == (0.5, 1.5)
    assert Cell(70.0, 5, 0, 1.0).cost == np.inf


def test_wilson_intervals() -> None:
    # Newcombe (1998), table I: 81 of 263 and 0 of 20.
    assert Cell(1.0, 263, 81, 0.0).rate_interval() == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Cell(1.0, 20, 0, 0.0).rate_interval() == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_costs_are_smoothed_over_neighbours() -> None:
    cells = [Cell(10.0, 100, 50, 100.0), Cell(20.0, 100, 20, 100.0), Cell(30.0, 100, 0, 200.0)]
    smooth = Profile("2x2x2:7", cells, 30.0).smooth_costs
    assert smooth[0] == pytest.approx((2 * 1 + 1) / (2 * 0.5 + 0.2))
    assert smooth[1] == pytest.approx((1 + 2 * 1 + 2) / (0.5 + 2 * 0.2 + 0.005))
    assert smooth[2] == pytest.approx((1 + 2 * 2) / (0.2 + 2 * 0.005))


def test_the_best_and_the_good_range() -> None:
    one = profile("2x2x3:11", 66.0)
    assert one.best.bound == pytest.approx(66.0)
    low, high = one.good(2.0)
    assert low < 66.0 < high
    assert one.cost_at(low) <= 2 * min(one.smooth_costs) < one.cost_at(low * 0.85)
    assert one.cost_at(high) <= 2 * min(one.smooth_costs) < one.cost_at(high * 1.17)
    assert one.cost_at(1.0) == one.cost_at(1e4) == np.inf


def test_a_rule_that_fits_is_found() -> None:
    profiles = [profile("2x2x3:11", 66.0), profile("3x3x3:23", 138.0), profile("2x4x4:26", 156.0)]
    rule = best_rule("c = a·r", lambda one: one.rank, profiles)
    assert rule is not None
    assert rule.factor == pytest.approx(6.0, rel=0.02)
    assert rule.worst_loss < 1.05
    other = best_rule("c = a·nmp", lambda one: one.ones, profiles)
    assert other is not None
    assert rule.mean_loss < other.mean_loss <= other.worst_loss
    assert best_rule("c = a", lambda _: 1.0, [profile("2x2x3:11", 10.0), profile("3x3x3:23", 1000.0)]) is None
    assert rules(profiles)[0].name == "c = a·r"


def test_a_line_of_the_table() -> None:
    (line,) = rows([profile("2x2x3:11", 66.0, least_norm=55.0)])
    assert [line[0], line[1], line[5], line[6]] == ["2x2x3:11", "6.0", "5.00", "1.20"]


def test_the_whole_experiment(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        "seed = 1\nstart_scale = 0.5\nmax_iterations = 200\nper_product = [5.0, 7.0, 9.0]\n"
        "shrink = { fits = 1, per_product = 7.0, factor = 0.9, max_iterations = 50 }\n"
        '[[target]]\nscheme = "2x2x2:7"\nstarts = 6\n[[target]]\nscheme = "2x2x3:11"\nstarts = 4\n'
    )
    report = tmp_path / "reports" / "radius.md"
    main([str(report), "--settings", str(settings), "--work", str(tmp_path / "work")])
    text = report.read_text()
    assert "| 2x2x3:11 | " in text
    assert "python -m experiments.radius.run" in text
    for name in ("radius_profiles.png", "radius_good.png"):
        assert f"({name})" in text
        assert (report.parent / name).read_bytes().startswith(b"\x89PNG")
