"""Fewest additions of the small formats, from schemes that the program finds itself.

Usage: python -m experiments.additions.run [REPORT.md] [--settings FILE] [--work FOLDER] [--workers N]

Schemes are discovered by a campaign. Killed and started again, it goes on where it was.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.provenance import provenance, table, write_report
from experiments.work import options
from mmdiscover.core import metrics
from mmdiscover.core.format import Format, parse_scheme_name
from mmdiscover.core.records import fewest_known_additions, fewest_known_shared_additions
from mmdiscover.core.ring import Ring
from mmdiscover.core.rows import scheme_of_rows, scheme_rows
from mmdiscover.core.symmetry import permute
from mmdiscover.export import EFFORTS, Fewest, fewest_additions, live_temporaries, schedule
from mmdiscover.export.text import formulas
from results_db import open_database, queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.work import Options, Result, Work

HERE = Path(__file__).parent

Settings = dict[str, Any]

_INTRODUCTION = """\
Additions and subtractions of ternary schemes, in the sorted format. *Naive*: without sharing of subexpressions, the
fewest among the schemes as they were found. *Quick*: subexpressions shared in the schemes as they stand. *Orbit*: in
members of their orbits under sandwiching that a random walk finds. *Flips*: the walk also exchanges parts of two
products with a common factor, which leaves the orbit. *Published*: the fewest gathered from published files and
papers. *CPU s*: for all starts of the search, and for each effort over all schemes. Every scheme passed the Brent
equations, and every program was expanded exactly and compared with its scheme. *Live temporaries*: of the best program,
as written and after scheduling."""


@dataclass(frozen=True)
class Reduce:
    """Fewest additions of one scheme.

    Parameters
    ----------
    format, rows : str
        As in scheme files; the rows as JSON.
    rank : int
    effort : str
    seed : int
    """

    format: str
    rank: int
    rows: str
    effort: str
    seed: int

    def best(self) -> Fewest:
        """The scheme and program that are found, the same every time."""
        scheme = scheme_of_rows(Format.parse(self.format), self.rank, json.loads(self.rows))
        return fewest_additions(scheme, EFFORTS[self.effort], self.seed)

    def run(self) -> Result:
        """The result: additions, most live temporaries as written and scheduled, the scheme that was reached."""
        best = self.best()
        return {
            "additions": best.additions,
            "live": live_temporaries(best.program),
            "scheduled": live_temporaries(schedule(best.program)),
            "rows": scheme_rows(best.scheme),
        }


def discover(chosen: Options, settings: Settings) -> tuple[Path, dict[str, Result]]:
    """Run the campaign; its database, and what its summary says of each target."""
    database, file = chosen.work / "pool.db", chosen.work / "campaign.toml"
    lines = ['name = "additions"', f"seed = {settings['seed']}"]
    for target in settings["target"]:
        scheme = f'scheme = "{target["scheme"]}"'
        lines += ["[[target]]", scheme, 'method = "numeric"', f"starts = {target['starts']}"]
    chosen.work.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "mmdiscover", "campaign", "run", str(file), "--json", "--db", str(database)]
    printed = subprocess.run(
        [*command, "--workers", str(chosen.workers)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return database, {target["scheme"]: target for target in json.loads(printed)["targets"]}


def measure(work: Work, database: Path, found: Result, settings: Settings) -> tuple[list[object], Reduce]:
    """One line of the table, and the task whose program has the fewest additions."""
    fmt, rank = parse_scheme_name(found["scheme"])
    assert rank is not None
    with open_database(str(database), create=False) as db:
        rows = queries.list_schemes(db, fmt=fmt, rank=rank, ring=Ring.ZT, sort="additions", limit=settings["schemes"])
        schemes = [permute(queries.load_scheme(db, str(row.id)).scheme, fmt) for row in rows]
    texts = [json.dumps(scheme_rows(scheme)) for scheme in schemes]
    counts, seconds, ended = [], [], []
    for effort in settings["efforts"]:
        tasks = [Reduce(str(fmt), rank, text, effort, settings["seed"]) for text in texts]
        results = work.run(f"{found['scheme']} {effort}", tasks, best=lambda result: float(result["additions"]))
        place = min(range(len(tasks)), key=lambda place: (results[place]["additions"], results[place]["scheduled"]))
        best = results[place]
        ended.append((best["additions"], best, tasks[place]))
        counts.append(best["additions"])
        seconds.append(f"{sum(result['seconds'] for result in results):.1f}")
    _, best, task = min(ended, key=itemgetter(0))
    line = [
        found["scheme"],
        len(schemes),
        min(map(metrics.additions, schemes)),
        fewest_known_additions(fmt, rank),
        *counts,
        fewest_known_shared_additions(fmt, rank),
        f"{best['live']} → {best['scheduled']}",
        f"{found['cpu_seconds']:.0f}",
        *seconds,
    ]
    return line, task


def main(arguments: Sequence[str] | None = None) -> None:
    """Discover, reduce, write the report."""
    chosen = options(HERE, arguments)
    settings = tomllib.loads(chosen.settings.read_text(encoding="utf-8"))
    work = chosen.begin()
    database, found = discover(chosen, settings)
    measured = {name: measure(work, database, target, settings) for name, target in found.items()}
    shown = settings["formulas"]
    best = measured[shown][1].best()
    efforts = settings["efforts"]
    columns = ["scheme", "schemes", "naive", "published", *efforts, "published", "live temporaries", "CPU s search"]
    write_report(
        chosen.report,
        [
            "# Fewest additions",
            "",
            *_INTRODUCTION.splitlines(),
            "",
            *table([*columns, *(f"CPU s {effort}" for effort in efforts)], [line for line, _ in measured.values()]),
            "",
            (HERE / "findings.md").read_text(encoding="utf-8"),
            f"## {shown} with {best.additions} additions",
            "",
            "```text",
            *formulas(schedule(best.program)),
            "```",
            "",
            provenance("python -m experiments.additions.run", chosen.settings),
        ],
    )


if __name__ == "__main__":
    main()
