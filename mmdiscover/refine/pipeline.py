"""From an exact float fit to an exact candidate, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.factors import Factors
from mmdiscover.core.metrics import nonzeros
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten, normal_matrix, unflatten
from mmdiscover.errors import InputError
from mmdiscover.refine.attract import Attraction, attract
from mmdiscover.refine.rationalize import FixedPoint, RationalizeStatus, fraction_near, rationalize
from mmdiscover.refine.scaling import rescale_to_ones
from mmdiscover.refine.sparsify import balance, sparsify

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array

NOT_A_FIT = 1e-16
"""φ above which factors are refused: they are no exact fit."""

_TO_ZERO = Attraction(grid=(0.0,), exponent=1.0, longest_step=1.0)
_TO_ONES = Attraction(grid=(-1.0, 1.0), exponent=0.5, longest_step=0.5)
_ZERO_TOLERANCES = (1e-3, 2e-2, 1e-1)
"""Relative to the largest entry of the vector."""
_ONE_TOLERANCES = (1e-4, 1e-2)


class RefineStatus(StrEnum):
    """How refinement ended."""

    EXACT = "exact"
    LOST = "lost"
    """Simple values could not be approached without losing the fit."""
    IRRATIONAL = "irrational"
    STUCK = "stuck"


@dataclass(frozen=True)
class RefineSettings:
    """Settings of `refine`.

    Parameters
    ----------
    attempts : int
        At most so many, each one from other random choices.
    simplify_attempts : int
        So many more once one has succeeded without reaching ZT: the simplest scheme of all is taken.
    """

    attempts: int = 8
    simplify_attempts: int = 2

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InputError(f"attempts is {self.attempts!r}, expected an integer >= 1")
        if self.simplify_attempts < 0:
            raise InputError(f"simplify_attempts is {self.simplify_attempts!r}, expected an integer >= 0")


@dataclass(frozen=True)
class Refined:
    """What refinement found.

    Parameters
    ----------
    status : RefineStatus
        ``EXACT`` when an attempt succeeded, else that of the last one.
    scheme : Scheme or None
        With ``EXACT`` a candidate in canonical form, for `mmdiscover.verify` to decide.
    attempts : int
    resolves : int
        Least-squares problems solved in all.
    detail : str
        How each attempt ended.
    """

    status: RefineStatus
    scheme: Scheme | None
    attempts: int
    resolves: int
    detail: str


def refine(factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence) -> Refined:
    """Make an exact fit rational: sparsify, move to zeros, rescale, move to ±1, fix what is left.

    Run it on one BLAS thread (``threadpoolctl.threadpool_limits(1)``): with several, matrices of this size cost many
    times as much.

    Parameters
    ----------
    factors : Factors
        An exact fit.
    settings : RefineSettings
    seed : numpy.random.SeedSequence
        Decides all random choices.

    Returns
    -------
    Refined

    Raises
    ------
    InputError
        If `factors` are no exact fit.
    """
    residual = factors.residual()
    if not residual <= NOT_A_FIT:  # entries so large that it overflows give NaN
        raise InputError(
            f"factors of {factors.format}: residual {residual:.3g}, expected an exact fit (<= {NOT_A_FIT:g})"
        )
    tensor = matmul_tensor(factors.format)
    found: list[Scheme] = []
    endings: list[str] = []
    resolves = 0
    status = RefineStatus.STUCK
    spare = settings.simplify_attempts
    seed = np.random.SeedSequence(**seed.state)  # the caller's would count its children
    for attempt, child in enumerate(seed.spawn(settings.attempts)):
        status, point = _attempt(tensor, factors, attempt, np.random.default_rng(child))
        resolves += point.resolves
        zeros = np.count_nonzero(~point.free & (point.vector == 0))
        endings.append(f"{status} ({zeros} zeros, {np.count_nonzero(point.free)} of {point.free.size} entries free)")
        if status is RefineStatus.EXACT:
            found.append(canonical_form(_rational_scheme(factors, point.vector)))
        if found:
            if spare == 0 or found[-1].ring is Ring.ZT:
                break
            spare -= 1
    if found:
        status = RefineStatus.EXACT
    return Refined(status, min(found, key=_complexity, default=None), len(endings), resolves, "; ".join(endings))


def _complexity(scheme: Scheme) -> tuple[int, int]:
    return list(Ring).index(scheme.ring), nonzeros(scheme)


def _attempt(tensor: Array, fit: Factors, attempt: int, rng: np.random.Generator) -> tuple[RefineStatus, FixedPoint]:
    """One run of all stages. Later attempts differ more: random weights, then another point of the family."""
    if attempt >= 3:
        fit = _wander(tensor, fit, 0.2 * (attempt - 2), rng)
    spread = (0.0, 0.5, 1.0)[attempt % 3]
    sparse = sparsify(fit, rng)
    everything = np.ones(flatten(sparse.arrays).size, dtype=bool)
    weights = np.exp(spread * rng.standard_normal(everything.size))
    moved = attract(tensor, flatten(sparse.arrays), everything, _TO_ZERO, weights)
    sparse = balance(Factors(fit.format, *unflatten(moved, tensor.shape)))
    point = FixedPoint(tensor, flatten(sparse.arrays))
    if not _fix_zeros(point, sparse):
        return RefineStatus.LOST, point
    scaled = rescale_to_ones(Factors(fit.format, *unflatten(point.vector, tensor.shape)))
    point.vector = flatten(scaled.arrays)
    if not point.move(attract(tensor, point.vector, point.free, _TO_ONES)):
        return RefineStatus.LOST, point
    for tolerance in _ONE_TOLERANCES:
        point.snap(tolerance)
    status = rationalize(point, rng)
    return RefineStatus.EXACT if status is RationalizeStatus.RATIONAL else RefineStatus(status.value), point


def _wander(tensor: Array, fit: Factors, distance: float, rng: np.random.Generator) -> Factors:
    """Another exact fit, a random step along the solution set away (the same one where the way back is not found)."""
    eigenvalues, vectors = np.linalg.eigh(normal_matrix(fit.arrays))
    directions = vectors[:, eigenvalues < 1e-9 * eigenvalues[-1]]
    point = FixedPoint(tensor, flatten(fit.arrays))
    size = distance * np.sqrt(fit.squared_norm() / len(point.vector))
    point.move(point.vector + size * directions @ rng.standard_normal(directions.shape[1]))
    return Factors(fit.format, *unflatten(point.vector, tensor.shape))


def _fix_zeros(point: FixedPoint, sparse: Factors) -> bool:
    """Fix the entries that are small beside the largest of their vector, in batches; whether the first batch held."""
    u, v, w = (np.broadcast_to(np.abs(factor).max(axis=0), factor.shape) for factor in sparse.arrays)
    scale = flatten((u, v, w))
    held = False
    for tolerance in _ZERO_TOLERANCES:
        small = np.flatnonzero(point.free & (np.abs(point.vector) <= tolerance * scale))
        if not point.fix(small, np.zeros(len(small))):
            break
        held = True
    return held


def _rational_scheme(fit: Factors, vector: Array) -> Scheme:
    exact = np.array([fraction_near(value) for value in vector], dtype=object)
    return Scheme(fit.format, *unflatten(exact, fit.format.shape))
