"""Which trials of a target can be begun, and with which settings, whoever runs the others.

Trials come in waves. The settings of a wave are chosen by what was known when the campaign was made and by the trials
up to the last wave but one before it; so they do not depend on who runs what and when, nor on what was interrupted,
and workers need not wait for the last trial of a wave.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.campaign.learning import Learner, candidates, settings_from_mapping
from mmdiscover.campaign.plan import TrialTask, choice_seed, wave_size
from results_db import queries
from results_db.models import EXACT, FAILED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mmdiscover.campaign.spec import TargetSpec
    from mmdiscover.search import SearchSettings
    from results_db.claims import FinishedTrial


class Agenda:
    """The trials of one target.

    Parameters
    ----------
    spec : TargetSpec
    seed : int
        Of the campaign.
    experience : sequence of mappings
        What was known when the campaign was made, see `experience_snapshot`.
    """

    def __init__(self, spec: TargetSpec, seed: int, experience: Sequence[Mapping[str, Any]]) -> None:
        self._target, self._seed, self._starts = spec.target, seed, spec.goal.starts
        options = candidates(spec.target.format, spec.target.rank, spec.target.pins)
        self._learner = Learner(spec.target.format, spec.target.rank, options)
        self._learner.recall(queries.Experience("", 0, **known) for known in experience)
        self._finished: dict[int, FinishedTrial] = {}
        self._settings: dict[int, SearchSettings] = {}
        # The first wave that has unfinished trials, and the end of what is planned.
        self._wave = (0, wave_size(0))
        self._planned = 0
        self._plan(wave_size(0))
        self._plan(wave_size(self._planned))

    @property
    def first_unsettled(self) -> int:
        """All trials with lower indices are finished and taken in."""
        return self._wave[0]

    def take_in(self, trials: Iterable[FinishedTrial]) -> None:
        """Learn from finished trials; from each once, however often it comes."""
        self._finished |= {trial.index: trial for trial in trials if trial.index >= self._wave[0]}
        first, end = self._wave
        while all(index in self._finished for index in range(first, end)):
            for index in range(first, end):
                self._learn(self._finished.pop(index))
                self._settings.pop(index, None)
            if self._starts is not None and end >= self._starts:
                self._wave = end, end
                return
            self._wave = first, end = end, end + wave_size(end)
            self._plan(wave_size(self._planned))

    def is_finished(self, index: int) -> bool:
        """Whether a trial is known to be finished."""
        return index < self._wave[0] or index in self._finished

    def open(self) -> Iterator[int]:
        """Trials that may be begun and are not known to be finished, lowest first."""
        for index in range(self._wave[0], self._end):
            if index not in self._finished:
                yield index

    def task(self, index: int, settings: Mapping[str, Any] | None = None) -> TrialTask:
        """A trial that may be begun, with its own settings or those that are stored with its claim."""
        chosen = self._settings[index] if settings is None else settings_from_mapping(settings)
        return TrialTask(self._target, self._seed, index, chosen)

    @property
    def _end(self) -> int:
        return self._planned if self._starts is None else min(self._planned, self._starts)

    def _plan(self, size: int) -> None:
        for index in range(self._planned, self._planned + size):
            rng = np.random.default_rng(choice_seed(self._seed, self._target.position, index))
            self._settings[index] = self._learner.choose(rng)
        self._planned += size

    def _learn(self, trial: FinishedTrial) -> None:
        if trial.status != FAILED:
            self._learner.learn(settings_from_mapping(trial.settings), int(trial.status == EXACT), trial.iterations)


def experience_snapshot(known: Iterable[queries.Experience]) -> list[dict[str, Any]]:
    """What is known about a format and rank now, as JSON values that are kept with a target."""
    return [
        {name: value for name, value in asdict(one).items() if name not in ("sorted_format", "rank")} for one in known
    ]
