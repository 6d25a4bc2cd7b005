"""Exact fits are counted as they are said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmdiscover.bench import FitCosts, cost_of_fits, fits
from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.errors import InputError
from mmdiscover.search import SearchSettings, run_start
from mmdiscover.search.start import random_start
from tests.schemes import strassen

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple

SQUARE = Format(2, 2, 2)
STRASSEN = tuple(factor.astype(float) for factor in strassen().arrays)


class Programs:
    """Stands in for the other programs, and for the clock: every call takes a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.calls: dict[str, list[tuple[Triple, int]]] = {"steps": [], "sweeps": []}
        monkeypatch.setattr(fits, "process_time", lambda: self.now)
        monkeypatch.setattr(fits, "has_parafac", lambda: True)
        monkeypatch.setattr(fits, "run_least_squares", self.steps)
        monkeypatch.setattr(fits, "run_parafac", self.sweeps)
        monkeypatch.setattr(fits, "run_start", self.search)

    def search(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence) -> object:
        self.now += 0.5
        return run_start(fmt, rank, settings, seed)

    def steps(self, _: Array, start: Triple, number: int) -> tuple[Triple, int]:
        self.now += 1
        self.calls["steps"].append((start, number))
        a, b, c = STRASSEN
        return (a, b, c if len(self.calls["steps"]) % 2 else 0 * c), number

    def sweeps(self, _: Array, start: Triple, number: int) -> Triple | None:
        self.now += 1
        self.calls["sweeps"].append((start, number))
        # Exact in the third call of a start, and singular in the fourth one after that.
        if len(self.calls["sweeps"]) == 4:
            a, b, c = STRASSEN
            return a, b, c
        a, b, c = start
        return None if len(self.calls["sweeps"]) == 8 else (2 * a, b, c)


def test_every_method_gets_the_same_starts_until_its_budget_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(monkeypatch)
    costs = cost_of_fits(SQUARE, 7, budget=5.0)
    own = [run_start(SQUARE, 7, SearchSettings(), np.random.SeedSequence(seed)).exact for seed in range(10)]
    assert 0 < sum(own) <= 10
    assert costs[0] == FitCosts("2x2x2:7", "search", 10, sum(own), 5.0)
    # The call to warm up was a success, and is not counted.
    assert costs[1] == FitCosts("2x2x2:7", "least_squares", 5, 2, 5.0)
    assert costs[2] == FitCosts("2x2x2:7", "parafac", 2, 1, 7.0)
    assert costs[2].exact_per_cpu_second == 1 / 7
    starts = [random_start(SQUARE.shape, 7, 0.5, np.random.default_rng(seed))[0] for seed in range(5)]
    for (start, number), expected in zip(programs.calls["steps"][1:], starts, strict=True):
        np.testing.assert_array_equal(start[0], expected)
        assert number == fits._STEPS
    # Each call goes on where the last one of the start has ended.
    for call, expected in ((1, starts[0]), (2, 2 * starts[0]), (3, 4 * starts[0]), (4, starts[1]), (7, 8 * starts[1])):
        np.testing.assert_array_equal(programs.calls["sweeps"][call][0][0], expected)


def test_sweeps_end_at_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(monkeypatch)
    a, b, c = STRASSEN
    programs.calls["sweeps"] = [((a, b, c), 0)] * 8
    assert cost_of_fits(SQUARE, 7, budget=0.0)[2].exact == 0
    calls = programs.calls["sweeps"][9:]
    assert len(calls) * fits._SWEEPS_AT_ONCE == fits._SWEEPS
    assert {number for _, number in calls} == {fits._SWEEPS_AT_ONCE}


def test_without_tensorly_there_are_two_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "has_parafac", lambda: False)
    costs = cost_of_fits(SQUARE, 7, budget=0.0)
    assert [cost.method for cost in costs] == ["search", "least_squares"]
    assert all(cost.starts == 1 and cost.cpu_seconds > 0 for cost in costs)


def test_exact_means_what_it_means_to_the_search() -> None:
    a, b, c = STRASSEN
    assert fits._exact(matmul_tensor(SQUARE), (a, b, c))
    assert not fits._exact(matmul_tensor(SQUARE), (a, b, c + 1e-9))


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(InputError, match="fewer than 4 products"):
        cost_of_fits(SQUARE, 3)
