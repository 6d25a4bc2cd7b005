"""Exact fits of other families, found from a given one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.factors import Factors
from mmdiscover.search import SearchSettings, run_from

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

RankDistribution = tuple[tuple[int, int, int], ...]

_RANK_TOLERANCE = 1e-6
_ITERATIONS = 1500
_SCALE = 0.5


def rank_distribution(factors: Factors) -> RankDistribution:
    """The ranks of the coefficient matrices of each product, (U_q, V_q, W_q), sorted: the same all along an orbit.

    Parameters
    ----------
    factors : Factors
        Ranks are numerical: singular values of less than a millionth of the largest count as zero.
    """
    ranks = []
    for factor, shape in zip(factors.arrays, factors.format.matrix_shapes, strict=True):
        values = np.linalg.svd(factor.T.reshape(-1, *shape), compute_uv=False)
        ranks.append((values > _RANK_TOLERANCE * values[:, :1]).sum(axis=1).tolist())
    return tuple(sorted(zip(*ranks, strict=True)))


def neighbour(fit: Factors, known: AbstractSet[RankDistribution], rng: np.random.Generator) -> Factors | None:
    """Another exact fit whose rank distribution is not `known`: some products are drawn anew and searched from there.

    Which ring a scheme can be brought to is a matter of its family; only another one helps.

    Parameters
    ----------
    fit : Factors
        An exact fit.
    known : set of rank distributions
    rng : numpy.random.Generator

    Returns
    -------
    Factors or None
        None when the search found none in its number of iterations.
    """
    spent = 0
    while spent < _ITERATIONS:
        share = rng.uniform(0.3, 0.7)
        redrawn = rng.random(fit.rank) < share
        arrays = [np.where(redrawn, _SCALE * rng.standard_normal(factor.shape), factor) for factor in fit.arrays]
        found = run_from(Factors(fit.format, *arrays), SearchSettings(max_iterations=_ITERATIONS))
        spent += found.iterations
        if found.exact and rank_distribution(found.factors) not in known:
            return found.factors
    return None
