"""The tensor library beside TensorLy, pyttb and teneva, and exact CP fits of Levenberg–Marquardt beside ALS.

Usage: python -m experiments.tensor_speed.run [REPORT.md]

The other programs are the extra `bench` of this package: pip install '.[bench]'.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from threadpoolctl import threadpool_limits

from experiments.provenance import provenance, table, write_report
from experiments.tensor_speed import decompositions, exact_fits, generalized_cp, tensor_trains

SECONDS = 10.0
"""CPU seconds for exact fits, each case and method."""

_INTRODUCTION = """\
Medians of runs in turns, one BLAS thread, in milliseconds; *ratio* is the time of the other program divided by ours.
All compute the same thing from the same start, and the results are compared before anything is timed."""

_EXACT = f"""\
Starts and exact fits (relative error ≤ {exact_fits.EXACT:g}) in {SECONDS:g} CPU seconds of each method, all from the
same random starts in the same order."""


def main(report: Path) -> None:
    """Measure everything and write the report."""
    with threadpool_limits(1):
        rows = [row for part in (decompositions, tensor_trains, generalized_cp) for row in part.measure()]
        fits = [row for case in exact_fits.cases() for row in exact_fits.compare_methods(case, SECONDS)]
    others = ", ".join(f"{name} {version(name)}" for name in ("tensorly", "pyttb", "teneva"))
    timed = [
        (row["case"], f"{row['ours_ms']:.3g}", row["reference"], f"{row['reference_ms']:.3g}", f"{row['ratio']:.2f}")
        for row in rows
    ]
    lines = [
        "# Speed of the tensor library",
        "",
        provenance("python -m experiments.tensor_speed.run"),
        f"Beside {others}. {_INTRODUCTION}",
        "",
        *table(("case", "ours, ms", "other", "other, ms", "ratio"), timed),
        "",
        "## Exact fits of difficult tensors",
        "",
        _EXACT,
        "",
        *table(
            ("tensor", "method", "starts", "exact"),
            ((row["case"], row["method"], row["starts"], row["exact"]) for row in fits),
        ),
        "",
    ]
    write_report(report, lines)
    for row in rows:
        print(f"{row['case']:45} {row['reference']:10} {row['ratio']:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("reports/tensor_speed.md"))
