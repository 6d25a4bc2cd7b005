"""Numerical searches that begin at a stored scheme of a higher rank, with products left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.factors import Factors
from mmdiscover.search import SearchSettings, run_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.search import Fit

NOISES = (0.05, 0.2)
"""What there is to choose from."""
MOST_LEFT_OUT = 2
"""Products that a stored scheme may have more than is asked for."""


@dataclass(frozen=True)
class ReducedStart:
    """Settings of a trial that begins so; at random where nothing fitting is stored.

    Parameters
    ----------
    search : SearchSettings
        Complete, without a symmetry.
    noise : float
        Standard deviation of what is added to all entries.
    """

    search: SearchSettings
    noise: float


def reduced_start_from_mapping(mapping: Mapping[str, Any]) -> ReducedStart:
    """The settings written as a mapping by `dataclasses.asdict`.

    Raises
    ------
    TypeError, ValueError, LookupError
        If they are not such settings.
    """
    return ReducedStart(SearchSettings(**mapping["search"]), float(mapping["noise"]))


def left_out(scheme: Scheme, rank: int, rng: np.random.Generator) -> Scheme:
    """A scheme without some of its products, which are chosen at random, so that `rank` of them stay: no scheme."""
    kept = np.sort(rng.choice(scheme.rank, rank, replace=False))
    return scheme.with_arrays(scheme.format, [factor[:, kept] for factor in scheme.arrays])


def run_reduced(start: Scheme, settings: ReducedStart, seed: np.random.SeedSequence) -> Fit:
    """Search from the products that were left, entries modulo 2 taken for 0 and 1."""
    rng = np.random.default_rng(seed)
    u, v, w = (
        factor.astype(np.float64) + settings.noise * rng.standard_normal(factor.shape) for factor in start.arrays
    )
    return run_from(Factors(start.format, u, v, w), settings.search)
