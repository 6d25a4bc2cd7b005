"""CPU time of the operations with tensor trains against the number of cores, at fixed sizes and ranks.

Usage: python -m experiments.tt_scaling.run [REPORT.md]
"""

from __future__ import annotations

import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.charts import BLUE, GREY, ORANGE, figure, save, spread
from experiments.provenance import provenance, table, write_report
from mmdiscover.decompositions.tt.arithmetic import add, hadamard, inner, matvec
from mmdiscover.decompositions.tt.matrix import random_tt_matrix
from mmdiscover.decompositions.tt.rounding import tt_round
from mmdiscover.decompositions.tt.tensor_train import random_tt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
REPORT = HERE.parents[1] / "reports" / "tt_scaling.md"

Settings = dict[str, Any]

_COLOURS = {"dot": BLUE, "add": GREY, "Hadamard": "#5aae61", "matvec": "#9970ab", "rounding": ORANGE}

_INTRODUCTION = """\
Two trains of N cores with modes of size {size} and all ranks {rank}, and a matrix in tensor-train form of the same
sizes and ranks: CPU time of their dot product, sum, entry-by-entry product and matrix-vector product, and of rounding
the sum back to rank {rank}. A full vector would have {size}^N entries. Medians of {repetitions} turns of as many runs
as make {most} cores, one BLAS thread. *Exponent*: the slope a of log time against log N, time ∝ Nᵃ, least squares over
all N."""

_READING = """\
The costs stated by Oseledets (SIAM J. Sci. Comput. 33, 2295–2317, 2011) are linear in N. Exponents differ from 1 as the
first and the last core are smaller than the others, which counts for more in short trains, and as results that no
longer fit the caches of the processor take longer to write: with `rank = 6`, where a product of 1000 cores takes
41 MB, an exponent of 1.15 was measured for the Hadamard and the matrix-vector product."""


@dataclass(frozen=True)
class Curve:
    """Median seconds of one operation, for each number of cores."""

    name: str
    orders: Sequence[int]
    seconds: Sequence[float]

    @property
    def exponent(self) -> float:
        """Slope of the logarithms."""
        return float(np.polyfit(np.log(self.orders), np.log(self.seconds), 1)[0])


def operations(order: int, settings: Settings) -> dict[str, Callable[[], object]]:
    """The operations with trains of so many cores."""
    rank, shape = settings["rank"], [settings["size"]] * order
    rng = np.random.default_rng(settings["seed"])
    u, v = (random_tt(shape, rank, norm=1.0, seed=rng) for _ in range(2))
    matrix = random_tt_matrix(shape, shape, rank, seed=rng)
    total = add(u, v)
    return {
        "dot": lambda: inner(u, v),
        "add": lambda: add(u, v),
        "Hadamard": lambda: hadamard(u, v),
        "matvec": lambda: matvec(matrix, u),
        "rounding": lambda: tt_round(total, rank),
    }


def measure(settings: Settings) -> list[Curve]:
    """All operations at all N, in turns so that all meet the same load, and as many cores in each turn."""
    orders = settings["orders"]
    programs = [operations(order, settings) for order in orders]
    times: dict[str, list[list[float]]] = {name: [[] for _ in orders] for name in programs[0]}
    for repetition in range(settings["repetitions"] + 1):
        for k, program in enumerate(programs):
            for name, run in program.items():
                runs = max(orders) // orders[k]
                begun = time.process_time()
                for _ in range(runs):
                    run()
                # The first round does not count.
                if repetition:
                    times[name][k].append((time.process_time() - begun) / runs)
    return [Curve(name, orders, [float(np.median(each)) for each in found]) for name, found in times.items()]


def draw(curves: Sequence[Curve]) -> Figure:
    """All curves, and lines of slope 1 beside them."""
    drawn, [panel] = figure(8, 5)
    heights = spread([float(np.log10(curve.seconds[-1])) for curve in curves], 0.14)
    for curve, height in zip(curves, heights, strict=True):
        orders, milliseconds = np.array(curve.orders), 1e3 * np.array(curve.seconds)
        # Through the geometric mean of the curve.
        line = orders * np.exp(np.mean(np.log(milliseconds / orders)))
        panel.plot(orders, line, color=_COLOURS[curve.name], lw=1, ls=":")
        panel.plot(orders, milliseconds, color=_COLOURS[curve.name], marker="o", ms=5, lw=1.5)
        label = f"{curve.name}  $N^{{{curve.exponent:.2f}}}$"
        panel.text(1.15 * orders[-1], 1e3 * 10**height, label, color=_COLOURS[curve.name], va="center")
    panel.set(xscale="log", yscale="log", xlabel="cores N", ylabel="CPU time, ms")
    panel.set_xticks(curves[0].orders, [str(order) for order in curves[0].orders])
    panel.minorticks_off()
    panel.set_xlim(right=3.5 * curves[0].orders[-1])
    panel.set_title("Operations with tensor trains; dotted: proportional to N", loc="left")
    return drawn


def main() -> None:
    """Measure, draw, and write the report."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    with threadpool_limits(1):
        curves = measure(settings)
    picture = report.with_suffix(".png")
    save(draw(curves), picture)
    columns = ("operation", *(f"N = {order}, ms" for order in settings["orders"]), "exponent")
    rows = [[c.name, *(f"{1e3 * seconds:.3g}" for seconds in c.seconds), f"{c.exponent:.2f}"] for c in curves]
    write_report(
        report,
        [
            "# Cost of tensor trains against their length",
            "",
            *_INTRODUCTION.format(**settings, most=max(settings["orders"])).splitlines(),
            "",
            f"![CPU time against the number of cores]({picture.name})",
            "",
            *table(columns, rows),
            "",
            *_READING.splitlines(),
            "",
            provenance("python -m experiments.tt_scaling.run", SETTINGS),
        ],
    )


if __name__ == "__main__":
    main()
