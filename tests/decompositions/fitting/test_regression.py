"""Planted coefficients of low rank, from fewer samples than coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmdiscover.decompositions.fitting.regression import low_rank_regression
from mmdiscover.decompositions.fitting.starts import StartsSettings
from tests.decompositions.fitting.examples import FORMS, distance, planted, samples

SHAPE = (8, 8, 8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_coefficients_from_150_samples_of_512(form: Any, seed: int) -> None:
    truth = planted(form, SHAPE, 2, seed).to_full()
    inputs = samples(SHAPE, 150, seed)
    fitted = low_rank_regression(inputs, np.tensordot(inputs, truth, 3), 2, form=form)
    assert fitted.converged
    assert distance(fitted.model, truth) < 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_rank_one_inputs(form: Any) -> None:
    """The same without a single tensor formed: 800 samples for 40³ = 64 000 coefficients."""
    truth = planted(form, (40, 40, 40), 1, 3).to_full()
    rng = np.random.default_rng(0)
    inputs = tuple(rng.standard_normal((800, 40)) for _ in range(3))
    targets = np.einsum("abc,ia,ib,ic->i", truth, *inputs, optimize=True)
    fitted = low_rank_regression(inputs, targets, 1, form=form)
    assert distance(fitted.model, truth) < 1e-6


def test_rank_one_inputs_are_their_outer_products() -> None:
    rng = np.random.default_rng(0)
    parts = tuple(rng.standard_normal((80, size)) for size in (3, 4, 5))
    targets = rng.standard_normal(80)
    whole = np.einsum("ia,ib,ic->iabc", *parts)
    settings = StartsSettings(starts=1, tolerance=1e-13)
    one, other = (low_rank_regression(x, targets, 1, settings=settings, seed=4) for x in (parts, whole))
    np.testing.assert_allclose(one.model.to_full(), other.model.to_full(), atol=1e-5)


def test_full_rank_is_ordinary_least_squares() -> None:
    inputs, targets = samples((3, 4), 30, 0), np.random.default_rng(1).standard_normal(30)
    fitted = low_rank_regression(inputs, targets, 3, form="tt", settings=StartsSettings(tolerance=1e-14))
    expected = np.linalg.lstsq(inputs.reshape(30, 12), targets, rcond=None)[0]
    np.testing.assert_allclose(fitted.model.to_full().ravel(), expected, atol=1e-5)


def test_ridge_helps_with_few_noisy_samples() -> None:
    truth = planted("cp", SHAPE, 1, 3).to_full()
    truth /= np.linalg.norm(truth)
    inputs = samples(SHAPE, 60, 0)
    targets = np.tensordot(inputs, truth, 3) + 0.5 * np.random.default_rng(2).standard_normal(60)
    plain, ridged = (
        low_rank_regression(inputs, targets, 2, ridge=ridge, settings=StartsSettings(starts=3)) for ridge in (0.0, 5.0)
    )
    assert distance(ridged.model, truth) < 0.9 * distance(plain.model, truth)


def test_ridge_admits_more_unknowns_than_samples() -> None:
    inputs = samples(SHAPE, 20, 0)
    fitted = low_rank_regression(inputs, np.ones(20), 2, ridge=3.0)
    assert fitted.model.rank == 2


def test_whoever_watches_can_stop_it() -> None:
    inputs = samples(SHAPE, 60, 0)
    fitted = low_rank_regression(inputs, inputs[:, 0, 0, 0], 1, progress=lambda iteration, _: iteration == 3)
    assert fitted.status == "stopped"
    assert fitted.iterations == 3


def test_bad_input_is_named() -> None:
    inputs, targets = samples((3, 4), 20, 0), np.ones(20)
    with pytest.raises(ValueError, match="form is 'ring'"):
        low_rank_regression(inputs, targets, 1, form="ring")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"rank is too large: .* 12 free numbers, expected at most the 7 samples"):
        low_rank_regression(inputs[:7], targets[:7], 3)
    with pytest.raises(ValueError, match="inputs are all zero"):
        low_rank_regression(np.zeros((20, 3, 4)), targets, 1)
    with pytest.raises(ValueError, match="targets are all zero"):
        low_rank_regression(inputs, np.zeros(20), 1)
    with pytest.raises(ValueError, match="targets has 1 NaN"):
        low_rank_regression(inputs, [np.nan] * 1 + [1.0] * 19, 1)
    with pytest.raises(ValueError, match=r"ridge is -0.1"):
        low_rank_regression(inputs, targets, 1, ridge=-0.1)
