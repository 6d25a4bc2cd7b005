"""The benchmark of the Brent check times what it says, on valid schemes."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given

from mmdiscover.bench import VerifyTimes, blocked_scheme, time_verify, verify
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import content_hash
from mmdiscover.errors import CapacityError
from mmdiscover.verify import check_brent
from tests.schemes import strassen
from tests.strategies import formats


@given(formats)
def test_blocked_schemes_are_valid(fmt: Format) -> None:
    scheme = blocked_scheme(fmt)
    assert scheme.rank == fmt.classical_rank - (fmt.n // 2) * (fmt.m // 2) * (fmt.p // 2)
    assert check_brent(scheme).holds


def test_the_scheme_that_is_timed() -> None:
    assert content_hash(blocked_scheme(Format(2, 2, 2))) == content_hash(strassen())
    scheme = blocked_scheme(Format(5, 5, 5))
    assert scheme.name == "5x5x5:117"
    assert check_brent(scheme).holds
    with pytest.raises(CapacityError, match="a scheme of 999x999x999"):
        blocked_scheme(Format(999, 999, 999))


def test_steps_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    calls: list[str] = []

    def take(name: str, seconds: float) -> None:
        nonlocal now
        now += seconds * (100 if len(calls) < 2 else 1)  # the first round is disturbed
        calls.append(name)

    monkeypatch.setattr(verify, "perf_counter", lambda: now)
    times = time_verify(strassen(), lambda: take("read", 0.002), lambda _: take("check", 0.003), budget=0.0)
    assert calls == ["read", "check"] * 5
    assert times.scheme == "2x2x2:7"
    assert times.read_ms == pytest.approx(2.0)
    assert times.brent_ms == pytest.approx(3.0)


def test_times_are_positive() -> None:
    scheme = blocked_scheme(Format(2, 2, 3))
    times = time_verify(scheme, lambda: blocked_scheme(scheme.format), check_brent, budget=0.0)
    assert all(0 < time < 1e4 for time in astuple(times)[1:])
    assert times.ratio == times.brent_ms / times.arithmetic_ms
    assert VerifyTimes("x", 1.0, 3.0, 2.0).ratio == 1.5
