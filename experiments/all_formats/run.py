"""All formats 2 ≤ n ≤ m ≤ p ≤ 5 from nothing, by walks on the flip graph: the table of ranks, and times to a rank.

Usage: python -m experiments.all_formats.run campaign [--db URL] [--workers N] [--time T]
       python -m experiments.all_formats.run times RESULTS.json
       python -m experiments.all_formats.run additions SCHEMES_FOLDER [--db URL]
       python -m experiments.all_formats.run report RESULTS.json SCHEMES_FOLDER REPORT.md [--db URL]

`campaign` runs campaign.toml, or goes on with it, as `mmdiscover campaign run` does; a piece of it where there is a
limit. `times` measures how long `mmdiscover discover` takes to a rank, each with five seeds on a database of its own.
`additions` shares subexpressions in the ternary scheme of each format that has the fewest additions and the best known
rank, and writes the scheme that this leads to into the folder. `report` writes all of it down.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from itertools import combinations_with_replacement
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from experiments.provenance import provenance, table, write_report
from mmdiscover.campaign.durations import parse_duration
from mmdiscover.core.format import Format, scheme_name
from mmdiscover.core.metrics import additions
from mmdiscover.core.records import (
    VALID_OVER,
    best_known_rank,
    fewest_known_additions,
    fewest_known_shared_additions,
)
from mmdiscover.core.ring import Ring
from mmdiscover.core.rows import scheme_rows
from mmdiscover.core.symmetry import permute
from mmdiscover.discrete.neighbours import closure
from mmdiscover.export import fewest_additions
from results_db import open_database, queries
from results_db.queries import starts

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme

HERE = Path(__file__).parent
CAMPAIGN = HERE / "campaign.toml"
FORMATS = tuple(Format(*sizes) for sizes in combinations_with_replacement(range(2, 6), 3))
RINGS = (Ring.ZT, Ring.Z, Ring.Q, Ring.Z2)
SEEDS = range(5)
_LARGEST = 8
TIMED = (
    ("3x3x3:23", "2s", None),
    ("2x4x5:33", "1m", None),
    ("3x3x4:29", "1m", None),
    ("3x3x5:36", "1m", None),
    ("3x4x4:38", "1m", None),
    ("4x4x4:49", "2m", None),
    ("4x4x4:47", "30m", Ring.Z2),
)
"""Schemes, the time that they should take at most, and the ring where it is not characteristic zero."""

_RANKS = """\
Schemes over ZT count for Z, Q and Z2, those over Z for Q and Z2. A tick: the best known rank."""
_MOVES = """\
Projections, extensions, merges and products of the campaign's schemes over ZT and Z, without any further walk."""
_ADDITIONS = """\
Ternary schemes of the best known ternary rank. Naive: the fewest of a stored scheme, after a minute or two of
`mmdiscover discover SCHEME --objective additions` for some. Shared: by one run of `mmdiscover export --effort orbit`
from that scheme, which may end at another of its orbit, with more naive additions; it is in `{}/`. Published: the
fewest gathered from published files and papers."""
_PICTURE = """\
Rank against flips of the walks for 3×5×5:58, by `mmdiscover report walks all-formats 3x5x5:58`: walks that grew from
small formats begin at 7·10⁶ flips, the others at stored schemes or at what moves make of them."""
_TIMES = """\
Wall time of `mmdiscover discover SCHEME --method discrete`, from starting Python on an empty database to the verified
scheme, with two worker processes; five seeds each."""


def run_campaign(db: str, workers: int | None, limit: float | None) -> int:
    """Run the campaign until all targets are done or the time is over."""
    command = [sys.executable, "-m", "mmdiscover", "campaign", "run", str(CAMPAIGN), "--db", db]
    with subprocess.Popen(command + ([] if workers is None else ["--workers", str(workers)])) as process:
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            return process.wait()


def time_one(scheme: str, ring: Ring | None, seed: int, limit: str) -> dict[str, Any]:
    """How long one `discover` takes, start-up included, on an empty database; twice the limit at most."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/times.db"
        most = f"{2 * parse_duration(limit):g}s"
        command = [sys.executable, "-m", "mmdiscover", "discover", scheme, "--method", "discrete", "--seed", str(seed)]
        command += ["--time", most, "--db", database, "--json", *([] if ring is None else ["--ring", str(ring)])]
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begun
    answer = json.loads(done.stdout)
    return {
        "scheme": scheme,
        "seed": seed,
        "found": answer["found"],
        "ring": answer["ring"],
        "seconds": seconds,
        "cpu_seconds": answer["cpu_seconds"],
        "limit": limit,
    }


def measure(results: Path) -> None:
    """Time all schemes; what is measured is written at once."""
    found: list[dict[str, Any]] = json.loads(results.read_text()) if results.exists() else []
    done = {(one["scheme"], one["seed"]) for one in found}
    for scheme, limit, ring in TIMED:
        for seed in SEEDS:
            if (scheme, seed) not in done:
                found.append(time_one(scheme, ring, seed, limit))
                results.write_text(json.dumps(found, indent=1))
                print(f"{scheme} seed {seed}: {found[-1]['seconds']:.1f} s, {found[-1]['ring']}")


def rank_lines(db: str) -> list[str]:
    """The table of ranks: reached and best known, by ring."""
    with open_database(db) as database:
        stored = {(one.format, one.ring): one.rank for one in queries.best_ranks(database)}
    rows = []
    for fmt in FORMATS:
        cells = [str(fmt).replace("x", "×"), str(fmt.classical_rank)]
        for ring in RINGS:
            reached = min(
                (stored[str(fmt), one] for one in VALID_OVER[ring] if (str(fmt), one) in stored), default=None
            )
            known = best_known_rank(fmt, ring)
            assert known is not None
            cells.append(f"{reached or '–'} / {known}" + ("" if reached is None or reached > known else " ✓"))
        rows.append(cells)
    return table(["format", "classical", *(f"{ring}: reached / known" for ring in RINGS)], rows)


def time_lines(results: Path) -> list[str]:
    """The table of times."""
    found = json.loads(results.read_text())
    rows = []
    for scheme, limit, ring in TIMED:
        runs = [one for one in found if one["scheme"] == scheme]
        if runs:
            seconds = [one["seconds"] for one in runs]
            rings = ", ".join(sorted({one["ring"] or "not found" for one in runs}))
            rows.append(
                [scheme, ring or "ZT", limit, f"{median(seconds):.1f}", f"{min(seconds):.1f}–{max(seconds):.1f}", rings]
            )
    return table(["scheme", "asked over", "asked within", "median s", "all five", "found over"], rows)


def effort_lines(db: str) -> list[str]:
    """What the campaign did for each of its targets."""
    with open_database(db) as database:
        campaign = next(one for one in queries.list_campaigns(database) if one.name == "all-formats")
        summary = queries.campaign_summary(database, campaign.id)
    rows = [
        [target.scheme, target.trials, target.exact, f"{target.cpu_seconds:.0f}", "found" if target.distinct else "–"]
        for target in summary.targets
    ]
    total = sum(target.cpu_seconds for target in summary.targets)
    text = f"Processor time of all walks together: {total / 3600:.2f} h."
    return [*table(["target", "walks", "at the rank", "CPU s", "state"], rows), "", text]


def reach_lines(db: str) -> list[str]:
    """What moves make of the schemes of the campaign, up to 8×8×8, beside the best known ranks over Z."""
    known: dict[Format, Scheme] = {}
    with open_database(db) as database:
        for fmt, rank in starts.least_ranks(database, (Ring.ZT, Ring.Z)).items():
            ((_, scheme),) = starts.schemes_of_rank(database, fmt, rank, (Ring.ZT, Ring.Z), 1)
            known[fmt] = permute(scheme, fmt)
    reached = {fmt: recipe.rank for fmt, recipe in closure(known, _LARGEST).items() if fmt not in known}
    gaps: dict[int, list[str]] = {}
    for fmt, rank in sorted(reached.items()):
        best = best_known_rank(fmt, Ring.Z)
        if best is not None:
            gaps.setdefault(rank - best, []).append(f"{scheme_name(fmt, rank)}")
    return table(["above the best known", "formats", ""], [[g, len(gaps[g]), ", ".join(gaps[g])] for g in sorted(gaps)])


def share(folder: Path, db: str) -> None:
    """Schemes with few additions after sharing subexpressions, one file for each format; those that exist are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_database(db) as database:
        for fmt in FORMATS:
            rank, path = best_known_rank(fmt, Ring.ZT), folder / f"{fmt}.json"
            rows = queries.list_schemes(database, fmt=fmt, rank=rank, ring=Ring.ZT, sort="additions", limit=1)
            if not rows or path.exists():
                continue
            found = permute(queries.load_scheme(database, str(rows[0].id)).scheme, fmt)
            best = fewest_additions(found)
            answer = {"format": fmt.sizes, "rank": best.scheme.rank, "ring": "ZT", **scheme_rows(best.scheme)}
            path.write_text(json.dumps(answer | {"naive": additions(found), "shared": best.additions}) + "\n")
            print(f"{found.name}: {additions(found)} additions, {best.additions} shared")


def addition_lines(folder: Path) -> list[str]:
    """The table of additions, beside the published ones."""
    rows = []
    for fmt in FORMATS:
        path = folder / f"{fmt}.json"
        if path.exists():
            found = json.loads(path.read_text())
            known = fewest_known_additions(fmt, found["rank"]), fewest_known_shared_additions(fmt, found["rank"])
            cells = [
                f"{own} / {best or '–'}" + (" **fewer**" if best is not None and own < best else "")
                for own, best in zip((found["naive"], found["shared"]), known, strict=True)
            ]
            rows.append([scheme_name(fmt, found["rank"]), *cells])
    return table(["scheme", "naive: own / published", "shared: own / published"], rows)


def write(results: Path, schemes: Path, path: Path, db: str) -> None:
    """The report."""
    lines = ["# All formats up to 5×5×5 by walks on the flip graph", ""]
    lines += [provenance("python -m experiments.all_formats.run campaign (then times, additions, report)", CAMPAIGN)]
    lines += ["## Ranks reached", "", _RANKS, "", *rank_lines(db), "", "## What it took", "", *effort_lines(db), ""]
    lines += ["## Larger formats by moves", "", _MOVES, "", *reach_lines(db), ""]
    if schemes.exists():
        lines += ["## Additions", "", _ADDITIONS.format(schemes.name), "", *addition_lines(schemes), ""]
    if results.exists():
        lines += ["## Times", "", _TIMES, "", *time_lines(results), ""]
    lines += ["![Rank against flips](all_formats_walks.png)", "", _PICTURE, ""]
    lines += [(HERE / "findings.md").read_text(encoding="utf-8")]
    write_report(path, lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["campaign", "times", "additions", "report"])
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--db", default="sqlite:///all_formats.db")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--time", type=parse_duration)
    options = parser.parse_args()
    if options.what == "campaign":
        sys.exit(run_campaign(options.db, options.workers, options.time))
    if options.what == "times":
        measure(options.paths[0])
    elif options.what == "additions":
        share(options.paths[0], options.db)
    else:
        results, schemes, report = options.paths
        write(results, schemes, report, options.db)


if __name__ == "__main__":
    main()
