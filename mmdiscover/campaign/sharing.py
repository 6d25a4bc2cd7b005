"""How far the targets of a campaign are, and which of them is to be worked on next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mmdiscover.campaign.agenda import Agenda
    from mmdiscover.campaign.plan import TrialTask
    from mmdiscover.campaign.spec import TargetSpec
    from results_db.queries import TargetSummary

AHEAD_SECONDS = 2.0
"""Trials for so long are claimed ahead of the workers, but not more than `MOST_AHEAD`, nor less than they ask for.

When they run out of trials, they begin none until all that are running are finished.
"""
MOST_AHEAD, ASKED_FOR = 1000, 4
_USUAL_SECONDS = 0.25


@dataclass
class Progress:
    """How far a target is, and what of it runs here."""

    id: int
    spec: TargetSpec
    agenda: Agenda
    summary: TargetSummary
    mine: set[int] = field(default_factory=set)
    others: set[int] = field(default_factory=set)
    # The schemes found so far, where their number is a limit.
    schemes: set[int] = field(default_factory=set)

    @property
    def done(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.spec.goal.reached(self.summary.trials, self.summary.cpu_seconds, self.summary.distinct)

    @property
    def nearly_done(self) -> bool:
        """Whether it will be done by what runs here, as far as that can be foreseen."""
        spent = self.summary.cpu_seconds + len(self.mine) * self.seconds_per_trial
        return self.spec.goal.reached(self.summary.trials, spent, self.summary.distinct)

    @property
    def seconds_per_trial(self) -> float:
        """Mean processor time, cautiously: the first trials to end are the short ones."""
        return (self.summary.cpu_seconds + _USUAL_SECONDS) / (self.summary.trials + 1)

    @property
    def spent(self) -> float:
        """Processor time by share, that of the running trials as expected."""
        return (self.summary.cpu_seconds + len(self.mine) * self.seconds_per_trial) / self.spec.share

    def free(self) -> Iterator[int]:
        """Trials that may be begun and that nobody is known to have, lowest first."""
        return (index for index in self.agenda.open() if index not in self.mine and index not in self.others)


def choose(targets: Sequence[Progress], count: int) -> list[TrialTask]:
    """The trials to be begun next, of the targets that have had the least for their shares; at most `count`."""
    open_trials = {place: target.free() for place, target in enumerate(targets) if not target.nearly_done}
    spent = {place: targets[place].spent for place in open_trials}
    chosen: list[TrialTask] = []
    while open_trials and len(chosen) < count:
        place = min(open_trials, key=spent.__getitem__)
        target = targets[place]
        index = next(open_trials[place], None)
        if index is None:
            del open_trials[place]
            continue
        chosen.append(target.agenda.task(index))
        spent[place] += target.seconds_per_trial / target.spec.share
    return chosen


def trials_ahead(targets: Sequence[Progress], workers: int) -> int:
    """How many trials are to be claimed ahead of the workers."""
    fastest = min((target.seconds_per_trial for target in targets if not target.done), default=_USUAL_SECONDS)
    return round(max(ASKED_FOR * workers, min(MOST_AHEAD, workers * AHEAD_SECONDS / fastest)))
