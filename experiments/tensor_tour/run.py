"""Every area of the tensor library at work, with pictures, in under two minutes on two cores.

Usage: python -m experiments.tensor_tour.run [REPORT.md]
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from experiments.provenance import provenance, write_report

AREAS = (
    "cp",
    "tucker",
    "tensor_trains",
    "networks",
    "optimisation",
    "generalized_cp",
    "learning",
    "latent_variables",
)
LONGEST_FIRST = ("learning", "optimisation", "latent_variables")


def visit(area: str, pictures: Path) -> tuple[list[str], float]:
    """The lines of one area, and the seconds it took, one BLAS thread."""
    begin = perf_counter()
    with threadpool_limits(1):
        lines: list[str] = import_module(f"experiments.tensor_tour.{area}").run(pictures)
    return lines, perf_counter() - begin


def main(report: Path) -> None:
    """Run all areas, two at a time, and write the report with its pictures beside it."""
    report.parent.mkdir(parents=True, exist_ok=True)
    begin = perf_counter()
    order = sorted(AREAS, key=lambda area: area not in LONGEST_FIRST)
    ends = Parallel(n_jobs=2)(delayed(visit)(area, report.parent) for area in order)
    visited = dict(zip(order, ends, strict=True))
    times = ", ".join(f"{area.replace('_', ' ')} {visited[area][1]:.0f} s" for area in AREAS)
    lines = [
        "# A tour of the tensor library",
        "",
        "What `mmdiscover.decompositions` does, on small examples; docs/tensors/ says how.",
        "",
        provenance("python -m experiments.tensor_tour.run"),
        f"The whole tour took {perf_counter() - begin:.0f} s, two areas at a time: {times}.",
        "",
        *(line for area in AREAS for line in visited[area][0]),
    ]
    write_report(report, lines)
    print(f"{report}: {perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("reports/tensor_tour.md"))
