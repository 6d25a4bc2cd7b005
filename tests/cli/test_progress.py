"""What `discover` tells while it works."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from mmdiscover.campaign.durations import clock
from mmdiscover.campaign.plan import Budget, TrialTask, plan_target
from mmdiscover.campaign.refining import FitResult, RefinePlan
from mmdiscover.campaign.runner import Plan, Tally
from mmdiscover.campaign.trial import Kernels, Phase, TrialOutcome, run_trial
from mmdiscover.campaign.walks import WalkChoice
from mmdiscover.cli.progress import (
    LiveProgress,
    LiveRefining,
    PlainProgress,
    budget_spent,
    events,
    refining_progress,
)
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.discrete.settings import Walked, WalkSettings, WalkStatus
from mmdiscover.refine import RefineSettings
from results_db.queries import FitRow
from results_db.rows import Stored
from tests.campaign.fakes import ScriptedRefine, ScriptedSearch, trial_task
from tests.results_db.samples import schemes
from tests.schemes import strassen

TARGET = plan_target(Format(2, 2, 2), 7)
KERNELS = Kernels(ScriptedSearch(exact=frozenset({1, 2}), broken=frozenset({3})), ScriptedRefine({2: strassen()}))


def outcome(index: int) -> TrialOutcome:
    return run_trial(trial_task(TARGET, index), kernels=KERNELS)


@pytest.mark.parametrize(
    ("index", "rejected", "words"),
    [
        (0, None, []),
        (
            1,
            None,
            [
                "start 1: exact fit after 11 iterations",
                "start 1: not made exact: stuck in fix (3 zeros, 2 entries free): by script",
            ],
        ),
        (2, None, ["start 2: exact fit after 12 iterations", "start 2: made exact and verified"]),
        (2, "it is wrong", ["start 2: exact fit", "start 2: rejected by verification: it is wrong"]),
        (3, None, ["start 3: failed by ZeroDivisionError: trial 3 is broken"]),
    ],
)
def test_only_what_is_worth_telling_is_told(index: int, rejected: str | None, words: list[str]) -> None:
    lines = events(outcome(index), rejected)
    assert len(lines) == len(words)
    assert all(line.startswith(word) for line, word in zip(lines, words, strict=True))


def test_plain_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.recalled(0)
    progress.busy(Counter({Phase.SEARCHING: 2}))
    progress.trial(outcome(0), None, Tally())
    progress.trial(outcome(3), None, Tally())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_what_was_learnt_earlier_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for starts in (0, 1, 1234):
        PlainProgress().recalled(starts)
    expected = "settings: learnt from 1 earlier start\nsettings: learnt from 1,234 earlier starts\n"
    assert capsys.readouterr() == ("", expected)


def test_live_sums() -> None:
    progress = LiveProgress(Plan(TARGET, 0, 2, Budget(starts=40)))
    first, second = progress.summary().split("\n")
    assert first == "2x2x2:7  0 starts · 0 exact fits"
    assert "starting" in second
    assert "left" not in second
    tally = replace(Tally(), trials=10, fits=1, best_residual=0.25)
    progress.trial(outcome(0), None, tally)
    progress.busy(Counter({Phase.REFINING: 1, Phase.SEARCHING: 3}))
    first, second = progress.summary().split("\n")
    assert first == "2x2x2:7  10 starts · 1 exact fit · best residual 2.5e-01"
    assert "1 refining, 3 searching" in second
    assert second.endswith("left")


@pytest.mark.parametrize(
    ("budget", "spent"),
    [
        (Budget(), None),
        (Budget(starts=40), 0.25),
        (Budget(seconds=60), 0.5),
        (Budget(starts=40, seconds=60), 0.5),
        (Budget(starts=15, seconds=60), 2 / 3),
        (Budget(seconds=10), 1.0),
    ],
)
def test_the_budget_that_ends_first_counts(budget: Budget, spent: float | None) -> None:
    assert budget_spent(budget, replace(Tally(), trials=10), elapsed=30.0) == spent


def result(number: int, **changes: Any) -> FitResult:
    row = FitRow(number, 1, Format(2, 2, 2), 7, "open", 0, 1, "stuck", "by script", (), "2026-01-01T00:00:00+00:00")
    return replace(FitResult(row, "stuck", "stuck in fix: 2 of 84 entries free"), cpu_seconds=0.25, **changes)


def test_refined_fits_are_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    exact = result(3, status="exact", reason=None, verified=(schemes()["thirds"],), stored=(Stored(9, new=True),))
    plan = RefinePlan((exact.fit,) * 3, RefineSettings(), 1, 1)
    with refining_progress(plan) as progress:
        progress.fit(exact)
        progress.fit(replace(exact, stored=(Stored(9, new=False), Stored(10, new=True))))
        progress.fit(result(4))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "fit 3 (2x2x2:7): made exact over Q, scheme 9 (0 attempts, 0.25 s)",
        "fit 3 (2x2x2:7): made exact over Q, schemes 9, 10 (0 attempts, 0.25 s)",
        "fit 4 (2x2x2:7): not made exact: stuck in fix: 2 of 84 entries free (0 attempts, 0.25 s)",
    ]
    live = LiveRefining(plan)
    assert live.summary().startswith("refining: 0 of 3 fits done · 0 made exact · 0:0")
    live.fit(exact)
    live.fit(result(4))
    assert live.summary().startswith("refining: 2 of 3 fits done · 1 made exact · 0:0")
    assert len(live.__rich__().renderables) == 2


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59.6, 61, 3600, 36061)] == ["0:00", "1:00", "1:01", "1:00:00", "10:01:01"]


def walked(index: int, rank: int, status: WalkStatus = WalkStatus.EXHAUSTED) -> TrialOutcome:
    task = TrialTask(TARGET, 1, index, WalkChoice(WalkSettings(ring=Ring.ZT)))
    scheme = None if status is WalkStatus.INCONSISTENT else strassen()
    return TrialOutcome(task, None, None, None, 0.5, None, 0.5, 0.0, Walked(status, scheme, rank, 10**6, ()))


def test_walks_that_go_further_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    for index, rank in enumerate((12, 13, 11, 11)):
        progress.trial(walked(index, rank), None, Tally())
    progress.trial(walked(4, 11, WalkStatus.INCONSISTENT), None, Tally())
    progress.trial(walked(5, 7, WalkStatus.EXACT), "it is wrong", Tally())
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" over")[0] for line in lines[:2]] == ["start 0: rank 12", "start 2: rank 11"]
    assert "after 1,000,000 flips and 0.50 s (2.0 million flips/s), from small formats" in lines[0]
    assert lines[2].startswith("start 4: defect: the Brent equations do not hold any more, nothing is stored")
    assert lines[3].startswith("start 5: rank 7 over ZT")
    assert lines[4:] == ["start 5: rejected by verification: it is wrong"]


def test_live_sums_of_walks() -> None:
    progress = LiveProgress(Plan(TARGET, 0, 2, Budget()))
    tally = Tally()
    for index, rank in enumerate((9, 8, 10)):
        tally = tally.plus(walked(index, rank))
        progress.trial(walked(index, rank), None, tally)
    first, second = progress.summary().split("\n")
    assert first == "2x2x2:7  3 starts · 0 exact fits · best rank 8 · last 8, 10"
    assert "M flips/s" in second
