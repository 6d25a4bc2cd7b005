"""The table of the paper: smallest rank with an exact fit, and numerical border rank, by random starts.

Usage: python -m experiments.rank_table.run [REPORT.md] [--settings FILE] [--work FOLDER] [--workers N]

Killed and started again, it goes on where it was.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.curves import CRITERION, Course, Effort, Plan, Trend, best_screens, envelope, grid, trend
from experiments.provenance import provenance, table, write_report
from experiments.starts import Shrink, Start
from experiments.work import options
from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.records import best_known_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.work import Result, Work

HERE = Path(__file__).parent

Settings = dict[str, Any]

_INTRODUCTION = """\
*Rank*: the smallest with an exact fit, going down rank by rank from one above the best known. *CPU s per fit*: time of
all starts, those that failed included, divided by the exact fits. *Least ‖θ‖²*: over the exact fits, some of which were
moved along the exact fits towards smaller norms as far as that went. *Border rank*: the smallest rank whose lowest
curve φ(c), over balls ‖θ‖² ≤ c, goes to zero; the rank itself when the curve one rank lower does not. *φ, one rank
lower* than the border rank: the least found at the largest c. *Best known*: the published records (border ranks: where
an approximate scheme below the rank is listed)."""

_PAPER = """\
The paper (arXiv:1603.01372) reports ranks 11 (2×2×3), 15 (2×3×3), 23 (3×3×3) and 29 (3×3×4), and conjectured from its
curves that the border rank of 3×3×3 is 21."""


@dataclass(frozen=True)
class ExactSearch:
    """The starts for one rank.

    Parameters
    ----------
    rank, starts, fits : int
    seconds : float
        CPU time of all starts.
    squared_norm : float
        Least ‖θ‖² of an exact fit; infinite without one.
    """

    rank: int
    starts: int
    fits: int
    seconds: float
    squared_norm: float


@dataclass(frozen=True)
class BorderSearch:
    """The lowest curve for one rank."""

    rank: int
    starts: int
    trend: Trend

    @property
    def found(self) -> bool:
        """Whether φ goes to zero."""
        return self.trend.course in {Course.EXACT, Course.FALLS}


@dataclass(frozen=True)
class FormatResult:
    """All ranks searched for one format, from high to low; the last of each kind failed."""

    fmt: Format
    exact: Sequence[ExactSearch]
    border: Sequence[BorderSearch]

    @property
    def smallest(self) -> ExactSearch | None:
        """The search of the smallest rank with an exact fit."""
        return min((search for search in self.exact if search.fits), key=lambda search: search.rank, default=None)

    @property
    def border_rank(self) -> int | None:
        """The smallest rank whose curve goes to zero."""
        found = [search.rank for search in self.border if search.found]
        if self.smallest is not None and self.border:
            found.append(self.smallest.rank)
        return min(found, default=None)


def search_rank(work: Work, fmt: Format, rank: int, most: int, settings: Settings) -> ExactSearch:
    """Random starts for one rank until there are enough exact fits."""
    name, exact, shrink = scheme_name(fmt, rank), settings["exact"], settings["shrink"]
    bound = exact["bound_per_product"] * rank
    starts: list[Start] = []
    results: list[Result] = []
    while len(starts) < most and sum(result["exact"] for result in results) < exact["fits"]:
        indices = range(len(starts), min(len(starts) + exact["batch"], most))
        batch = [
            Start(name, settings["seed"], index, bound, exact["start_scale"], exact["max_iterations"])
            for index in indices
        ]
        label = f"{name} exact fits, starts {indices.start}–{indices.stop - 1}"
        results += work.run(label, batch, best=lambda result: float(result["residual"]))
        starts += batch
    fitted = [start for start, result in zip(starts, results, strict=True) if result["exact"]]
    shrunk = [Shrink(start, shrink["factor"], shrink["max_iterations"]) for start in fitted[: shrink["fits"]]]
    norms = [
        result["squared_norm"] for result in [*results, *work.run(f"{name} norms", shrunk)] if result.get("exact", 1)
    ]
    seconds = sum(result["seconds"] for result in results)
    return ExactSearch(rank, len(starts), len(fitted), seconds, min(norms, default=np.inf))


def search_border(work: Work, fmt: Format, rank: int, most: int, settings: Settings) -> BorderSearch:
    """Sweeps for one rank until one falls towards zero."""
    name, border = scheme_name(fmt, rank), settings["border"]
    first = border["first_per_product"] * rank
    plan = Plan(
        grid(first, border["most"], border["per_decade"]),
        settings["seed"],
        border["start_scale"],
        Effort(**border["screen"]),
        Effort(**border["sweep"]),
    )
    swept, done = [], 0
    while True:
        indices = range(done, min(done + border["batch"], most))
        label = f"{name} border rank, starts {indices.start}–{indices.stop - 1}"
        best = best_screens(work, label, plan.screens(name, indices, first), border["keep"])
        sweeps = [plan.upward(screen) for screen in best]
        results = work.run(f"{name} border rank, sweeps", sweeps, best=lambda result: float(result["phi"][-1]))
        swept += list(zip(sweeps, results, strict=True))
        done = indices.stop
        search = BorderSearch(rank, done, trend(plan.bounds, envelope(plan.bounds, swept)))
        if search.found or done >= most:
            return search


def search_format(work: Work, target: Settings, settings: Settings) -> FormatResult:
    """Ranks downwards until no fit is found, then on until no curve falls."""
    fmt = Format.parse(target["name"])
    exact = [search_rank(work, fmt, target["from"], target["starts"], settings)]
    while exact[-1].fits and exact[-1].rank > fmt.flattening_rank:
        exact.append(search_rank(work, fmt, exact[-1].rank - 1, target["starts"], settings))
    border: list[BorderSearch] = []
    rank = exact[-1].rank if not exact[-1].fits else fmt.flattening_rank - 1
    while target["border_starts"] and rank >= fmt.flattening_rank and (not border or border[-1].found):
        border.append(search_border(work, fmt, rank, target["border_starts"], settings))
        rank -= 1
    return FormatResult(fmt, exact, border)


def known_border_rank(fmt: Format) -> int | None:
    """The least border rank with a published approximate scheme, where the table of records has one."""
    text = (files("mmdiscover.core") / "data" / "known_ranks.json").read_text(encoding="utf-8")
    border: int | None = json.loads(text).get(str(fmt.sorted()), {}).get("border")
    return border


def summary_row(result: FormatResult) -> list[object]:
    """The line of the first table."""
    smallest, last, border = result.smallest, result.exact[-1], result.border
    levels = border[-1] if border and not border[-1].found else None
    return [
        result.fmt,
        smallest.rank if smallest else "–",
        best_known_rank(result.fmt) or "–",
        f"{smallest.fits} / {smallest.starts}" if smallest else "–",
        f"{smallest.seconds / smallest.fits:.3f}" if smallest else "–",
        f"{smallest.squared_norm:.1f}" if smallest else "–",
        f"{last.rank}: {last.starts}" if not last.fits else "–",
        result.border_rank or "–",
        known_border_rank(result.fmt) or "–",
        f"{levels.rank}: {levels.trend.last:.2f}" if levels else "–",
    ]


def border_rows(result: FormatResult) -> list[list[object]]:
    """The lines of the second table."""
    return [
        [
            scheme_name(result.fmt, search.rank),
            search.starts,
            f"{search.trend.last:.2g}",
            f"{round(search.trend.slope, 2) + 0:.2f}",  # no -0.00
            f"{round(search.trend.late_slope, 2) + 0:.2f}",
            search.trend.course,
        ]
        for search in result.border
    ]


SUMMARY_COLUMNS = (
    "format",
    "rank",
    "best known",
    "fits / starts",
    "CPU s per fit",
    "least ‖θ‖²",
    "failed starts, one rank lower",
    "border rank",
    "best known",
    "φ, one rank lower",
)
BORDER_COLUMNS = ("scheme", "starts", "φ at the largest c", "slope, last decade", "slope, last half", "verdict")


def report(results: Sequence[FormatResult], seconds: float, settings: Path) -> list[str]:
    """The report in Markdown."""
    return [
        "# Ranks and border ranks by random starts",
        "",
        *_INTRODUCTION.splitlines(),
        "",
        *table(SUMMARY_COLUMNS, [summary_row(result) for result in results]),
        "",
        *_PAPER.splitlines(),
        "",
        "## The curves below the rank",
        "",
        *CRITERION.splitlines(),
        "",
        *table(BORDER_COLUMNS, [row for result in results for row in border_rows(result)]),
        "",
        (HERE / "findings.md").read_text(encoding="utf-8"),
        f"All starts and sweeps together took {seconds / 60:.1f} CPU minutes.",
        "",
        provenance("python -m experiments.rank_table.run", settings),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Search all formats and write the report."""
    chosen = options(HERE, arguments)
    settings = tomllib.loads(chosen.settings.read_text(encoding="utf-8"))
    work = chosen.begin()
    results = [search_format(work, target, settings) for target in settings["format"]]
    write_report(chosen.report, report(results, work.seconds, chosen.settings))


if __name__ == "__main__":
    main()
