"""Refine the first exact fits of each scheme and count what comes out.

Usage: python -m experiments.refinement.run [REPORT.md]
"""

from __future__ import annotations

import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.provenance import provenance, write_report
from mmdiscover.core.format import parse_scheme_name
from mmdiscover.core.metrics import additions, rank_distribution
from mmdiscover.refine import RefineSettings, refine
from mmdiscover.search import SearchSettings, run_start
from mmdiscover.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmdiscover.core.factors import Factors

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
REPORT = HERE.parents[1] / "reports" / "refinement.md"
FINDINGS = HERE / "findings.md"

_RINGS = ("ZT", "Z", "Q")
_COLUMNS = (
    "scheme",
    "fits",
    "exact",
    "ZT / Z / Q",
    "failures",
    "distributions",
    "search, s per fit",
    "refinement, median s",
    "most",
    "fewest additions",
)


@dataclass(frozen=True)
class Start:
    """An exact fit, the seed of its refinement, and the CPU seconds of all starts since the one before."""

    fit: Factors
    seed: np.random.SeedSequence
    seconds: float


def exact_fits(scheme: str, seed: int) -> Iterator[Start]:
    """Exact fits from random starts, without end."""
    fmt, rank = parse_scheme_name(scheme)
    if rank is None:
        raise ValueError(f"{scheme!r} names no rank")
    begun, index = time.process_time(), 0
    while True:
        search_seed, refine_seed = np.random.SeedSequence(seed, spawn_key=(0, index)).spawn(2)
        fit = run_start(fmt, rank, SearchSettings(), search_seed)
        index += 1
        if fit.exact:
            yield Start(fit.factors, refine_seed, time.process_time() - begun)
            begun = time.process_time()


def row(scheme: str, seed: int, count: int) -> str:
    """One line of the table."""
    outcomes: Counter[str] = Counter()
    search_seconds, refine_seconds, counted, classes = [], [], [], set()
    for _, start in zip(range(count), exact_fits(scheme, seed), strict=False):
        begun = time.process_time()
        refined = refine(start.fit, RefineSettings(), start.seed)
        refine_seconds.append(time.process_time() - begun)
        search_seconds.append(start.seconds)
        if refined.scheme is None:
            outcomes[refined.status] += 1
        elif not verify(refined.scheme).ok:
            outcomes["wrong"] += 1
        else:
            outcomes[refined.scheme.ring] += 1
            counted.append(additions(refined.scheme))
            classes.add(rank_distribution(refined.scheme))
    exact = sum(outcomes[ring] for ring in _RINGS)
    failures = ", ".join(f"{name} {n}" for name, n in sorted(outcomes.items()) if name not in _RINGS) or "–"
    cells = [
        scheme,
        count,
        exact,
        " / ".join(str(outcomes[ring]) for ring in _RINGS),
        failures,
        len(classes),
        f"{sum(search_seconds) / count:.3f}",
        f"{median(refine_seconds):.2f}",
        f"{max(refine_seconds):.1f}",
        min(counted, default="–"),
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Measure all schemes and write the report."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    rows = []
    # More than one BLAS thread makes systems of this size many times slower.
    with threadpool_limits(1):
        for scheme in settings["schemes"]:
            rows.append(row(scheme, settings["seed"], settings["fits"]))
            print(rows[-1], file=sys.stderr, flush=True)
    write_report(
        report,
        [
            "# From float fits to exact schemes",
            "",
            "Exact fits as they come from the search with default settings, refined with default settings; every",
            "scheme that is counted passed both proofs. Times are CPU seconds on one BLAS thread. *Distributions*:",
            "different distributions of the ranks of the coefficient matrices, a lower bound on the number of",
            "inequivalent schemes.",
            "",
            f"| {' | '.join(_COLUMNS)} |",
            "|---" * len(_COLUMNS) + "|",
            *rows,
            "",
            FINDINGS.read_text(encoding="utf-8"),
            provenance("python -m experiments.refinement.run", SETTINGS),
        ],
    )


if __name__ == "__main__":
    main()
