"""The exact search around a scheme: moves are identities, and what comes out is never worse."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.metrics import additions
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.core.symmetry import sandwich
from mmdiscover.refine import Criterion, Preference
from mmdiscover.refine import polish as module
from mmdiscover.refine.exchanges import exchange, find_exchanges, outcomes
from mmdiscover.refine.integer_scheme import exact_scheme, integer_scheme
from mmdiscover.refine.polish import polish
from mmdiscover.refine.preference import TERNARY_FIRST
from mmdiscover.verify import verify
from tests.schemes import classical, laderman, strassen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.refine.integer_scheme import IntegerScheme

SCHEMES = [strassen(), classical(Format(2, 2, 3)), classical(Format(1, 2, 2)), laderman()]


def tensor(scheme: Scheme) -> NDArray[np.object_]:
    u, v, w = scheme.arrays
    products = [np.multiply.outer(np.multiply.outer(u[:, q], v[:, q]), w[:, q]) for q in range(scheme.rank)]
    total: NDArray[np.object_] = np.sum(products, axis=0)
    return total


def integers(scheme: Scheme) -> IntegerScheme:
    value = integer_scheme(scheme)
    assert value is not None
    return value


def disturbed(scheme: Scheme, seed: int, count: int = 4) -> Scheme:
    """Elementary sandwiches, one after the other."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        matrices = [np.eye(size, dtype=int).astype(object) for size in scheme.format.sizes]
        k = int(rng.choice([k for k in range(3) if scheme.format.sizes[k] > 1]))
        i, j = rng.choice(scheme.format.sizes[k], 2, replace=False)
        matrices[k][i, j] = int(rng.choice([-1, 1]))
        scheme = sandwich(scheme, *matrices)
    return scheme


def halved(scheme: Scheme) -> Scheme:
    eye = [np.eye(size, dtype=int).astype(object) for size in scheme.format.sizes]
    eye[0][0, 0] = Fraction(1, 2)
    return sandwich(scheme, *eye)


# Integer form


@pytest.mark.parametrize("scheme", [*SCHEMES, *map(halved, SCHEMES)])
def test_the_integer_form_is_the_same_scheme(scheme: Scheme) -> None:
    value = integers(scheme)
    assert exact_scheme(value) == canonical_form(scheme)
    assert (np.gcd.reduce(value.flat.astype(int), axis=2) == 1).all()
    assert value.unimodular or canonical_form(scheme).ring is not Ring.ZT


@pytest.mark.parametrize("criterion", Criterion)
@pytest.mark.parametrize("scheme", [*SCHEMES, *map(halved, SCHEMES), disturbed(laderman(), 0, 8)])
def test_integers_are_measured_like_the_scheme(scheme: Scheme, criterion: Criterion) -> None:
    preference = Preference((criterion,))
    assert module._key(integers(scheme), preference)[1:] == preference.key(canonical_form(scheme))


@pytest.mark.parametrize(
    "scheme",
    [
        Scheme(Format(1, 1, 1), [[1]], [[1]], [[1]], modulus=2),
        Scheme(Format(1, 1, 1), [[1]], [[Gaussian(Fraction(0), Fraction(1))]], [[1]]),
        Scheme(Format(1, 1, 2), [[1]], [[1], [41]], [[1], [1]]),
        Scheme(Format(1, 1, 1), [[1]], [[1]], [[Fraction(1, 4097)]]),
    ],
)
def test_what_cannot_be_held_is_left_as_it_is(scheme: Scheme) -> None:
    assert integer_scheme(scheme) is None
    assert polish(scheme, TERNARY_FIRST, np.random.default_rng(0), 5) == canonical_form(scheme)


# Moves


FLIP, CONIC, CHAIN = (2, 3), (0, 1, 2, 3), (0, 1, 2, 3, 4, 5)
"""Which updates they are made of."""


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [(strassen(), set()), (classical(Format(2, 2, 3)), {FLIP}), (laderman(), {CHAIN})],
)
@pytest.mark.parametrize("change", [lambda scheme: scheme, halved])
def test_exchanges_are_identities(scheme: Scheme, expected: set[tuple[int, ...]], change: object) -> None:
    scheme = change(scheme)  # type: ignore[operator]
    value = integers(scheme)
    candidates = find_exchanges(value)
    found = outcomes(value, candidates)
    possible = np.flatnonzero(found.possible)
    assert {tuple(map(int, np.flatnonzero(n))) for n in candidates.n[possible]} >= expected
    before = tensor(scheme)
    for which in np.random.default_rng(0).permutation(possible)[:60]:
        after = exact_scheme(exchange(value, candidates, int(which), found))
        assert np.array_equal(tensor(after), before)
        assert after != canonical_form(scheme)


@pytest.mark.parametrize("kind", [CONIC, CHAIN])
def test_planted_exchanges_are_found(kind: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(20):
        u, v, w = (rng.integers(-2, 3, (9, 5)).astype(object) for _ in range(3))
        if kind == CONIC:
            u[:, 2], v[:, 2] = u[:, 0] + 2 * u[:, 1], v[:, 0] - v[:, 1]
        else:
            u[:, 4], v[:, 4] = u[:, 1] + u[:, 3], v[:, 0] - v[:, 2]
            w[:, 1], w[:, 3] = w[:, 4] - w[:, 0], w[:, 4] + w[:, 2]
        scheme = Scheme(Format(3, 3, 3), u, v, w)
        value = integer_scheme(scheme)
        if value is None or value.rank < 5:
            continue
        candidates = find_exchanges(value)
        found = outcomes(value, candidates)
        kinds = np.array([tuple(np.flatnonzero(n)) == kind for n in candidates.n])
        for which in np.flatnonzero(found.possible & kinds):
            after = exact_scheme(exchange(value, candidates, int(which), found))
            assert np.array_equal(tensor(after), tensor(scheme))
            seen += 1
    assert seen >= 20


@pytest.mark.parametrize("scheme", [strassen(), laderman(), classical(Format(2, 3, 4)), halved(laderman())])
def test_sandwiches_are_symmetries(scheme: Scheme) -> None:
    value, rng = integers(scheme), np.random.default_rng(0)
    for k, size in enumerate(scheme.format.sizes):
        for inverse in (0, 1):
            members = tuple(int(x) for x in rng.integers(0, 2, size))
            step = module._index_two(value, k, members if any(members) else (1,) * size, inverse)
            assert step is not None
            assert verify(exact_scheme(step)).ok
    for _ in range(5):
        value = module._sandwich_at_random(value, rng)
        assert verify(exact_scheme(value)).ok


def test_the_changes_foretell_the_descent() -> None:
    vectors = integers(disturbed(laderman(), 1)).vectors
    pairs = module._pairs((3, 3, 3))
    changes = module._changes(vectors, pairs)
    for sign in (0, 1):
        for pair in range(len(pairs[0])):
            after = module._sandwiched(vectors, pairs, pair, 1 - 2 * sign)
            assert after is not None
            assert np.abs(after).sum(dtype=int) - np.abs(vectors).sum(dtype=int) == changes[sign, pair]


# The search


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_strassen_is_found_again(seed: int) -> None:
    polished = polish(disturbed(strassen(), seed), TERNARY_FIRST, np.random.default_rng(seed), 40)
    assert (polished.ring, additions(polished)) == (Ring.ZT, 18)
    assert verify(polished).ok


@pytest.mark.parametrize("scheme", [strassen(), laderman()])
def test_fractions_of_the_gauge_go_away(scheme: Scheme) -> None:
    assert halved(scheme).ring is Ring.Q
    polished = polish(halved(scheme), TERNARY_FIRST, np.random.default_rng(0), 60)
    assert polished.ring is Ring.ZT
    assert verify(polished).ok


@pytest.mark.parametrize("criterion", Criterion)
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=4)
def test_it_is_never_worse(criterion: Criterion, seed: int) -> None:
    preference = Preference((criterion, *(other for other in Criterion if other is not criterion)))
    scheme = disturbed(halved(laderman()) if seed % 2 else laderman(), seed)
    polished = polish(scheme, preference, np.random.default_rng(seed), 5)
    assert preference.key(polished) <= preference.key(canonical_form(scheme))
    assert polished == canonical_form(polished)
    assert verify(polished).ok
    assert polish(scheme, preference, np.random.default_rng(seed), 5) == polished


def test_products_that_cancel_are_dropped() -> None:
    u, v, w = classical(Format(1, 1, 2)).arrays
    # The last product twice, with opposite signs.
    u, v = (np.concatenate([factor, factor[:, -1:], factor[:, -1:]], axis=1) for factor in (u, v))
    doubled = Scheme(Format(1, 1, 2), u, v, np.concatenate([w, w[:, -1:], -w[:, -1:]], axis=1))
    assert doubled.rank == 4
    assert polish(doubled, TERNARY_FIRST, np.random.default_rng(0), 40).rank == 2
