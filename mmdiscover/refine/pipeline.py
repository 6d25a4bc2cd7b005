"""From an exact float fit to an exact candidate, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.factors import Factors
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten, normal_matrix, unflatten
from mmdiscover.errors import InputError
from mmdiscover.refine.attract import Attraction, attract
from mmdiscover.refine.preference import TERNARY_FIRST, Criterion, Preference
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
        So many more once one has succeeded without reaching ZT, when ternary schemes are preferred.
    preference : Preference
        Which schemes come first.
    schemes : int
        So many different schemes are looked for.

    Raises
    ------
    InputError
        If a number is out of range, or more schemes are wanted than there are attempts.
    """

    attempts: int = 8
    simplify_attempts: int = 2
    preference: Preference = TERNARY_FIRST
    schemes: int = 1

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InputError(f"attempts is {self.attempts!r}, expected an integer >= 1")
        if self.simplify_attempts < 0:
            raise InputError(f"simplify_attempts is {self.simplify_attempts!r}, expected an integer >= 0")
        if not 1 <= self.schemes <= self.attempts:
            raise InputError(f"schemes is {self.schemes!r}, expected 1 to the number of attempts, {self.attempts}")


@dataclass(frozen=True)
class Stage:
    """Where one stage of an attempt ended.

    Parameters
    ----------
    name : str
        For example ``zeros``.
    zeros, fixed, free : int
        Entries that are fixed to 0; that are fixed at all; that are not fixed.
    residual : float
        φ at its end.
    """

    name: str
    zeros: int
    fixed: int
    free: int
    residual: float


@dataclass(frozen=True)
class Attempt:
    """The trace of one attempt.

    Parameters
    ----------
    status : RefineStatus
    ring : Ring or None
        With ``EXACT`` that of the scheme.
    stages : tuple of Stage
        In their order; the attempt ended in the last one.
    reason : str
        Why it ended.
    resolves : int
        Least-squares problems solved.
    """

    status: RefineStatus
    ring: Ring | None
    stages: tuple[Stage, ...]
    reason: str
    resolves: int

    def __str__(self) -> str:
        last = self.stages[-1]
        return f"{self.status} in {last.name} ({last.zeros} zeros, {last.free} entries free): {self.reason}"


@dataclass(frozen=True)
class Refined:
    """What refinement found.

    Parameters
    ----------
    status : RefineStatus
        ``EXACT`` when an attempt succeeded, else that of the last one.
    schemes : tuple of Scheme
        With ``EXACT`` different candidates in canonical form, the preferred first, for `mmdiscover.verify` to decide.
    attempts : tuple of Attempt
    """

    status: RefineStatus
    schemes: tuple[Scheme, ...]
    attempts: tuple[Attempt, ...]

    @property
    def scheme(self) -> Scheme | None:
        """The preferred scheme."""
        return self.schemes[0] if self.schemes else None

    @property
    def resolves(self) -> int:
        """Least-squares problems solved in all."""
        return sum(attempt.resolves for attempt in self.attempts)

    @property
    def detail(self) -> str:
        """How each attempt ended."""
        return "; ".join(map(str, self.attempts))


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
    found: dict[Scheme, None] = {}
    attempts: list[Attempt] = []
    spare = settings.simplify_attempts if Criterion.TERNARY in settings.preference.order else 0
    seed = np.random.SeedSequence(**seed.state)  # the caller's would count its children
    for number, child in enumerate(seed.spawn(settings.attempts)):
        status, point = _attempt(tensor, factors, number, np.random.default_rng(child))
        scheme = None
        if status is RefineStatus.EXACT:
            scheme = canonical_form(_rational_scheme(factors, point.vector))
            found[scheme] = None
        attempts.append(_trace(status, point, scheme))
        if len(found) >= settings.schemes:
            if spare == 0 or any(scheme.ring is Ring.ZT for scheme in found):
                break
            spare -= 1
    schemes = tuple(sorted(found, key=settings.preference.key)[: settings.schemes])
    return Refined(RefineStatus.EXACT if schemes else attempts[-1].status, schemes, tuple(attempts))


def _trace(status: RefineStatus, point: FixedPoint, scheme: Scheme | None) -> Attempt:
    zeros = int(np.count_nonzero(~point.free & (point.vector == 0)))
    free = int(np.count_nonzero(point.free))
    stage = Stage("fix", zeros, point.free.size - free, free, 0.0)
    return Attempt(status, None if scheme is None else scheme.ring, (stage,), str(status), point.resolves)


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
    point = FixedPoint(tensor, flatten(fit.arrays))
    normal = normal_matrix(tensor.shape, point.vector, np.arange(len(point.vector)))
    eigenvalues, vectors = np.linalg.eigh(normal, UPLO="U")
    directions = vectors[:, eigenvalues < 1e-9 * eigenvalues[-1]]
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
