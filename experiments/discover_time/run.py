"""Time `mmdiscover discover` as a user does: a fresh process and an empty database for every run.

Usage: python -m experiments.discover_time.run [REPORT.md]

Every scheme is exported as JSON and its Brent equations are checked here by three loops over Python fractions, which
share nothing with mmdiscover. Each scheme is also discovered with one worker, which must give the same file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from fractions import Fraction
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

from experiments.provenance import provenance, write_report

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
REPORT = HERE.parents[1] / "reports" / "discover_time.md"


def mmdiscover(folder: Path, *arguments: str) -> str:
    """Run the program in `folder` and return what it prints."""
    command = [sys.executable, "-m", "mmdiscover", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def discover(scheme: str, seed: int, workers: int) -> tuple[float, dict[str, Any], dict[str, Any]]:
    """One run on an empty database: wall-clock seconds, the document it printed, and the exported scheme."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        options = ("--method", "numeric", "--seed", str(seed), "--workers", str(workers), "--json")
        printed = mmdiscover(folder, "discover", scheme, *options)
        seconds = time.perf_counter() - begun
        found = json.loads(printed)
        exported = json.loads(mmdiscover(folder, "schemes", "export", str(found["scheme_id"]), "--format", "json"))
    return seconds, found, exported


def violated_equations(scheme: dict[str, Any]) -> int:
    """How many Brent equations a scheme in native JSON violates."""
    n, m, p = scheme["format"]
    terms = [
        [{index: Fraction(entry) for index, entry in enumerate(vector) if entry} for vector in vectors]
        for vectors in zip(scheme["u"], scheme["v"], scheme["w"], strict=True)
    ]
    sums: Counter[tuple[int, int, int]] = Counter()
    for u, v, w in terms:
        for (a, x), (b, y), (c, z) in product(u.items(), v.items(), w.items()):
            sums[a, b, c] += x * y * z  # type: ignore[assignment]
    for i, j, k in product(range(n), range(m), range(p)):
        sums[i * m + j, j * p + k, k * n + i] -= 1
    return sum(value != 0 for value in sums.values())


def table_row(*cells: object) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Run all targets and seeds and write the report."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    rows, details = [], []
    for target in settings["target"]:
        name, seconds = target["scheme"], []
        for seed in settings["seeds"]:
            elapsed, found, exported = discover(name, seed, settings["workers"])
            _, _, alone = discover(name, seed, 1)
            seconds.append(elapsed)
            same = (exported["u"], exported["v"], exported["w"]) == (alone["u"], alone["v"], alone["w"])
            violated = violated_equations(exported)
            print(f"{name} seed {seed}: {elapsed:.1f} s, ring {found['ring']}", file=sys.stderr, flush=True)
            cells = [name, seed, f"{elapsed:.1f}", found["starts"], found["fits"], found["ring"], violated]
            details.append(table_row(*cells, "yes" if same else "NO"))
        times = [f"{pick(seconds):.1f}" for pick in (median, min, max)]
        rows.append(table_row(name, f"≤ {target['limit_seconds']}", *times))
    write_report(
        report,
        [
            "# Time from nothing to a proved scheme",
            "",
            "Wall-clock seconds of `mmdiscover discover SCHEME --method numeric --seed S` on an empty database: start",
            "of the process, imports, search, refinement, both proofs and storing included.",
            "",
            "| scheme | wanted median | median | least | most |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "Each run. *Violated*: Brent equations that do not hold in the exported JSON, counted by the",
            "experiment's own code. *Same*: one worker stores the same scheme as two.",
            "",
            "| scheme | seed | seconds | starts | exact fits | ring | violated | same |",
            "|---|---|---|---|---|---|---|---|",
            *details,
            "",
            provenance("python -m experiments.discover_time.run", SETTINGS),
        ],
    )


if __name__ == "__main__":
    main()
