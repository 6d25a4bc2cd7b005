"""What a campaign is made of: targets, and trials that can be repeated from their numbers alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.tensor import require_memory
from mmdiscover.errors import InputError
from mmdiscover.refine import RefineSettings
from mmdiscover.search import SearchSettings, complete_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    search : SearchSettings
    refine : RefineSettings
    """

    position: int
    format: Format
    rank: int
    search: SearchSettings
    refine: RefineSettings

    @property
    def name(self) -> str:
        """For example ``3x3x3:23``."""
        return scheme_name(self.format, self.rank)


@dataclass(frozen=True)
class TrialTask:
    """One trial. Seed, target and index decide its result, whoever runs it and when.

    Parameters
    ----------
    target : Target
    campaign_seed : int
    index : int
        Number of the trial within its target, from 0.
    """

    target: Target
    campaign_seed: int
    index: int

    @property
    def spawn_key(self) -> tuple[int, int]:
        """What sets the trial's randomness apart from that of all others of the campaign."""
        return self.target.position, self.index

    def seeds(self) -> tuple[np.random.SeedSequence, np.random.SeedSequence]:
        """Seeds of the search and of the refinement."""
        search, refine = np.random.SeedSequence(self.campaign_seed, spawn_key=self.spawn_key).spawn(2)
        return search, refine


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


def plan_target(fmt: Format, rank: int, bound: float | None = None, position: int = 0) -> Target:
    """A target whose settings can work.

    Parameters
    ----------
    fmt : Format
    rank : int
    bound : float, optional
        Squared radius of the ball that is searched; left out, the default of the format and rank.
    position : int

    Raises
    ------
    InputError
        If no scheme can have this rank, or no exact fit lies within the bound.
    CapacityError
        If searching or refining would not fit in memory.
    """
    settings = complete_settings(fmt, rank, SearchSettings(bound=bound))
    unknowns = sum(fmt.shape) * rank
    require_memory(_REFINE_MATRICES * 8 * unknowns**2, f"refining a fit of {scheme_name(fmt, rank)}")
    return Target(position, fmt, rank, settings, RefineSettings())


def trial_tasks(target: Target, campaign_seed: int, starts: int | None) -> Iterator[TrialTask]:
    """The trials of a target in their order, endless where `starts` is None."""
    for index in count() if starts is None else range(starts):
        yield TrialTask(target, campaign_seed, index)
