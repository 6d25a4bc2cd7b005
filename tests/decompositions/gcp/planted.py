"""Data drawn from CP tensors that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.gcp.losses import (
    BernoulliLogit,
    BernoulliOdds,
    Gamma,
    Gaussian,
    Likelihood,
    NegativeBinomial,
    Poisson,
    PoissonLog,
    Rayleigh,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.decompositions.arguments import Array

LOSSES: tuple[Likelihood, ...] = (
    Gaussian(0.3),
    Gamma(3.0),
    Rayleigh(),
    Poisson(),
    PoissonLog(),
    BernoulliOdds(),
    BernoulliLogit(),
    NegativeBinomial(3.0),
)


def planted(loss: Likelihood, shape: Sequence[int], rank: int, size: float, seed: int) -> tuple[CPTensor, Array]:
    """A CP tensor whose entries have a root mean square, and data drawn from it."""
    rng = np.random.default_rng(seed)
    if loss.lower == 0:
        factors = [rng.gamma(1.0, 1.0, (length, rank)) + 0.05 for length in shape]
    else:
        factors = [rng.standard_normal((length, rank)) for length in shape]
    terms = CPTensor(tuple(factor / np.linalg.norm(factor, axis=0) for factor in factors))
    truth = CPTensor(terms.factors, np.full(rank, size * np.sqrt(np.prod(shape)) / terms.norm()))
    return truth, loss.sample(truth.to_full(), rng)
