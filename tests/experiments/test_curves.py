"""The lowest φ against c, and what its end says."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.curves import Course, Effort, Plan, Screen, Sweep, envelope, grid, trend
from experiments.starts import Shrink, Start
from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format

EFFORT = Effort(max_iterations=200, stall_window=50, stall_decrease=0.01)
PLAN = Plan(grid(20, 1000, 4), seed=3, scale=0.5, screen=EFFORT, sweep=EFFORT)
C = np.array(grid(50, 10000, 8))


@pytest.mark.parametrize(
    ("phi", "course"),
    [
        (3 * (C / 50) ** -3.0, Course.FALLS),
        (7 * (C / 50) ** -0.7, Course.FALLS),
        (1 + 50 / C, Course.LEVELS),
        (0.05 + 0 * C, Course.LEVELS),
        (0.1 + 50 / C, Course.UNDECIDED),
        (40 * (C / 50) ** -0.7, Course.UNDECIDED),
        (np.where(C < 200, 1 / C, 1e-28), Course.EXACT),
        (np.where(C < 200, 1 / C, 0.0), Course.EXACT),
    ],
)
def test_the_criterion(phi: np.ndarray[tuple[int], np.dtype[np.float64]], course: Course) -> None:
    assert trend(C, phi).course is course


def test_slopes_are_those_of_the_last_decade_and_of_its_second_half() -> None:
    half = 10000 / np.sqrt(10)
    ends = trend(C, np.where(half > C, (half / C) ** 0.5, (C / half) ** -1.5))
    assert ends.late_slope == pytest.approx(-1.5, rel=1e-3)
    assert -1.5 < ends.slope < -0.5
    assert ends.last == pytest.approx(10**-0.75, rel=1e-3)
    assert trend(C, np.where(C < 1000, 1.0, (C / 1000) ** -0.7)).slope == pytest.approx(-0.7, rel=1e-3)


def test_a_trend_needs_a_decade() -> None:
    with pytest.raises(ValueError, match="expected at least a decade"):
        trend([100, 300, 900], [1, 1, 1])


def test_grids_end_where_they_should() -> None:
    assert grid(10, 1000, 2) == (10.0, 31.62, 100.0, 316.2, 1000.0)


def test_an_envelope_takes_the_lowest_and_never_rises() -> None:
    screen = PLAN.screens("2x2x2:7", range(1), 40)[0]
    up, down = Sweep(screen, (10.0, 20.0, 40.0), EFFORT), Sweep(screen, (20.0, 10.0), EFFORT)
    found = envelope((5.0, 10.0, 20.0, 40.0), [(up, {"phi": [3.0, 1.0, 1.5]}), (down, {"phi": [2.0, 2.5]})])
    assert found.tolist() == [np.inf, 2.5, 1.0, 1.0]


@pytest.mark.parametrize(("most", "slope"), [(1500, -2.7), (1e5, -1.7)])
def test_sweeps_of_the_border_rank_fall_as_far_as_floating_point_goes(most: float, slope: float) -> None:
    # φ ~ c⁻³; started at the last fit instead of ahead of it, sweeps end with slope -0.8 at c = 10⁵.
    plan = Plan(grid(150, most, 6), 3, 0.5, EFFORT, Effort(150, 50, 0.005, 1e-8))
    sweeps = [plan.upward(screen) for screen in plan.screens("2x2x3:10", range(8), 150)]
    assert sweeps[0].bounds == plan.bounds
    ends = trend(plan.bounds, envelope(plan.bounds, [(sweep, sweep.run()) for sweep in sweeps]))
    assert ends.course is Course.FALLS
    assert -3.3 < ends.slope < slope


def test_downward_sweeps_start_at_the_screen() -> None:
    screen = PLAN.screens("2x2x2:7", range(1), 100)[0]
    sweep = PLAN.downward(screen)
    assert sweep.bounds == tuple(sorted((c for c in PLAN.bounds if c <= screen.bound), reverse=True))
    phi = sweep.run()["phi"]
    assert phi[0] < 1e-20
    assert phi[-1] > 1e-3


def test_an_exact_fit_is_kept_in_larger_balls() -> None:
    screen = PLAN.screens("2x2x2:7", range(1), 100)[0]
    phi = PLAN.upward(screen).run()["phi"]
    assert len(set(phi)) == 1
    assert phi[0] < 1e-20


def test_cyclic_starts_and_their_fits_are_cyclic() -> None:
    screen = Screen("2x2x2:8", seed=1, index=0, cyclic=True, scale=0.5, bound=60.0, effort=Effort(5, 0, 0))
    for u, v, w in (screen.start(), screen.point()[0]):
        assert u.shape == (4, 8)
        shifted = np.concatenate([np.arange(2, 4), np.arange(4, 6), np.arange(2), np.arange(6, 8)])
        np.testing.assert_allclose(u[:, shifted], v[:, :], rtol=1e-8)
        np.testing.assert_allclose(v[:, shifted], w[:, :], rtol=1e-8)
        np.testing.assert_allclose(w[:, shifted], u[:, :], rtol=1e-8)


def test_cyclic_starts_are_for_cubes_only() -> None:
    assert [screen.cyclic for screen in PLAN.screens("3x3x3:20", range(4), 100)] == [False, True, False, True]
    assert not any(screen.cyclic for screen in PLAN.screens("3x3x2:14", range(4), 100))


def test_starts_are_distinct_and_repeatable() -> None:
    first, second = PLAN.screens("2x2x3:10", range(2), 100)
    assert first.run() == first.run()
    assert first.run() != second.run()


def test_shrinking_keeps_the_fit_exact_and_makes_it_smaller() -> None:
    start = Start("2x2x2:7", seed=1, index=0, bound=60.0, start_scale=0.5, max_iterations=300)
    assert start.run()["exact"]
    norm = Shrink(start, 0.95, 100).run()["squared_norm"]
    assert norm < start.run()["squared_norm"]
    # Strassen's scheme has 12 factors of one entry, 9 of two entries (balanced: ‖θ‖² ≥ 3(nmp)^⅔ = 12).
    assert 12 <= norm < 40


def test_screens_reach_phi_of_their_point() -> None:
    screen = PLAN.screens("2x2x3:11", range(1), 100)[0]
    factors, phi = screen.point()
    assert Factors(Format(2, 2, 3), *factors).residual() == pytest.approx(phi, abs=1e-12)
