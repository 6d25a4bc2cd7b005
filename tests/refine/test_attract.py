"""Attraction: one step against a dense least-squares problem, and where the iteration leads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten, unflatten
from mmdiscover.refine import attract as module
from mmdiscover.refine.attract import Attraction, attract, nearest
from tests.decompositions.dense import jacobian, model, problem
from tests.refine.fits import floats, found
from tests.schemes import strassen

TENSOR = matmul_tensor(Format(2, 2, 2))
STRASSEN = flatten(floats(strassen()).arrays)
ALL = np.ones(len(STRASSEN), dtype=bool)
TO_ZERO = Attraction(grid=(0.0,), exponent=1.0, longest_step=1.0)


def error(point: np.ndarray, tensor: np.ndarray = TENSOR) -> float:
    return float(np.sum((model(unflatten(point, tensor.shape)) - tensor) ** 2))


def test_nearest_by_hand() -> None:
    values = np.array([[-3.0, -0.6], [0.4, 0.6]])
    np.testing.assert_array_equal(nearest(values, np.array([-1.0, 0.0, 1.0])), [[-1, -1], [0, 1]])


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 1.0]), st.sampled_from([0.01, 0.3]))
def test_a_step_minimises_the_weighted_squares(seed: int, exponent: float, width: float) -> None:
    tensor, factors = problem((2, 3, 2), 3, seed)
    rng = np.random.default_rng(seed)
    point = flatten(factors)
    indices = np.flatnonzero(rng.random(len(point)) < 0.7)
    bias = rng.uniform(0.5, 2.0, len(indices))
    grid, looseness = np.array([-1.0, 0.0, 1.0]), 1e-2
    step = module._step(tensor, point, indices, grid, bias, looseness, (width, exponent))
    # ‖r + J d‖²/ε + Σ w (x + d)², as one least-squares problem.
    deviation = point[indices] - np.clip(np.round(point[indices]), -1, 1)
    roots = np.sqrt(bias * (deviation**2 + width**2) ** (exponent / 2 - 1))
    matrix = np.concatenate([jacobian(factors)[:, indices] / np.sqrt(looseness), np.diag(roots)])
    right = np.concatenate([(tensor - model(factors)).ravel() / np.sqrt(looseness), -roots * deviation])
    expected = np.linalg.lstsq(matrix, right, rcond=None)[0]
    assert step is not None
    np.testing.assert_allclose(step, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_it_moves_towards_zeros_near_the_exact_fits(seed: int) -> None:
    tensor = matmul_tensor(Format(2, 2, 3))
    point = flatten(found("2x2x3:11", seed).arrays)
    moved = attract(tensor, point, np.ones(len(point), dtype=bool), TO_ZERO)
    # Their number of nonzeros is that of a scheme: 2x2x3:11 has 11 · (4 + 6 + 6) = 176 entries, most of them zero.
    assert np.count_nonzero(np.abs(moved) < 0.02) > 60 > 2 * np.count_nonzero(np.abs(point) < 0.02)
    assert error(moved, tensor) < 1e-2


def test_it_moves_towards_a_grid() -> None:
    u, v, w = floats(strassen()).arrays
    alpha = np.random.default_rng(0).uniform(0.7, 1.4, 7)
    start = flatten((u * alpha, v / alpha, w))
    attraction = Attraction(grid=(-1.0, 0.0, 1.0), exponent=0.5, longest_step=0.5)
    moved = attract(TENSOR, start, ALL, attraction)
    grid = np.array(attraction.grid)
    assert np.abs(start - nearest(start, grid)).max() > 0.2
    assert np.abs(moved - nearest(moved, grid)).max() < 0.01
    assert error(moved) < 1e-3


def test_fixed_entries_and_the_given_point_stay() -> None:
    point = flatten(found("2x2x2:7", 0).arrays)
    kept = point.copy()
    free = np.random.default_rng(0).random(len(point)) < 0.5
    moved = attract(TENSOR, point, free, TO_ZERO)
    np.testing.assert_array_equal(point, kept)
    np.testing.assert_array_equal(moved[~free], kept[~free])
    assert not np.allclose(moved[free], kept[free])


def test_steps_are_cut_to_the_longest() -> None:
    point = flatten(found("2x2x2:7", 0).arrays)
    short = replace(TO_ZERO, longest_step=0.1, widths=(0.3,), iterations=1)
    assert np.linalg.norm(attract(TENSOR, point, ALL, short) - point) == pytest.approx(0.1)
    assert np.linalg.norm(attract(TENSOR, point, ALL, replace(short, iterations=3)) - point) <= 0.3 + 1e-12
    long = replace(short, longest_step=1e9)
    whole = module._step(TENSOR, point, np.arange(len(point)), np.zeros(1), np.ones(len(point)), 1e-3, (0.3, 1.0))
    assert whole is not None
    np.testing.assert_allclose(attract(TENSOR, point, ALL, long), point + whole)


def test_weights_break_ties() -> None:
    point = flatten(found("2x2x2:7", 0).arrays)
    weights = np.exp(np.random.default_rng(0).standard_normal(len(point)))
    plain, ones, weighted = (attract(TENSOR, point, ALL, TO_ZERO, x) for x in (None, np.ones(len(point)), weights))
    np.testing.assert_array_equal(plain, ones)
    assert not np.allclose(plain, weighted, atol=1e-3)


def test_every_round_is_narrower_and_stricter(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(*arguments: object) -> np.ndarray:
        _, point, _, _, bias, looseness, shape = arguments
        assert isinstance(point, np.ndarray)
        assert isinstance(bias, np.ndarray)
        seen.append((float(bias[0]), looseness, shape))
        return np.ones(len(point))

    monkeypatch.setattr(module, "_step", watched)
    rounds = Attraction(grid=(0.0,), exponent=0.7, longest_step=1.0, widths=(0.3, 0.1), iterations=2)
    attract(TENSOR, STRASSEN, ALL, rounds, np.full(len(STRASSEN), 16.0))
    assert seen == [(16.0, 1e-3, (0.3, 0.7))] * 2 + [(4.0, pytest.approx(1e-4), (0.1, 0.7))] * 2
    seen.clear()
    attract(TENSOR, STRASSEN, ALL, replace(rounds, widths=(0.3,) * 5, iterations=1, looseness=2e-5))
    assert [looseness for _, looseness, _ in seen] == pytest.approx([2e-5 * 10.0**-k for k in range(5)])


@pytest.mark.parametrize("seed", range(3))
def test_with_less_looseness_it_keeps_nearer_to_the_exact_fits(seed: int) -> None:
    point = flatten(found("2x2x2:7", seed).arrays)
    loose, strict = (attract(TENSOR, point, ALL, replace(TO_ZERO, looseness=x)) for x in (1e-3, 1e-5))
    assert error(strict) < 1e-2 * error(loose)


def test_a_round_ends_when_steps_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    def short(*_: object) -> np.ndarray:
        nonlocal count
        count += 1
        return np.full(len(STRASSEN), 1e-6)

    monkeypatch.setattr(module, "_step", short)
    attract(TENSOR, STRASSEN, ALL, TO_ZERO)
    assert count == len(TO_ZERO.widths)


def test_where_no_step_can_be_computed_it_stays() -> None:
    weights = np.full(len(STRASSEN), -1e9)
    np.testing.assert_array_equal(attract(TENSOR, STRASSEN, ALL, TO_ZERO, weights), STRASSEN)


def test_it_stops_where_numbers_end() -> None:
    point = STRASSEN * 1e120
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(attract(TENSOR, point, ALL, TO_ZERO), point)
