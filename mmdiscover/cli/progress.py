"""What `discover` and `refine` show while they work: live sums on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

from mmdiscover.campaign.durations import clock
from mmdiscover.campaign.runner import Tally
from mmdiscover.cli import output

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from mmdiscover.campaign.plan import Budget
    from mmdiscover.campaign.refining import FitResult, RefinePlan
    from mmdiscover.campaign.runner import Plan
    from mmdiscover.campaign.trial import Phase, TrialOutcome


def events(outcome: TrialOutcome, rejected: str | None, best: int | None = None) -> list[str]:
    """What is worth telling about a finished trial: its exact fit and what became of it, or why it broke.

    Of walks, those that found something, or went further than `best`, the least rank before.
    """
    start, lines = f"start {outcome.index}", []
    if outcome.fit is not None and outcome.exact_fit:
        fit = outcome.fit
        lines.append(
            f"{start}: exact fit after {fit.iterations} iterations and {outcome.search_seconds:.2f} s, "
            f"squared norm {fit.squared_norm:.1f}"
        )
    walked = outcome.walked
    if walked is not None and (walked.status != "exhausted" or best is None or walked.rank < best):
        lines.append(f"{start}: {walk_line(outcome)}")
    if outcome.error is not None:
        lines.append(f"{start}: failed by {outcome.error}")
    if outcome.walked is not None and rejected is not None:
        lines.append(f"{start}: rejected by verification: {rejected}")
    if outcome.refined is not None:
        if rejected is not None:
            result = f"rejected by verification: {rejected}"
        elif outcome.candidate is not None:
            result = "made exact and verified"
        else:
            result = f"not made exact: {outcome.refined.detail or outcome.refined.status}"
        lines.append(f"{start}: {result} ({outcome.refine_seconds or 0:.2f} s)")
    return lines


def walk_line(outcome: TrialOutcome) -> str:
    """How a walk went."""
    from mmdiscover.campaign.trial import NOT_LIFTED
    from mmdiscover.campaign.walks import Objective, WalkChoice
    from mmdiscover.core.metrics import additions
    from mmdiscover.discrete.settings import WalkStatus

    walked, choice = outcome.walked, outcome.task.search
    assert walked is not None
    assert isinstance(choice, WalkChoice)
    start = choice.begins_at(outcome.task.origin)
    pace = walked.flips / max(outcome.search_seconds, 1e-9)
    line = (
        f"rank {walked.rank} over {choice.walk.ring} after {walked.flips:,} flips and {outcome.search_seconds:.2f} s "
        f"({pace / 1e6:.1f} million flips/s), from {start}"
    )
    if walked.status is WalkStatus.INCONSISTENT:
        return f"defect: the Brent equations do not hold any more, nothing is stored; {line}"
    if outcome.status == NOT_LIFTED and outcome.lifted is not None:
        return f"{line}; {outcome.lifted.status}: {outcome.lifted.reason}"
    if outcome.candidate is not None and outcome.task.target.objective is Objective.ADDITIONS:
        return f"{line}; {additions(outcome.candidate)} additions"
    return line


def budget_spent(budget: Budget, tally: Tally, elapsed: float) -> float | None:
    """Part of the budget that is used up, 0 to 1; None without a budget."""
    parts = []
    if budget.seconds is not None:
        parts.append(elapsed / budget.seconds)
    if budget.starts is not None:
        parts.append(tally.trials / budget.starts)
    return min(1.0, max(parts)) if parts else None


class PlainProgress:
    """One line for each event."""

    def __init__(self, print_line: Any = output.note) -> None:
        self._print_line = print_line
        self._best: int | None = None

    def recalled(self, starts: int) -> None:
        """Print what the settings are chosen by, if it is more than what is expected of all formats."""
        if starts:
            self._print_line(f"settings: learnt from {output.counted(starts, 'earlier start')}")

    def trial(self, outcome: TrialOutcome, rejected: str | None, tally: Tally) -> None:  # noqa: ARG002
        """Print what is worth telling."""
        for line in events(outcome, rejected, self._best):
            self._print_line(line)
        if outcome.walked is not None:
            self._best = min(self._best or outcome.walked.rank, outcome.walked.rank)

    def busy(self, phases: Counter[Phase]) -> None:
        """Print nothing."""


class LiveProgress(PlainProgress):
    """Event lines above live sums, with a bar where a budget is known."""

    def __init__(self, plan: Plan) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self.live = Live(self, console=Console(stderr=True), refresh_per_second=8, transient=True)
        super().__init__(lambda line: self.live.console.print(line, markup=False, highlight=False))
        self._spinner = Spinner("dots")
        self._plan, self._tally, self._doing, self._begun = plan, Tally(), "starting", time.monotonic()
        self._ranks: list[int] = []

    def trial(self, outcome: TrialOutcome, rejected: str | None, tally: Tally) -> None:
        """Print what is worth telling, and take up the new sums."""
        super().trial(outcome, rejected, tally)
        self._tally = tally
        if outcome.walked is not None:
            # One for each walker: where the last walks ended.
            self._ranks = [*self._ranks, outcome.walked.rank][-self._plan.workers :]

    def busy(self, phases: Counter[Phase]) -> None:
        """Take up what the workers do."""
        if phases:
            self._doing = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()))

    def __rich__(self) -> Any:
        """What stands below the event lines now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        self._spinner.update(text=Text(self.summary()))
        done = budget_spent(self._plan.budget, self._tally, time.monotonic() - self._begun)
        return self._spinner if done is None else Group(self._spinner, ProgressBar(total=1.0, completed=done, width=60))

    def summary(self) -> str:
        """The two live lines, neither wider than 80 columns."""
        tally, elapsed = self._tally, time.monotonic() - self._begun
        found = [output.counted(tally.trials, "start"), output.counted(tally.fits, "exact fit")]
        if isfinite(tally.best_residual):
            found.append(f"best residual {tally.best_residual:.1e}")
        if tally.best_rank is not None:
            found.append(f"best rank {tally.best_rank}")
        if self._ranks:
            found.append(f"last {', '.join(map(str, self._ranks))}")
        pace = [f"{tally.trials / max(elapsed, 1e-9):.1f} starts/s", self._doing, f"{clock(elapsed)} elapsed"]
        spent = budget_spent(self._plan.budget, tally, elapsed)
        if spent:
            pace.append(f"{clock(elapsed / spent - elapsed)} left")
        if tally.flips:
            pace.insert(1, f"{tally.flips / max(elapsed, 1e-9) / 1e6:.1f}M flips/s")
        return f"{self._plan.target.name}  {' · '.join(found)}\n  {' · '.join(pace)}"


class PlainRefining:
    """One line for each fit that is done with."""

    def __init__(self, print_line: Any = output.note) -> None:
        self._print_line = print_line

    def fit(self, result: FitResult) -> None:
        """Print what became of it."""
        self._print_line(refined_line(result))


def refined_line(result: FitResult) -> str:
    """What became of a fit."""
    if result.exact:
        schemes = output.listed([stored.scheme_id for stored in result.stored], "scheme")
        ending = f"made exact over {result.verified[0].ring}, {schemes}"
    else:
        ending = f"not made exact: {result.reason}"
    tried = output.counted(len(result.attempts), "attempt")
    return f"fit {result.fit.id} ({result.fit.scheme}): {ending} ({tried}, {result.cpu_seconds:.2f} s)"


class LiveRefining(PlainRefining):
    """Event lines above a bar."""

    def __init__(self, plan: RefinePlan) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self.live = Live(self, console=Console(stderr=True), refresh_per_second=8, transient=True)
        super().__init__(lambda line: self.live.console.print(line, markup=False, highlight=False))
        self._spinner = Spinner("dots")
        self._total, self._done, self._exact, self._begun = len(plan.fits), 0, 0, time.monotonic()

    def fit(self, result: FitResult) -> None:
        """Print what became of it, and count it."""
        super().fit(result)
        self._done += 1
        self._exact += result.exact

    def __rich__(self) -> Any:
        """What stands below the event lines now."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        self._spinner.update(text=Text(self.summary()))
        return Group(self._spinner, ProgressBar(total=self._total, completed=self._done, width=60))

    def summary(self) -> str:
        """The live line."""
        elapsed = clock(time.monotonic() - self._begun)
        fits = output.counted(self._total, "fit")
        return f"refining: {self._done} of {fits} done · {self._exact} made exact · {elapsed} elapsed"


def is_plain() -> bool:
    """Whether standard error is no terminal on which lines can be redrawn."""
    return not sys.stderr.isatty() or os.environ.get("TERM") == "dumb"


@contextmanager
def refining_progress(plan: RefinePlan) -> Iterator[PlainRefining]:
    """The observer of `refine` that fits standard error, as long as the context lasts."""
    if is_plain() or not plan.fits:
        yield PlainRefining()
        return
    shown = LiveRefining(plan)
    with shown.live:
        yield shown


@contextmanager
def progress(plan: Plan) -> Iterator[PlainProgress]:
    """The observer of `discover` that fits standard error, as long as the context lasts."""
    if is_plain():
        yield PlainProgress()
        return
    shown = LiveProgress(plan)
    with shown.live:
        yield shown
