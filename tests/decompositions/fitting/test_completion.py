"""Planted tensors from a share of their entries."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from mmdiscover.decompositions.fitting.completion import (
    complete_cp,
    complete_matrix,
    complete_tt,
    complete_tucker,
    held_out_error,
    split_entries,
)
from mmdiscover.decompositions.fitting.starts import StartsSettings, spectral_bases
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.sparse import SparseTensor
from tests.decompositions.fitting.examples import distance, observe, planted

COMPLETE: dict[str, Any] = {"cp": complete_cp, "tucker": complete_tucker, "tt": complete_tt}


@pytest.mark.parametrize(
    ("name", "shape", "share"),
    [
        ("cp", (50, 50, 50), 0.05),
        ("cp", (30, 30, 30), 0.1),
        ("cp", (10, 10, 10, 10), 0.1),
        ("tucker", (30, 30, 30), 0.1),
        ("tt", (30, 30, 30), 0.1),
        ("tt", (15, 15, 15, 15), 0.05),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_tensors_of_rank_3_from_a_share_of_their_entries(
    name: str, shape: tuple[int, ...], share: float, seed: int
) -> None:
    truth = planted(name, shape, 3, seed).to_full()
    fitted = COMPLETE[name](observe(truth, share, seed), 3)
    assert fitted.status is Ending.CONVERGED
    assert distance(fitted.model, truth) < 1e-6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_matrix_of_rank_3_from_30_percent_of_its_entries(seed: int) -> None:
    truth = planted("cp", (60, 50), 3, seed).to_full()
    fitted = complete_matrix(observe(truth, 0.3, seed), 3)
    assert distance(fitted.model, truth) < 1e-6


def test_the_matrix_of_the_first_gap_example() -> None:
    """Rank one: a corner follows from the other three."""
    observed = SparseTensor(np.array([[0, 0], [0, 1], [1, 0]]), np.array([1.0, 2.0, 3.0]), (2, 2))
    np.testing.assert_allclose(complete_matrix(observed, 1).model.to_full(), [[1, 2], [3, 6]], atol=1e-8)


def test_the_history_is_the_objective() -> None:
    truth = planted("cp", (12, 12, 12), 2, 0).to_full()
    observed = observe(truth + 0.1 * np.random.default_rng(0).standard_normal(truth.shape), 0.4)
    fitted = complete_cp(observed, 2, ridge=0.3)
    residual = fitted.model.entries(observed.indices) - observed.values
    term = 0.3 * sum(np.sum(factor**2) for factor in fitted.model.factors)
    assert fitted.objective == pytest.approx(residual @ residual + term)


def test_nuclear_norm_minimum_of_a_matrix() -> None:
    """A wide factorisation with ridge λ reaches Σ (W − T)² + 2λ‖W‖_*, here known: singular values soften by λ."""
    matrix = np.random.default_rng(0).standard_normal((8, 6))
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    expected = (u * np.maximum(s - 0.7, 0)) @ vt
    whole = SparseTensor.from_dense(matrix)
    fitted = complete_matrix(
        whole, 6, ridge=0.7, settings=StartsSettings(max_iterations=3000, tolerance=1e-13, starts=3)
    )
    np.testing.assert_allclose(fitted.model.to_full(), expected, atol=1e-4)


def test_ridge_and_rank_can_be_chosen_by_entries_held_out() -> None:
    truth = planted("cp", (20, 20, 20), 2, 0).to_full()
    noisy = truth + 0.3 * np.std(truth) * np.random.default_rng(1).standard_normal(truth.shape)
    fit, held = split_entries(observe(noisy, 0.15), 0.2, seed=0)
    assert len(held.values) == 240
    assert len(fit.values) == 960
    assert not {tuple(cell) for cell in fit.indices} & {tuple(cell) for cell in held.indices}
    settings = StartsSettings(max_iterations=60, tolerance=1e-4, starts=6)
    errors = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotConvergedWarning)
        for rank in (1, 2, 4):
            errors[rank] = held_out_error(complete_cp(fit, rank, ridge=0.1, settings=settings).model, held)
    assert min(errors, key=errors.__getitem__) == 2
    assert errors[2] < 0.5


def test_held_out_error_is_relative() -> None:
    model = planted("tt", (3, 3, 3), 1, 0)
    held = observe(model.to_full(), 0.5)
    assert held_out_error(model, held) == pytest.approx(0, abs=1e-12)
    assert held_out_error(model, held.with_values(2 * held.values)) == pytest.approx(0.5)


def test_a_slice_without_entries_is_zero_under_a_ridge_and_an_error_without() -> None:
    truth = planted("cp", (10, 10, 10), 1, 0).to_full()
    mask = np.random.default_rng(0).random(truth.shape) < 0.5
    mask[:, 4] = False
    observed = SparseTensor.from_dense(truth, mask)
    with pytest.raises(ValueError, match="observed has no entry with index 4 of mode 1, expected one in every slice"):
        complete_cp(observed, 1)
    for complete in COMPLETE.values():
        full = complete(observed, 1, ridge=1e-3).model.to_full()
        assert not full[:, 4].any()
        assert full[:, 5].any()


def test_starts_do_not_depend_on_anything_but_the_seed() -> None:
    observed = observe(planted("cp", (15, 15, 15), 2, 0).to_full(), 0.2)
    one, two, other = (complete_cp(observed, 2, seed=seed).model.factors[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other)


def test_spectral_bases_hold_the_factors() -> None:
    truth = planted("cp", (40, 40, 40), 2, 0)
    for basis, factor in zip(spectral_bases(observe(truth.to_full(), 0.2)), truth.factors, strict=True):
        assert basis is not None
        kept = basis[:, :2]
        assert np.linalg.norm(kept.T @ factor) > 0.95 * np.linalg.norm(factor)


def test_what_does_not_converge_warns_with_advice() -> None:
    observed = observe(np.random.default_rng(0).standard_normal((8, 8, 8)), 0.6)
    settings = StartsSettings(max_iterations=2, starts=2, tolerance=0.0)
    with pytest.warns(
        NotConvergedWarning, match="raise `max_iterations` or `starts`, lower the rank, or give a `ridge`"
    ):
        fitted = complete_cp(observed, 3, settings=settings)
    assert fitted.status is Ending.ITERATION_LIMIT


@pytest.mark.parametrize("stop", [2, 15])
def test_whoever_watches_can_stop_it(stop: int) -> None:
    observed = observe(np.random.default_rng(0).standard_normal((8, 8, 8)), 0.6)
    seen: list[Any] = []

    def watch(iteration: int, objective: float) -> bool:
        seen.append(objective)
        return iteration == stop

    fitted = complete_cp(observed, 3, progress=watch)
    assert fitted.status is Ending.STOPPED
    np.testing.assert_allclose(fitted.history[1:], seen)
    assert len(seen) == stop


class TestBadInput:
    observed = observe(np.random.default_rng(0).standard_normal((6, 6, 6)), 0.5)

    def test_ranks(self) -> None:
        with pytest.raises(
            ValueError, match=r"rank is too large: .* 112 free numbers, expected at most the 108 observed"
        ):
            complete_cp(self.observed, 7)
        with pytest.raises(ValueError, match="rank is 0"):
            complete_cp(self.observed, 0)
        with pytest.raises(ValueError, match=r"ranks\[0\] is 7, expected an integer of at least 1 and at most 6"):
            complete_tucker(self.observed, (7, 2, 2))
        with pytest.raises(ValueError, match="has 1 entries"):
            complete_tt(self.observed, (2,))

    def test_matrix(self) -> None:
        with pytest.raises(ValueError, match="observed has 3 modes"):
            complete_matrix(self.observed, 1)
        with pytest.raises(ValueError, match="rank is 3, expected an integer of at least 1 and at most 2"):
            complete_matrix(SparseTensor.from_dense(np.ones((2, 5))), 3)

    def test_no_observation(self) -> None:
        with pytest.raises(ValueError, match="indices are empty, expected at least one cell"):
            complete_cp(SparseTensor.from_dense(np.ones((2, 2, 2)), np.zeros((2, 2, 2), bool)), 1)

    def test_nan(self) -> None:
        with pytest.raises(ValueError, match="values has 1 NaN"):
            complete_cp(SparseTensor.from_dense(np.array([[1.0, np.nan]]), np.ones((1, 2), bool)), 1)

    def test_dense_tensor(self) -> None:
        with pytest.raises(ValueError, match="expected a SparseTensor"):
            complete_cp(np.ones((3, 3, 3)), 1)  # type: ignore[arg-type]

    def test_zeros(self) -> None:
        with pytest.raises(ValueError, match="observed has zeros only"):
            complete_cp(self.observed.with_values(np.zeros(108)), 1)

    def test_split(self) -> None:
        with pytest.raises(ValueError, match=r"share is 1.0"):
            split_entries(self.observed, 1.0)

    def test_held_out(self) -> None:
        with pytest.raises(ValueError, match=r"model has shape \(3, 3\), expected \(6, 6, 6\)"):
            held_out_error(planted("cp", (3, 3), 1, 0), self.observed)
        with pytest.raises(ValueError, match="held_out has zeros only"):
            held_out_error(planted("cp", (6, 6, 6), 1, 0), self.observed.with_values(np.zeros(108)))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_local_minimum_that_is_found_twice_is_not_taken(seed: int) -> None:
    """With seed 0 the first two starts end at the same local minimum, of three times the objective."""
    truth = planted("cp", (30, 30, 30), 3, 1).to_full()
    noisy = truth + 0.3 * np.std(truth) * np.random.default_rng(1).standard_normal(truth.shape)
    observed = SparseTensor.from_dense(noisy, np.random.default_rng(0).random(truth.shape) < 0.15)
    fit, held = split_entries(observed, 0.2)
    assert held_out_error(complete_cp(fit, 3, ridge=0.1, seed=seed).model, held) < 0.35
