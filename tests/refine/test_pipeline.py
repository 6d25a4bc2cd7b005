"""Refinement end to end: what comes out is proved, repeatable, or a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.core.symmetry import sandwich
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten
from mmdiscover.errors import InputError
from mmdiscover.refine import (
    OTHER_FAMILY,
    Refined,
    RefineSettings,
    RefineStatus,
    parse_preference,
    pipeline,
    refine,
)
from mmdiscover.refine.rationalize import FixedPoint
from mmdiscover.verify import verify
from tests.refine.fits import floats, found, regauged
from tests.schemes import classical, strassen

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

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
    assert refined.scheme == min((a.scheme for a in refined.attempts if a.scheme), key=SETTINGS.preference.key)


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
    refined = refine(factors, RefineSettings(attempts=2, neighbours=0), np.random.SeedSequence(seed))
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


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attempts": 0}, "attempts is 0, expected an integer >= 1"),
        ({"neighbours": -1}, "neighbours is -1, expected an integer >= 0"),
        ({"kicks": -1}, "kicks is -1, expected an integer >= 0"),
        ({"schemes": 0}, "schemes is 0, expected 1 to the number of attempts, 8"),
        ({"attempts": 2, "schemes": 3}, "schemes is 3, expected 1 to the number of attempts, 2"),
    ],
)
def test_settings_are_checked(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RefineSettings(**wrong)


# The attempts, with a scripted outcome each

Outcome = tuple[RefineStatus, Scheme | None]
LOST: Outcome = (RefineStatus.LOST, None)
STUCK: Outcome = (RefineStatus.STUCK, None)
NEIGHBOUR = Factors(Format(2, 2, 2), *np.random.default_rng(0).standard_normal((3, 4, 7)))
"""Of another rank distribution than Strassen's algorithm."""


def sheared(value: int | Fraction, index: int = 0) -> Scheme:
    """Strassen's algorithm with other entries: ±2 or ±½ come in."""
    eye = np.eye(2, dtype=int).astype(object)
    p = eye.copy()
    p[index, 1 - index] = value
    return sandwich(strassen(), p, eye, eye)


TERNARY, INTEGER, FRACTIONAL = (
    (RefineStatus.EXACT, scheme) for scheme in (strassen(), sheared(2), sheared(Fraction(1, 2)))
)


@dataclass
class Script:
    """Outcomes of the attempts in their order; keeps what each was given, and its first random number."""

    outcomes: list[Outcome]
    calls: list[tuple[Factors, int]] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    families: list[int] = field(default_factory=list)

    def attempt(self, fit: Factors, number: int, rng: np.random.Generator) -> tuple[RefineStatus, str, FixedPoint]:
        self.calls.append((fit, number))
        self.drawn.append(float(rng.random()))
        status, scheme = self.outcomes[len(self.calls) - 1]
        point = FixedPoint(matmul_tensor(fit.format), flatten((fit if scheme is None else floats(scheme)).arrays))
        point.free[:] = scheme is None
        point.resolves = 10
        point.ends_stage("first")
        point.ends_stage("last")
        return status, "by script", point

    def neighbour(self, fit: Factors, known: AbstractSet[object], rng: np.random.Generator) -> Factors | None:
        assert fit is self.calls[0][0]
        self.families.append(len(known))
        self.drawn.append(float(rng.random()))
        return NEIGHBOUR if len(self.calls) < len(self.outcomes) else None


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Script]:
    def scripted(*outcomes: Outcome) -> Script:
        result = Script(list(outcomes))
        monkeypatch.setattr(pipeline, "attempt", result.attempt)
        monkeypatch.setattr(pipeline, "neighbour", result.neighbour)
        monkeypatch.setattr(pipeline, "polish", lambda scheme, *_: canonical_form(scheme))
        return result

    return scripted


def test_all_attempts_may_fail(script: Callable[..., Script]) -> None:
    run, fit = script(STUCK, LOST, STUCK, LOST), floats(strassen())
    refined = refine(fit, RefineSettings(attempts=3, neighbours=1), SEED)
    assert (refined.status, refined.schemes, refined.resolves) == (RefineStatus.LOST, (), 40)
    assert run.calls == [(fit, 0), (fit, 1), (fit, 2), (NEIGHBOUR, 0)]
    assert [attempt.stages[0].name for attempt in refined.attempts] == ["first"] * 3 + [OTHER_FAMILY]
    assert [stage.name for stage in refined.attempts[3].stages] == [OTHER_FAMILY, "first", "last"]
    assert refined.detail.startswith("stuck in last (0 zeros, 84 entries free): by script; lost in last")
    assert len(set(run.drawn)) == 5


def test_a_ternary_scheme_ends_it(script: Callable[..., Script]) -> None:
    run = script(LOST, TERNARY, LOST)
    refined = refine(floats(strassen()), SETTINGS, SEED)
    assert (refined.status, refined.schemes) == (RefineStatus.EXACT, (canonical_form(strassen()),))
    assert [attempt.scheme for attempt in refined.attempts] == [None, refined.scheme]
    assert [attempt.ring for attempt in refined.attempts] == [None, Ring.ZT]
    assert not run.families


def test_other_rings_send_it_to_other_families(script: Callable[..., Script]) -> None:
    run = script(FRACTIONAL, INTEGER, LOST, TERNARY, LOST)
    refined = refine(floats(strassen()), SETTINGS, SEED)
    assert [number for _, number in run.calls] == [0, 0, 0, 0]
    # The others are equivalent.
    assert refined.schemes == (canonical_form(strassen()),)
    assert [attempt.ring for attempt in refined.attempts] == [Ring.Q, Ring.Z, None, Ring.ZT]
    # That of the fit, and then that of the neighbours, too.
    assert run.families == [1, 2, 2]


def test_of_other_rings_the_better_is_taken(script: Callable[..., Script]) -> None:
    script(FRACTIONAL, INTEGER, LOST, FRACTIONAL)
    assert refine(floats(strassen()), SETTINGS, SEED).scheme == canonical_form(sheared(2))


@pytest.mark.parametrize(("neighbours", "expected"), [(0, 1), (1, 2), (4, 5)])
def test_the_number_of_neighbours_is_limited(script: Callable[..., Script], neighbours: int, expected: int) -> None:
    script(*[FRACTIONAL] * 8)
    assert len(refine(floats(strassen()), RefineSettings(neighbours=neighbours), SEED).attempts) == expected


def test_where_there_is_no_neighbour_it_ends(script: Callable[..., Script]) -> None:
    run = script(FRACTIONAL)
    assert refine(floats(strassen()), SETTINGS, SEED).status is RefineStatus.EXACT
    assert run.families == [1]


def test_other_preferences_do_not_ask_for_ternary_schemes(script: Callable[..., Script]) -> None:
    run = script(FRACTIONAL, TERNARY)
    refined = refine(floats(strassen()), RefineSettings(preference=parse_preference("additions,ternary")), SEED)
    assert refined.schemes == (canonical_form(sheared(Fraction(1, 2))),)
    assert not run.families


def test_several_schemes_are_inequivalent(script: Callable[..., Script], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "orbit_class", lambda scheme: scheme.ring)
    run = script(FRACTIONAL, FRACTIONAL, LOST, INTEGER, TERNARY, LOST)
    refined = refine(floats(strassen()), RefineSettings(schemes=2, neighbours=1), SEED)
    assert [number for _, number in run.calls] == [0, 1, 2, 3, 0]
    assert [scheme.ring for scheme in refined.schemes] == [Ring.ZT, Ring.Z, Ring.Q]


def test_equivalent_schemes_count_once(script: Callable[..., Script]) -> None:
    # All schemes 2x2x2:7 are equivalent.
    run = script(*[TERNARY, INTEGER] * 4)
    refine(floats(strassen()), RefineSettings(schemes=2, neighbours=0), SEED)
    assert len(run.calls) == 8


def test_a_lower_rank_comes_first(script: Callable[..., Script]) -> None:
    eight = classical(Format(2, 2, 2))
    run = script((RefineStatus.EXACT, eight), FRACTIONAL)
    refined = refine(floats(eight), RefineSettings(schemes=2, attempts=2, neighbours=0), SEED)
    assert [scheme.rank for scheme in refined.schemes] == [7, 8]
    assert len(run.calls) == 2
