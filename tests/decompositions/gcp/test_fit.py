from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.decompositions.cp.comparison import factor_match_score
from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.gcp.fit import GCPSettings, generalized_cp
from mmdiscover.decompositions.gcp.losses import BernoulliOdds, Gamma, Gaussian, Likelihood, Loss, Poisson
from mmdiscover.decompositions.gcp.objective import cells_objective, dense_objective
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.sparse import SparseTensor
from tests.decompositions.gcp.planted import LOSSES, planted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.arguments import Array

SHAPES = [(5,), (3, 4), (3, 4, 5), (3, 2, 4, 2), (40, 41, 42)]


def perturbed(factors: list[Array], mode: int, direction: Array, step: float) -> list[Array]:
    return [factor + step * direction if n == mode else factor for n, factor in enumerate(factors)]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("kind", ["dense", "cells"])
def test_gradient_is_that_of_finite_differences(loss: Likelihood, kind: str) -> None:
    truth, x = planted(loss, (3, 4, 5), 2, 1.0, seed=0)
    rng = np.random.default_rng(5)
    weights = rng.integers(0, 3, x.shape).astype(float)
    where = np.argwhere(weights > 0)
    objective = (
        dense_objective(x, weights, loss)
        if kind == "dense"
        else cells_objective(where, x[weights > 0], weights[weights > 0], loss)
    )
    factors = [factor + 0.3 * rng.random(factor.shape) for factor in truth.absorbed()]
    value, gradient = objective(factors)
    entries = np.einsum("ir,jr,kr->ijk", *factors)
    assert value == pytest.approx(float((weights * loss.value(x, entries)).sum()), rel=1e-12)
    for mode, matrix in enumerate(gradient):
        direction, h = rng.standard_normal(matrix.shape), 1e-3
        at = [objective(perturbed(factors, mode, direction, k * h))[0] for k in (-2, -1, 1, 2)]
        slope = (8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * h)
        assert slope == pytest.approx(float((matrix * direction).sum()), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_dense_and_cells_give_the_objective_of_einsum(shape: tuple[int, ...], weighted: bool) -> None:
    rng = np.random.default_rng(6)
    x, factors = rng.standard_normal(shape), random_cp(shape, 3, seed=7).factors
    weights = rng.random(shape) if weighted else None
    letters = "abcdef"[: len(shape)]
    m = np.einsum(",".join(f"{letter}r" for letter in letters) + f"->{letters}", *factors)
    y = 2 * (m - x) * (1 if weights is None else weights)
    for objective in (
        dense_objective(x, weights, Gaussian()),
        cells_objective(
            np.argwhere(np.ones(shape)), x.ravel(), None if weights is None else weights.ravel(), Gaussian()
        ),
    ):
        value, gradient = objective(factors)
        assert value == pytest.approx(float((y * (m - x)).sum() / 2), rel=1e-10)
        for mode, matrix in enumerate(gradient):
            others = [
                (f"{letter}r", factor)
                for n, (letter, factor) in enumerate(zip(letters, factors, strict=True))
                if n != mode
            ]
            script = ",".join([letters, *(name for name, _ in others)])
            expected = np.einsum(f"{script}->{letters[mode]}{'r' if others else ''}", y, *(f for _, f in others))
            np.testing.assert_allclose(
                matrix, expected if others else np.repeat(expected[:, None], 3, axis=1), rtol=1e-9, atol=1e-9
            )


def test_missing_entries_weights_and_sparse_tensors_are_one_problem() -> None:
    truth, x = planted(Poisson(), (10, 11, 12), 2, 5.0, seed=1)
    mask = np.random.default_rng(2).random(x.shape) < 0.5
    before = x.copy()
    holes = np.where(mask, x, np.nan)
    settings = GCPSettings(tolerance=1e-12)
    fits = [
        generalized_cp(data, 2, Poisson(), weights=weights, settings=settings)
        for data, weights in (
            (holes, mask),
            (np.where(mask, x, -5.0), mask.astype(float)),
            (SparseTensor.from_dense(holes, mask), None),
            (SparseTensor.from_dense(x, np.ones_like(mask)), mask.ravel()),
        )
    ]
    np.testing.assert_array_equal(x, before)
    for fit in fits[1:]:
        assert fit.objective == pytest.approx(fits[0].objective, rel=1e-8)
        np.testing.assert_allclose(fit.model.to_full(), fits[0].model.to_full(), atol=1e-2)
    # Hidden entries are told from the others.
    assert factor_match_score(fits[0].model, truth) > 0.98


def test_weights_count_as_repetitions() -> None:
    _, x = planted(Poisson(), (6, 7, 8), 2, 3.0, seed=3)
    weights = np.random.default_rng(4).integers(1, 4, x.shape)
    cells = np.argwhere(np.ones(x.shape))
    start = CPTensor(tuple(np.random.default_rng(5).random((size, 2)) for size in x.shape))
    weighted = generalized_cp(x, 2, Poisson(), weights=weights, start=start, settings=GCPSettings(tolerance=1e-12))
    repeated = cells_objective(
        np.repeat(cells, weights.ravel(), axis=0), np.repeat(x.ravel(), weights.ravel()), None, Poisson()
    )
    value, gradient = repeated(weighted.model.absorbed())
    assert value == pytest.approx(weighted.objective, rel=1e-10)
    # At a minimum with bounds, the gradient is zero where the factor is positive and not negative elsewhere.
    for factor, matrix in zip(weighted.model.absorbed(), gradient, strict=True):
        assert np.abs(np.minimum(factor, matrix)).max() < 1e-2


def test_history_progress_and_endings() -> None:
    _, x = planted(Gamma(), (8, 9, 10), 2, 3.0, seed=6)
    heard: list[tuple[int, float]] = []
    fitted = generalized_cp(x, 2, Gamma(), progress=lambda k, value: heard.append((k, value)))
    assert fitted.status is Ending.CONVERGED
    assert heard == list(zip(range(1, fitted.iterations + 1), fitted.history[1:], strict=True))
    assert (np.diff(fitted.history) <= 0).all()
    assert fitted.objective == pytest.approx(float(Gamma().value(x, fitted.model.to_full()).sum()), rel=1e-10)
    stopped = generalized_cp(x, 2, Gamma(), progress=lambda k, _: k == 3)
    assert (stopped.status, stopped.iterations) == (Ending.STOPPED, 3)
    np.testing.assert_array_equal(stopped.history, fitted.history[:4])
    with pytest.warns(NotConvergedWarning, match="another seed"):
        limited = generalized_cp(x, 2, Gamma(), settings=GCPSettings(max_iterations=4))
    assert (limited.status, limited.iterations) == (Ending.ITERATION_LIMIT, 4)
    again = generalized_cp(x, 2, Gamma(), start=fitted.model)
    assert again.history[0] == pytest.approx(fitted.objective, rel=1e-10)
    assert again.converged


def test_start_at_an_exact_fit() -> None:
    truth, x = planted(Gaussian(0.0), (4, 5, 6), 2, 1.0, seed=7)
    fitted = generalized_cp(x, 2, Gaussian(), start=truth)
    assert fitted.converged
    assert fitted.iterations == 0
    assert fitted.objective < 1e-25


def test_weights_of_a_start_are_shared_among_its_factors() -> None:
    _, x = planted(Gaussian(0.1), (4, 5, 6), 2, 1.0, seed=7)
    start = CPTensor(random_cp((4, 5, 6), 2).factors, np.array([-3.0, 0.2]))
    fitted = generalized_cp(x, 2, Gaussian(), start=start)
    assert fitted.history[0] == pytest.approx(float(((start.to_full() - x) ** 2).sum()), rel=1e-10)


def test_data_that_are_zero() -> None:
    fitted = generalized_cp(np.zeros((3, 4, 5)), 2, Poisson())
    assert fitted.history[0] > 1
    assert fitted.objective == pytest.approx(0, abs=1e-6)


def test_seeds_decide_the_start() -> None:
    _, x = planted(Poisson(), (5, 6, 7), 2, 3.0, seed=8)
    one, same, other = (generalized_cp(x, 2, Poisson(), seed=seed) for seed in (1, np.random.default_rng(1), 2))
    np.testing.assert_array_equal(one.history, same.history)
    assert one.history[0] != other.history[0]


def test_factors_respect_the_bound() -> None:
    x = np.zeros((4, 5, 6))
    x[0] = 3.0
    fitted = generalized_cp(x, 2, Poisson(), settings=GCPSettings(tolerance=1e-12))
    assert min(factor.min() for factor in fitted.model.factors) >= 0
    np.testing.assert_allclose(fitted.model.to_full(), x, atol=1e-3)


@dataclass(frozen=True)
class Huber:
    """A loss of one's own."""

    name: str = "Huber"
    lower: float = -inf
    domain: str = "any number"

    def allowed(self, x: Array) -> NDArray[np.bool_]:
        return np.isfinite(x)

    def value(self, x: Array, m: Array) -> Array:
        size = np.abs(x - m)
        return np.asarray(np.where(size < 1, size**2, 2 * size - 1))

    def derivative(self, x: Array, m: Array) -> Array:
        return np.asarray(2 * np.clip(m - x, -1, 1))

    def scale(self, x: Array, weights: Array | None) -> float:
        return float(np.sqrt(np.average(x * x, weights=weights)))


def test_own_loss_resists_outliers() -> None:
    truth, x = planted(Gaussian(0.05), (10, 11, 12), 2, 3.0, seed=9)
    outliers = np.random.default_rng(10).random(x.shape) < 0.02
    spoilt = np.where(outliers, 100.0, x)
    huber, gaussian = (generalized_cp(spoilt, 2, loss).model for loss in (Huber(), Gaussian()))
    assert factor_match_score(huber, truth) > 0.999
    assert factor_match_score(gaussian, truth) < 0.9


COUNTS = np.arange(24.0).reshape(2, 3, 4)
BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "rank": (COUNTS, {"rank": 0}, "rank is 0"),
    "fraction": (COUNTS + 0.5, {}, r"tensor has 0.5 in cell \(0, 0, 0\), expected counts"),
    "negative": (np.where(COUNTS == 6, -1, COUNTS), {}, r"tensor has -1 in cell \(0, 1, 2\)"),
    "binary": (COUNTS, {"loss": BernoulliOdds()}, r"tensor has 2 in cell \(0, 0, 2\), expected 0 or 1"),
    "sparse": (
        SparseTensor(np.array([[0, 0], [1, 2]]), np.array([2.0, -3.0]), (2, 3)),
        {},
        r"tensor has -3 in cell \(1, 2\)",
    ),
    "nan": (np.where(COUNTS == 6, np.nan, COUNTS), {}, r"nan in the observed cell \(0, 1, 2\)"),
    "observed nan": (np.where(COUNTS == 6, np.nan, COUNTS), {"weights": COUNTS != 5}, r"nan in the observed cell"),
    "infinite": (np.where(COUNTS == 6, np.inf, COUNTS), {}, "inf in the observed cell"),
    "complex": (COUNTS * 1j, {}, "complex"),
    "empty": (np.zeros((0, 3)), {}, "at least one entry"),
    "no modes": (3.0, {}, "0 modes"),
    "all weights zero": (COUNTS, {"weights": np.zeros((2, 3, 4))}, "weights are all zero"),
    "negative weight": (COUNTS, {"weights": -np.ones((2, 3, 4))}, "weights has the entry -1"),
    "weights' shape": (COUNTS, {"weights": np.ones((2, 3))}, r"weights has shape \(2, 3\)"),
    "weights' nan": (COUNTS, {"weights": np.full((2, 3, 4), np.nan)}, "weights has 24 NaN"),
    "start's shape": (COUNTS, {"start": random_cp((2, 3, 5), 2)}, r"start has shape \(2, 3, 5\)"),
    "start's rank": (COUNTS, {"start": random_cp((2, 3, 4), 3)}, "rank 3"),
    "start's sign": (COUNTS, {"start": random_cp((2, 3, 4), 2)}, "start has negative entries"),
    "start's type": (COUNTS, {"start": random_cp((2, 3, 4), 2, dtype=complex), "loss": Gaussian()}, "start is complex"),
    "bound": (COUNTS, {"loss": Huber(lower=-2.0)}, "loss.lower is -2.0"),
    "start's loss": (
        COUNTS,
        {"loss": Gaussian(), "start": CPTensor(random_cp((2, 3, 4), 2).factors, np.full(2, 1e200))},
        "not finite at the start",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    tensor, options, message = BAD[case]
    arguments: dict[str, Any] = {"rank": 2, "loss": Poisson(), **options}
    rank, loss = arguments.pop("rank"), arguments.pop("loss")
    with pytest.raises(ValueError, match=message):
        generalized_cp(tensor, rank, loss, **arguments)


@pytest.mark.parametrize("option", ["max_iterations", "memory"])
def test_settings_are_checked(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        GCPSettings(**{option: 0})


def test_losses_are_losses() -> None:
    losses: list[Loss] = [Huber(), *LOSSES]
    assert len({loss.name for loss in losses}) == 9
