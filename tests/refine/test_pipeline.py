"""Refinement end to end: what comes out is proved, repeatable, or a reason."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.metrics import nonzeros
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.core.symmetry import sandwich
from mmdiscover.decompositions.gauss_newton import flatten
from mmdiscover.errors import InputError
from mmdiscover.refine import Refined, RefineSettings, RefineStatus, pipeline, refine
from mmdiscover.refine.rationalize import FixedPoint
from mmdiscover.verify import verify
from tests.refine.fits import floats, found, regauged
from tests.schemes import strassen

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTINGS = RefineSettings()
SEED = np.random.SeedSequence(0)


def check_proved(refined: Refined, factors: Factors) -> Scheme:
    assert refined.status is RefineStatus.EXACT
    assert refined.scheme is not None
    assert refined.scheme.format == factors.format
    assert refined.scheme.rank <= factors.rank
    assert refined.scheme == canonical_form(refined.scheme)
    verdict = verify(refined.scheme)
    assert verdict.ok, verdict.reason
    return refined.scheme


# End to end


@pytest.mark.parametrize("name", ["2x2x2:7", "2x2x3:11", "3x2x3:15"])
@pytest.mark.parametrize("seed", range(2))
def test_fits_become_proved_schemes(name: str, seed: int) -> None:
    factors = found(name, seed)
    refined = refine(factors, SETTINGS, np.random.SeedSequence(seed))
    check_proved(refined, factors)
    assert 1 <= len(refined.attempts) <= SETTINGS.attempts
    assert refined.resolves >= len(refined.attempts)
    assert refined.detail.count("entries free") == len(refined.attempts)


@pytest.mark.parametrize("name", ["1x1x1:1", "1x2x3:6", "1x1x1:2", "2x2x2:9"])
def test_trivial_formats_and_superfluous_products(name: str) -> None:
    factors = found(name, 0)
    check_proved(refine(factors, SETTINGS, SEED), factors)


def test_products_that_are_zero_are_borne() -> None:
    u, v, w = (np.concatenate([factor, np.zeros((4, 1))], axis=1) for factor in regauged(strassen(), 0).arrays)
    u[:, 7] = 1.0
    factors = Factors(Format(2, 2, 2), u, v, w)
    assert check_proved(refine(factors, SETTINGS, SEED), factors).rank == 7


@settings(max_examples=4)
@given(st.integers(0, 2**32 - 1))
def test_exact_means_proved(seed: int) -> None:
    factors = regauged(strassen(), seed)
    refined = refine(factors, RefineSettings(attempts=2, simplify_attempts=0), np.random.SeedSequence(seed))
    if refined.status is RefineStatus.EXACT:
        check_proved(refined, factors)
    else:
        assert refined.scheme is None


def test_the_same_seed_gives_the_same_scheme() -> None:
    factors = found("2x2x3:11", 0)
    seed = np.random.SeedSequence(5)
    first, second = refine(factors, SETTINGS, seed), refine(factors, SETTINGS, seed)
    assert first == second
    assert seed.n_children_spawned == 0
    assert refine(factors, SETTINGS, np.random.SeedSequence(5)) == first


def test_the_fit_is_not_changed() -> None:
    factors = found("2x2x2:7", 0)
    kept = [factor.copy() for factor in factors.arrays]
    refine(factors, SETTINGS, SEED)
    assert all(np.array_equal(x, y) for x, y in zip(factors.arrays, kept, strict=True))


# What is refused


@pytest.mark.parametrize("size", [1e-7, 0.5])
def test_what_is_no_exact_fit_is_refused(size: float) -> None:
    u, v, w = floats(strassen()).arrays
    factors = Factors(Format(2, 2, 2), u + size, v, w)
    with pytest.raises(InputError, match=r"factors of 2x2x2: residual .*, expected an exact fit \(<= 1e-16\)"):
        refine(factors, SETTINGS, SEED)


def test_nan_is_refused() -> None:
    u, v, w = floats(strassen()).arrays
    with pytest.raises(InputError, match="NaN"):
        refine(Factors(Format(2, 2, 2), u * np.nan, v, w), SETTINGS, SEED)


@pytest.mark.filterwarnings("ignore:(overflow|invalid value)")
def test_overflow_is_refused() -> None:
    u, v, w = (1e150 * factor for factor in floats(strassen()).arrays)
    with pytest.raises(InputError, match="expected an exact fit"):
        refine(Factors(Format(2, 2, 2), u, v, w), SETTINGS, SEED)


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="attempts is 0, expected an integer >= 1"):
        RefineSettings(attempts=0)
    with pytest.raises(InputError, match="simplify_attempts is -1, expected an integer >= 0"):
        RefineSettings(simplify_attempts=-1)
    assert RefineSettings(attempts=1, simplify_attempts=0).attempts == 1


# The attempts, with a scripted outcome each


def script(monkeypatch: pytest.MonkeyPatch, outcomes: list[tuple[RefineStatus, Scheme | None]]) -> list[float]:
    """Replace `_attempt`; returns the first random number of each attempt."""
    drawn: list[float] = []
    queue = iter(outcomes)

    def scripted(
        tensor: NDArray[np.float64], fit: Factors, attempt: int, rng: np.random.Generator
    ) -> tuple[RefineStatus, FixedPoint]:
        assert attempt == len(drawn)
        drawn.append(float(rng.random()))
        status, scheme = next(queue)
        point = FixedPoint(tensor, flatten(fit.arrays if scheme is None else floats(scheme).arrays))
        point.free[:] = scheme is None
        point.resolves = 10
        return status, point

    monkeypatch.setattr(pipeline, "_attempt", scripted)
    return drawn


def sheared(value: int | Fraction) -> Scheme:
    """Strassen's algorithm with other entries: ±2 or ±½ come in."""
    eye = np.eye(2, dtype=int).astype(object)
    p = eye.copy()
    p[0, 1] = value
    return sandwich(strassen(), p, eye, eye)


LOST: tuple[RefineStatus, Scheme | None] = (RefineStatus.LOST, None)
STUCK: tuple[RefineStatus, Scheme | None] = (RefineStatus.STUCK, None)


def test_all_attempts_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = script(monkeypatch, [STUCK, LOST, LOST])
    refined = refine(floats(strassen()), RefineSettings(attempts=3), SEED)
    assert (refined.status, refined.scheme, len(refined.attempts), refined.resolves) == (RefineStatus.LOST, None, 3, 30)
    assert refined.detail == (
        "stuck (0 zeros, 84 of 84 entries free); lost (0 zeros, 84 of 84 entries free); "
        "lost (0 zeros, 84 of 84 entries free)"
    )
    assert len(set(drawn)) == 3


def test_a_ternary_scheme_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, [LOST, (RefineStatus.EXACT, strassen()), LOST])
    refined = refine(floats(strassen()), SETTINGS, SEED)
    assert (refined.status, len(refined.attempts), refined.resolves) == (RefineStatus.EXACT, 2, 20)
    assert refined.scheme == canonical_form(strassen())
    assert refined.detail.endswith("exact (48 zeros, 0 of 84 entries free)")


def test_other_schemes_are_given_more_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    fraction, integer, denser = (
        sheared(Fraction(1, 2)),
        sheared(2),
        sandwich(sheared(2), *[np.array([[1, 0], [3, 1]])] * 3),
    )
    assert (canonical_form(fraction).ring, canonical_form(integer).ring) == (Ring.Q, Ring.Z)
    assert nonzeros(denser) > nonzeros(integer)
    exact = [(RefineStatus.EXACT, scheme) for scheme in (fraction, integer, denser)]
    script(monkeypatch, [LOST, *exact, LOST])
    refined = refine(floats(strassen()), SETTINGS, SEED)
    assert (refined.status, len(refined.attempts)) == (RefineStatus.EXACT, 4)
    assert refined.scheme == canonical_form(integer)


def test_failures_count_among_the_further_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, [(RefineStatus.EXACT, sheared(2)), LOST, STUCK, LOST])
    refined = refine(floats(strassen()), SETTINGS, SEED)
    assert (refined.status, len(refined.attempts)) == (RefineStatus.EXACT, 3)
    assert refined.scheme == canonical_form(sheared(2))


@pytest.mark.parametrize(("attempts", "further", "expected"), [(8, 0, 1), (8, 1, 2), (2, 5, 2)])
def test_the_number_of_attempts_is_limited(
    attempts: int, further: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, [(RefineStatus.EXACT, sheared(2))] * 8)
    settings = RefineSettings(attempts=attempts, simplify_attempts=further)
    assert len(refine(floats(strassen()), settings, SEED).attempts) == expected


def test_a_ternary_scheme_ends_the_further_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, [(RefineStatus.EXACT, sheared(2)), (RefineStatus.EXACT, strassen()), LOST])
    refined = refine(floats(strassen()), SETTINGS, SEED)
    assert (len(refined.attempts), refined.scheme) == (2, canonical_form(strassen()))
