"""The benchmark measures what it says; how fast that is, no test asks."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mmdiscover.bench import lm, time_lm
from mmdiscover.bench.references import run_least_squares
from mmdiscover.core.format import Format
from mmdiscover.decompositions import CPFit, Ending, FitSettings, fit_cp
from mmdiscover.errors import CapacityError, InputError

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple


class Clock:
    """A clock that only `pass_` moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(lm, "perf_counter", lambda: self.now)

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def no_parafac(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where TensorLy is not installed, unless a test says otherwise."""
    monkeypatch.setattr(lm, "has_parafac", lambda: False)


def test_times_are_positive() -> None:
    times = time_lm(Format(1, 2, 2), 4, budget=0.0)
    assert times.scheme == "1x2x2:4"
    assert all(0 < time < 1e4 for time in astuple(times)[1:5])
    assert times.parafac_ms is None
    assert times.ratio == times.iteration_ms / times.reduced_solve_ms


@pytest.mark.parametrize(("scheme", "solves"), [((3, 2, 1, 6), 40), ((3, 3, 3, 23), 21)])
def test_the_systems_have_the_sizes_of_the_problem(
    scheme: tuple[int, int, int, int], solves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def solve(matrix: Array) -> float:
        sizes.append(len(matrix))
        return 1e-3 * len(matrix)

    monkeypatch.setattr(lm, "_solve", solve)
    monkeypatch.setattr(lm, "_MOST_SVD_WORK", 0.0)
    n, m, p, rank = scheme
    times = time_lm(Format(n, m, p), rank, budget=0.0)
    # The largest mode is eliminated.
    modes = sorted([n * m, m * p, p * n])
    reduced, full = rank * (modes[0] + modes[1]), rank * sum(modes)
    assert set(sizes) == {reduced, full}
    assert len(sizes) == solves * (1 + lm._LEAST_ROUNDS)
    assert (times.reduced_solve_ms, times.full_solve_ms) == pytest.approx((reduced, full))


def test_solves_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 2.0, 6.0])
    monkeypatch.setattr(lm, "_solve", lambda _: next(times))
    assert lm._solves(np.eye(2), 3) == 3.0


def test_the_time_of_a_fit_is_shared_by_its_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    starts = []
    iterations = iter([1, 2, 0, 3, 4, 6])  # the first to warm up; nothing to share in the third

    def fit(_: Array, start: Triple, settings: FitSettings) -> CPFit:
        clock.pass_(6e-3)
        starts.append(start[0][0, 0])
        assert settings.bound is not None
        return CPFit(start, 0.0, Ending.CONVERGED, np.zeros(1 + next(iterations)))

    monkeypatch.setattr(lm, "fit_cp", fit)
    assert time_lm(Format(2, 2, 2), 7, budget=0.0).iteration_ms == pytest.approx(2.0)
    assert len(starts) == 6
    assert starts[0] == starts[1]
    assert len(set(starts)) == 5


def test_large_problems_are_timed_by_few_iterations_of_one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def fit(tensor: Array, start: Triple, settings: FitSettings) -> CPFit:
        seen.append((float(start[0][0, 0]), settings.max_iterations))
        return fit_cp(tensor, start, FitSettings(max_iterations=1))

    monkeypatch.setattr(lm, "fit_cp", fit)
    monkeypatch.setattr(lm, "_MOST_SVD_WORK", 0.0)
    times = time_lm(Format(3, 3, 3), 23, budget=0.0)
    assert set(seen) == {(seen[0][0], lm._ITERATIONS)}
    assert (times.least_squares_ms, times.parafac_ms) == (None, None)


def test_everything_runs_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def threads() -> None:
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})

    def own(tensor: Array, start: Triple, settings: FitSettings) -> CPFit:
        threads()
        return fit_cp(tensor, start, settings)

    def steps(tensor: Array, start: Triple, number: int) -> tuple[Triple, int]:
        threads()
        return run_least_squares(tensor, start, number)

    monkeypatch.setattr(lm, "fit_cp", own)
    monkeypatch.setattr(lm, "run_least_squares", steps)
    with threadpool_limits(2):
        time_lm(Format(1, 2, 2), 4, budget=0.0)
    assert len(seen) == 2 + lm._LEAST_ROUNDS + 1
    assert all(entry == {1} for entry in seen)


def test_the_other_programs_are_timed_by_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def steps(_: Array, start: Triple, number: int) -> tuple[Triple, int]:
        clock.pass_(0.08)
        return start, number - 2

    def sweeps(_: Array, start: Triple, number: int) -> Triple | None:
        clock.pass_(0.03 * number)
        return start

    monkeypatch.setattr(lm, "has_parafac", lambda: True)
    monkeypatch.setattr(lm, "run_least_squares", steps)
    monkeypatch.setattr(lm, "run_parafac", sweeps)
    times = time_lm(Format(1, 2, 2), 4, budget=0.0)
    assert (times.least_squares_ms, times.parafac_ms) == pytest.approx((10.0, 30.0))
    monkeypatch.setattr(lm, "run_parafac", lambda *_: None)
    assert time_lm(Format(1, 2, 2), 4, budget=0.0).parafac_ms is None


def test_rounds_go_on_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def one_round(number: int) -> int:
        clock.pass_(1.0)
        return number

    # The round to warm up counts neither as a round nor towards the budget.
    assert lm._rounds(one_round, 3.5, 1) == [0, 1, 2, 3]
    assert lm._rounds(one_round, 0.0, 2) == [0, 1]
    assert len(lm._rounds(one_round, 1e9, 2)) == lm._MOST_ROUNDS


def test_the_reference_solves_a_positive_definite_system() -> None:
    matrix = lm._positive_definite(20)
    kept = matrix.copy()
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix)[0] > 0
    assert lm._solve(matrix) > 0
    np.testing.assert_array_equal(matrix, kept)
    with pytest.raises(AssertionError):
        lm._solve(-matrix)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(InputError, match="fewer than 4 products"):
        time_lm(Format(2, 2, 2), 3)
    with pytest.raises(CapacityError):
        time_lm(Format(5, 5, 5), 10**6)


def test_the_full_system_must_fit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.core.tensor.physical_memory", lambda: 2 * 16 * 84**2)
    with pytest.raises(CapacityError, match="the benchmark of 2x2x2:7 needs"):
        time_lm(Format(2, 2, 2), 7)
