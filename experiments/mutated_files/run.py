"""Damaged scheme files of every format, read and verified in a process with little memory.

Usage: python -m experiments.mutated_files.run [REPORT.md]
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from experiments.mutated_files.judging import DIED, HUNG, REFUTED, UNREADABLE, VERIFIED, Judgement, serve
from experiments.mutated_files.mutations import damaged
from experiments.mutated_files.seeds import seed_files
from experiments.provenance import provenance, table, write_report

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
REPORT = HERE.parents[1] / "reports" / "mutated_files.md"
FINDINGS = HERE / "findings.md"

_PATIENCE = 60.0
"""Seconds after which the reading process is given up."""


@dataclass
class Tally:
    """What became of the damaged files of one format.

    Parameters
    ----------
    outcomes : Counter
        Files by outcome.
    slowest : float
        Most CPU seconds for one.
    failures : list of tuple
        Number, content and judgement of each file with which something happened that must not.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    failures: list[tuple[int, bytes, Judgement]] = field(default_factory=list)


class Reader:
    """The process that reads; started again when it is lost."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._folder = tempfile.TemporaryDirectory()
        self.peak = 0
        self._start()

    def judge(self, content: bytes) -> Judgement:
        """What it makes of a file."""
        try:
            # An empty message ends the process; an empty file is one byte for it.
            self._connection.send_bytes(content or b"\n")
            if self._connection.poll(_PATIENCE):
                judgement: Judgement = self._connection.recv()
                return judgement
            judgement = Judgement(HUNG, _PATIENCE)
        except (EOFError, OSError):
            judgement = Judgement(DIED, 0.0)
        self._process.kill()
        self._process.join()
        self._start()
        return judgement

    def close(self) -> None:
        """End the process; `peak` then holds the most bytes of memory it used."""
        self._connection.send_bytes(b"")
        self.peak = self._connection.recv()
        self._process.join()
        self._folder.cleanup()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection: Connection
        self._connection, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=serve, args=(theirs, self._folder.name, self._memory), daemon=True
        )
        self._process.start()
        theirs.close()


def run(files: int, seed: int, memory: int, seconds: float) -> tuple[dict[str, Tally], int]:
    """Damage so many files, all formats in turn, and have them read.

    Parameters
    ----------
    files : int
    seed : int
    memory : int
        Bytes of address space.
    seconds : float
        CPU time for one file.

    Returns
    -------
    tallies : dict of str to Tally
        By format.
    peak : int
        Most bytes of memory in use.
    """
    seeds = seed_files()
    names, contents = list(seeds), list(seeds.values())
    tallies = {name: Tally() for name in names}
    reader = Reader(memory)
    for number in range(files):
        name = names[number % len(names)]
        content = damaged(seeds[name], contents, Random(f"{seed} {number}"))  # noqa: S311
        judgement = reader.judge(content)
        tally = tallies[name]
        tally.outcomes[judgement.outcome] += 1
        tally.slowest = max(tally.slowest, judgement.seconds)
        if judgement.outcome not in {UNREADABLE, REFUTED, VERIFIED} or judgement.seconds > seconds:
            tally.failures.append((number, content, judgement))
        if number % 5000 == 0:
            print(f"{number} files", file=sys.stderr, flush=True)
    reader.close()
    return tallies, reader.peak


def main() -> None:
    """Damage and read all files, and write the report."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    limit = settings["seconds"]
    tallies, peak = run(settings["files"], settings["seed"], settings["memory_mib"] * 2**20, limit)
    rows = []
    for name, tally in tallies.items():
        counts = [tally.outcomes[outcome] for outcome in (UNREADABLE, REFUTED, VERIFIED)]
        rows.append([name, tally.outcomes.total(), *counts, len(tally.failures), f"{1e3 * tally.slowest:.0f}"])
        for number, content, judgement in tally.failures:
            print(name, number, judgement, content[:200], sep=" | ", file=sys.stderr)
    total = sum(len(tally.failures) for tally in tallies.values())
    write_report(
        report,
        [
            "# Damaged scheme files",
            "",
            f"{settings['files']:,} files: one small valid file of every format, with bytes changed, cut out, repeated",
            "or spliced in from another file, digits and signs replaced, and numbers enlarged; what archives hold was",
            "also damaged and packed again with a right checksum. A process with",
            f"{settings['memory_mib']} MiB of address space read and verified each.",
            "",
            "*Unreadable*: refused as no scheme file, with a message. *Refuted*: a well-formed scheme that is not",
            "valid. *Verified*: still valid, all of these also by an oracle of the experiment's own, integer sums",
            "compared with the tensor. *Failed*: any other exception or warning, a lost or hanging process, a wrong",
            f"scheme that was verified, or more than {limit:g} s of CPU time. *Slowest*: milliseconds of CPU time for",
            "one file.",
            "",
            f"{total} files failed; the most memory in use was {peak / 2**20:.0f} MiB.",
            "",
            *table(("format", "files", "unreadable", "refuted", "verified", "failed", "slowest"), rows),
            "",
            FINDINGS.read_text(encoding="utf-8") if FINDINGS.exists() else "",
            provenance("python -m experiments.mutated_files.run", SETTINGS),
        ],
    )


if __name__ == "__main__":
    main()
