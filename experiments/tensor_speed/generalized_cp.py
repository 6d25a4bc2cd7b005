"""Generalized CP beside pyttb: L-BFGS-B on a dense tensor, Adam with stratified samples on a sparse one."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pyttb
from pyttb.gcp.handles import Objectives
from pyttb.gcp.optimizers import LBFGSB, Adam
from pyttb.gcp.samplers import GCPSampler, StratifiedCount

from experiments.tensor_speed.timing import Row, compare
from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.gcp.fit import GCPSettings, generalized_cp
from mmdiscover.decompositions.gcp.losses import Poisson
from mmdiscover.decompositions.gcp.stochastic import AdamSettings, stochastic_generalized_cp
from mmdiscover.decompositions.outcome import NotConvergedWarning
from mmdiscover.decompositions.sparse import SparseTensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmdiscover.decompositions.arguments import Array

DENSE, DENSE_RANK, ITERATIONS = (60, 60, 60), 5, 50
SPARSE, SPARSE_RANK, EVENTS, EPOCHS, STEPS = (1000, 1000, 1000), 5, 100_000, 2, 30


def planted_events(shape: Sequence[int], rank: int, events: int, seed: int) -> tuple[CPTensor, SparseTensor]:
    """A nonnegative CP tensor with entries that sum to a number of events, and events drawn from it."""
    rng = np.random.default_rng(seed)
    factors = [rng.gamma(0.3, 1.0, (size, rank)) + 1e-3 for size in shape]
    factors = [factor / factor.sum(axis=0) for factor in factors]
    cells = [
        np.stack([rng.choice(len(factor), events // rank, p=factor[:, term]) for factor in factors], axis=1)
        for term in range(rank)
    ]
    unique, counts = np.unique(np.concatenate(cells), axis=0, return_counts=True)
    truth = CPTensor(tuple(factors), np.full(rank, float(events // rank)))
    return truth, SparseTensor(unique, counts.astype(np.float64), tuple(shape))


def sparse_loss(model: CPTensor, tensor: SparseTensor) -> float:
    """The Poisson loss over all cells: the entries of the model are summed without forming them."""
    total = float(np.prod([factor.sum(axis=0) for factor in model.factors], axis=0) @ model.weights)
    logs = np.log(model.entries(tensor.indices) + 1e-10)
    return total - float(tensor.values @ logs)


def _kruskal(factors: Sequence[Array]) -> pyttb.ktensor:
    return pyttb.ktensor([np.asfortranarray(factor) for factor in factors], np.ones(factors[0].shape[1]))


def _ours(tensor: pyttb.ktensor) -> CPTensor:
    return CPTensor(tuple(tensor.factor_matrices), tensor.weights)


def _row(
    case: str,
    ours: Callable[[], CPTensor],
    theirs: Callable[[], CPTensor],
    loss: Callable[[CPTensor], float],
    seconds: float,
) -> list[Row]:
    reached = f"losses reached {loss(ours()):.5g} and {loss(theirs()):.5g}"
    return compare(f"{case}; {reached}", ours, {"pyttb": theirs}, seconds)


def dense_rows(seconds: float) -> list[Row]:
    """As many iterations of L-BFGS-B from one start."""
    rng = np.random.default_rng(0)
    truth = CPTensor(tuple(rng.gamma(0.5, 1.0, (size, DENSE_RANK)) for size in DENSE))
    counts = Poisson().sample(truth.to_full(), rng)
    start = [rng.uniform(0.1, 1.0, (size, DENSE_RANK)) for size in DENSE]
    data = pyttb.tensor(np.asfortranarray(counts))
    settings = GCPSettings(max_iterations=ITERATIONS, tolerance=0.0, gradient_tolerance=0.0)

    def ours() -> CPTensor:
        return generalized_cp(counts, DENSE_RANK, Poisson(), start=CPTensor(tuple(start)), settings=settings).model

    def theirs() -> CPTensor:
        optimizer = LBFGSB(m=settings.memory, maxiter=ITERATIONS, factr=0.0, pgtol=0.0)
        init = _kruskal(start)
        return _ours(pyttb.gcp_opt(data, DENSE_RANK, Objectives.POISSON, optimizer, init=init, printitn=0)[0])

    name = f"GCP Poisson L-BFGS-B {'×'.join(map(str, DENSE))}, rank {DENSE_RANK}, {ITERATIONS} iterations"
    return _row(name, ours, theirs, lambda model: float(Poisson().value(counts, model.to_full()).sum()), seconds)


def sparse_rows(seconds: float) -> list[Row]:
    """As many steps of Adam from one start, with samples of one size: what a step costs.

    The losses reached differ: pyttb counts whole epochs where Adam corrects its means for their start at zero, which
    makes its first steps longer.
    """
    _, events = planted_events(SPARSE, SPARSE_RANK, EVENTS, 0)
    rng = np.random.default_rng(1)
    scale = (EVENTS / SPARSE_RANK) ** (1 / 3)
    start = [rng.uniform(0.0, 2.0, (size, SPARSE_RANK)) * scale / size for size in SPARSE]
    settings = AdamSettings(max_epochs=EPOCHS, steps=STEPS, rate=1e-2)
    rate = settings.rate * float(np.sqrt(np.mean(np.concatenate(start) ** 2)))
    half = settings.gradient_samples // 2
    data = pyttb.sptensor(np.array(events.indices), np.array(events.values)[:, None], events.shape)

    def ours() -> CPTensor:
        initial = CPTensor(tuple(start))
        return stochastic_generalized_cp(events, SPARSE_RANK, Poisson(), start=initial, settings=settings).model

    def theirs() -> CPTensor:
        np.random.seed(0)  # noqa: NPY002 # pyttb draws from the global state
        judged = settings.loss_samples // 2
        sampler = GCPSampler(
            data,
            function_samples=StratifiedCount(judged, judged),
            gradient_samples=StratifiedCount(half, half),
            max_iters=EPOCHS,
        )
        optimizer = Adam(rate=rate, max_iters=EPOCHS, epoch_iters=STEPS, max_fails=settings.failures, printitn=0)
        init = _kruskal(start)
        return _ours(
            pyttb.gcp_opt(data, SPARSE_RANK, Objectives.POISSON, optimizer, init=init, sampler=sampler, printitn=0)[0]
        )

    name = (
        f"GCP Poisson Adam {'×'.join(map(str, SPARSE))}, {len(events.values)} counts, rank {SPARSE_RANK}, "
        f"{EPOCHS * STEPS} steps of {settings.gradient_samples} samples"
    )
    return _row(name, ours, theirs, lambda model: sparse_loss(model, events), seconds)


def measure(seconds: float = 5.0) -> list[Row]:
    """All cases; about so many seconds each, and at least 5 runs."""
    logging.disable(logging.WARNING)  # pyttb reports zeros it could not draw
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotConvergedWarning)
            return dense_rows(seconds) + sparse_rows(seconds)
    finally:
        logging.disable(logging.NOTSET)
