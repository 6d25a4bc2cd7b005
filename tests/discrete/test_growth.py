"""Growth of starts: the way through formats, the flips on it, and walks that go wrong there."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete import walk as walk_module
from mmdiscover.discrete.formats import classical, extend, resized
from mmdiscover.discrete.growth import grown, growth_path
from mmdiscover.discrete.settings import Walked, WalkSettings, WalkStatus
from mmdiscover.discrete.walk import compile_walks, walk
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.verify.brent import check_brent

if TYPE_CHECKING:
    from collections.abc import Callable

THREE = Format(3, 3, 3)
SIZES = st.integers(1, 5)
FORMATS = st.builds(Format, SIZES, SIZES, SIZES)
SEEDS = st.integers(0, 2**32 - 1)


def seed(number: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(number)


def turned(scheme: Scheme) -> Scheme:
    u, v, w = (factor[:, ::-1] for factor in scheme.arrays)
    return Scheme(scheme.format, u, v, w, scheme.modulus)


class Stub:
    """A walk that only turns the order of the products and uses up its flips; inconsistent at stage `wrong`."""

    def __init__(self, wrong: int | None = None) -> None:
        self.wrong = wrong
        self.calls: list[tuple[Format, int, WalkSettings, int, Scheme | None]] = []

    def __call__(
        self, fmt: Format, rank: int, settings: WalkSettings, seed: np.random.SeedSequence, start: Scheme | None
    ) -> Walked:
        self.calls.append((fmt, rank, settings, int(seed.generate_state(1)[0]), start))
        known = prod(fmt.sizes) if start is None else start.rank
        if len(self.calls) - 1 == self.wrong:
            return Walked(WalkStatus.INCONSISTENT, None, known, settings.flips, ((0, known),))
        brought = None if start is None else turned(start)
        return Walked(WalkStatus.EXHAUSTED, brought, known, settings.flips, ((0, known),))


@given(FORMATS, SEEDS)
def test_a_way_to_the_format(fmt: Format, number: int) -> None:
    path = growth_path(fmt, np.random.default_rng(number))
    assert path == growth_path(fmt, np.random.default_rng(number))
    assert len(path) == sum(max(0, size - 2) for size in fmt.sizes)
    at = Format(*(min(2, size) for size in fmt.sizes))
    for stage, dimension in path:
        assert stage == at
        at = resized(at, dimension, at.sizes[dimension] + 1)
    assert at == fmt


def test_all_ways_come() -> None:
    ways = {tuple(dimension for _, dimension in growth_path(THREE, np.random.default_rng(k))) for k in range(60)}
    assert len(ways) == 6


@given(FORMATS, SEEDS, st.sampled_from([Ring.Z2, Ring.ZT]), st.integers(1, 10**6), st.integers(1, 10**5))
def test_stages_take_at_most_half_of_the_flips(
    fmt: Format, number: int, ring: Ring, flips: int, stage_flips: int
) -> None:
    stub, settings = Stub(), WalkSettings(ring, flips=flips, stage_flips=stage_flips, plus_after=7, margin=5)
    scheme, spent = grown(fmt, settings, seed(number), stub)
    assert scheme is not None
    assert (scheme.format, scheme.modulus) == (fmt, 2 if ring is Ring.Z2 else 0)
    assert check_brent(scheme).holds
    stages = sum(max(0, size - 2) for size in fmt.sizes)
    each = min(stage_flips, flips // (2 * stages)) if stages else 0
    assert len(stub.calls) == (stages if each else 0)
    assert spent == each * stages
    assert spent <= flips / 2
    assert len({drawn for *_, drawn, _ in stub.calls}) == len(stub.calls)
    for at, rank, told, _, start in stub.calls:
        assert start is not None
        assert (start.format, rank) == (at, 1)
        assert told == WalkSettings(ring, flips=each, stage_flips=stage_flips, plus_after=7, margin=5)


def test_each_stage_goes_on_with_the_last() -> None:
    stub = Stub()
    scheme, _ = grown(THREE, WalkSettings(Ring.Z2), seed(0), stub)
    starts = [start for *_, start in stub.calls]
    assert starts[0] == classical(Format(2, 2, 2), 2)
    for start, following in zip(starts, [*starts[1:], scheme], strict=True):
        assert start is not None
        assert any(following == extend(turned(start), dimension) for dimension in range(3))


@pytest.mark.parametrize("wrong", range(3))
def test_a_stage_that_is_inconsistent_ends_the_walk(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    stub = Stub(wrong)
    monkeypatch.setattr(walk_module, "walk_from", stub)
    result = walk(THREE, 23, WalkSettings(Ring.Z2, stage_flips=10), seed(0))
    spent = 10 * (wrong + 1)
    assert result == Walked(WalkStatus.INCONSISTENT, None, 27, spent, ((spent, 27),))
    assert len(stub.calls) == wrong + 1


def test_after_growth() -> None:
    settings = WalkSettings(Ring.Z2, flips=400_000, stage_flips=20_000)
    result = walk(THREE, 23, settings, seed(1))
    assert (result.status, result.rank) == (WalkStatus.EXACT, 23)
    assert result.scheme is not None
    assert check_brent(result.scheme).holds
    grown_after, rank = result.trace[0]
    assert 60_000 <= grown_after < 60_100
    assert 23 < rank < 27  # three stages have reduced it
    assert result.trace[-1][1] == 23
    assert grown_after < result.trace[-1][0] <= result.flips
    assert walk(THREE, 23, settings, seed(1)) == result
    assert walk(THREE, 23, settings, seed(2)).trace != result.trace


@pytest.mark.parametrize("flips", [1, 5, 6, 7, 100, 12345])
def test_the_flips_of_growth_count(flips: int) -> None:
    result = walk(THREE, 19, WalkSettings(Ring.Z2, flips=flips), seed(0))
    assert flips <= result.flips <= flips + 4 * 300  # one walk may end within a plus transition that counts for more
    begins, rank = result.trace[0]
    if flips < 6:  # not one for each of three formats
        assert (begins, rank) == (0, 27)
    else:
        assert 3 * (flips // 6) <= begins < result.flips


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        (WalkSettings(Ring.Z2, flips=100, stage_flips=0), None),
        (WalkSettings(Ring.Z2, flips=100), classical(THREE, 2)),
    ],
)
def test_no_growth(settings: WalkSettings, start: Scheme | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_module, "grown", unexpected)
    assert walk(THREE, 19, settings, seed(0), start).trace[0] == (0, 27)


def unexpected(*_: Any) -> Any:
    raise AssertionError("grown")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: walk(THREE, 0, WalkSettings(Ring.Z2), seed(0)), InputError, "rank is 0, expected an integer >= 1"),
        (lambda: walk(THREE, True, WalkSettings(Ring.Z2), seed(0)), InputError, "rank is True"),
        (lambda: walk(Format(12, 11, 2), 9, WalkSettings(Ring.Z2), seed(0)), CapacityError, "format 12x11x2"),
        (
            lambda: walk(THREE, 9, WalkSettings(Ring.Z2), seed(0), classical(Format(2, 3, 3), 2)),
            InputError,
            "start is 2x3x3:18",
        ),
    ],
)
def test_bad_input_is_seen_before_growth(
    call: Callable[[], Walked], error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk_module, "grown", unexpected)
    with pytest.raises(error, match=message):
        call()


def test_what_growth_needs_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = Stub()
    monkeypatch.setattr(walk_module, "walk_from", stub)
    compile_walks(Format(4, 1, 5), WalkSettings(Ring.Z2))
    assert [call[0].sizes for call in stub.calls][-1] == (4, 1, 5)
    assert len(stub.calls) == 6
    assert all(call[2].flips >= 1 for call in stub.calls)
