"""The fit under a symmetry T_ijk = ±T_jik."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions import Ending, FitSettings, PairSymmetry, cp_fit, fit_cp
from mmdiscover.decompositions.gauss_newton import flatten
from tests.decompositions.dense import Split, damped_matrix, gradient, model, problem, splits

if TYPE_CHECKING:
    from mmdiscover.decompositions import CPFit
    from mmdiscover.decompositions.gauss_newton import Array, Triple


def fit(split: Split, tensor: Array, start: Triple, settings: FitSettings) -> CPFit:
    return fit_cp(tensor, start, settings, PairSymmetry(split.fixed, split.even))


def assert_symmetric(split: Split, factors: Triple) -> None:
    for one, other in zip(factors, split.image(factors), strict=True):
        np.testing.assert_array_equal(one, other)


@given(splits, st.integers(0, 2**32 - 1), st.sampled_from([None, 0.5]))
def test_every_iterate_has_the_symmetry(split: Split, seed: int, share: float | None) -> None:
    tensor, start = split.problem(seed)
    bound = share and share * float(np.sum(flatten(start) ** 2))
    end = fit(split, tensor, start, FitSettings(bound=bound, max_iterations=30))
    assert_symmetric(split, end.factors)
    assert end.objective == pytest.approx(np.sum((model(end.factors) - tensor) ** 2), rel=1e-9, abs=1e-20)
    assert end.objective == end.history[-1]
    assert np.all(np.diff(end.history) <= 0)
    assert bound is None or np.sum(flatten(end.factors) ** 2) <= bound * (1 + 1e-12)


@pytest.mark.parametrize("split", [Split(3, 2, 1, 1, 2), Split(2, 1, 4, 2, 1), Split(4, 2, 0, 0, 2)])
def test_one_step_is_that_of_all_unknowns(split: Split) -> None:
    # The third mode is eliminated, whether or not it is the largest.
    tensor, start = split.problem(3)
    end = fit(split, tensor, start, FitSettings(max_iterations=1))
    damping = 0.1 * max(float((factor.T @ factor).max()) for factor in start)
    step = np.linalg.solve(damped_matrix(start, damping), -gradient((tensor, start)))
    assert end.history[1] < end.history[0]
    np.testing.assert_allclose(flatten(end.factors), flatten(start) + step, rtol=1e-8, atol=1e-9)


def test_the_start_is_made_symmetric_from_the_first_factor() -> None:
    split = Split(3, 2, 1, 1, 1)
    tensor, _ = split.problem(0)
    _, (a, b, c) = problem(split.shape, split.rank, 1)
    kept = flatten((a, b, c))
    made = fit(split, tensor, (a, b, c), FitSettings(max_iterations=0)).factors
    assert_symmetric(split, made)
    np.testing.assert_array_equal(made[0], a)
    np.testing.assert_array_equal(made[2][:, 1], c[:, 1])
    np.testing.assert_array_equal(flatten((a, b, c)), kept)
    # It is this start that is scaled onto the ball.
    inside = fit(split, tensor, (a, b, c), FitSettings(bound=1.0, max_iterations=0)).factors
    np.testing.assert_allclose(flatten(inside), flatten(made) / np.linalg.norm(flatten(made)), rtol=1e-14)


@pytest.mark.parametrize("split", [Split(4, 3, 2, 2, 1), Split(4, 3, 2, 3, 0), Split(4, 3, 2, 0, 1)])
def test_tensors_of_low_rank_are_decomposed_symmetrically(split: Split) -> None:
    _, factors = split.problem(5)
    tensor = model(factors)
    ends = [
        fit(split, tensor, problem(split.shape, split.rank, seed)[1], FitSettings(tolerance=1e-22, max_iterations=200))
        for seed in range(10)
    ]
    exact = [end for end in ends if end.status is Ending.CONVERGED]
    assert len(exact) >= 4
    for end in exact:
        assert_symmetric(split, end.factors)
        np.testing.assert_allclose(model(end.factors), tensor, atol=1e-10)


def test_coming_back_in_between_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(3, 2, 1, 1, 2)
    tensor, start = split.problem(2)
    expected = fit(split, tensor, start, FitSettings(bound=9.0, max_iterations=40))
    monkeypatch.setattr(cp_fit, "_MULTIPLICATIONS_PER_CALL", 2 * 15**3)
    end = fit(split, tensor, start, FitSettings(bound=9.0, max_iterations=40))
    np.testing.assert_array_equal(flatten(end.factors), flatten(expected.factors))
    np.testing.assert_array_equal(end.history, expected.history)


@pytest.mark.parametrize(
    ("shape", "rank", "symmetry", "message"),
    [
        ((2, 3, 4), 3, PairSymmetry(1, 2), r"shape \(2, 3, 4\), expected the first two sizes equal and 2 even slices"),
        ((2, 2, 4), 3, PairSymmetry(1, 5), "and 5 even slices"),
        ((2, 2, 4), 3, PairSymmetry(1, -1), "and -1 even slices"),
        ((2, 2, 4), 3, PairSymmetry(2, 2), "2 of 3 terms are fixed, expected the others to make pairs"),
        ((2, 2, 4), 3, PairSymmetry(5, 2), "5 of 3 terms are fixed"),
        ((2, 2, 4), 3, PairSymmetry(-1, 2), "-1 of 3 terms are fixed"),
    ],
)
def test_symmetries_that_cannot_be(
    shape: tuple[int, int, int], rank: int, symmetry: PairSymmetry, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_cp(np.zeros(shape), problem(shape, rank, 0)[1], FitSettings(), symmetry)


@pytest.mark.parametrize("even", [0, 1, 3])
def test_a_tensor_without_the_symmetry_is_refused(even: int) -> None:
    split = Split(3, 2, 1, 1, 1)
    tensor, start = split.problem(0)
    with pytest.raises(ValueError, match="tensor does not have the symmetry"):
        fit_cp(tensor, start, FitSettings(), PairSymmetry(split.fixed, even))


@pytest.mark.parametrize(("error", "refused"), [(1e-14, False), (1e-10, True)])
def test_a_tensor_has_the_symmetry_up_to_rounding(error: float, refused: bool) -> None:
    split = Split(3, 2, 1, 1, 1)
    tensor, start = split.problem(0)
    tensor *= 1e6
    tensor[0, 1, 2] += 1e6 * error
    if refused:
        with pytest.raises(ValueError, match="tensor does not have the symmetry"):
            fit(split, tensor, start, FitSettings(max_iterations=1))
    else:
        assert fit(split, tensor, start, FitSettings(max_iterations=1)).iterations == 1
