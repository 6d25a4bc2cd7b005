"""The benchmark of walks: its starts and its reference are what it says; how fast that is, no test asks."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.bench import FlipTimes, flips, near_rank, time_flips
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete.formats import classical
from mmdiscover.errors import InputError
from mmdiscover.verify import check_brent
from tests.schemes import strassen

if TYPE_CHECKING:
    from mmdiscover.discrete.walk import Walk

SMALL = Format(2, 2, 3)


@given(st.sampled_from([0, 2]), st.integers(0, 2**32))
def test_the_plain_walk_keeps_the_tensor(modulus: int, seed: int) -> None:
    start = classical(SMALL, modulus)
    done, rows = flips.plain_flips(start, 50, np.random.default_rng(seed))
    assert 0 < done <= 50
    u, v, w = (factor.T for factor in rows)
    reached = Scheme(SMALL, u, v, w, modulus)
    assert check_brent(reached).holds
    assert str(reached.ring) == ("Z2" if modulus else "ZT")


def test_the_plain_walk_reduces_ranks_and_ends_where_there_is_no_flip() -> None:
    ranks = set()
    for seed in range(20):
        _, rows = flips.plain_flips(classical(Format(2, 2, 2), 2), 400, np.random.default_rng(seed))
        ranks.add(len(rows[0]))
    assert ranks == {7, 8}
    assert flips.plain_flips(strassen(), 10, np.random.default_rng(1))[0] == 0


def test_pairs_are_those_of_equal_factors_up_to_the_sign() -> None:
    rng = np.random.default_rng(3)
    rows = [rng.integers(-1, 2, (12, 2)) for _ in range(3)]
    rows = [np.where(factor.any(axis=1, keepdims=True), factor, 1) for factor in rows]
    expected = {
        (mode, q, s, sign)
        for mode, q, s, sign in product(range(3), range(12), range(12), (-1, 1))
        if q != s and (rows[mode][q] == sign * rows[mode][s]).all()
    }
    found = flips._pairs(rows)
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("ring", [Ring.Z2, Ring.ZT])
def test_starts_are_valid_and_the_same_each_time(ring: Ring) -> None:
    start = near_rank(Format(2, 3, 4), 22, ring)
    assert (start.format, start.ring) == (Format(2, 3, 4), ring)
    assert check_brent(start).holds
    # Of 2x3x2:11 twice; or less, but never one that cannot be flipped.
    assert 20 <= start.rank <= 22
    assert flips._pairs(flips._rows(start))
    flips._part.cache_clear()
    assert near_rank(Format(2, 3, 4), 22, ring) == start


def test_the_start_is_kept_where_the_walk_ends_without_flips() -> None:
    assert near_rank(Format(2, 2, 2), 7, Ring.Z2).rank == 8


def test_all_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def pace(one: Walk, window: float) -> tuple[float, float]:
        calls.append((one.settings.ring, window))
        number = len([call for call in calls if call != "plain"])
        return 10.0 + number, 100.0 + number

    def plain(start: Scheme, window: float, _: int) -> float:
        assert (start.name, window) == ("2x2x3:12", 0.5)
        calls.append("plain")
        return 2.0

    monkeypatch.setattr(flips, "_pace", pace)
    monkeypatch.setattr(flips, "_plain_pace", plain)
    times = time_flips(classical(SMALL, 2), 2, window=0.5, rounds=3)
    # Alone 11, 14, 17; together 12 + 13, 15 + 16, 18 + 19.
    assert calls == ["plain", *[(Ring.Z2, 0.5)] * 3] * 3
    assert times == FlipTimes("2x2x3:12", "Z2", 2, 31.0, 105.5, 31 / 14, 2.0)
    assert times.ratio == 31.0 / (31 / 14) / 2.0
    assert time_flips(classical(SMALL), window=0.5, rounds=1).scaling == 1.0


def test_paces_are_positive() -> None:
    times = time_flips(classical(SMALL, 2), window=1e-9, rounds=1)
    assert times.flips_per_second > 0
    assert times.flips_per_cpu_second > 0
    assert times.plain_flips_per_second > 0


def test_what_cannot_be_timed_is_refused() -> None:
    with pytest.raises(InputError, match="2x2x2:7 has no two equal factors"):
        time_flips(strassen())
    with pytest.raises(InputError, match="walkers 0"):
        time_flips(classical(SMALL), 0)
