"""One attempt to make an exact fit rational."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.factors import Factors
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten, normal_matrix, unflatten
from mmdiscover.refine.attract import Attraction, attract
from mmdiscover.refine.rationalize import FixedPoint, rationalize
from mmdiscover.refine.scaling import rescale_to_ones
from mmdiscover.refine.sparsify import balance, sparsify
from mmdiscover.refine.trace import RefineStatus

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array

_TO_ZERO = Attraction(grid=(0.0,), exponent=1.0, longest_step=1.0)
_TO_ZERO_WITH_CARE = replace(_TO_ZERO, looseness=1e-5)
_TO_ONES = Attraction(grid=(-1.0, 1.0), exponent=0.5, longest_step=0.5)
_SPREADS = (0.0, 0.5, 1.0)
"""Standard deviations of the logarithms of the weights."""
_ZERO_TOLERANCES = (1e-3, 2e-2, 1e-1)
"""Relative to the largest entry of the vector."""
_ONE_TOLERANCES = (1e-4, 1e-2)


def attempt(fit: Factors, number: int, rng: np.random.Generator) -> tuple[RefineStatus, str, FixedPoint]:
    """Run all stages: sparsify, move to zeros and fix them, rescale, move to ±1, fix what is left.

    Parameters
    ----------
    fit : Factors
        An exact fit.
    number : int
        Every second attempt keeps nearer to the exact fits. Two of three draw entries to zero with random weights, to
        another sparse member of the family; from the fourth on they begin at another member, too.
    rng : numpy.random.Generator

    Returns
    -------
    status : RefineStatus
    reason : str
        Why it ended.
    point : FixedPoint
        Where it ended; with ``EXACT`` every entry is fixed to a simple value.
    """
    tensor = matmul_tensor(fit.format)
    sparse = sparsify(fit if number < 3 else _wander(fit, 0.2 * (number - 2), rng), rng)
    point = FixedPoint(tensor, flatten(sparse.arrays))
    point.ends_stage("sparsify")
    weights = np.exp(_SPREADS[number % 3] * rng.standard_normal(len(point.vector)))
    moved = attract(tensor, point.vector, point.free, (_TO_ZERO, _TO_ZERO_WITH_CARE)[number % 2], weights)
    sparse = balance(Factors(fit.format, *unflatten(moved, tensor.shape)))
    point.vector = flatten(sparse.arrays)
    point.ends_stage("attract to 0")
    held = _fix_zeros(point, sparse)
    point.ends_stage("fix zeros")
    if not held:
        return RefineStatus.LOST, "the fit was lost on the way to a sparse one", point
    scaled = rescale_to_ones(Factors(fit.format, *unflatten(point.vector, tensor.shape)))
    point.vector = flatten(scaled.arrays)
    if point.free.any():
        # Where the way back is not found, entries are fixed from where they are.
        point.move(attract(tensor, point.vector, point.free, _TO_ONES))
        for tolerance in _ONE_TOLERANCES:
            point.snap(tolerance)
    point.ends_stage("attract to ±1")
    status, reason = rationalize(point, rng)
    point.ends_stage("fix one by one")
    return status, reason, point


def _wander(fit: Factors, distance: float, rng: np.random.Generator) -> Factors:
    """Another exact fit, a random step along the solution set away (the same one where the way back is not found).

    The distance is in units of the root mean square of the entries.
    """
    tensor = matmul_tensor(fit.format)
    point = FixedPoint(tensor, flatten(fit.arrays))
    normal = normal_matrix(tensor.shape, point.vector, np.arange(len(point.vector)))
    eigenvalues, vectors = np.linalg.eigh(normal, UPLO="U")
    directions = vectors[:, eigenvalues < 1e-9 * eigenvalues[-1]]
    size = distance * np.sqrt(fit.squared_norm() / len(point.vector))
    point.move(point.vector + size * directions @ rng.standard_normal(directions.shape[1]))
    return Factors(fit.format, *unflatten(point.vector, tensor.shape))


def _fix_zeros(point: FixedPoint, sparse: Factors) -> bool:
    """Fix the entries that are small beside the largest of their vector, in batches; whether the fit is exact again."""
    u, v, w = (np.broadcast_to(np.abs(factor).max(axis=0), factor.shape) for factor in sparse.arrays)
    scale: Array = np.maximum(flatten((u, v, w)), 1e-300)
    held = False
    for tolerance in _ZERO_TOLERANCES:
        size = np.abs(point.vector) / scale
        small = np.flatnonzero(point.free & (size <= tolerance))
        small = small[np.argsort(size[small], kind="stable")]
        held |= point.fix_nearest(small, np.zeros(len(small)))  # a re-solve where none is small
    return held
