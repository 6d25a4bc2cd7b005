"""What a campaign is made of: targets, and trials that can be repeated from their numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.campaign.chances import walk_candidates, walkable
from mmdiscover.campaign.learning import Candidate, Learner, Pins, candidates
from mmdiscover.campaign.reduced import NOISES, ReducedStart
from mmdiscover.campaign.walks import Objective, WalkChoice
from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.ring import Ring
from mmdiscover.core.tensor import require_memory
from mmdiscover.discrete.settings import MOST_ENTRIES
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.refine import RefineSettings
from mmdiscover.search import SearchSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmdiscover.campaign.learning import Settings
    from mmdiscover.campaign.walks import Origin


_FIRST_WAVE, _LARGEST_WAVE = 8, 512
_USUAL = 0.9
"""Weight of the radii with which reduced schemes are begun at, too."""
_REFINE_MATRICES = 6
"""Matrices over all unknowns that exist at a time while a fit is refined, its eigenvectors among them."""


class Method(StrEnum):
    """How schemes are searched for."""

    NUMERIC = "numeric"
    DISCRETE = "discrete"
    BOTH = "both"
    """By whichever brings more schemes for its time."""


@dataclass(frozen=True)
class Target:
    """A scheme that is looked for.

    Parameters
    ----------
    position : int
        Place in its campaign, from 0: part of the seed of each of its trials.
    format : Format
    rank : int
    pins : Pins
        Settings of the search that the user has chosen; the others are learnt.
    refine : RefineSettings
    method : Method
    ring : Ring or None
        Z2 where schemes modulo 2 are looked for, None for characteristic zero.
    """

    position: int
    format: Format
    rank: int
    pins: Pins
    refine: RefineSettings
    method: Method = Method.NUMERIC
    ring: Ring | None = None

    @property
    def name(self) -> str:
        """For example ``3x3x3:23``."""
        return scheme_name(self.format, self.rank)

    @property
    def objective(self) -> Objective:
        """Whether any scheme of the rank is looked for, or that with the fewest additions."""
        return self.pins.objective

    @property
    def entries(self) -> int:
        """Of the three factors."""
        return sum(self.format.shape) * self.rank


@dataclass(frozen=True)
class TrialTask:
    """One trial. Seed, target, index and settings decide its result, whoever runs it and when.

    Parameters
    ----------
    target : Target
    campaign_seed : int
    index : int
        Number of the trial within its target, from 0.
    search : SearchSettings, ReducedStart or WalkChoice
        Complete.
    origin : Origin or None
        Where it begins, unless it makes its start itself.
    """

    target: Target
    campaign_seed: int
    index: int
    search: Settings
    origin: Origin | None = None

    @property
    def walks(self) -> bool:
        """Whether it walks on the flip graph."""
        return isinstance(self.search, WalkChoice)

    @property
    def spawn_key(self) -> tuple[int, int]:
        """What sets the trial's randomness apart from that of all others of the campaign."""
        return self.target.position, self.index

    def seeds(self) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
        """Seeds of the search and of the refinement."""
        search, refine, *_ = _seeds(self.campaign_seed, self.spawn_key)
        return search, refine

    @property
    def origin_seed(self) -> np.random.SeedSequence:
        """Seed of the choice of where it begins."""
        return _seeds(self.campaign_seed, self.spawn_key)[3]


def choice_seed(campaign_seed: int, position: int, index: int) -> np.random.SeedSequence:
    """Seed of the choice of a trial's settings."""
    return _seeds(campaign_seed, (position, index))[2]


def _seeds(campaign_seed: int, spawn_key: tuple[int, int]) -> list[np.random.SeedSequence]:
    """Seeds of a trial's search, its refinement, and the choices of its settings and of where it begins."""
    return np.random.SeedSequence(campaign_seed, spawn_key=spawn_key).spawn(4)


@dataclass(frozen=True)
class Budget:
    """When a run ends without having found anything.

    Parameters
    ----------
    starts : int or None
        Most trials; None for no limit.
    seconds : float or None
        Longest time; None for no limit.

    Raises
    ------
    InputError
        If a limit is not positive.
    """

    starts: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.starts is not None and self.starts < 1:
            raise InputError(f"number of starts is {self.starts}, expected an integer >= 1")
        if self.seconds is not None and not 0 < self.seconds < 1e8:
            raise InputError(f"time is {self.seconds:g} s, expected more than 0 and less than three years")


def plan_target(
    fmt: Format,
    rank: int,
    pins: Pins | None = None,
    position: int = 0,
    refine: RefineSettings | None = None,
    method: Method = Method.NUMERIC,
    ring: Ring | None = None,
) -> Target:
    """A target that can be searched for.

    Parameters
    ----------
    fmt : Format
    rank : int
    pins : Pins, optional
        Settings of the search that are not to be learnt.
    position : int
    refine : RefineSettings, optional
    method : Method
        With both, one that is not possible is left out.
    ring : Ring, optional
        Z2 for schemes modulo 2, which only walks find.

    Raises
    ------
    InputError
        If no scheme can have this rank (walks alone try nevertheless), or what is pinned cannot work.
    CapacityError
        If searching or refining would not fit in memory, or factors not into the words of a walk.
    """
    pins = pins or Pins()
    return Target(position, fmt, rank, pins, refine or RefineSettings(), _possible(fmt, rank, pins, method, ring), ring)


def _possible(fmt: Format, rank: int, pins: Pins, method: Method, ring: Ring | None) -> Method:
    """The method, or the only possible one of both."""
    if ring not in (None, Ring.Z2):
        raise InputError(f"ring is {ring}, expected Z2, or none for characteristic zero")
    if pins.objective is Objective.ADDITIONS:
        method = _method_for_additions(pins, method, ring)
    elif ring is Ring.Z2:
        method = _by_walks(method, "ring is Z2")
    if method is Method.DISCRETE and pins.numeric:
        raise InputError("bound, start scale, iteration limit and symmetry are for the numerical search, not for walks")
    if method is Method.NUMERIC and pins.discrete:
        raise InputError("flips and cyclic are for walks, not for the numerical search")
    if method is not Method.NUMERIC:
        if walkable(fmt):
            walk_candidates(fmt, rank, pins, ring)
        elif method is Method.DISCRETE:
            raise CapacityError(
                f"{fmt}: a factor has {max(fmt.shape)} entries, expected at most {MOST_ENTRIES} for the method discrete"
            )
        else:
            method = Method.NUMERIC
    if method is not Method.DISCRETE:
        try:
            candidates(fmt, rank, pins)
            require_refinement_memory(fmt, rank)
        except CapacityError:
            if method is Method.NUMERIC or rank > fmt.classical_rank:
                raise
            method = Method.DISCRETE
    return method


def _method_for_additions(pins: Pins, method: Method, ring: Ring | None) -> Method:
    if ring is Ring.Z2:
        raise InputError("objective is additions and ring is Z2: expected no ring, for the schemes are ternary")
    if pins.cyclic:
        raise InputError("objective is additions and walks are cyclic: expected walks that are not")
    return _by_walks(method, "objective is additions")


def _by_walks(method: Method, what: str) -> Method:
    if method is Method.NUMERIC:
        raise InputError(f"{what}, which the numerical search knows nothing of: expected the method discrete")
    return Method.DISCRETE


def default_method(pins: Pins, ring: Ring | None) -> Method:
    """The method where none was named: that of the settings that were, else both."""
    if pins.discrete or ring is not None:
        return Method.BOTH if pins.numeric else Method.DISCRETE
    return Method.NUMERIC if pins.numeric else Method.BOTH


def options(target: Target) -> tuple[Candidate, ...]:
    """The settings that there are to choose from for the trials of a target."""
    found: tuple[Candidate, ...] = ()
    if target.method is not Method.DISCRETE:
        found += candidates(target.format, target.rank, target.pins)
    if target.method is not Method.NUMERIC:
        found += walk_candidates(target.format, target.rank, target.pins, target.ring)
    if target.method is Method.BOTH and None in (target.pins.symmetries or (None,)):
        # Walks leave schemes of a higher rank behind.
        found += tuple(
            Candidate(ReducedStart(one.settings, noise), one.weight)
            for one in candidates(target.format, target.rank, replace(target.pins, symmetries=(None,)))
            for noise in NOISES
            if isinstance(one.settings, SearchSettings) and one.weight > _USUAL
        )
    return found


def require_refinement_memory(fmt: Format, rank: int) -> None:
    """Refuse fits that are too large to be refined.

    Raises
    ------
    CapacityError
        Naming what it would take.
    """
    unknowns = sum(fmt.shape) * rank
    require_memory(_REFINE_MATRICES * 8 * unknowns**2, f"refining a fit of {scheme_name(fmt, rank)}")


def wave_size(first: int) -> int:
    """Number of trials of the wave that begins with trial `first`."""
    # So large that waiting for the last trial of a wave costs little, and so small that little is learnt too late.
    return min(max(first, _FIRST_WAVE), _LARGEST_WAVE)


def waves(target: Target, campaign_seed: int, starts: int | None, learner: Learner) -> Iterator[list[TrialTask]]:
    """The trials of a target in their order, endless where `starts` is None.

    The settings of a wave are chosen when it is asked for. All earlier trials must have been learnt from by then: so
    the choice depends on the seed and on what was known at the beginning, not on how many workers there are.

    Parameters
    ----------
    target : Target
    campaign_seed : int
    starts : int or None
    learner : Learner
    """
    first = 0
    while starts is None or first < starts:
        end = first + wave_size(first)
        if starts is not None:
            end = min(end, starts)
        wave = []
        for index in range(first, end):
            settings = learner.choose(np.random.default_rng(choice_seed(campaign_seed, target.position, index)))
            wave.append(TrialTask(target, campaign_seed, index, settings))
        yield wave
        first = end
