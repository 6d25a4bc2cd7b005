"""From an exact float fit to an exact candidate, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.metrics import nonzeros
from mmdiscover.core.orbits import orbit_class
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.decompositions.gauss_newton import unflatten
from mmdiscover.errors import InputError
from mmdiscover.refine.attempt import attempt
from mmdiscover.refine.neighbours import neighbour, rank_distribution
from mmdiscover.refine.polish import polish
from mmdiscover.refine.preference import TERNARY_FIRST, Criterion, Preference
from mmdiscover.refine.trace import OTHER_FAMILY, Attempt, RefineStatus

if TYPE_CHECKING:
    from collections.abc import Collection

    from mmdiscover.core.factors import Factors
    from mmdiscover.core.format import Format

NOT_A_FIT = 1e-16
"""φ above which factors are refused: they are no exact fit."""


@dataclass(frozen=True)
class RefineSettings:
    """Settings of `refine`.

    Parameters
    ----------
    attempts : int
        At most so many in the family of the fit, each one from other random choices.
    neighbours : int
        At most so many in other families, when no scheme came out, or no ternary one and those are preferred: which
        ring can be reached is a matter of the family.
    preference : Preference
        Which schemes come first.
    schemes : int
        So many inequivalent schemes are looked for.
    kicks : int
        Per product, of the exact search for a better scheme that ends each attempt, see `polish`.

    Raises
    ------
    InputError
        If a number is out of range, or more schemes are wanted than there are attempts.
    """

    attempts: int = 8
    neighbours: int = 4
    preference: Preference = TERNARY_FIRST
    schemes: int = 1
    kicks: int = 4

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise InputError(f"attempts is {self.attempts!r}, expected an integer >= 1")
        if self.neighbours < 0:
            raise InputError(f"neighbours is {self.neighbours!r}, expected an integer >= 0")
        if self.kicks < 0:
            raise InputError(f"kicks is {self.kicks!r}, expected an integer >= 0")
        if not 1 <= self.schemes <= self.attempts:
            raise InputError(f"schemes is {self.schemes!r}, expected 1 to the number of attempts, {self.attempts}")


@dataclass(frozen=True)
class Refined:
    """What refinement found.

    Parameters
    ----------
    status : RefineStatus
        ``EXACT`` when an attempt succeeded, else that of the last one.
    schemes : tuple of Scheme
        With ``EXACT`` all inequivalent candidates, in canonical form, for `mmdiscover.verify` to decide: those of the
        lowest rank first, and of these the preferred one.
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
    """Make an exact fit rational: sparsify, move to zeros, rescale, move to ±1, fix what is left, polish.

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
    search = _Search(factors.format, settings)
    own, other = np.random.SeedSequence(**seed.state).spawn(2)  # the caller's would count its children
    for number, child in enumerate(own.spawn(settings.attempts)):
        search.attempt(factors, number, np.random.default_rng(child))
        if search.enough():
            break
    families = {rank_distribution(factors)}
    for child in other.spawn(settings.neighbours):
        if search.best():
            break
        rng = np.random.default_rng(child)
        fit = neighbour(factors, families, rng)
        if fit is None:
            break
        search.attempt(fit, 0, rng, origin=OTHER_FAMILY)
        families.add(rank_distribution(fit))
    return search.result()


class _Search:
    """The attempts, and what they found."""

    def __init__(self, fmt: Format, settings: RefineSettings) -> None:
        self._format, self._settings = fmt, settings
        self._found: dict[Scheme, None] = {}
        self._attempts: list[Attempt] = []

    def attempt(self, fit: Factors, number: int, rng: np.random.Generator, origin: str | None = None) -> None:
        status, reason, point = attempt(fit, number, rng)
        scheme = None
        if status is RefineStatus.EXACT:
            u, v, w = unflatten(point.fractions, self._format.shape)
            scheme = Scheme(self._format, u, v, w)
            scheme = polish(scheme, self._settings.preference, rng, self._settings.kicks * scheme.rank)
            self._found[scheme] = None
        stages = tuple(point.stages)
        if scheme is not None:
            zeros = sum(factor.size for factor in scheme.arrays) - nonzeros(scheme)
            stages = (*stages, replace(stages[-1], name="polish", zeros=zeros))
        if origin is not None:
            stages = (replace(stages[0], name=origin), *stages)
        self._attempts.append(Attempt(status, scheme, stages, reason, point.resolves))

    def enough(self) -> bool:
        """Whether there are as many schemes as are wanted."""
        return self._inequivalent(self._found) >= self._settings.schemes

    def _inequivalent(self, schemes: Collection[Scheme]) -> int:
        # One is enough most of the time, and needs no label.
        return len(schemes) if self._settings.schemes == 1 else len({orbit_class(scheme) for scheme in schemes})

    def best(self) -> bool:
        """Whether there are enough, and other families cannot have better ones by the first criterion."""
        if self._settings.preference.order[0] is not Criterion.TERNARY:
            return self.enough()
        rank = min((scheme.rank for scheme in self._found), default=0)
        ternary = [scheme for scheme in self._found if scheme.rank == rank and scheme.ring is Ring.ZT]
        return self._inequivalent(ternary) >= self._settings.schemes

    def result(self) -> Refined:
        preference = self._settings.preference
        schemes = sorted(self._found, key=lambda scheme: (scheme.rank, preference.key(scheme)))
        if len(schemes) > 1:
            classes: dict[str, Scheme] = {}
            for scheme in schemes:
                classes.setdefault(orbit_class(scheme), scheme)
            schemes = list(classes.values())
        status = RefineStatus.EXACT if schemes else self._attempts[-1].status
        return Refined(status, tuple(schemes), tuple(self._attempts))
