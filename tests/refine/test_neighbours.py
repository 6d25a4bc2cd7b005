"""Ranks that tell families apart, and the search for fits of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import cyclic_shift, reorder, rescale, sandwich, transpose
from mmdiscover.refine import neighbours as module
from mmdiscover.refine.neighbours import RankDistribution, neighbour, rank_distribution
from mmdiscover.search import Fit, FitStatus, SearchSettings
from tests.refine.fits import floats, found, regauged, well_conditioned
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import known_schemes

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.core.scheme import Scheme

seeds = st.integers(0, 2**32 - 1)

STRASSEN = ((1, 1, 1),) * 6 + ((2, 2, 2),)


def exact_ranks(scheme: Scheme) -> RankDistribution:
    u, v, w = (
        [sympy.Matrix(*shape, vector.tolist()).rank() for vector in factor.T]
        for factor, shape in zip(scheme.arrays, scheme.format.matrix_shapes, strict=True)
    )
    return tuple(sorted(zip(u, v, w, strict=True)))


def one_product(*matrices: list[list[float]]) -> Factors:
    """A single product of these coefficient matrices."""
    return Factors(Format(2, 2, 2), *(np.reshape(matrix, (4, 1)) for matrix in matrices))


# Ranks


def test_known_rank_distributions() -> None:
    assert rank_distribution(floats(strassen())) == rank_distribution(floats(winograd())) == STRASSEN
    assert rank_distribution(floats(classical(Format(3, 1, 2)))) == ((1, 1, 1),) * 6
    assert rank_distribution(floats(laderman())).count((1, 3, 1)) == 2


@settings(max_examples=15)
@given(known_schemes, seeds)
def test_ranks_of_exact_schemes_agree_with_exact_arithmetic(scheme: Scheme, seed: int) -> None:
    assert rank_distribution(floats(scheme)) == exact_ranks(scheme)
    assert rank_distribution(regauged(scheme, seed)) == exact_ranks(scheme)


@pytest.mark.parametrize("name", ["2x2x2:8", "2x2x3:11", "3x2x2:11"])
@pytest.mark.parametrize("seed", range(2))
def test_ranks_are_the_same_along_an_orbit(name: str, seed: int) -> None:
    fit = found(name, seed)
    rng = np.random.default_rng(seed)
    distribution = rank_distribution(fit)
    assert rank_distribution(sandwich(fit, *(well_conditioned(size, rng) for size in fit.format.sizes))) == distribution
    assert rank_distribution(rescale(fit, *rng.uniform(-9, -0.1, (2, fit.rank)))) == distribution
    assert rank_distribution(reorder(fit, rng.permutation(fit.rank).tolist())) == distribution


def test_ranks_belong_to_their_factors() -> None:
    # Transposition and the cyclic shift lead to other orbits.
    one, two = [[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [2.0, 1.0]]
    fit = one_product(one, two, two)
    assert rank_distribution(fit) == ((1, 2, 2),)
    assert rank_distribution(cyclic_shift(fit)) == ((2, 2, 1),)
    assert rank_distribution(transpose(fit)) == ((2, 1, 2),)


def test_products_are_sorted() -> None:
    eye, one = np.eye(2).ravel(), np.array([1.0, 0.0, 0.0, 0.0])
    fit = Factors(Format(2, 2, 2), np.stack([eye, one, eye], 1), np.stack([one] * 3, 1), np.stack([eye, eye, one], 1))
    assert rank_distribution(fit) == ((1, 1, 2), (2, 1, 1), (2, 1, 2))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_what_is_small_beside_the_largest_counts_as_zero(scale: float) -> None:
    small, large = ([[scale, 0.0], [0.0, size * scale]] for size in (9e-7, 2e-6))
    assert rank_distribution(one_product(small, large, [[0.0, 0.0], [0.0, 0.0]])) == ((1, 2, 0),)


# Neighbours


@pytest.mark.parametrize("name", ["2x2x3:11", "2x2x2:8"])
def test_neighbours_are_exact_fits_of_other_distributions(name: str) -> None:
    fit = found(name, 0)
    kept = [factor.copy() for factor in fit.arrays]
    known = {rank_distribution(fit)}
    for seed in range(4):
        other = neighbour(fit, known, np.random.default_rng(seed))
        assert other is not None
        assert (other.format, other.rank) == (fit.format, fit.rank)
        assert other.residual() <= 2e-20
        assert rank_distribution(other) not in known
        known.add(rank_distribution(other))
    assert all(np.array_equal(x, y) for x, y in zip(fit.arrays, kept, strict=True))


def test_any_exact_fit_will_do_where_none_is_known() -> None:
    # All schemes of 2x2x2:7 lie in one orbit (de Groote, Theor. Comput. Sci. 7 (1978)).
    fit = found("2x2x2:7", 0)
    other = neighbour(fit, set(), np.random.default_rng(0))
    assert other is not None
    assert other.residual() <= 2e-20
    assert rank_distribution(other) == STRASSEN
    assert not np.allclose(other.u, fit.u)
    assert neighbour(fit, {STRASSEN}, np.random.default_rng(0)) is None


def test_the_generator_decides_which_neighbour_is_found() -> None:
    fit = found("2x2x3:11", 0)
    one, same, other = (neighbour(fit, set(), np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one is not None
    assert same is not None
    assert other is not None
    assert all(np.array_equal(x, y) for x, y in zip(one.arrays, same.arrays, strict=True))
    assert not np.array_equal(one.u, other.u)


def script_search(
    monkeypatch: pytest.MonkeyPatch, outcome: Callable[[int], tuple[Factors, FitStatus, int]]
) -> list[tuple[Factors, SearchSettings]]:
    """Replace the search by an outcome and a number of iterations for each call; returns what it was called with."""
    calls: list[tuple[Factors, SearchSettings]] = []

    def scripted(start: Factors, settings: SearchSettings) -> Fit:
        factors, status, iterations = outcome(len(calls))
        calls.append((start, settings))
        return Fit(factors, status, 0.0, 1.0, iterations, settings)

    monkeypatch.setattr(module, "run_from", scripted)
    return calls


@pytest.mark.parametrize("status", [FitStatus.STALLED, FitStatus.PLATEAU, FitStatus.ITERATION_LIMIT, FitStatus.EXACT])
def test_it_gives_up_after_its_number_of_iterations(status: FitStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    # What is not exact may have any ranks; what is exact is of a known family.
    fit, other = floats(strassen()), floats(classical(Format(2, 2, 2)))
    result = fit if status is FitStatus.EXACT else other
    calls = script_search(monkeypatch, lambda _: (result, status, 400))
    assert neighbour(fit, {STRASSEN}, np.random.default_rng(0)) is None
    # 1500 iterations are spent by the fourth of them.
    assert len(calls) == 4
    assert {settings for _, settings in calls} == {SearchSettings(max_iterations=1500)}
    calls.clear()
    calls = script_search(monkeypatch, lambda _: (result, status, 500))
    assert neighbour(fit, {STRASSEN}, np.random.default_rng(0)) is None
    assert len(calls) == 3


def test_the_first_of_an_unknown_family_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    fit, other = floats(strassen()), floats(classical(Format(2, 2, 2)))
    outcomes = [
        (other, FitStatus.STALLED, 400),
        (fit, FitStatus.EXACT, 400),
        (other, FitStatus.EXACT, 400),
    ]
    calls = script_search(monkeypatch, outcomes.__getitem__)
    assert neighbour(fit, {STRASSEN}, np.random.default_rng(0)) is other
    assert len(calls) == 3


def test_whole_products_are_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = floats(laderman())
    calls = script_search(monkeypatch, lambda _: (fit, FitStatus.STALLED, 15))
    assert neighbour(fit, set(), np.random.default_rng(0)) is None
    assert len(calls) == 100
    shares, entries = [], []
    for start, _ in calls:
        kept = [(one == other).all(axis=0) for one, other in zip(start.arrays, fit.arrays, strict=True)]
        changed = [(one != other).all(axis=0) for one, other in zip(start.arrays, fit.arrays, strict=True)]
        for mask, opposite in zip(kept, changed, strict=True):
            np.testing.assert_array_equal(mask, kept[0])
            np.testing.assert_array_equal(opposite, ~mask)
        shares.append(np.mean(changed[0]))
        entries += [factor[:, changed[0]].ravel() for factor in start.arrays]
    # A share between 0.3 and 0.7, of 23 products.
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)
    assert np.std(shares) == pytest.approx(np.sqrt(0.4**2 / 12 + (0.25 - 0.4**2 / 12) / 23), rel=0.2)
    assert np.std(np.concatenate(entries)) == pytest.approx(0.5, rel=0.05)
    assert abs(np.mean(np.concatenate(entries))) < 0.02
