"""What rules for giving up a start cost and save: starts without any rule, and what each rule would have made of them.

Usage: python -m experiments.stopping.run [REPORT.md]
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from experiments.provenance import provenance, table, write_report
from mmdiscover.core.format import parse_scheme_name
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import FitSettings, fit_cp
from mmdiscover.search import EXACT_RESIDUAL, SearchSettings, complete_settings
from mmdiscover.search.start import random_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
REPORT = HERE.parents[1] / "reports" / "stopping.md"
FINDINGS = HERE / "findings.md"


@dataclass(frozen=True)
class Effect:
    """What a rule makes of starts: exact fits that it gives up, and iterations per fit with and without it."""

    given_up: int
    fits: int
    iterations_per_fit: float
    relative: float


def stopped_at(history: NDArray[np.float64], window: int, share: float) -> int:
    """The iteration at which a rule stops, or the last one."""
    stalled = np.flatnonzero(history[window:] > (1 - share) * history[:-window])
    return int(stalled[0]) + window if len(stalled) else len(history) - 1


def effect(histories: list[NDArray[np.float64]], window: int, share: float) -> Effect:
    """What a rule makes of starts that went on to their end."""
    ends = [stopped_at(history, window, share) for history in histories]
    exact = [history[-1] <= EXACT_RESIDUAL for history in histories]
    whole = sum(len(history) - 1 for history in histories) / max(sum(exact), 1)
    kept = sum(fit and end == len(history) - 1 for fit, end, history in zip(exact, ends, histories, strict=True))
    per_fit = sum(ends) / max(kept, 1)
    return Effect(sum(exact) - kept, sum(exact), per_fit, per_fit / whole)


def histories_of(scheme: str, seed: int, starts: int, max_iterations: int) -> list[NDArray[np.float64]]:
    """φ along random starts, none of them given up."""
    fmt, rank = parse_scheme_name(scheme)
    if rank is None:
        raise ValueError(f"{scheme!r} names no rank")
    defaults = complete_settings(fmt, rank, SearchSettings())
    tensor = matmul_tensor(fmt)
    limits = FitSettings(bound=defaults.bound, max_iterations=max_iterations)
    seeds = (np.random.SeedSequence(seed, spawn_key=(0, index)) for index in range(starts))
    starting = (random_start(fmt.shape, rank, defaults.start_scale, np.random.default_rng(s)) for s in seeds)
    return [fit_cp(tensor, start, limits).history for start in starting]


def main() -> None:
    """Measure all schemes and write the report."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    rows: list[list[object]] = []
    with threadpool_limits(1):
        for scheme in settings["schemes"]:
            histories = histories_of(scheme, settings["seed"], settings["starts"], settings["max_iterations"])
            for window, share in settings["rules"]:
                found = effect(histories, window, share)
                rows.append(
                    [
                        scheme,
                        f"{100 * share:g} % in {window}",
                        f"{found.given_up} of {found.fits}",
                        f"{found.iterations_per_fit:.0f}",
                        f"{found.relative:.2f}",
                    ]
                )
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    write_report(
        report,
        [
            "# When to give up a start",
            "",
            f"{settings['starts']} random starts of each scheme with the default bound run to their end, and what a",
            "rule would have made of them: a start is given up when φ has fallen by less than a share over so many",
            "iterations. *Given up*: exact fits that the rule would have missed. *Relative*: iterations per exact fit,",
            "divided by those without a rule.",
            "",
            *table(("scheme", "rule", "given up", "iterations per fit", "relative"), rows),
            "",
            FINDINGS.read_text(encoding="utf-8"),
            provenance("python -m experiments.stopping.run", SETTINGS),
        ],
    )


if __name__ == "__main__":
    main()
