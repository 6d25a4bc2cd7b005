"""What a campaign is made of: targets, and trials that can be repeated from their numbers alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.campaign.learning import Learner, Pins, candidates
from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.tensor import require_memory
from mmdiscover.errors import InputError
from mmdiscover.refine import RefineSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmdiscover.search import SearchSettings


_FIRST_WAVE, _LARGEST_WAVE = 8, 512
_REFINE_MATRICES = 6
"""Matrices over all unknowns that exist at a time while a fit is refined, its eigenvectors among them."""


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
    """

    position: int
    format: Format
    rank: int
    pins: Pins
    refine: RefineSettings

    @property
    def name(self) -> str:
        """For example ``3x3x3:23``."""
        return scheme_name(self.format, self.rank)

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
    search : SearchSettings
        Complete.
    """

    target: Target
    campaign_seed: int
    index: int
    search: SearchSettings

    @property
    def spawn_key(self) -> tuple[int, int]:
        """What sets the trial's randomness apart from that of all others of the campaign."""
        return self.target.position, self.index

    def seeds(self) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
        """Seeds of the search and of the refinement."""
        search, refine, _ = _seeds(self.campaign_seed, self.spawn_key)
        return search, refine


def choice_seed(campaign_seed: int, position: int, index: int) -> np.random.SeedSequence:
    """Seed of the choice of a trial's settings."""
    *_, choice = _seeds(campaign_seed, (position, index))
    return choice


def _seeds(campaign_seed: int, spawn_key: tuple[int, int]) -> list[np.random.SeedSequence]:
    """Seeds of a trial's search, its refinement and the choice of its settings."""
    return np.random.SeedSequence(campaign_seed, spawn_key=spawn_key).spawn(3)


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
    fmt: Format, rank: int, pins: Pins | None = None, position: int = 0, refine: RefineSettings | None = None
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

    Raises
    ------
    InputError
        If no scheme can have this rank, or what is pinned cannot work.
    CapacityError
        If searching or refining would not fit in memory.
    """
    pins = pins or Pins()
    candidates(fmt, rank, pins)
    require_refinement_memory(fmt, rank)
    return Target(position, fmt, rank, pins, refine or RefineSettings())


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
