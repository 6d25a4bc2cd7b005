"""Generalized CP decompositions by Adam, with gradients estimated from samples of the cells."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import check_count, check_number
from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.gcp.arguments import check_loss, check_sparse, check_values, observed, start_factors
from mmdiscover.decompositions.gcp.objective import add_gradient, entries_and_others
from mmdiscover.decompositions.gcp.sampling import StratifiedSampler, UniformSampler
from mmdiscover.decompositions.outcome import Ending, Fitted, Progress, finish
from mmdiscover.decompositions.sparse import SparseTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.gcp.losses import Loss
    from mmdiscover.decompositions.gcp.sampling import Sample, Sampler


@dataclass(frozen=True)
class AdamSettings:
    """Sizes of samples, and the schedule of Adam.

    Parameters
    ----------
    gradient_samples : int
        Cells drawn for each step; half of them zeros where the tensor is sparse.
    loss_samples : int
        Cells drawn once, from which the objective is estimated after each epoch.
    steps : int
        In an epoch.
    max_epochs : int
        At most.
    rate : float
        Of learning: about how far an entry of a factor moves in a step, in units of the root mean square of the
        entries at the start.
    decay : float
        The rate is multiplied with it when an epoch has raised the estimated objective; the epoch is taken back.
    failures : int
        The method has converged when more epochs than this were taken back.
    """

    gradient_samples: int = 2000
    loss_samples: int = 100_000
    steps: int = 1000
    max_epochs: int = 100
    rate: float = 3e-2
    decay: float = 0.1
    failures: int = 2

    def __post_init__(self) -> None:
        check_count("gradient_samples", self.gradient_samples, 2)
        check_count("loss_samples", self.loss_samples, 2)
        check_count("steps", self.steps)
        check_count("max_epochs", self.max_epochs)
        check_number("rate", self.rate, above=True)
        check_number("decay", self.decay, above=True)
        check_count("failures", self.failures, 0)
        if self.decay >= 1:
            raise ValueError(f"decay is {self.decay!r}, expected a number below 1")


FIRST, SECOND, SMALLEST = 0.9, 0.999, 1e-8
"""β₁, β₂ and ε of Adam, as its authors propose."""
OUTLIER = 10.0
"""Gradients are cut off at so many times their usual size.

Where a factor has come to the bound 0 and a count is met, the estimated derivative is about 1/ε = 10¹⁰ times the
others. Adam would divide by it for thousands of steps, and the entries that it concerns would stand still.
"""


def stochastic_generalized_cp(
    tensor: ArrayLike | SparseTensor,
    rank: int,
    loss: Loss,
    *,
    start: CPTensor | None = None,
    seed: Seed = 0,
    settings: AdamSettings | None = None,
    progress: Progress | None = None,
) -> Fitted[CPTensor]:
    """A CP tensor M of a given rank with a small Σ f(x, m) over all cells, for tensors too large for `generalized_cp`.

    A step costs what its sample costs, whatever the size of the tensor; memory is needed for the data, the samples and
    a few copies of the factors. Real data only; everything is computed in double precision.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N), or SparseTensor
        Cells that a sparse tensor does not list are **zeros**. (`generalized_cp` takes them for missing.)
    rank : int
        Number of terms.
    loss : Loss
        One of `gcp.losses`, or an object that has what `Loss` asks for.
    start : CPTensor, optional
        Random when left out: uniform entries, scaled to the data.
    seed : int, SeedSequence or Generator
        Of the random start and of the samples.
    settings : AdamSettings, optional
    progress : Progress, optional
        Called after each epoch.

    Returns
    -------
    Fitted[CPTensor]
        The best model at the end of an epoch, normalized; the history is that of the estimated objective of the best
        model so far, at the start and after each epoch.

    Raises
    ------
    ValueError
        If data, or zeros that are not listed, are outside the domain of the loss, shapes do not meet, the rank is below
        1, or the estimated objective is not finite at the start.

    Warns
    -----
    NotConvergedWarning
        If the epochs run out.

    Notes
    -----
    Kolda and Hong, SIAM Journal on Mathematics of Data Science 2 (2020), arXiv:1906.01687; with uniform sampling for
    dense tensors, stratified sampling for sparse ones. Unlike there, entries of a gradient that are far larger than
    usual are cut off, as a few of them would spoil Adam's means (see `OUTLIER`).

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions.gcp.losses import Poisson
    >>> rng = np.random.default_rng(0)
    >>> truth = CPTensor(tuple(rng.gamma(0.1, 2.0, (size, 2)) for size in (30, 31, 32)))
    >>> counts = SparseTensor.from_dense(Poisson().sample(truth.to_full(), rng))
    >>> settings = AdamSettings(gradient_samples=500, steps=200)
    >>> fitted = stochastic_generalized_cp(counts, 2, Poisson(), settings=settings)
    >>> fitted.converged
    True
    """
    check_loss(loss)
    check_count("rank", rank)
    settings = settings or AdamSettings()
    rng = np.random.default_rng(seed)
    sampler: Sampler
    if isinstance(tensor, SparseTensor):
        shape, x = tensor.shape, check_sparse(tensor, loss)
        sampler = StratifiedSampler(tensor)
        unlisted = prod(shape) - len(x)
        if unlisted and not loss.allowed(np.zeros(1)).all():
            raise ValueError(f"tensor has cells that are not listed, zeros, expected {loss.domain}")
        scale = loss.scale(np.append(x, 0.0), np.append(np.ones(len(x)), float(unlisted)))
    else:
        x = check_values(observed(tensor, None), loss)
        shape, scale, sampler = x.shape, loss.scale(x, None), UniformSampler(x)
    factors = start_factors(start, shape, rank, loss, scale, rng)
    best, status, history = _descend(sampler, factors, loss, rng, settings, progress)
    return finish(
        CPTensor(tuple(best)).normalized(),
        status,
        history,
        "stochastic generalized CP",
        "allow more epochs, or a larger decay of the rate",
    )


def _descend(
    sampler: Sampler,
    factors: list[Array],
    loss: Loss,
    rng: np.random.Generator,
    settings: AdamSettings,
    progress: Progress | None,
) -> tuple[list[Array], Ending, list[float]]:
    """Epochs of Adam; those that raise the estimated objective are taken back, and the rate is lowered."""
    judged = sampler.draw(settings.loss_samples, rng)
    with np.errstate(over="ignore", invalid="ignore"):
        history = [estimated_objective(judged, factors, loss)]
    if not np.isfinite(history[0]):
        raise ValueError("the estimated objective is not finite at the start, expected a finite number")
    adam = _Adam(factors)
    rate = settings.rate * float(np.sqrt(np.mean(adam.vector**2)))
    kept, failures, status = adam.copy(), 0, Ending.ITERATION_LIMIT
    for epoch in range(1, settings.max_epochs + 1):
        for _ in range(settings.steps):
            sample = sampler.draw(settings.gradient_samples, rng)
            adam.step(estimated_gradient(sample, adam.factors, loss), rate, loss.lower)
        with np.errstate(over="ignore", invalid="ignore"):
            estimate = estimated_objective(judged, adam.factors, loss)
        # Not a number counts as a failure, too.
        if estimate <= history[-1]:
            kept = adam.copy()
            history.append(estimate)
        else:
            adam, failures, rate = kept.copy(), failures + 1, rate * settings.decay
            history.append(history[-1])
        if failures > settings.failures:
            status = Ending.CONVERGED
            break
        if progress is not None and progress(epoch, history[-1]):
            status = Ending.STOPPED
            break
    return kept.factors, status, history


def estimated_objective(sample: Sample, factors: Sequence[Array], loss: Loss) -> float:
    """Σ f(x, m) over all cells, estimated from a sample."""
    m, _ = entries_and_others(factors, sample.cells)
    return float(np.vdot(sample.weights, loss.value(sample.values, m)))


def estimated_gradient(sample: Sample, factors: Sequence[Array], loss: Loss) -> list[Array]:
    """The gradient of that sum, estimated from a sample: one matrix for each factor, in expectation the true one."""
    m, others = entries_and_others(factors, sample.cells)
    gradient = [np.zeros_like(factor) for factor in factors]
    add_gradient(gradient, sample.weights * loss.derivative(sample.values, m), others, sample.cells)
    return gradient


class _Adam:
    """Entries of the factors, and means of their gradients and of the squares of these (Kingma and Ba, 2015)."""

    def __init__(self, factors: Sequence[Array]) -> None:
        self._shapes = [factor.shape for factor in factors]
        self.vector = np.concatenate([factor.ravel() for factor in factors])
        self._mean = np.zeros_like(self.vector)
        self._square = np.zeros_like(self.vector)
        self._steps = 0
        self.factors = self._views()

    def _views(self) -> list[Array]:
        ends = np.cumsum([prod(shape) for shape in self._shapes])[:-1]
        return [part.reshape(shape) for part, shape in zip(np.split(self.vector, ends), self._shapes, strict=True)]

    def copy(self) -> _Adam:
        """The same state, on its own."""
        twin = _Adam(self.factors)
        twin._mean, twin._square, twin._steps = self._mean.copy(), self._square.copy(), self._steps
        return twin

    def step(self, gradient: list[Array], rate: float, lower: float) -> None:
        """One step with a gradient without outliers, then back above the lower bound."""
        flat = np.concatenate([matrix.ravel() for matrix in gradient])
        if self._steps:
            usual = np.sqrt(self._square / (1 - SECOND**self._steps))
            limit = OUTLIER * np.maximum(usual, np.sqrt(np.mean(usual * usual)))
            np.clip(flat, -limit, limit, out=flat)
        self._steps += 1
        self._mean += (1 - FIRST) * (flat - self._mean)
        self._square += (1 - SECOND) * (flat * flat - self._square)
        corrected = np.sqrt(self._square / (1 - SECOND**self._steps))
        self.vector -= (rate / (1 - FIRST**self._steps)) * self._mean / (corrected + SMALLEST)
        np.maximum(self.vector, lower, out=self.vector)
