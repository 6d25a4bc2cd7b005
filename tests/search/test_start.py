"""One start: what it finds, how it ends, and that only the seed decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format, parse_scheme_name
from mmdiscover.core.symmetry import rescale
from mmdiscover.decompositions import CPFit, Ending
from mmdiscover.errors import InputError
from mmdiscover.search import (
    EXACT_RESIDUAL,
    Fit,
    FitStatus,
    SearchSettings,
    Transposition,
    complete_settings,
    run_from,
    run_start,
    start,
)
from tests.schemes import strassen

SETTINGS = SearchSettings()


def run(name: str, seed: int, settings: SearchSettings = SETTINGS) -> Fit:
    fmt, rank = parse_scheme_name(name)
    assert rank is not None
    return run_start(fmt, rank, settings, np.random.SeedSequence(seed))


def test_the_same_seed_gives_the_same_fit_bit_for_bit() -> None:
    seed = np.random.SeedSequence(3)
    first, second = (run_start(Format(2, 2, 3), 11, SETTINGS, seed) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(first.factors.arrays, second.factors.arrays, strict=True))
    assert replace(first, factors=second.factors) == second


def test_another_seed_gives_another_fit() -> None:
    first, second = (run("2x2x3:11", seed) for seed in range(2))
    assert not np.allclose(first.factors.u, second.factors.u)


def test_the_global_random_state_is_left_alone() -> None:
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    run("2x2x2:7", 0)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert np.array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


def test_random_starts_have_the_scale_asked_for() -> None:
    fmt = Format(4, 5, 6)
    u, v, w = start.random_start(fmt.shape, 50, 0.3, np.random.default_rng(0))
    assert (u.shape, v.shape, w.shape) == ((20, 50), (30, 50), (24, 50))
    for factor in (u, v, w):
        assert np.std(factor) == pytest.approx(0.3, rel=0.1)
        assert abs(np.mean(factor)) < 0.05
    assert not np.array_equal(u, v[:20])


def test_the_settings_reach_the_start() -> None:
    # One iteration from a tiny start on a tight budget differs from one from a large start.
    ends = [run("2x2x2:7", 0, SearchSettings(start_scale=scale, max_iterations=1)) for scale in (0.01, 0.5)]
    assert ends[0].squared_norm < 1 < ends[1].squared_norm
    assert [end.iterations for end in ends] == [1, 1]
    assert [end.settings.start_scale for end in ends] == [0.01, 0.5]


@pytest.mark.parametrize(
    ("name", "least"), [("1x1x1:1", 9), ("1x2x2:4", 8), ("2x2x2:7", 6), ("2x2x3:11", 6), ("3x1x2:6", 8)]
)
def test_most_starts_find_an_exact_fit(name: str, least: int) -> None:
    fits = [run(name, seed) for seed in range(10)]
    exact = [fit for fit in fits if fit.exact]
    assert len(exact) >= least
    for fit in exact:
        assert fit.status is FitStatus.EXACT
        assert fit.residual <= EXACT_RESIDUAL
        assert fit.factors.residual() <= 2 * EXACT_RESIDUAL


def test_a_fit_says_what_it_is() -> None:
    fmt = Format(2, 3, 2)
    fit = run("2x3x2:11", 4)
    assert (fit.factors.format, fit.factors.rank) == (fmt, 11)
    assert fit.settings == complete_settings(fmt, 11, SETTINGS)
    assert fit.settings.bound is not None
    assert fit.squared_norm == pytest.approx(fit.factors.squared_norm())
    assert fit.squared_norm <= fit.settings.bound * (1 + 1e-12)
    assert fit.residual == pytest.approx(fit.factors.residual(), rel=1e-6, abs=1e-24)


def test_the_bound_is_kept() -> None:
    for seed in range(3):
        fit = run("2x2x2:7", seed, SearchSettings(bound=30.0))
        assert fit.squared_norm <= 30.0 * (1 + 1e-12)


def test_too_few_products_end_on_a_plateau() -> None:
    # The best six products can do in a ball misses one of the eight ones, practically always.
    fits = [run("2x2x2:6", seed) for seed in range(5)]
    plateaus = [fit for fit in fits if fit.status is FitStatus.PLATEAU]
    assert len(plateaus) >= 3
    for fit in plateaus:
        assert fit.residual == pytest.approx(round(fit.residual), abs=1e-3)
        assert not fit.exact
        # They are stopped early, not iterated to the end.
        assert fit.iterations < SETTINGS.max_iterations


def test_border_rank_ends_stalled_on_the_sphere() -> None:
    statuses = Counter(run("2x2x3:10", seed).status for seed in range(5))
    assert statuses[FitStatus.STALLED] >= 2
    assert statuses[FitStatus.EXACT] == 0


def test_the_iteration_limit_is_a_status() -> None:
    fit = run("2x2x2:7", 0, SearchSettings(max_iterations=3))
    assert (fit.status, fit.iterations) == (FitStatus.ITERATION_LIMIT, 3)


@pytest.mark.parametrize(
    ("objective", "reason", "status"),
    [
        (0.0, Ending.CONVERGED, FitStatus.EXACT),
        (1e-20, Ending.STALLED, FitStatus.EXACT),
        (1e-20, Ending.ITERATION_LIMIT, FitStatus.EXACT),
        (2e-20, Ending.STOPPED, FitStatus.STALLED),
        (5e-4, Ending.STOPPED, FitStatus.STALLED),
        (1.0005, Ending.STOPPED, FitStatus.PLATEAU),
        (2.9995, Ending.ITERATION_LIMIT, FitStatus.PLATEAU),
        (1.002, Ending.STOPPED, FitStatus.STALLED),
        (0.5, Ending.STALLED, FitStatus.STALLED),
        (0.5, Ending.ITERATION_LIMIT, FitStatus.ITERATION_LIMIT),
    ],
)
def test_statuses_by_objective_and_reason(objective: float, reason: Ending, status: FitStatus) -> None:
    empty = np.zeros((1, 1))
    assert start._status(CPFit((empty, empty, empty), objective, reason, np.zeros(6))) is status


def test_what_cannot_work_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match="no scheme of 2x2x2 has fewer than 4 products"):
        run("2x2x2:3", 0)
    with pytest.raises(InputError, match="expected at least 12"):
        run("2x2x2:7", 0, SearchSettings(bound=5.0))


# From given factors


def strassen_factors() -> Factors:
    return Factors(Format(2, 2, 2), *(factor.astype(float) for factor in strassen().arrays))


def same(one: Fit, other: Fit) -> bool:
    return replace(one, factors=other.factors) == other and all(
        np.array_equal(x, y) for x, y in zip(one.factors.arrays, other.factors.arrays, strict=True)
    )


@pytest.mark.parametrize("settings", [SETTINGS, SearchSettings(bound=80.0, start_scale=0.2, max_iterations=20)])
def test_from_the_same_start_it_is_the_same_search(settings: SearchSettings) -> None:
    fmt = Format(2, 2, 3)
    for seed in range(3):
        rng = np.random.default_rng(np.random.SeedSequence(seed))
        given = Factors(fmt, *start.random_start(fmt.shape, 11, settings.start_scale, rng))
        kept = [factor.copy() for factor in given.arrays]
        assert same(run_from(given, settings), run("2x2x3:11", seed, settings))
        assert all(np.array_equal(x, y) for x, y in zip(given.arrays, kept, strict=True))


def test_an_exact_fit_is_left_where_it_is() -> None:
    fit = run_from(strassen_factors(), SETTINGS)
    assert (fit.status, fit.residual, fit.iterations, fit.squared_norm) == (FitStatus.EXACT, 0.0, 0, 36.0)
    assert all(np.array_equal(x, y) for x, y in zip(fit.factors.arrays, strassen_factors().arrays, strict=True))
    assert fit.settings == complete_settings(Format(2, 2, 2), 7, SETTINGS)


@pytest.mark.parametrize("seed", range(3))
def test_a_disturbed_fit_becomes_exact_near_by(seed: int) -> None:
    rng = np.random.default_rng(seed)
    exact = strassen_factors()
    disturbed = Factors(exact.format, *(factor + 0.01 * rng.standard_normal(factor.shape) for factor in exact.arrays))
    fit = run_from(disturbed, SETTINGS)
    assert fit.exact
    assert 0 < fit.iterations <= 15
    distance = np.sqrt(sum(np.sum((x - y) ** 2) for x, y in zip(fit.factors.arrays, disturbed.arrays, strict=True)))
    assert 0 < distance < 3 * 0.01 * np.sqrt(84)


def test_a_start_outside_the_ball_is_pulled_onto_it() -> None:
    scales = np.full(7, 8.0)
    outside = rescale(strassen_factors(), scales, 1 / scales)
    fit = run_from(outside, SETTINGS)
    bound = fit.settings.bound
    assert bound is not None
    assert outside.squared_norm() > 10 * bound
    # It is the same as a start on the ball in the same direction, and then no exact fit.
    shrink = np.sqrt(bound / outside.squared_norm())
    onto = Factors(outside.format, *(shrink * factor for factor in outside.arrays))
    assert fit.exact
    assert fit.iterations > 0
    assert fit.squared_norm <= bound * (1 + 1e-12)
    first, second = (run_from(x, SearchSettings(max_iterations=3)) for x in (outside, onto))
    assert (first.status, first.iterations) == (FitStatus.ITERATION_LIMIT, 3)
    for x, y in zip(first.factors.arrays, second.factors.arrays, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-9)


def test_given_factors_are_not_made_symmetric() -> None:
    with pytest.raises(InputError, match="from given factors has no symmetry, expected settings without one"):
        run_from(strassen_factors(), SearchSettings(symmetry=Transposition(1)))


def test_what_cannot_work_is_refused_for_given_factors_too() -> None:
    with pytest.raises(InputError, match="expected at least 12"):
        run_from(strassen_factors(), SearchSettings(bound=5.0))
    u, v, w = strassen_factors().arrays
    with pytest.raises(InputError, match="no scheme of 2x2x2 has fewer than 4 products"):
        run_from(Factors(Format(2, 2, 2), u[:, :3], v[:, :3], w[:, :3]), SETTINGS)
