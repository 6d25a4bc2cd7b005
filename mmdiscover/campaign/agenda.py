"""Which trials of a target can be begun, and with which settings, whoever runs the others.

Trials come in waves. The settings of a wave are chosen by what was known when the campaign was made and by all trials
that come a certain number before it; so they do not depend on who runs what and when, nor on what was interrupted, and
many workers need not wait for one slow trial.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.campaign.learning import Learner, settings_from_mapping
from mmdiscover.campaign.plan import TrialTask, choice_seed, options
from mmdiscover.campaign.walks import origin_from_json
from results_db import queries
from results_db.models import EXACT, FAILED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mmdiscover.campaign.learning import Settings
    from mmdiscover.campaign.spec import TargetSpec
    from results_db.claims import FinishedTrial

_SMALLEST_WAVE, _LARGEST_WAVE = 8, 512
_SMALLEST_WINDOW = 64


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
        self._learner = Learner(spec.target.format, spec.target.rank, options(spec.target))
        self._learner.recall(queries.Experience("", 0, **known) for known in experience)
        self._finished: dict[int, FinishedTrial] = {}
        self._settings: dict[int, Settings] = {}
        # The first wave that has unfinished trials begins here, and what is planned ends there.
        self._settled = self._planned = 0
        self._plan()

    @property
    def first_unsettled(self) -> int:
        """All trials with lower indices are finished and taken in."""
        return self._settled

    def take_in(self, trials: Iterable[FinishedTrial]) -> None:
        """Learn from finished trials; from each once, however often it comes."""
        self._finished |= {trial.index: trial for trial in trials if trial.index >= self._settled}
        while all(index in self._finished for index in self._wave(self._settled)):
            for index in self._wave(self._settled):
                self._learn(self._finished.pop(index))
                self._settings.pop(index, None)
            self._settled = self._wave(self._settled).stop
            self._plan()

    def is_finished(self, index: int) -> bool:
        """Whether a trial is known to be finished."""
        return index < self._settled or index in self._finished

    def wants(self, index: int) -> bool:
        """Whether a trial is among those asked for, and not known to be finished."""
        return not self.is_finished(index) and (self._starts is None or index < self._starts)

    def open(self) -> Iterator[int]:
        """Trials that may be begun and are not known to be finished, lowest first."""
        for index in range(self._settled, self._end):
            if index not in self._finished:
                yield index

    def task(
        self, index: int, settings: Mapping[str, Any] | None = None, origin: Mapping[str, Any] | None = None
    ) -> TrialTask:
        """A trial that may be begun, with its own settings or those and the origin that are stored with its claim."""
        chosen = self._settings[index] if settings is None else settings_from_mapping(settings)
        return TrialTask(self._target, self._seed, index, chosen, origin_from_json(self._target.format, origin))

    @property
    def _end(self) -> int:
        return self._planned if self._starts is None else min(self._planned, self._starts)

    @staticmethod
    def _wave(first: int) -> range:
        return range(first, first + min(max(first // 8, _SMALLEST_WAVE), _LARGEST_WAVE))

    def _plan(self) -> None:
        """Choose the settings of all waves that begin within the window, by what has been learnt."""
        while self._planned < self._settled + max(_SMALLEST_WINDOW, self._settled):
            wave = self._wave(self._planned)
            for index in wave:
                rng = np.random.default_rng(choice_seed(self._seed, self._target.position, index))
                self._settings[index] = self._learner.choose(rng)
            self._planned = wave.stop

    def _learn(self, trial: FinishedTrial) -> None:
        if trial.status != FAILED:
            self._learner.learn(settings_from_mapping(trial.settings), int(trial.status == EXACT), trial.iterations)


def experience_snapshot(known: Iterable[queries.Experience]) -> list[dict[str, Any]]:
    """What is known about a format and rank now, as JSON values that are kept with a target."""
    return [
        {name: value for name, value in asdict(one).items() if name not in ("sorted_format", "rank")} for one in known
    ]
