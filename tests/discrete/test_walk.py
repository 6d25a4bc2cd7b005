"""Walks on the flip graph: what they keep, what they find, and what they refuse."""

from __future__ import annotations

import pickle
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete import kernels
from mmdiscover.discrete.cyclic import random_orbits
from mmdiscover.discrete.formats import classical, sandwiched
from mmdiscover.discrete.settings import Walked, WalkSettings, WalkStatus
from mmdiscover.discrete.walk import Walk, compile_walks, walk
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.verify.brent import check_brent
from tests.schemes import laderman, strassen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TWO, THREE = Format(2, 2, 2), Format(3, 3, 3)
LONG = Format(1, 9, 8)  # its factors take two words
RINGS = (Ring.Z2, Ring.ZT)
# Compiling takes its time, so tests keep to few kinds of walks.
KINDS = [(TWO, Ring.Z2, False), (THREE, Ring.Z2, False), (TWO, Ring.ZT, False), (THREE, Ring.ZT, False)]
KINDS += [(TWO, Ring.ZT, True), (THREE, Ring.ZT, True), (LONG, Ring.ZT, False)]
QUICK = WalkSettings(Ring.Z2, flips=10**6, plus_after=100, stage_flips=0)


def seed(number: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(number)


def over(ring: Ring, scheme: Scheme) -> Scheme:
    return Scheme(scheme.format, *scheme.arrays, modulus=2) if ring is Ring.Z2 else scheme


def is_matmul(fmt: Format, factors: Sequence[NDArray[np.int64]], ring: Ring) -> bool:
    """The Brent equations, from the definition of the product."""
    tensor = np.einsum("qa,qb,qc->abc", *factors)
    for i, j, k in product(*map(range, fmt.sizes)):
        tensor[i * fmt.m + j, j * fmt.p + k, k * fmt.n + i] -= 1
    return not (tensor % 2 if ring is Ring.Z2 else tensor).any()


def start_of(kind: tuple[Format, Ring, bool], number: int) -> Scheme | None:
    fmt, ring, cyclic = kind
    if cyclic:
        return None
    known = [classical(fmt)] + [scheme for scheme in (strassen(), laderman()) if scheme.format == fmt]
    return sandwiched(over(ring, known[number % len(known)]), np.random.default_rng(number))


@given(
    kind=st.sampled_from(KINDS),
    number=st.integers(0, 2**32 - 1),
    plus_after=st.integers(1, 3),
    margin=st.integers(0, 3),
    steps=st.lists(st.sampled_from([1, 1, 2, 10, 200]), min_size=5, max_size=15),
)
def test_every_move_keeps_the_tensor(
    kind: tuple[Format, Ring, bool], number: int, plus_after: int, margin: int, steps: list[int]
) -> None:
    fmt, ring, cyclic = kind
    settings = WalkSettings(ring, cyclic, plus_after=plus_after, margin=margin)
    one = Walk(fmt, 1, settings, seed(number), start_of(kind, number))
    best = one.best_rank
    for step in steps:
        done = one.flips
        assert one.advance(step) is None
        assert one.flips == done + step
        current = one._factors(best=False)
        assert len(current[0]) == one.current_rank
        assert is_matmul(fmt, current, ring)
        assert all(set(factor.ravel().tolist()) <= ({0, 1} if ring is Ring.Z2 else {-1, 0, 1}) for factor in current)
        assert one.best_rank <= min(best, one.current_rank)
        assert one.current_rank <= one.best_rank + margin * (3 if cyclic else 1)
        best = one.best_rank
    result = one.result()
    assert result.scheme is not None
    assert (result.scheme.rank, result.scheme.ring, result.rank) == (best, ring, best)
    assert check_brent(result.scheme).holds


def check(result: Walked, fmt: Format, rank: int, ring: Ring) -> Scheme:
    assert (result.status, result.rank) == (WalkStatus.EXACT, rank)
    assert result.scheme is not None
    assert (result.scheme.format, result.scheme.rank, result.scheme.ring) == (fmt, rank, ring)
    assert check_brent(result.scheme).holds
    assert result.trace[0][0] == 0
    assert result.trace[-1][1] == rank
    flips, ranks = zip(*result.trace, strict=True)
    assert list(flips) == sorted(flips)
    assert list(ranks) == sorted(set(ranks), reverse=True)
    assert result.trace[-1][0] <= result.flips
    return result.scheme


@pytest.mark.parametrize("ring", RINGS)
def test_from_the_classical_algorithm_to_strassen(ring: Ring) -> None:
    for number in range(10):
        result = walk(TWO, 7, WalkSettings(ring, flips=10**7, stage_flips=0), seed(number))
        check(result, TWO, 7, ring)
        assert result.trace[0] == (0, 8)


@pytest.mark.parametrize("ring", RINGS)
def test_from_the_classical_algorithm_to_laderman(ring: Ring) -> None:
    result = walk(THREE, 23, WalkSettings(ring, flips=10**8, stage_flips=0), seed(2))
    check(result, THREE, 23, ring)
    assert result.trace[0] == (0, 27)


def test_symmetric_walks() -> None:
    for number in range(2):
        scheme = check(walk(THREE, 23, WalkSettings(Ring.ZT, cyclic=True), seed(number)), THREE, 23, Ring.ZT)
        u, v, w = scheme.arrays
        terms, turned = (
            sorted(np.einsum("a,b,c->abc", *columns).ravel().tolist() for columns in zip(*arrays, strict=True))
            for arrays in ((u.T, v.T, w.T), (v.T, w.T, u.T))
        )
        assert terms == turned
    # From a start, too; its fixed term stays.
    orbits = random_orbits(TWO, 7, np.random.default_rng(0), ternary=True)
    first, second, third = (factor.T for factor in orbits.expanded())
    start = Scheme(TWO, first, second, third)
    check(walk(TWO, 7, WalkSettings(Ring.ZT, cyclic=True), seed(1), start), TWO, 7, Ring.ZT)


def test_a_start_that_is_good_enough() -> None:
    result = walk(TWO, 8, QUICK, seed(0))
    check(result, TWO, 8, Ring.Z2)
    assert (result.flips, result.trace) == (0, ((0, 8),))
    check(walk(TWO, 9, QUICK, seed(0), over(Ring.Z2, strassen())), TWO, 7, Ring.Z2)


def test_a_start_with_terms_too_many() -> None:
    u, v, w = strassen().arrays
    zero = np.zeros_like(u[:, :1])
    longer = Scheme(
        TWO,
        np.hstack([u, u[:, :1], u[:, :1], u[:, 1:2]]),
        np.hstack([v, v[:, :1], v[:, :1], zero]),
        np.hstack([w, w[:, :1], -w[:, :1], w[:, 2:3]]),
    )
    result = walk(TWO, 7, WalkSettings(Ring.ZT), seed(0), longer)
    check(result, TWO, 7, Ring.ZT)
    assert result.trace == ((0, 7),)


def test_a_start_over_the_rationals_modulo_2() -> None:
    u, v, w = strassen().arrays
    start = Scheme(TWO, u * Fraction(1, 3), v, w * 3)
    assert walk(TWO, 7, QUICK, seed(0), start).scheme == over(Ring.Z2, strassen())


@pytest.mark.parametrize("ring", RINGS)
def test_all_flips_used_up(ring: Ring) -> None:
    settings = WalkSettings(ring, flips=1234, plus_after=2, stage_flips=0)
    result = walk(TWO, 6, settings, seed(0))
    assert (result.status, result.flips) == (WalkStatus.EXHAUSTED, 1234)
    assert result.rank in (7, 8)
    assert result.scheme is not None
    assert result.scheme.rank == result.rank


@pytest.mark.parametrize("kind", KINDS[1:])
def test_reproducible_in_pieces_and_pickled(kind: tuple[Format, Ring, bool]) -> None:
    fmt, ring, cyclic = kind
    settings = WalkSettings(ring, cyclic, flips=3000, plus_after=5, stage_flips=0)
    start = start_of(kind, 0)
    at_once = walk(fmt, 1, settings, seed(5), start)
    assert at_once.flips == 3000
    assert walk(fmt, 1, settings, seed(5), start) == at_once
    one: Any = Walk(fmt, 1, settings, seed(5), start)
    for flips in (1, 0, 7, 500, 1, 1000):
        assert one.advance(flips) is None
        one = pickle.loads(pickle.dumps(one))
    assert one.flips == 1509
    other = pickle.loads(pickle.dumps(one))
    assert one.advance(10**6) is WalkStatus.EXHAUSTED
    assert one.result() == at_once
    assert other.flips == 1509
    assert other.advance(10**6) is WalkStatus.EXHAUSTED
    assert other.result() == at_once
    another = Walk(fmt, 1, settings, seed(6), start)
    another.advance(3000)
    assert not np.array_equal(another._walker.values, one._walker.values)


@pytest.mark.parametrize("which", ["values", "best"])
def test_an_inconsistency_is_seen(which: str) -> None:
    one = Walk(TWO, 7, QUICK, seed(0))
    assert one.advance(1) is None
    getattr(one._walker, which)[0, 0] ^= 6
    kernels.enter(one._walker, *one._kernel)  # its pairs, so that nothing but the tensor is wrong
    assert one.advance(1) is WalkStatus.INCONSISTENT
    flips = one.flips
    assert one.advance(10) is WalkStatus.INCONSISTENT
    result = pickle.loads(pickle.dumps(one)).result()
    assert (result.status, result.scheme, result.flips) == (WalkStatus.INCONSISTENT, None, flips)


def test_a_wrong_sign_is_seen() -> None:
    one = Walk(TWO, 7, WalkSettings(Ring.ZT), seed(0))
    one._walker.negative[3] ^= 1
    assert one.advance(1) is WalkStatus.INCONSISTENT
    assert one.result().scheme is None


def refused(
    message: str, fmt: Format, rank: Any, ring: Ring = Ring.Z2, *, start: Scheme | None = None, cyclic: bool = False
) -> None:
    with pytest.raises(InputError, match=message):
        Walk(fmt, rank, WalkSettings(ring, cyclic), seed(0), start)


@pytest.mark.parametrize("rank", [0, -1, True, 7.0, "7", None])
def test_ranks_that_are_none(rank: Any) -> None:
    refused(f"rank is {rank!r}, expected an integer >= 1", TWO, rank)


def test_formats_that_are_refused() -> None:
    with pytest.raises(CapacityError, match="format 12x11x2: a factor has 132 entries, expected at most 128"):
        Walk(Format(12, 11, 2), 200, QUICK, seed(0))
    refused("format 2x2x3: cyclic walks need a square format", Format(2, 2, 3), 11, cyclic=True)
    refused("format 2x2x3: cyclic walks", Format(2, 2, 3), 11, cyclic=True, start=classical(Format(2, 2, 3), 2))


def test_starts_that_are_refused() -> None:
    u, v, w = strassen().arrays
    refused("start is 2x2x2:7, expected a scheme of format 3x3x3", THREE, 23, start=strassen())
    refused("a scheme over Z2, expected one over ZT", TWO, 7, Ring.ZT, start=over(Ring.Z2, strassen()))
    thirds, halves = (Scheme(TWO, u * Fraction(1, d), v, w * d) for d in (3, 2))
    refused("a scheme over Q, expected one over ZT", TWO, 7, Ring.ZT, start=thirds)
    refused("factor u has entries without a residue modulo 2", TWO, 7, start=halves)
    for ring in RINGS:
        wrong = Scheme(TWO, u[:, :6], v[:, :6], w[:, :6])
        refused(f"start: [0-9]+ Brent equations do not hold over {ring}", TWO, 7, ring, start=over(ring, wrong))
    # Right modulo 2 only.
    unsigned = Scheme(TWO, abs(u), abs(v), abs(w))
    refused("Brent equations do not hold over ZT", TWO, 7, Ring.ZT, start=unsigned)
    assert walk(TWO, 7, QUICK, seed(0), unsigned).status is WalkStatus.EXACT
    refused("not invariant under the cyclic shift", THREE, 23, Ring.ZT, start=laderman(), cyclic=True)


def test_too_much_room() -> None:
    settings = WalkSettings(Ring.Z2, margin=6000)
    with pytest.raises(CapacityError, match=r"8 terms with room for \d+ more, expected at most 5000 together"):
        Walk(TWO, 7, settings, seed(0))


@pytest.mark.parametrize("ring", [Ring.Z, Ring.Q, Ring.C])
def test_rings_that_are_refused(ring: Ring) -> None:
    with pytest.raises(InputError, match=f"ring of a walk is {ring}, expected Z2 or ZT"):
        WalkSettings(ring)


def test_flips_per_pair_that_would_overflow_are_refused() -> None:
    WalkSettings(plus_after=10**10)
    with pytest.raises(InputError, match=f"plus_after of a walk is {10**30}, expected an integer from 1 to {10**10}"):
        WalkSettings(plus_after=10**30)


@pytest.mark.parametrize(("name", "least"), [("flips", 1), ("plus_after", 1), ("margin", 0), ("stage_flips", 0)])
def test_settings_that_are_refused(name: str, least: int) -> None:
    values: list[Any] = [least - 1, True, 1.5, "1", None]
    for value in values:
        with pytest.raises(InputError, match=f"{name} of a walk is {value!r}, expected an integer (>=|from) {least}"):
            WalkSettings(**{name: value})
    allowed: dict[str, Any] = {name: least}
    assert getattr(WalkSettings(**allowed), name) == least


def test_compiled_beforehand() -> None:
    compile_walks(THREE, QUICK)
    assert kernels.ADVANCE[kernels.Z2, 1, False].signatures
