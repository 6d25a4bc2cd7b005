"""Success rate and CPU time per exact fit against the radius of the ball.

Usage: python -m experiments.radius.run [REPORT.md] [--settings FILE] [--work FOLDER] [--workers N]

Killed and started again, it goes on where it was.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.charts import BLUE, ORANGE, figure, save
from experiments.provenance import provenance, table, write_report
from experiments.radius.summary import Profile, Rule, best_rule, cell
from experiments.starts import Shrink, Start, parse_scheme
from experiments.work import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from experiments.work import Work

HERE = Path(__file__).parent

Settings = dict[str, Any]

TOLERANCE = 1.25
"""A c is called good when a fit costs at most this many times what it costs at the best c."""

_INTRODUCTION = """\
How often random starts of the search within ‖θ‖² ≤ c become exact fits, and what an exact fit costs, against c divided
by the rank r. *CPU s per fit*: time of all starts at this c, those that failed included, divided by the exact fits."""

_PROFILES = f"""\
Bands are 95 % intervals of the success rate; lines of costs are smoothed over neighbouring c (weights 1, 2, 1), dots
are not. Good, the shaded range: smoothed cost at most {TOLERANCE} times the least."""

_RULES = """\
*Loss*: cost at the c of the rule divided by the cost at the best c of the scheme; the factor is the one with the least
geometric mean over these schemes."""


def measure(work: Work, target: Settings, settings: Settings) -> Profile:
    """All starts of one scheme, and the norms of some of its fits made small."""
    name, shrink = target["scheme"], settings["shrink"]
    _, rank = parse_scheme(name)
    cells, fitted = [], []
    for number, per_product in enumerate(settings["per_product"]):
        indices = range(number * target["starts"], (number + 1) * target["starts"])
        starts = [
            Start(
                name, settings["seed"], index, per_product * rank, settings["start_scale"], settings["max_iterations"]
            )
            for index in indices
        ]
        results = work.run(f"{name} c/r = {per_product}", starts, best=lambda result: float(result["residual"]))
        cells.append(cell(per_product * rank, results))
        if per_product == shrink["per_product"]:
            fitted = [start for start, result in zip(starts, results, strict=True) if result["exact"]]
    shrunk = [Shrink(start, shrink["factor"], shrink["max_iterations"]) for start in fitted[: shrink["fits"]]]
    norms = [float(result["squared_norm"]) for result in work.run(f"{name} norms", shrunk)]
    return Profile(name, cells, min(norms, default=np.nan))


def draw_profiles(profiles: Sequence[Profile]) -> Figure:
    """For each scheme a panel of success rates above one of costs."""
    columns = 4
    blocks = -(-len(profiles) // columns)
    drawn, panels = figure(13, 5.2 * blocks, 2 * blocks, columns)
    for place, profile in enumerate(profiles):
        upper = panels[place // columns * 2 * columns + place % columns]
        lower = panels[(place // columns * 2 + 1) * columns + place % columns]
        ratios = [each.bound / profile.rank for each in profile.cells]
        intervals = np.array([each.rate_interval() for each in profile.cells])
        upper.fill_between(ratios, *(100 * intervals.T), color=BLUE, alpha=0.2, lw=0)
        upper.plot(ratios, [100 * each.rate for each in profile.cells], color=BLUE, marker="o", ms=3)
        upper.set(ylim=(0, 102), title=profile.scheme)
        lower.plot(ratios, [each.cost for each in profile.cells], color=ORANGE, marker="o", ms=3, lw=0)
        lower.plot(ratios, profile.smooth_costs, color=ORANGE)
        low, high = (bound / profile.rank for bound in profile.good(TOLERANCE))
        lower.axvspan(low, high, color=ORANGE, alpha=0.12, lw=0)
        least = min(profile.smooth_costs)
        # The same two decades everywhere, so that steepness can be compared.
        lower.set(yscale="log", ylim=(0.6 * least, 60 * least), xlabel="c / r")
        if place % columns == 0:
            upper.set_ylabel("exact fits, % of starts")
            lower.set_ylabel("CPU s per exact fit")
    for place in range(len(profiles), blocks * columns):
        for row in (0, columns):
            panels[place // columns * 2 * columns + row + place % columns].set_visible(False)
    return drawn


def draw_good(profiles: Sequence[Profile]) -> Figure:
    """The good c/r of each scheme, by rank, beside the least norm of an exact fit."""
    drawn, [panel] = figure(8, 4.6)
    ordered, lines = sorted(profiles, key=lambda profile: profile.rank), []
    for height, profile in enumerate(ordered):
        low, high = (bound / profile.rank for bound in profile.good(TOLERANCE))
        good = panel.plot([low, high], [height, height], color=ORANGE, lw=7, alpha=0.35, solid_capstyle="butt")
        best = panel.plot([profile.best.bound / profile.rank], [height], color=ORANGE, marker="o", ms=7, lw=0)
        norm = panel.plot([profile.least_norm / profile.rank], [height], color=BLUE, marker="D", ms=6, lw=0)
        lines = [*norm, *best, *good]
    panel.set_yticks(range(len(ordered)), [profile.scheme for profile in ordered])
    panel.set(xlabel="‖θ‖² divided by the rank", title="Where exact fits are cheap")
    names = ("least ‖θ‖² of an exact fit", "best c", f"c with costs up to {TOLERANCE} times the least")
    drawn.legend(lines, names, loc="outside lower center", ncols=3, frameon=False)
    return drawn


COLUMNS = (
    "scheme",
    "best c/r",
    "good c/r",
    "exact fits at best c",
    "CPU s per fit at best c",
    "least ‖θ‖²/r of a fit",
    "best c / least ‖θ‖²",
)
RULE_COLUMNS = ("rule", "best factor", "mean loss", "worst loss")


def rows(profiles: Sequence[Profile]) -> list[list[object]]:
    """One line for each scheme."""
    lines: list[list[object]] = []
    for profile in profiles:
        best, (low, high) = profile.best, profile.good(TOLERANCE)
        lines.append(
            [
                profile.scheme,
                f"{best.bound / profile.rank:.1f}",
                f"{low / profile.rank:.1f}–{high / profile.rank:.1f}",
                f"{best.fits} / {best.starts}",
                f"{best.cost:.3g}",
                f"{profile.least_norm / profile.rank:.2f}",
                f"{best.bound / profile.least_norm:.2f}",
            ]
        )
    return lines


def rules(profiles: Sequence[Profile]) -> list[Rule]:
    """Simple rules for c, the best first."""
    sizes = {
        "c = a·r": lambda profile: float(profile.rank),
        "c = a·nmp": lambda profile: float(profile.ones),
        "c = a·√(r·nmp)": lambda profile: float(np.sqrt(profile.rank * profile.ones)),
        "c = a·(least ‖θ‖² of an exact fit)": lambda profile: profile.least_norm,
    }
    found = [best_rule(name, size, profiles) for name, size in sizes.items()]
    return sorted((rule for rule in found if rule), key=lambda rule: rule.mean_loss)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all starts, draw the figures and write the report."""
    chosen = options(HERE, arguments)
    settings = tomllib.loads(chosen.settings.read_text(encoding="utf-8"))
    work = chosen.begin()
    profiles = [measure(work, target, settings) for target in settings["target"]]
    pictures = [chosen.report.with_name(f"{chosen.report.stem}_{name}.png") for name in ("profiles", "good")]
    save(draw_profiles(profiles), pictures[0])
    save(draw_good(profiles), pictures[1])
    write_report(
        chosen.report,
        [
            "# The radius of the ball",
            "",
            *_INTRODUCTION.splitlines(),
            "",
            f"![Success rates and costs against c/r]({pictures[0].name})",
            "",
            *_PROFILES.splitlines(),
            "",
            f"![Good c/r by scheme]({pictures[1].name})",
            "",
            *table(COLUMNS, rows(profiles)),
            "",
            "## Rules for c",
            "",
            *_RULES.splitlines(),
            "",
            *table(
                RULE_COLUMNS,
                [
                    [rule.name, f"{rule.factor:.2f}", f"{rule.mean_loss:.2f}", f"{rule.worst_loss:.2f}"]
                    for rule in rules(profiles)
                ],
            ),
            "",
            (HERE / "findings.md").read_text(encoding="utf-8"),
            f"All starts together took {work.seconds / 60:.1f} CPU minutes.",
            "",
            provenance("python -m experiments.radius.run", chosen.settings),
        ],
    )


if __name__ == "__main__":
    main()
