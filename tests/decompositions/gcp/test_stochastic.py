from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.decompositions.cp.comparison import factor_match_score
from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.gcp.fit import generalized_cp
from mmdiscover.decompositions.gcp.losses import Gaussian, Poisson
from mmdiscover.decompositions.gcp.objective import dense_objective
from mmdiscover.decompositions.gcp.sampling import Sampler, StratifiedSampler, UniformSampler
from mmdiscover.decompositions.gcp.stochastic import (
    AdamSettings,
    _Adam,
    estimated_gradient,
    estimated_objective,
    stochastic_generalized_cp,
)
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.sparse import SparseTensor
from tests.decompositions.gcp.planted import planted

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

SHAPE = (3, 4, 5)


def data(density: float) -> Array:
    """Counts, zero but for a share of the cells."""
    rng = np.random.default_rng(0)
    counts: Array = (1.0 + rng.poisson(2.0, SHAPE)) * (rng.random(SHAPE) < density)
    return counts


def samplers() -> dict[str, tuple[Sampler, Array]]:
    sparse, half, full = data(0.2), data(0.7), data(1.1)
    return {
        "uniform": (UniformSampler(half), half),
        "few listed": (StratifiedSampler(SparseTensor.from_dense(sparse)), sparse),
        "most listed": (StratifiedSampler(SparseTensor.from_dense(half)), half),
        "all listed": (StratifiedSampler(SparseTensor.from_dense(full)), full),
    }


@pytest.mark.parametrize("name", samplers())
def test_samples_are_cells_with_their_values_each_as_often_as_its_weight_says(name: str) -> None:
    sampler, x = samplers()[name]
    count = 200_000
    sample = sampler.draw(count, np.random.default_rng(1))
    np.testing.assert_array_equal(sample.values, x[tuple(sample.cells)])
    assert len(sample.values) == count
    assert sample.weights.sum() == pytest.approx(x.size, rel=1e-10)
    places = np.ravel_multi_index(tuple(sample.cells), SHAPE)
    drawn = np.bincount(places, minlength=x.size)
    assert drawn.min() > 0
    expected = drawn / np.bincount(places, sample.weights, x.size)
    assert (np.abs(drawn - expected) < 5 * np.sqrt(expected)).all()


def test_odd_and_small_samples() -> None:
    sample = StratifiedSampler(SparseTensor.from_dense(data(0.2))).draw(3, np.random.default_rng(0))
    assert (sample.values > 0).tolist() == [True, True, False]
    assert sample.weights.sum() == pytest.approx(60)


@pytest.mark.parametrize("name", samplers())
def test_estimates_are_unbiased(name: str) -> None:
    sampler, x = samplers()[name]
    rng = np.random.default_rng(2)
    factors = [rng.uniform(0.2, 1.5, (size, 2)) for size in SHAPE]
    value, gradient = dense_objective(x, None, Poisson())(factors)
    exact = np.concatenate([[value], *(matrix.ravel() for matrix in gradient)])
    samples = [sampler.draw(20, rng) for _ in range(1500)]
    estimates = np.array(
        [
            np.concatenate(
                [
                    [estimated_objective(sample, factors, Poisson())],
                    *(matrix.ravel() for matrix in estimated_gradient(sample, factors, Poisson())),
                ]
            )
            for sample in samples
        ]
    )
    error = estimates.std(axis=0) / np.sqrt(len(samples))
    assert (np.abs(estimates.mean(axis=0) - exact) < 4.5 * error).all()
    # The standard error is small enough to tell wrong weights.
    assert np.median(error / np.abs(exact)) < 0.1


def test_adam_takes_the_steps_of_its_definition() -> None:
    rng = np.random.default_rng(3)
    start, lower, rate = rng.random((4, 2)), 0.0, 0.1
    gradients = rng.standard_normal((20, 4, 2))
    gradients[12, 1] = 1e10
    adam = _Adam([start])
    x, m, v = start.copy(), np.zeros((4, 2)), np.zeros((4, 2))
    for t, raw in enumerate(gradients, start=1):
        usual = np.sqrt(v / (1 - 0.999 ** (t - 1))) if t > 1 else np.full((4, 2), np.inf)
        g = np.minimum(raw, 10 * np.maximum(usual, np.sqrt(np.mean(usual**2))))
        adam.step([raw], rate, lower)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = np.maximum(x - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), lower)
        np.testing.assert_allclose(adam.factors[0], x, rtol=1e-10, atol=1e-14)
    twin = adam.copy()
    adam.step([gradients[0]], rate, lower)
    np.testing.assert_allclose(twin.factors[0], x)
    twin.step([gradients[0]], rate, lower)
    np.testing.assert_array_equal(twin.factors[0], adam.factors[0])


def test_sparse_counts_are_recovered_as_well_as_by_the_whole_gradient() -> None:
    rng = np.random.default_rng(4)
    truth = CPTensor(tuple(rng.gamma(0.15, 2.0, (size, 3)) for size in (40, 41, 42)))
    counts = Poisson().sample(truth.to_full(), rng)
    sparse = SparseTensor.from_dense(counts)
    assert sparse.density < 0.1
    settings = AdamSettings(gradient_samples=600, loss_samples=20_000, steps=150)
    fitted = stochastic_generalized_cp(sparse, 3, Poisson(), settings=settings)
    assert fitted.converged
    best = generalized_cp(counts, 3, Poisson())
    loss = float(Poisson().value(counts, fitted.model.to_full()).sum())
    assert loss < best.objective + 0.01 * abs(best.objective)
    assert factor_match_score(fitted.model, truth) > 0.99
    assert min(factor.min() for factor in fitted.model.factors) >= 0


def test_dense_tensors_are_sampled_uniformly() -> None:
    truth, x = planted(Gaussian(0.1), (20, 21, 22), 2, 1.0, seed=5)
    settings = AdamSettings(gradient_samples=500, steps=100)
    fitted = stochastic_generalized_cp(x, 2, Gaussian(), settings=settings)
    assert fitted.converged
    assert factor_match_score(fitted.model, truth) > 0.99


def test_epochs_that_raise_the_objective_are_taken_back() -> None:
    truth, x = planted(Gaussian(0.1), (5, 6, 7), 2, 1.0, seed=6)
    settings = AdamSettings(steps=3, rate=100.0, decay=0.5, failures=2)
    fitted = stochastic_generalized_cp(x, 2, Gaussian(), start=truth, settings=settings)
    assert fitted.converged
    assert fitted.iterations == 3
    assert len(set(fitted.history)) == 1
    np.testing.assert_allclose(fitted.model.to_full(), truth.to_full(), atol=1e-12)


def test_descent_goes_on_from_where_an_epoch_was_taken_back() -> None:
    truth, x = planted(Gaussian(0.1), (5, 6, 7), 2, 1.0, seed=6)
    settings = AdamSettings(steps=20, rate=100.0, decay=1e-5, failures=1)
    fitted = stochastic_generalized_cp(x, 2, Gaussian(), start=truth, settings=settings)
    assert fitted.history[1] == fitted.history[0]
    assert fitted.history[2] < fitted.history[1]


def test_starts_are_scaled_to_the_mean_over_all_cells() -> None:
    rng = np.random.default_rng(8)
    cells = np.stack([rng.permutation(100)[:50] for _ in range(3)], axis=1)
    x = SparseTensor(cells, np.ones(50), (100, 100, 100))
    settings = AdamSettings(steps=1, max_epochs=1)
    with pytest.warns(NotConvergedWarning):
        fitted = stochastic_generalized_cp(x, 2, Poisson(), settings=settings)
    # Σ m is about 50, and log m about log(50/10⁶) in the 50 cells.
    assert fitted.history[0] == pytest.approx(50 + 50 * np.log(1e6 / 50), rel=0.3)


def test_seeds_progress_and_endings() -> None:
    x = SparseTensor.from_dense(data(0.3))
    few = AdamSettings(gradient_samples=10, loss_samples=10**4, steps=20, max_epochs=3)
    with pytest.warns(NotConvergedWarning, match="more epochs"):
        fits = [stochastic_generalized_cp(x, 2, Poisson(), seed=seed, settings=few) for seed in (1, 1, 2)]
    assert fits[0].status is Ending.ITERATION_LIMIT
    np.testing.assert_array_equal(fits[0].history, fits[1].history)
    np.testing.assert_array_equal(fits[0].model.to_full(), fits[1].model.to_full())
    assert fits[0].objective != fits[2].objective
    assert (np.diff(fits[0].history) <= 0).all()
    heard: list[float] = []

    def watch(epoch: int, objective: float) -> bool:
        heard.append(objective)
        return epoch == 2

    stopped = stochastic_generalized_cp(x, 2, Poisson(), seed=1, settings=few, progress=watch)
    assert (stopped.status, heard) == (Ending.STOPPED, list(fits[0].history[1:3]))


def test_memory_does_not_grow_with_the_tensor() -> None:
    shape = (20_000, 30_000, 40_000)
    rng = np.random.default_rng(7)
    x = SparseTensor(np.stack([rng.integers(size, size=1000) for size in shape], axis=1), np.ones(1000), shape)
    settings = AdamSettings(gradient_samples=100, loss_samples=1000, steps=3, max_epochs=1)
    tracemalloc.start()
    with pytest.warns(NotConvergedWarning):
        stochastic_generalized_cp(x, 2, Poisson(), settings=settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6


class _Positive(Gaussian):
    """A loss for positive numbers only."""

    def allowed(self, x: Array) -> Any:
        return x > 0


BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "rank": (data(0.5), {"rank": 0}, "rank is 0"),
    "nan": (np.full(SHAPE, np.nan), {}, r"nan in the observed cell \(0, 0, 0\)"),
    "domain": (-data(1.1), {}, "tensor has -.* expected counts"),
    "sparse domain": (
        SparseTensor(np.array([[1, 2]]), np.array([0.5]), (2, 3)),
        {},
        r"tensor has 0.5 in cell \(1, 2\)",
    ),
    "unlisted zeros": (
        SparseTensor(np.array([[1, 2]]), np.array([0.5]), (2, 3)),
        {"loss": _Positive()},
        "not listed, zeros",
    ),
    "too large": (SparseTensor(np.array([[0] * 3]), np.array([1.0]), (2**21, 2**21, 2**21)), {}, "fewer than"),
    "start": (data(0.5), {"start": random_cp((3, 4, 6), 2)}, r"start has shape \(3, 4, 6\)"),
    "start's loss": (
        data(0.5),
        {"loss": Gaussian(), "start": CPTensor(random_cp(SHAPE, 2).factors, np.full(2, 1e200))},
        "not finite at the start",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    tensor, options, message = BAD[case]
    arguments: dict[str, Any] = {"rank": 2, "loss": Poisson(), **options}
    rank, loss = arguments.pop("rank"), arguments.pop("loss")
    with pytest.raises(ValueError, match=message):
        stochastic_generalized_cp(tensor, rank, loss, **arguments)


@pytest.mark.parametrize(
    ("option", "value"),
    [("gradient_samples", 1), ("steps", 0), ("max_epochs", 0), ("rate", 0.0), ("decay", 1.0), ("failures", -1)],
)
def test_settings_are_checked(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option):
        AdamSettings(**{option: value})
