"""Tasks of an experiment: each is recorded as soon as it is finished, and not run again after an interruption."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from mmdiscover.decompositions import FitSettings, fit_cp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from dataclasses import Field

Result = dict[str, Any]

_SECONDS_BETWEEN_LINES = 2.0


class Task(Protocol):
    """A frozen dataclass whose fields decide what comes out, and name it in the journal."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def run(self) -> Result:
        """Do it; the result can be written as JSON."""


class Journal:
    """The finished tasks of an experiment, a file of JSON lines.

    A task is found again by its kind and all its fields, so results of other settings are left alone. Lines that a
    killed run left half-written are ignored.

    Parameters
    ----------
    path : Path
        Made, with its folder, when the first task is added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, Result] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self._torn = not text.endswith("\n") and text != ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            self._results[_name(entry["kind"], entry["task"])] = entry["result"]

    def get(self, task: Task) -> Result | None:
        """The result of a task; None when it is not finished."""
        return self._results.get(_name(type(task).__name__, asdict(task)))

    def add(self, task: Task, result: Result) -> None:
        """Record a finished task."""
        kind, fields = type(task).__name__, asdict(task)
        line = json.dumps({"kind": kind, "task": fields, "result": result})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(("\n" if self._torn else "") + line + "\n")
        self._torn = False
        # As it will be read again: JSON has no tuples.
        self._results[_name(kind, fields)] = json.loads(line)["result"]


def _name(kind: str, fields: Result) -> str:
    return f"{kind} {json.dumps(fields, sort_keys=True)}"


@dataclass
class Work:
    """Runs the tasks that are not in the journal yet, and says on standard error how far it is.

    Parameters
    ----------
    journal : Journal
    workers : int
        Processes; 1 for this one alone. Has no influence on results other than times.
    """

    journal: Journal
    workers: int = 1
    seconds: float = 0.0
    """CPU seconds of all tasks asked for so far, those of earlier runs included."""
    _begun: float = field(default_factory=time.perf_counter)

    def run(self, label: str, tasks: Sequence[Task], best: Callable[[Result], float] | None = None) -> list[Result]:
        """Results of `tasks` in their order, each with ``seconds``, the CPU time it took.

        Parameters
        ----------
        label : str
            Names the group in the lines of progress.
        tasks : sequence of Task
        best : callable, optional
            A figure of each result whose smallest value is shown.
        """
        missing = [task for task in tasks if self.journal.get(task) is None]
        known = [result for task in tasks if (result := self.journal.get(task)) is not None]
        least = min((best(result) for result in known), default=np.inf) if best else np.inf
        done, shown = len(known), time.perf_counter()
        for task, result in self._results(missing):
            self.journal.add(task, result)
            done, now = done + 1, time.perf_counter()
            least = min(least, best(result)) if best else least
            if now - shown > _SECONDS_BETWEEN_LINES or done == len(tasks):
                note = f", best {least:.3g}" if best else ""
                print(f"{now - self._begun:7.1f} s  {label}  {done}/{len(tasks)}{note}", file=sys.stderr, flush=True)
                shown = now
        found = [result for task in tasks if (result := self.journal.get(task)) is not None]
        assert len(found) == len(tasks)
        self.seconds += sum(result["seconds"] for result in found)
        return found

    def _results(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
        if self.workers == 1 or len(tasks) < 2:
            return (_timed(task) for task in tasks)
        parallel = joblib.Parallel(n_jobs=self.workers, return_as="generator_unordered")
        found: Iterator[tuple[Task, Result]] = parallel(joblib.delayed(_timed)(task) for task in tasks)
        return found


def _timed(task: Task) -> tuple[Task, Result]:
    _warm_up()
    # More than one BLAS thread makes systems of this size many times slower.
    with threadpool_limits(1):
        begun = time.process_time()
        result = task.run()
        return task, {**result, "seconds": time.process_time() - begun}


@lru_cache(maxsize=1)
def _warm_up() -> None:
    """Load the compiled kernels, which would otherwise count for the first task."""
    one = np.ones((1, 1))
    fit_cp(np.ones((1, 1, 1)), (one, one, 2 * one), FitSettings(bound=4.0, max_iterations=2))


@dataclass(frozen=True)
class Options:
    """The options that all experiments have."""

    report: Path
    settings: Path
    work: Path
    workers: int

    def begin(self) -> Work:
        """The work of this experiment, as far as it is done."""
        return Work(Journal(self.work / "tasks.jsonl"), self.workers)


def options(folder: Path, arguments: Sequence[str] | None = None) -> Options:
    """Read the command line of the experiment in `folder`."""
    name = folder.name
    parser = argparse.ArgumentParser(prog=f"python -m experiments.{name}.run")
    parser.add_argument("report", nargs="?", type=Path, default=folder.parents[1] / "reports" / f"{name}.md")
    parser.add_argument("--settings", type=Path, default=folder / "settings.toml")
    parser.add_argument("--work", type=Path, default=folder / "work", help="where finished tasks are recorded")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    return Options(**vars(parser.parse_args(arguments)))
