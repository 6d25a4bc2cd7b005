"""Figures 1 and 2 of the paper: the least φ within ‖θ‖² ≤ c against c, for ranks around the rank and border rank.

Usage: python -m experiments.error_curves.run [REPORT.md] [--settings FILE] [--work FOLDER] [--workers N]

Killed and started again, it goes on where it was.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.charts import BLUE, GREY, INK, ORANGE, figure, save, spread
from experiments.curves import (
    CRITERION,
    Course,
    Effort,
    Plan,
    Screen,
    Trend,
    best_screens,
    envelope,
    grid,
    trend,
)
from experiments.provenance import provenance, table, write_report
from experiments.work import options
from mmdiscover.core.format import Format, scheme_name
from mmdiscover.search import EXACT_RESIDUAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from experiments.curves import Array
    from experiments.work import Work

HERE = Path(__file__).parent

Settings = dict[str, Any]

_INTRODUCTION = """\
Least φ = ‖T − ⟦A,B,C⟧‖² found within ‖θ‖² ≤ c, for numbers of products around the rank and the border rank: figures 1
and 2 of the paper (arXiv:1603.01372). Random starts at a few values of c, the best of each followed to smaller and
larger c; each curve is the lower envelope. As a point of a ball lies in all larger ones, no curve rises."""

_FLOOR = 1e-10
"""Lowest φ in the figures; exact fits leave them there."""
_COLOURS = {Course.EXACT: BLUE, Course.FALLS: ORANGE, Course.LEVELS: GREY, Course.UNDECIDED: INK}


@dataclass(frozen=True)
class Curve:
    """The lowest curve found for one scheme.

    Parameters
    ----------
    rank, starts : int
    bounds : tuple of float
        c, ascending.
    phi : ndarray, shape (len(bounds),)
    """

    rank: int
    starts: int
    bounds: tuple[float, ...]
    phi: Array

    @property
    def trend(self) -> Trend:
        """Its end."""
        return trend(self.bounds, self.phi)

    @property
    def exact_from(self) -> float | None:
        """Smallest c of the grid with an exact fit."""
        return next((c for c, phi in zip(self.bounds, self.phi, strict=True) if phi <= EXACT_RESIDUAL), None)

    def at(self, bound: float) -> float:
        """φ at the c of the grid nearest to `bound`."""
        return float(self.phi[int(np.argmin(np.abs(np.log(np.array(self.bounds) / bound))))])


def compute(work: Work, fmt: Format, rank: int, target: Settings, settings: Settings) -> Curve:
    """Screen random starts at several c, sweep the best of each up and down, and keep the lowest."""
    name = scheme_name(fmt, rank)
    plan = Plan(
        grid(target["least"], target["most"], settings["per_decade"]),
        settings["seed"],
        settings["start_scale"],
        Effort(**settings["screen"]),
        Effort(**settings["sweep"]),
    )
    best: list[Screen] = []
    done = 0
    for per_product, starts in zip(settings["first_per_product"], target["starts"], strict=True):
        screens = plan.screens(name, range(done, done + starts), per_product * rank)
        done += starts
        best += best_screens(work, f"{name} starts at c = {screens[0].bound:g}", screens, settings["keep"])
    sweeps = [sweep for screen in best for sweep in (plan.upward(screen), plan.downward(screen))]
    results = work.run(f"{name} sweeps", sweeps, best=lambda result: float(result["phi"][-1]))
    return Curve(rank, done, plan.bounds, envelope(plan.bounds, list(zip(sweeps, results, strict=True))))


def draw(fmt: Format, curves: Sequence[Curve]) -> Figure:
    """All curves of a format, each with its label at its end."""
    drawn, [panel] = figure(8, 5)
    for curve in curves:
        colour = _COLOURS[curve.trend.course]
        panel.plot(curve.bounds, np.maximum(curve.phi, _FLOOR / 100), color=colour, lw=1.8, marker="o", ms=3)
    panel.set(xscale="log", yscale="log", ylim=(_FLOOR, 30), xlabel="c, largest ‖θ‖² allowed", ylabel="least φ found")
    panel.set_title(f"{fmt}: squared error of the best approximation by r products", color=INK)
    _label(panel, curves)
    return drawn


def _label(panel: Axes, curves: Sequence[Curve]) -> None:
    staying = [curve for curve in curves if curve.exact_from is None]
    heights = spread([float(np.log10(max(curve.phi[-1], _FLOOR))) for curve in staying], 0.5)
    for curve, height in zip(staying, heights, strict=True):
        panel.annotate(
            f"r = {curve.rank}: {curve.trend.course}",
            (curve.bounds[-1], 10**height),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=_COLOURS[curve.trend.course],
            annotation_clip=False,
        )
    exact = sorted((curve for curve in curves if curve.exact_from), key=lambda curve: curve.exact_from or 0)
    for place, curve in enumerate(reversed(exact)):
        # These curves leave the figure side by side: their labels stand to the right of all, one above the other.
        height = float(np.log10(_FLOOR)) + 0.7 + 0.7 * place
        logs = np.log10(np.maximum(curve.phi, _FLOOR / 100))
        on_curve = 10 ** float(np.interp(-height, -logs, np.log10(curve.bounds)))
        panel.annotate(
            f"r = {curve.rank}: exact from c ≈ {curve.exact_from:.0f}",
            (on_curve, 10**height),
            xytext=(1.6 * (exact[-1].exact_from or 1), 10**height),
            va="center",
            color=BLUE,
            arrowprops={"arrowstyle": "-", "color": BLUE, "lw": 0.7},
        )


COLUMNS = (
    "rank",
    "starts",
    "φ at c ≈ 100",
    "300",
    "1000",
    "3000",
    "10000",
    "exact from c ≈",
    "slope, last half decade",
    "verdict",
)


def rows(curves: Sequence[Curve]) -> list[list[object]]:
    """The lines of a format's table."""

    def phi(curve: Curve, bound: float) -> str:
        value = curve.at(bound)
        return "0" if value <= EXACT_RESIDUAL else f"{value:.2g}"

    return [
        [
            curve.rank,
            curve.starts,
            *(phi(curve, bound) for bound in (100, 300, 1000, 3000, 10000)),
            f"{curve.exact_from:.0f}" if curve.exact_from else "–",
            "–" if curve.trend.course is Course.EXACT else f"{round(curve.trend.late_slope, 2) + 0:.2f}",
            curve.trend.course,
        ]
        for curve in curves
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute all curves, draw them and write the report."""
    chosen = options(HERE, arguments)
    settings = tomllib.loads(chosen.settings.read_text(encoding="utf-8"))
    work, sections = chosen.begin(), []
    for target in settings["format"]:
        fmt = Format.parse(target["name"])
        curves = [compute(work, fmt, rank, target, settings) for rank in target["ranks"]]
        picture = chosen.report.with_name(f"{chosen.report.stem}_{fmt}.png")
        save(draw(fmt, curves), picture)
        sections += [f"## {fmt}", "", f"![Least φ against c for {fmt}]({picture.name})", ""]
        sections += [*table(COLUMNS, rows(curves)), ""]
    write_report(
        chosen.report,
        [
            "# Error of approximations within a ball",
            "",
            *_INTRODUCTION.splitlines(),
            "",
            *CRITERION.splitlines(),
            "",
            *sections,
            (HERE / "findings.md").read_text(encoding="utf-8"),
            f"All starts and sweeps together took {work.seconds / 60:.1f} CPU minutes.",
            "",
            provenance("python -m experiments.error_curves.run", chosen.settings),
        ],
    )


if __name__ == "__main__":
    main()
