"""The benchmark measures what it says; how fast that is, no test asks."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mmdiscover.core.format import Format
from mmdiscover.decompositions import CPFit, FitSettings, fit_cp
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.search import benchmark
from mmdiscover.search.benchmark import time_lm

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple


def test_times_are_positive() -> None:
    times = time_lm(Format(1, 2, 2), 4, budget=0.0)
    assert times.scheme == "1x2x2:4"
    assert all(0 < time < 1e4 for time in astuple(times)[1:])


def test_the_systems_have_the_sizes_of_the_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def solve(matrix: Array) -> float:
        sizes.append(len(matrix))
        return 1e-3 * len(matrix)

    monkeypatch.setattr(benchmark, "_solve", solve)
    times = time_lm(Format(3, 2, 1), 6, budget=0.0)
    # Modes of 6, 2 and 3 entries: the first is eliminated.
    assert set(sizes) == {5 * 6, 11 * 6}
    assert len(sizes) == 2 * (1 + benchmark._LEAST_ROUNDS)
    assert (times.reduced_solve_ms, times.full_solve_ms) == pytest.approx((30, 66))


def test_iterations_run_to_their_number_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(tensor: Array, start: Triple, settings: FitSettings) -> CPFit:
        fit = fit_cp(tensor, start, settings)
        threads = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
        seen.append((fit.iterations, settings.bound is not None, threads))
        return fit

    monkeypatch.setattr(benchmark, "fit_cp", watched)
    with threadpool_limits(2):
        time_lm(Format(2, 2, 2), 7, budget=0.0)
    assert all(entry == (benchmark._ITERATIONS, True, {1}) for entry in seen)


def test_rounds_go_on_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    def solve(_: Array) -> float:
        nonlocal count
        count += 1
        return 1.0

    monkeypatch.setattr(benchmark, "_solve", solve)
    time_lm(Format(1, 1, 1), 1, budget=1e9)
    assert count == 2 * (1 + benchmark._MOST_ROUNDS)


def test_the_reference_solves_a_positive_definite_system() -> None:
    matrix = benchmark._positive_definite(20)
    kept = matrix.copy()
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix)[0] > 0
    assert benchmark._solve(matrix) > 0
    np.testing.assert_array_equal(matrix, kept)
    with pytest.raises(AssertionError):
        benchmark._solve(-matrix)


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(InputError, match="fewer than 4 products"):
        time_lm(Format(2, 2, 2), 3)
    with pytest.raises(CapacityError):
        time_lm(Format(5, 5, 5), 10**6)


def test_the_full_system_must_fit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.core.tensor.physical_memory", lambda: 2 * 16 * 84**2)
    with pytest.raises(CapacityError, match="the benchmark of 2x2x2:7 needs"):
        time_lm(Format(2, 2, 2), 7)
