"""Sparsification: the smoothed measure and its gradient, and what both minimisers reach within the orbit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.refine.sparsify import (
    _CONDITION_WEIGHT,
    _rotation,
    _smoothed_measure,
    _split,
    balance,
    sparsify,
    sparsify_nelder_mead,
    sparsity_measure,
)
from tests.refine.fits import floats, found, ranks, regauged, well_conditioned
from tests.schemes import classical, strassen

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

LEAST = sparsity_measure(floats(strassen()))

shapes = st.builds(Format, *[st.integers(1, 3)] * 3)
seeds = st.integers(0, 2**32 - 1)


def random_factors(fmt: Format, rank: int, seed: int) -> Factors:
    rng = np.random.default_rng(seed)
    return Factors(fmt, *(rng.standard_normal((size, rank)) for size in fmt.shape))


def test_the_measure_by_hand() -> None:
    factors = Factors(Format(1, 2, 1), [[1.0, 0.0], [-1.0, 3.0]], [[2.0, 0.0], [0.0, 9.0]], [[2.0, 1.0]])
    assert sparsity_measure(factors) == pytest.approx(2 + 3)
    assert sparsity_measure(floats(strassen())) == pytest.approx(2 + 6 * 4 ** (1 / 3))


@given(shapes, st.integers(1, 4), seeds)
def test_the_measure_is_blind_to_scaling(fmt: Format, rank: int, seed: int) -> None:
    factors = random_factors(fmt, rank, seed)
    alpha, beta = np.random.default_rng(seed + 1).uniform(-3, -0.3, (2, rank))
    assert sparsity_measure(rescale(factors, alpha, beta)) == pytest.approx(sparsity_measure(factors))


@given(shapes, st.integers(1, 4), seeds)
def test_balanced_products_have_vectors_of_equal_length(fmt: Format, rank: int, seed: int) -> None:
    factors = random_factors(fmt, rank, seed)
    balanced = balance(factors)
    lengths = [np.abs(factor).sum(axis=0) for factor in balanced.arrays]
    np.testing.assert_allclose(lengths[1], lengths[0])
    np.testing.assert_allclose(lengths[2], lengths[0])
    model, expected = (np.einsum("ar,br,cr->rabc", *x.arrays) for x in (balanced, factors))
    np.testing.assert_allclose(model, expected, atol=1e-12)


def test_products_with_a_zero_vector_are_balanced_to_zero() -> None:
    factors = Factors(Format(1, 1, 1), [[8.0, 0.0]], [[1.0, 5.0]], [[1.0, 3.0]])
    for factor in balance(factors).arrays:
        np.testing.assert_allclose(factor, [[2.0, 0.0]])


def image(vector: NDArray[np.float64], factors: Factors) -> Factors:
    return sandwich(factors, *_split(vector, factors.format.sizes))


@given(shapes, st.integers(1, 4), seeds, st.sampled_from([0.5, 0.05]))
def test_the_smoothed_measure_by_its_definition(fmt: Format, rank: int, seed: int, width: float) -> None:
    factors = random_factors(fmt, rank, seed)
    rng = np.random.default_rng(seed)
    matrices = [well_conditioned(size, rng) for size in fmt.sizes]
    terms = np.ones(rank)
    for factor in sandwich(factors, *matrices).arrays:
        terms *= np.sqrt(factor**2 + width**2 * (factor**2).mean(axis=0)).sum(axis=0)
    penalty = sum(np.sum(matrix**2) * np.sum(np.linalg.inv(matrix) ** 2) for matrix in matrices)
    value, _ = _smoothed_measure(np.concatenate([matrix.ravel() for matrix in matrices]), factors, width)
    assert value == pytest.approx(np.cbrt(terms).sum() + _CONDITION_WEIGHT * penalty)


@given(shapes, st.integers(1, 4), seeds, st.sampled_from([0.5, 0.05]))
def test_its_gradient_agrees_with_finite_differences(fmt: Format, rank: int, seed: int, width: float) -> None:
    factors = random_factors(fmt, rank, seed)
    rng = np.random.default_rng(seed)
    point = np.concatenate([well_conditioned(size, rng).ravel() for size in fmt.sizes])
    _, gradient = _smoothed_measure(point, factors, width)
    step = 1e-6
    differences = [
        (
            _smoothed_measure(point + step * e, factors, width)[0]
            - _smoothed_measure(point - step * e, factors, width)[0]
        )
        / (2 * step)
        for e in np.eye(len(point))
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-4, atol=1e-4)


def test_singular_matrices_are_never_chosen() -> None:
    value, gradient = _smoothed_measure(np.zeros(12), floats(strassen()), 0.1)
    assert value == np.inf
    np.testing.assert_array_equal(gradient, np.zeros(12))


def test_rotations_are_orthogonal_and_random() -> None:
    rng = np.random.default_rng(0)
    first, second = _rotation(3, rng), _rotation(3, rng)
    np.testing.assert_allclose(first @ first.T, np.eye(3), atol=1e-12)
    assert not np.allclose(first, second)


def check_orbit(image: Factors, factors: Factors) -> None:
    assert image.format == factors.format
    assert image.residual() < 1e-20
    assert ranks(image) == ranks(factors)
    lengths = [np.abs(factor).sum(axis=0) for factor in image.arrays]
    np.testing.assert_allclose(lengths[1], lengths[0])


@pytest.mark.parametrize("seed", range(4))
def test_sparsify_finds_strassens_sparsity_in_any_gauge(seed: int) -> None:
    factors = regauged(strassen(), seed)
    sparse = sparsify(factors, np.random.default_rng(seed))
    check_orbit(sparse, factors)
    # 36 nonzeros are the fewest of all exact fits.
    assert sparsity_measure(sparse) < 1.02 * LEAST < 0.9 * sparsity_measure(factors)
    largest = [np.abs(factor).max(axis=0) for factor in sparse.arrays]
    assert sum(np.count_nonzero(np.abs(x) > 0.1 * top) for x, top in zip(sparse.arrays, largest, strict=True)) == 36


@pytest.mark.parametrize("scheme", [classical(Format(1, 2, 3)), classical(Format(2, 1, 2))], ids=["1x2x3", "2x1x2"])
def test_sparsify_finds_the_classical_schemes(scheme: Scheme) -> None:
    factors = regauged(scheme, 0)
    sparse = sparsify(factors, np.random.default_rng(0))
    check_orbit(sparse, factors)
    assert sparsity_measure(sparse) == pytest.approx(scheme.rank, rel=0.02)


@pytest.mark.parametrize("seed", range(2))
def test_sparsify_helps_fits_that_were_found(seed: int) -> None:
    factors = found("2x2x3:11", seed)
    sparse = sparsify(factors, np.random.default_rng(0))
    check_orbit(sparse, factors)
    assert sparsity_measure(sparse) < 0.95 * sparsity_measure(factors)


def test_sparsify_keeps_the_best_restart() -> None:
    factors = found("2x2x3:11", 0)
    for seed in range(3):
        one, three = (sparsity_measure(sparsify(factors, np.random.default_rng(seed), restarts=k)) for k in (1, 3))
        assert three < 1.01 * one


def test_sparsify_repeats_itself() -> None:
    factors = found("2x2x2:7", 0)
    first, second = (sparsify(factors, np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(first.arrays, second.arrays, strict=True))


def test_sparsify_bears_products_that_are_zero() -> None:
    u, v, w = (np.concatenate([factor, np.zeros((4, 1))], axis=1) for factor in regauged(strassen(), 0).arrays)
    v[:, 7] = 1.0
    sparse = sparsify(Factors(Format(2, 2, 2), u, v, w), np.random.default_rng(0))
    assert sparse.residual() < 1e-20
    assert sparsity_measure(sparse) < 1.02 * LEAST


@pytest.mark.parametrize("seed", range(3))
def test_nelder_mead_stays_in_the_orbit_and_gains(seed: int) -> None:
    factors = regauged(strassen(), seed)
    sparse = sparsify_nelder_mead(factors, sweeps=4)
    check_orbit(sparse, factors)
    assert sparsity_measure(sparse) < 0.97 * sparsity_measure(factors)


def script_minimize(monkeypatch: pytest.MonkeyPatch, answers: list[NDArray[np.float64]]) -> list[float]:
    """Nelder–Mead answers these, then the identity; returns what it measured there."""
    measured: list[float] = []
    queue = iter(answers)

    def scripted(measure: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64], **_: object) -> object:
        answer = next(queue, start)
        measured.append(measure(answer))
        return SimpleNamespace(x=answer)

    monkeypatch.setattr("scipy.optimize.minimize", scripted)
    return measured


def test_nelder_mead_ends_with_a_sweep_that_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shear = np.array([[1.0, 0.7], [0.0, 1.0]])
    factors = sandwich(floats(strassen()), shear, np.eye(2), np.eye(2))
    measured = script_minimize(monkeypatch, [3 * np.linalg.inv(shear).ravel()])
    sparse = sparsify_nelder_mead(factors)
    # The first minimisation undoes the shear; the rest of its sweep and one more find nothing.
    assert measured == pytest.approx([LEAST] * 6)
    assert 0.95 * sparsity_measure(factors) > LEAST
    assert sparsity_measure(sparse) == pytest.approx(LEAST)


def test_nelder_mead_does_at_most_so_many_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = script_minimize(monkeypatch, [])
    sparsify_nelder_mead(floats(strassen()), sweeps=4, tolerance=-1.0)
    assert len(measured) == 4 * 3


def test_nelder_mead_refuses_matrices_that_are_nearly_singular(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = floats(strassen())
    measured = script_minimize(monkeypatch, [np.zeros(4), np.array([1.0, 0.0, 0.0, 1e-4]), np.diag([10, 1e-2]).ravel()])
    sparse = sparsify_nelder_mead(factors)
    assert measured[:2] == [np.inf, np.inf]
    assert np.isfinite(measured[2])
    assert sparsity_measure(sparse) == pytest.approx(LEAST)
