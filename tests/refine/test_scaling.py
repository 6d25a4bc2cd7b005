"""Scaling to ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.refine.scaling import rescale_to_ones
from tests.refine.fits import floats
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    import pytest

    from mmdiscover.core.scheme import Scheme

seeds = st.integers(0, 2**32 - 1)


def disguised(scheme: Scheme, seed: int) -> Factors:
    """Scaled within the products and by diagonal matrices."""
    rng = np.random.default_rng(seed)
    diagonals = [np.diag(np.exp(rng.uniform(-1, 1, size))) for size in scheme.format.sizes]
    alpha, beta = np.exp(rng.uniform(-1, 1, (2, scheme.rank)))
    return rescale(sandwich(floats(scheme), *diagonals), alpha, beta)


def spread(factors: Factors) -> float:
    return float(sum(np.abs(np.log(np.abs(factor[factor != 0]))).sum() for factor in factors.arrays))


@settings(max_examples=20)
@given(
    st.sampled_from([strassen(), winograd(), laderman(), classical(Format(1, 2, 3)), classical(Format(3, 1, 2))]), seeds
)
def test_ones_are_recovered(scheme: Scheme, seed: int) -> None:
    factors = disguised(scheme, seed)
    scaled = rescale_to_ones(factors)
    assert scaled.format == factors.format
    assert scaled.residual() < 1e-20
    for factor, before in zip(scaled.arrays, factors.arrays, strict=True):
        np.testing.assert_array_equal(np.sign(factor), np.sign(before))
        assert np.allclose(np.abs(factor[factor != 0]), 1.0)


@settings(max_examples=20)
@given(seeds)
def test_any_factors_come_nearer_to_ones_in_their_orbit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fmt = Format(2, 3, 1)
    factors = Factors(fmt, *(rng.standard_normal((size, 5)) * (rng.random((size, 5)) < 0.7) for size in fmt.shape))
    scaled = rescale_to_ones(factors)
    assert spread(scaled) <= spread(factors) + 1e-6
    # Multiplying (i, j), (j, k), (k, i) entries, every scale but those of the products cancels.
    cycles, expected = (
        np.einsum("ijq,jkq,kiq->ijkq", *(f.reshape(*s, -1) for f, s in zip(x.arrays, fmt.matrix_shapes, strict=True)))
        for x in (scaled, factors)
    )
    np.testing.assert_allclose(cycles, expected, atol=1e-9)
    # A vertex of the program has one entry 1 for every independent scale.
    ones = sum(np.count_nonzero(np.isclose(np.abs(factor), 1.0)) for factor in scaled.arrays)
    assert ones >= min(10, sum(np.count_nonzero(factor) for factor in factors.arrays)) / 2


def test_zero_products_are_left_alone() -> None:
    factors = Factors(Format(1, 1, 1), [[2.0, 0.0]], [[1.0, 0.0]], [[0.5, 0.0]])
    for factor in rescale_to_ones(factors).arrays:
        np.testing.assert_allclose(factor, [[1.0, 0.0]])


def test_without_an_optimum_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scipy.optimize.linprog", lambda *_, **__: SimpleNamespace(x=None))
    factors = floats(strassen())
    assert rescale_to_ones(factors) is factors
