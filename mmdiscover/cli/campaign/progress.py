"""What a running campaign shows: a live table on a terminal, a plain log elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmdiscover.campaign.durations import clock
from mmdiscover.cli import output
from mmdiscover.cli.campaign import table
from mmdiscover.cli.progress import is_plain, walk_line
from mmdiscover.core.metrics import additions
from mmdiscover.discrete.settings import WalkStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mmdiscover.campaign.spec import CampaignSpec
    from mmdiscover.campaign.trial import TrialOutcome
    from results_db.queries import TargetSummary
    from results_db.repository import Recorded

LOG_SECONDS = 60.0
"""Between two lines of sums in the plain log."""
WALKS_SHOWN = 4
"""So many of the last walks of a target are shown by their ranks."""


class PlainCampaign:
    """One line for each scheme that is the best of its target so far, for what goes wrong, and for sums at times."""

    def __init__(self, spec: CampaignSpec, print_line: Any = output.note) -> None:
        self._spec, self._print_line = spec, print_line
        self._next_sums = time.monotonic() + LOG_SECONDS
        self._fewest: dict[int, int] = {}
        # Ranks of walks by target, in the order in which they ended; the least of each; flips of all.
        self.last_ranks: dict[int, list[int]] = {}
        self.best_ranks: dict[int, int] = {}
        self.flips = 0

    def trial(self, target: int, outcome: TrialOutcome, recorded: Recorded, rejected: str | None) -> None:
        """Print what is worth telling about a trial."""
        name = f"{self._spec.targets[target].target.name} start {outcome.index}"
        if outcome.error is not None:
            self._print_line(f"{name}: failed by {outcome.error}")
        if rejected is not None:
            self._print_line(f"{name}: rejected by verification: {rejected}")
        if outcome.walked is not None:
            self._walked(target, name, outcome, recorded)
        found = outcome.refined.schemes if outcome.refined is not None else (outcome.candidate,)
        best = min((scheme for scheme in found if scheme is not None), key=additions, default=None)
        if not recorded.schemes or best is None:
            return
        if additions(best) < self._fewest.get(target, additions(best) + 1):
            self._fewest[target] = additions(best)
            self._print_line(
                f"{name}: scheme {recorded.schemes[0].scheme_id} over {best.ring}, {additions(best)} additions, "
                f"the best of this run"
            )

    def _walked(self, target: int, name: str, outcome: TrialOutcome, recorded: Recorded) -> None:
        """Take up where a walk ended; print it when it went further than all before, or is a defect."""
        walked = outcome.walked
        assert walked is not None
        self.flips += walked.flips
        if walked.status is WalkStatus.INCONSISTENT:
            self._print_line(f"{name}: {walk_line(outcome)}")
            return
        self.last_ranks[target] = [*self.last_ranks.get(target, ()), walked.rank][-WALKS_SHOWN:]
        if walked.rank < self.best_ranks.get(target, walked.rank + 1):
            self.best_ranks[target] = walked.rank
            kept = f"; kept as scheme {recorded.steps[0].scheme_id}" if recorded.steps else ""
            self._print_line(f"{name}: {walk_line(outcome)}{kept}")

    def progress(self, targets: Sequence[TargetSummary], running: Sequence[int]) -> None:  # noqa: ARG002
        """Print the sums when it is time."""
        if time.monotonic() >= self._next_sums:
            self._next_sums = time.monotonic() + LOG_SECONDS
            done = [
                one.goal.reached(so_far.trials, so_far.cpu_seconds, so_far.distinct)
                for one, so_far in zip(self._spec.targets, targets, strict=True)
            ]
            sums = [
                f"{so_far.scheme} {so_far.trials} trials, {so_far.fits} fits, {so_far.exact} exact, "
                f"{so_far.distinct} distinct{self._ranks(place, ', best rank {}, last walks {}')}"
                for place, so_far in enumerate(targets)
                if not done[place]
            ]
            if any(done):
                sums.insert(0, f"{sum(done)} of {output.counted(len(done), 'target')} done")
            self._print_line("; ".join(sums))

    def _ranks(self, target: int, text: str) -> str:
        """The least rank of the walks of a target, and those of the last ones; nothing where there were none."""
        last = ", ".join(map(str, self.last_ranks.get(target, ())))
        return text.format(self.best_ranks[target], last) if last else ""

    def note(self, message: str) -> None:
        """Print it."""
        self._print_line(message)


class LiveCampaign(PlainCampaign):
    """Event lines above a table."""

    def __init__(self, spec: CampaignSpec) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True)
        self.live = Live(self, console=self._console, refresh_per_second=4, transient=True)
        super().__init__(spec, lambda line: self.live.console.print(line, markup=False, highlight=False))
        self._sums: Sequence[TargetSummary] = ()
        self._running: Sequence[int] = ()
        self._begun = time.monotonic()
        self._trials_before = 0

    def progress(self, targets: Sequence[TargetSummary], running: Sequence[int]) -> None:
        """Take up the sums."""
        if not self._sums:
            self._trials_before = sum(so_far.trials for so_far in targets)
        self._sums, self._running = targets, running

    def __rich__(self) -> Any:
        """The table as it stands, as wide and as high as the terminal."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        if not self._sums:
            return Text("starting")
        grid = Table(box=None, pad_edge=False, header_style="bold")
        walks = {"rank": "{0}", "last walks": "{1}"} if self.best_ranks else {}
        for header in (*table.HEADERS[:1], "running", *walks, *table.HEADERS[1:]):
            grid.add_column(header, justify="left" if header == "target" else "right", no_wrap=True)
        rows = [
            (name, str(count), *(self._ranks(place, text) or "–" for text in walks.values()), *rest)
            for place, ((name, *rest), count) in enumerate(
                zip(table.rows(self._spec, self._sums), self._running, strict=True)
            )
        ]
        room = max(1, self._console.height - 4)
        # Those that run are what one looks for, where there is no room for all.
        shown = rows if len(rows) <= room else sorted(rows, key=lambda row: -int(row[1]))[:room]
        for row in shown:
            grid.add_row(*row)
        return Group(grid, Text(self.summary(len(rows) - len(shown))))

    def summary(self, hidden: int = 0) -> str:
        """The line below the table."""
        elapsed = time.monotonic() - self._begun
        trials = sum(so_far.trials for so_far in self._sums) - self._trials_before
        parts = [f"{self._spec.name}: {trials / max(elapsed, 1e-9):.2f} trials/s", f"{clock(elapsed)} elapsed"]
        if self.flips:
            parts.append(f"{self.flips / max(elapsed, 1e-9) / 1e6:.1f} million flips/s")
        left = [table.cpu_left(one, so_far) for one, so_far in zip(self._spec.targets, self._sums, strict=True)]
        running = sum(self._running)
        if running and all(one is not None for one in left):
            parts.append(f"{clock(sum(one or 0.0 for one in left) / running)} left")
        if hidden:
            parts.append(f"{output.counted(hidden, 'target')} not shown")
        return " · ".join(parts)


@contextmanager
def campaign_progress(spec: CampaignSpec) -> Iterator[PlainCampaign]:
    """The observer that fits standard error, as long as the context lasts."""
    if is_plain():
        yield PlainCampaign(spec)
        return
    shown = LiveCampaign(spec)
    with shown.live:
        yield shown
