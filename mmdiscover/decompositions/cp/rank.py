"""The CP rank of a tensor, estimated by trying."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_real_array, check_count, check_number
from mmdiscover.decompositions.cp.lm import fit_unwarned
from mmdiscover.decompositions.norms import norm_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Seed
    from mmdiscover.decompositions.cp.tensor import CPTensor
    from mmdiscover.decompositions.cp_fit import FitSettings


@dataclass(frozen=True)
class RankEstimate:
    """What trying ranks one after the other gave.

    Parameters
    ----------
    rank : int or None
        The least rank with a fit to the tolerance; None when none of those tried had one.
    model : CPTensor
        The fit of that rank, or the best one of the largest rank tried.
    errors : dict of int to float
        Least relative error ‖T − X‖ / ‖T‖ of each rank tried.
    """

    rank: int | None
    model: CPTensor
    errors: dict[int, float]


def estimate_cp_rank(
    tensor: ArrayLike,
    max_rank: int,
    *,
    starts: int = 10,
    tolerance: float = 1e-6,
    seed: Seed = 0,
    settings: FitSettings | None = None,
) -> RankEstimate:
    """Try ranks 1, 2, … until one of several starts of `cp_lm` fits the tensor to a tolerance.

    The CP rank is NP-hard to compute: what is found is an upper bound, and too large when no start fell into an exact
    fit. Where a tensor is the limit of tensors of lower rank, errors fall below any tolerance while the factors grow;
    a norm bound in the settings tells the two apart.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
        Real.
    max_rank : int
        The largest rank to try.
    starts : int
        Random starts for each rank.
    tolerance : float
        Relative error that counts as a fit.
    seed : int, SeedSequence or Generator
    settings : FitSettings, optional
        See `cp_lm`.

    Returns
    -------
    RankEstimate

    Examples
    --------
    >>> import numpy as np
    >>> estimate_cp_rank(np.eye(3), 5).rank
    3
    """
    array = as_real_array("tensor", tensor, least_order=2)
    check_count("max_rank", max_rank)
    check_count("starts", starts)
    check_number("tolerance", tolerance, above=True)
    size = norm_of("tensor", array)
    errors: dict[int, float] = {}
    best: dict[int, CPTensor] = {}
    entropy = int(seed) if isinstance(seed, (int, np.integer)) else int(np.random.default_rng(seed).integers(2**63))
    for rank in range(1, max_rank + 1):
        for child in np.random.SeedSequence([entropy, rank]).spawn(starts):
            model, _, history = fit_unwarned(array, rank, None, child, settings)
            error = float(np.sqrt(history[-1])) / size
            if error < errors.get(rank, inf):
                best[rank], errors[rank] = model, error
            if error <= tolerance:
                return RankEstimate(rank, model, errors)
    return RankEstimate(None, best[max_rank], errors)
