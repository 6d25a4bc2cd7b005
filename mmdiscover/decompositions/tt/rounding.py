"""Orthogonal cores, and the train of lower ranks near a given one."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import check_mode, check_number, check_ranks
from mmdiscover.decompositions.tt.chain import LOG_2, check_chain, representable_exp, scaled, times_power_of_two
from mmdiscover.decompositions.tt.factorizations import Lower, lower_and_rows, split_off

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.tt.chain import ChainT


def tt_round(chain: ChainT, ranks: int | Sequence[int] | None = None, *, error: float = 0.0) -> ChainT:
    """TT-rounding: a nearby train of lower ranks, in O(N d R³) operations (Oseledets 2011, algorithm 2).

    What TT-SVD would give for the full tensor, with the same bounds: with ranks ‖u − v‖ ≤ √(N−1) × the best, with an
    error ‖u − v‖ ≤ error·‖u‖; with both, the ranks that the error needs, but at most those given.

    Parameters
    ----------
    chain : TensorTrain or TTMatrix
        Its norm may be larger or smaller than any floating-point number.
    ranks : int or sequence of int, optional
        (R₁, …, R_{N−1}), at most those of the train; a single integer is cut to them.
    error : float
        Relative to the Frobenius norm. 1e-14 in double precision takes away what is zero but for rounding.

    Raises
    ------
    ValueError
        If a rank or the error is out of range.

    Examples
    --------
    >>> from mmdiscover.decompositions.tt.tensor_train import random_tt
    >>> train = random_tt([2] * 40, 3, norm=1.0)
    >>> double = train + train
    >>> max(double.ranks), max(tt_round(double, error=1e-12).ranks)
    (6, 3)
    """
    check_chain("chain", chain)
    bounds = check_ranks("ranks", chain.ranks if ranks is None else ranks, chain.ranks)
    check_number("error", error)
    # From right to left: what the train to the right of each bond is, up to orthonormal rows.
    lowers: list[Lower] = []
    matrix, _ = scaled(chain.cores[-1].reshape(-1, 1).copy())
    for left, core in zip(chain.cores[-2::-1], chain.cores[:0:-1], strict=True):
        lowers.append(Lower(matrix.reshape(len(core), -1)))
        matrix, _ = scaled(lowers[-1].times_from_left(left.reshape(-1, len(core))))
    # From left to right: the new core spans the leading part of what the old one is with all to its right.
    share = error / sqrt(max(1, chain.order - 1))
    cores: list[Array] = []
    rest, exponent = np.ones((1, 1), dtype=chain.dtype), 0
    for core, bound in zip(chain.cores[:-1], bounds, strict=True):
        grown, shift = scaled((rest @ core.reshape(len(core), -1)).reshape(-1, core.shape[-1]))
        exponent += shift
        columns, after = split_off(grown, lowers.pop(), bound, share)
        cores.append(columns.reshape(len(rest), *core.shape[1:-1], -1))
        rest = after
    last = chain.cores[-1]
    cores.append((rest @ last.reshape(len(last), -1)).reshape(len(rest), *last.shape[1:]))
    return type(chain).trusted(_spread(cores, exponent))


def _spread(cores: list[Array], exponent: int) -> list[Array]:
    """The cores of 2ᵉ times a chain, each with about the same share of the factor."""
    share, more = divmod(exponent, len(cores))
    return [times_power_of_two(core, share + (k < more)) for k, core in enumerate(cores)]


def orthogonalize(chain: ChainT, centre: int) -> ChainT:
    """The same train with orthonormal cores around one of them, whose norm is that of the train.

    Parameters
    ----------
    chain : TensorTrain or TTMatrix
    centre : int
        The core that is not: those before it have orthonormal columns (over all indices but the last), those behind it
        orthonormal rows (over all but the first). Negative ones count from the end.

    Raises
    ------
    ValueError
        If there is no such core.
    OverflowError
        If the norm is too large or too small for a floating-point number; see `Chain.normalized`.
    """
    check_chain("chain", chain)
    centre = check_mode(centre, chain.order)
    cores = list(chain.cores)
    sizes = [core.shape[1:-1] for core in cores]
    exponent = 0
    for k in range(centre):
        matrix = cores[k].reshape(-1, cores[k].shape[-1])
        columns, upper = np.linalg.qr(matrix)
        upper, shift = scaled(upper)
        exponent += shift
        cores[k] = np.ascontiguousarray(columns).reshape(-1, *sizes[k], len(upper))
        after = cores[k + 1]
        cores[k + 1] = (upper @ after.reshape(len(after), -1)).reshape(len(upper), *after.shape[1:])
    for k in range(len(cores) - 1, centre, -1):
        lower, rows = lower_and_rows(cores[k].reshape(len(cores[k]), -1))
        lower, shift = scaled(lower)
        exponent += shift
        cores[k] = rows.reshape(-1, *sizes[k], cores[k].shape[-1])
        cores[k - 1] = (cores[k - 1].reshape(-1, len(lower)) @ lower).reshape(*cores[k - 1].shape[:-1], -1)
    size = float(np.linalg.norm(cores[centre]))
    if size:
        representable_exp(np.log(size) + exponent * LOG_2, "the norm", "normalized() first")
    cores[centre] = times_power_of_two(cores[centre], exponent)
    return type(chain).trusted(cores)


def left_orthogonalize(chain: ChainT) -> ChainT:
    """The same train, all cores but the last with orthonormal columns; see `orthogonalize`."""
    return orthogonalize(chain, -1)


def right_orthogonalize(chain: ChainT) -> ChainT:
    """The same train, all cores but the first with orthonormal rows; see `orthogonalize`."""
    return orthogonalize(chain, 0)
