"""Kill a campaign again and again, and let many processes work on one; compare what is stored with an undisturbed run.

Usage: python -m experiments.survival.run [--kills N] [--postgres URL [--only-postgres]] [--report REPORT.md]

The server at URL must let its user make databases.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from experiments.provenance import provenance, table, write_report
from experiments.survival import stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Rows: TypeAlias = Sequence[Sequence[object]]

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
REPORT = HERE.parents[1] / "reports" / "survival.md"


def campaign_file(folder: Path, campaign: dict[str, Any]) -> Path:
    """A campaign as a file."""
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in campaign.items() if key != "target"]
    for target in campaign["target"]:
        lines += [
            "[[target]]",
            'method = "numeric"',
            *(f"{key} = {value!r}".replace("'", '"') for key, value in target.items()),
        ]
    file = folder / f"{campaign['name']}.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def begin(file: Path, url: str) -> subprocess.Popen[str]:
    """A process that works on a campaign."""
    command = [sys.executable, "-m", "mmdiscover", "campaign", "run", str(file), "--db", url]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=file.parent, start_new_session=True
    )


def wait_for_work(process: subprocess.Popen[str], url: str, before: int) -> None:
    """Until one more trial is finished, or the process has ended."""
    while process.poll() is None:
        try:
            if stored.number(url, "SELECT count(*) FROM trials WHERE state = 'finished'") > before:
                return
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):
            pass  # the tables are being made
        time.sleep(0.05)


@dataclass
class Killed:
    """What a series of kills did."""

    kills: int = 0
    lost: int = 0
    changed: int = 0
    claimed: int = 0
    unexpected: int = 0


def kill_again_and_again(file: Path, url: str, kills: int, most_seconds: float, rng: random.Random) -> Killed:
    """Run, kill at a random moment, look, run again."""
    seen: dict[tuple[int, int], stored.Key] = {}
    result = Killed()
    while result.kills < kills:
        process = begin(file, url)
        wait_for_work(process, url, len(seen))
        try:
            process.wait(rng.uniform(0, most_seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            result.kills += 1
        else:
            raise SystemExit(f"the campaign ended after {result.kills} kills: make it longer")
        now = stored.finished(url)
        result.lost += sum(trial not in now for trial in seen)
        result.changed += sum(now[trial] != known for trial, known in seen.items() if trial in now)
        result.claimed += stored.number(url, stored.CLAIMED)
        seen = now
        print(f"{result.kills} kills, {len(seen)} trials finished", file=sys.stderr, flush=True)
    finish(file, url)
    return result


def finish(file: Path, url: str) -> None:
    """Run to the end."""
    process = begin(file, url)
    assert process.stderr is not None
    messages = process.stderr.read()
    if process.wait():
        raise SystemExit(f"the campaign ended with exit code {process.returncode}: {messages}")


def together(file: Path, url: str, processes: int, seconds: float) -> tuple[int, list[str], int]:
    """Many processes for a while: trials finished, what the processes complained of, claims that nobody holds."""
    running = [begin(file, url) for _ in range(processes)]
    time.sleep(seconds)
    for process in running:
        process.send_signal(signal.SIGINT)
    complaints = []
    for process in running:
        _, messages = process.communicate(timeout=120)
        if process.returncode != 1 or re.search(r"error|Traceback|failed|trying again", messages):
            complaints.append(f"exit code {process.returncode}: {messages.strip()[-300:]}")
    count = stored.number(url, "SELECT count(*) FROM trials WHERE state = 'finished'")
    return count, complaints, stored.number(url, stored.CLAIMED)


def new_database(name: str, folder: Path, server: str | None) -> str:
    """Address of an empty database."""
    if server is None:
        return str(folder / f"{name}.db")
    with closing(stored.connect(server)) as connection:
        connection.autocommit = True
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}"')
    return re.sub(r"/[^/]*$", f"/{name}", server)


def main() -> None:
    """Run all of it and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--postgres", default=os.environ.get("MMDISCOVER_TEST_POSTGRES"))
    parser.add_argument("--only-postgres", action="store_true")
    parser.add_argument("--report", type=Path, default=REPORT)
    given = parser.parse_args()
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    kills = given.kills or settings["kills"]
    seconds = given.seconds or settings["together_seconds"]
    killed_rows, shared_rows = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        killed, shared = campaign_file(folder, settings["killed"]), campaign_file(folder, settings["shared"])
        undisturbed = new_database("undisturbed", folder, None)
        finish(killed, undisturbed)
        expected = stored.finished(undisturbed)
        learnt = sorted(stored.rows(undisturbed, stored.EXPERIENCE))
        for kind, server in (("SQLite", None), ("PostgreSQL", given.postgres)):
            if (kind == "PostgreSQL" and server is None) or (kind == "SQLite" and given.only_postgres):
                continue
            url = new_database("mmdiscover_killed", folder, server)
            result = kill_again_and_again(killed, url, kills, settings["most_seconds"], random.Random(1))  # noqa: S311
            same = stored.finished(url) == expected and sorted(stored.rows(url, stored.EXPERIENCE)) == learnt
            duplicates = sum(stored.number(url, query) for query in stored.DUPLICATES.values())
            killed_rows.append(
                (
                    *(kind, result.kills, len(expected), result.lost, result.changed, duplicates),
                    *(result.claimed, stored.number(url, stored.CLAIMED), "yes" if same else "NO"),
                )
            )
            url = new_database("mmdiscover_shared", folder, server)
            count, complaints, claimed = together(shared, url, settings["processes"], seconds)
            duplicates = sum(stored.number(url, query) for query in stored.DUPLICATES.values())
            begun = stored.number(url, "SELECT count(*) FROM (SELECT DISTINCT claimed_by FROM trials) x")
            shared_rows.append((kind, settings["processes"], begun, count, len(complaints), duplicates, claimed))
            for line in complaints:
                print(line, file=sys.stderr)
            # After each: it takes long, and may be interrupted.
            write_report(given.report, report(killed_rows, shared_rows, seconds))


def report(
    killed_rows: Sequence[Sequence[object]], shared_rows: Sequence[Sequence[object]], seconds: float
) -> list[str]:
    """The lines of the report."""
    return [
        "# Campaigns that are killed, and campaigns that many processes work on",
        "",
        "## Killed",
        "",
        "A campaign is begun, killed by `kill -9` at a random moment after its first trial, and begun again, until it",
        "has been killed so often; then it runs to its end. After each kill everything that is stored about finished",
        "trials (results, float factors, attempts, schemes; not times) is read by the database's own driver. *Lost*:",
        "trials that were finished before and are not there any more; *changed*: stored otherwise than before;",
        "*duplicates*: trials, fits, schemes or discoveries that are there twice; *left claimed*: trials that were",
        "claimed when the process was killed, over all kills, and after the end. *As undisturbed*: whether everything,",
        "what was learnt about settings included, is as in a run of the same seed that nobody disturbed.",
        "",
        *table(
            (
                *("database", "kills", "trials", "lost", "changed", "duplicates"),
                *("left claimed by kills", "left claimed at the end", "as undisturbed"),
            ),
            killed_rows,
        ),
        "",
        "## Together",
        "",
        f"Processes with two workers each work on one campaign for {seconds:g} s and are then interrupted.",
        "*Complaints*: processes with errors, or that had to wait for the database so long that they said so.",
        "",
        *table(
            ("database", "processes", "took part", "trials", "complaints", "duplicates", "left claimed"), shared_rows
        ),
        "",
        provenance("python -m experiments.survival.run --postgres URL", SETTINGS),
    ]


if __name__ == "__main__":
    main()
