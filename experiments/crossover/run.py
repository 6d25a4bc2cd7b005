"""Speed-up of products by schemes over numpy.matmul, with their rounding errors.

Usage: python -m experiments.crossover.run [REPORT.md] [--settings FILE]
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.charts import BLUE, GREY, INK, ORANGE, figure, save
from experiments.provenance import provenance, table, write_report
from mmdiscover import multiply
from mmdiscover.bench import MultiplyTimes, time_multiply
from mmdiscover.runtime.choice import choose

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).parent
COLOURS = (BLUE, ORANGE, "#4d9221", "#7b3294", GREY)


def measure(settings: dict[str, Any], dtype: str) -> list[list[MultiplyTimes]]:
    """Cases of one number type: a list for each size, in the order of the plans."""
    plans = [plan if plan == "auto" else tuple(plan.split(",")) for plan in settings["plans"]]
    return [
        time_multiply(size, dtype, plans, settings["threads"], repeats=settings["repeats"]) for size in settings[dtype]
    ]


def random_sizes(settings: dict[str, Any], threads: int) -> list[tuple[tuple[int, int, int], str, float, float]]:
    """Sizes, what "auto" takes there, seconds of matmul, and the median ratio of neighbouring runs."""
    options = settings["random"]
    rng = np.random.default_rng(options["seed"])
    rows = []
    for number in range(options["count"]):
        n, m, p = (int(size) for size in rng.integers(options["least"], options["most"], 3, endpoint=True))
        if number % 2:
            m = p = n
        a, b = rng.uniform(-1, 1, (n, m)), rng.uniform(-1, 1, (m, p))
        with threadpool_limits(threads):
            chosen = choose((n, m, p), a.dtype, threads)
            ratios, times = _ratios(a, b, options["seconds"], threads)
        names = ", ".join(scheme.name for scheme in chosen) or "matmul"
        rows.append(((n, m, p), names, median(times), median(ratios)))
    return rows


def _ratios(a: Any, b: Any, seconds: float, threads: int) -> tuple[list[float], list[float]]:
    np.matmul(a, b)
    multiply(a, b, threads=threads)
    ratios: list[float] = []
    times: list[float] = []
    begin = perf_counter()
    while len(ratios) < 3 or (perf_counter() - begin < seconds and len(ratios) < 1000):
        start = perf_counter()
        np.matmul(a, b)
        middle = perf_counter()
        multiply(a, b, threads=threads)
        end = perf_counter()
        ratios.append((middle - start) / (end - middle))
        times.append(middle - start)
    return ratios, times


def draw(cases: list[list[MultiplyTimes]], plans: list[str], path: Path) -> None:
    """Speed-up against size, and beside it the error."""
    drawn, (left, right) = figure(9.5, 3.8, columns=2)
    for index, (plan, colour) in enumerate(zip(plans, COLOURS[: len(plans)], strict=True)):
        sizes = [row[index].n for row in cases]
        style: Any = {"color": colour, "marker": "o", "markersize": 4, "linestyle": ":" if plan == "auto" else "-"}
        left.plot(sizes, [row[index].speedup for row in cases], label=_label(plan), **style)
        if plan != "auto":
            right.loglog(sizes, [row[index].relative_error for row in cases], **style)
            right.loglog(sizes, [row[index].error_bound for row in cases], color=colour, linewidth=0.7, linestyle="--")
    right.loglog([row[0].n for row in cases], [row[0].matmul_error for row in cases], color=INK)
    left.axhline(1, color=INK, linewidth=0.8)
    left.set(xscale="log", xlabel="size N", ylabel="speed-up over numpy.matmul")
    right.set(xlabel="size N", ylabel="largest error / largest entry")
    for panel in (left, right):
        _ticks(panel, [row[0].n for row in cases])
    left.legend(frameon=False, fontsize=8)
    save(drawn, path)


def _label(plan: str) -> str:
    schemes = plan.split(",")
    return schemes[0] if len(schemes) == 1 else f"{schemes[0]}, {len(schemes)} levels"


def _ticks(panel: Axes, sizes: list[int]) -> None:
    panel.set_xticks(sizes, [str(size) for size in sizes], fontsize=8)
    panel.set_xticks([], minor=True)


def main(report: Path, file: Path) -> None:
    """Measure, draw, write; what is measured is written before more is measured."""
    settings = tomllib.loads(file.read_text(encoding="utf-8"))
    lines = [
        "# Products by schemes beside numpy.matmul",
        "",
        "Square matrices with entries uniform in [−1, 1). Speed-ups are medians of the ratios of neighbouring runs.",
        "Errors are the largest of 1024 entries against extended precision, divided by the largest entry; *bound* is",
        "what the growth factors allow (dashed in the pictures; black: the error of matmul).",
        "",
    ]
    made = ["", provenance("python -m experiments.crossover.run", file)]
    for dtype in ("float64", "float32"):
        cases = measure(settings, dtype)
        lines += [f"## {dtype}", "", *table(COLUMNS, _rows(cases, settings["plans"])), ""]
        write_report(report, [*lines, *made])
        picture = report.with_name(f"{report.stem}_{dtype}.png")
        draw(cases, settings["plans"], picture)
        lines += [f"![Speed-up and error]({picture.name})", ""]
    rows = random_sizes(settings, settings["threads"])
    lines += [
        '## "auto" at random sizes',
        "",
        f"Least ratio: {min(ratio for *_, ratio in rows):.3f}.",
        "",
        *table(
            ("n, m, p", "schemes", "matmul, ms", "ratio"),
            [
                ("×".join(map(str, shape)), names, f"{1e3 * seconds:.3g}", f"{ratio:.3f}")
                for shape, names, seconds, ratio in rows
            ],
        ),
    ]
    write_report(report, [*lines, *made])


COLUMNS = ("N", "schemes", "seconds", "matmul", "speed-up", "error", "matmul's", "bound", "memory, MiB")


def _rows(cases: list[list[MultiplyTimes]], plans: list[str]) -> list[tuple[object, ...]]:
    return [
        (
            case.n,
            case.scheme if plan != "auto" else f"auto: {case.scheme}",
            f"{case.seconds:.3f}",
            f"{case.matmul_seconds:.3f}",
            f"**{case.speedup:.3f}**",
            f"{case.relative_error:.1e}",
            f"{case.matmul_error:.1e}",
            f"{case.error_bound:.1e}",
            f"{case.workspace_mib:.0f}",
        )
        for row in cases
        for plan, case in zip(plans, row, strict=True)
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", nargs="?", type=Path, default=Path("reports/crossover.md"))
    parser.add_argument("--settings", type=Path, default=HERE / "settings.toml")
    chosen = parser.parse_args()
    main(chosen.report, chosen.settings)
