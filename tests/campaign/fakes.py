"""Kernels whose results are written in advance, trial by trial."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.campaign.plan import TrialTask
from mmdiscover.core.factors import Factors
from mmdiscover.refine import Attempt, Refined, RefineSettings, RefineStatus, Stage
from mmdiscover.search import Fit, FitStatus, SearchSettings, complete_settings

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping

    from mmdiscover.campaign.learning import Settings
    from mmdiscover.campaign.plan import Target
    from mmdiscover.campaign.runner import Tally
    from mmdiscover.campaign.trial import Phase, TrialOutcome
    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme


def trial_task(target: Target, index: int, seed: int = 1, bound: float | None = None) -> TrialTask:
    """A trial with settings that nobody has learnt."""
    settings = complete_settings(target.format, target.rank, SearchSettings(bound=bound))
    return TrialTask(target, seed, index, settings)


def numeric(settings: Settings) -> SearchSettings:
    """Settings that are known to be those of a numerical search."""
    assert isinstance(settings, SearchSettings)
    return settings


@dataclass(frozen=True)
class ScriptedSearch:
    """Exact fits at the indices `exact`, nothing elsewhere; sleeps, or raises, where it is told to."""

    exact: frozenset[int] = frozenset()
    seconds: Mapping[int, float] = field(default_factory=dict)
    broken: frozenset[int] = frozenset()
    default_seconds: float = 0.0

    def __call__(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        index = seed.spawn_key[1]
        time.sleep(self.seconds.get(index, self.default_seconds))
        if index in self.broken:
            raise ZeroDivisionError(f"trial {index} is broken")
        factors = Factors(fmt, *(np.random.default_rng(seed).standard_normal((rows, rank)) for rows in fmt.shape))
        status = FitStatus.EXACT if index in self.exact else FitStatus.STALLED
        residual = 1e-25 if index in self.exact else 0.5 + index
        return Fit(factors, status, residual, factors.squared_norm(), 10 + index, settings)


def refined(*schemes: Scheme) -> Refined:
    """A vain attempt where there is no scheme, else one for each scheme."""
    if not schemes:
        stage = Stage("fix", zeros=3, fixed=4, free=2, residual=0.0)
        return Refined(RefineStatus.STUCK, (), (Attempt(RefineStatus.STUCK, None, (stage,), "by script", 3),))
    stage = Stage("fix", zeros=3, fixed=6, free=0, residual=0.0)
    attempts = tuple(Attempt(RefineStatus.EXACT, scheme, (stage,), "", 5) for scheme in schemes)
    return Refined(RefineStatus.EXACT, schemes, attempts)


@dataclass(frozen=True)
class ScriptedRefine:
    """The schemes written down for the trial; where there are none, a status that says so."""

    schemes: Mapping[int, Scheme | tuple[Scheme, ...]]
    seconds: float = 0.0
    broken: frozenset[int] = frozenset()

    def __call__(self, factors: Factors, settings: RefineSettings, seed: np.random.SeedSequence, /) -> Refined:  # noqa: ARG002
        time.sleep(self.seconds)
        index = seed.spawn_key[1]
        if index in self.broken:
            raise ZeroDivisionError(f"refinement {index} is broken")
        schemes = self.schemes.get(index, ())
        return refined(*(schemes if isinstance(schemes, tuple) else (schemes,)))


@dataclass(frozen=True)
class PreferringSearch:
    """Fits wherever a bound is at most `bound`; what it takes depends on the trial, and the later ones end first."""

    bound: float

    def __call__(self, fmt: Format, rank: int, settings: SearchSettings, seed: np.random.SeedSequence, /) -> Fit:
        index = seed.spawn_key[1]
        assert settings.bound is not None
        exact = frozenset({index}) if settings.bound <= self.bound else frozenset()
        search = ScriptedSearch(exact, default_seconds=0.004 * (1 - index % 2))
        return replace(search(fmt, rank, settings, seed), iterations=40 + index % 7)


class Log:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.earlier_starts: int | None = None
        self.outcomes: list[TrialOutcome] = []
        self.rejected: dict[int, str] = {}
        self.phases: list[Counter[Phase]] = []
        self.tally: Tally | None = None

    def recalled(self, starts: int) -> None:
        assert (self.earlier_starts, self.outcomes) == (None, [])
        self.earlier_starts = starts

    def trial(self, outcome: TrialOutcome, rejected: str | None, tally: Tally) -> None:
        self.outcomes.append(outcome)
        self.tally = tally
        if rejected is not None:
            self.rejected[outcome.index] = rejected

    def busy(self, phases: Counter[Phase]) -> None:
        self.phases.append(phases)

    @property
    def indices(self) -> list[int]:
        return [outcome.index for outcome in self.outcomes]
