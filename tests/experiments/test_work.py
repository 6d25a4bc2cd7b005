"""Tasks are recorded as they finish, and not run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.work import Journal, Result, Work, options

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Append:
    """Leaves a line in `file` each time it runs; stops the whole run at a number."""

    file: str
    number: int
    stop_at: int = -1

    def run(self) -> Result:
        if self.number == self.stop_at:
            raise KeyboardInterrupt
        with Path(self.file).open("a") as file:
            file.write(f"{self.number}\n")
        return {"square": self.number**2, "pair": (1, 2)}


def ran(file: Path) -> list[int]:
    return sorted(int(line) for line in file.read_text().splitlines())


def squares(work: Work, tasks: list[Append]) -> list[int]:
    return [result["square"] for result in work.run("squares", tasks, best=lambda result: float(result["square"]))]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, workers: int) -> None:
    file, journal = tmp_path / "ran", tmp_path / "folder" / "journal"
    tasks = [Append(str(file), number) for number in range(6)]
    with pytest.raises(KeyboardInterrupt):
        Work(Journal(journal)).run("squares", [*tasks[:3], Append(str(file), 3, stop_at=3), *tasks[4:]])
    assert ran(file) == [0, 1, 2]
    assert squares(Work(Journal(journal), workers), tasks) == [0, 1, 4, 9, 16, 25]
    assert ran(file) == [0, 1, 2, 3, 4, 5]
    assert squares(Work(Journal(journal)), tasks) == [0, 1, 4, 9, 16, 25]
    assert ran(file) == [0, 1, 2, 3, 4, 5]


def test_a_result_is_the_same_from_the_run_and_from_the_file(tmp_path: Path) -> None:
    task = Append(str(tmp_path / "ran"), 2)
    work = Work(Journal(tmp_path / "journal"))
    (fresh,) = work.run("squares", [task])
    assert fresh == Journal(tmp_path / "journal").get(task)
    assert fresh["pair"] == [1, 2]
    assert work.seconds == fresh["seconds"] >= 0


def test_a_half_written_line_is_ignored_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    path, tasks = tmp_path / "journal", [Append(str(tmp_path / "ran"), number) for number in range(3)]
    Work(Journal(path)).run("squares", tasks)
    path.write_text(path.read_text()[:-15])
    assert [Journal(path).get(task) is None for task in tasks] == [False, False, True]
    squares(Work(Journal(path)), tasks)
    assert ran(tmp_path / "ran") == [0, 1, 2, 2]
    assert [Journal(path).get(task) is None for task in tasks] == [False, False, False]


def test_results_of_other_settings_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path).add(Append("a", 1), {"square": 1})
    assert Journal(path).get(Append("b", 1)) is None
    assert Journal(path).get(Append("a", 1)) == {"square": 1}


def test_progress_shows_the_count_and_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    squares(Work(Journal(tmp_path / "journal")), [Append(str(tmp_path / "ran"), number) for number in (4, 3, 5)])
    assert "squares  3/3, best 9" in capsys.readouterr().err


def test_options(tmp_path: Path) -> None:
    folder = tmp_path / "experiments" / "curves"
    assert options(folder, []).report == tmp_path / "reports" / "curves.md"
    chosen = options(folder, ["r.md", "--work", "w", "--settings", "s.toml", "--workers", "2"])
    assert (chosen.report, chosen.work, chosen.settings, chosen.workers) == (Path("r.md"), Path("w"), Path("s.toml"), 2)


SETTINGS = """
seed = 1
start_scale = 0.5
max_iterations = 300
per_product = [6.0, 7.0, 8.0]
shrink = { fits = 1, per_product = 7.0, factor = 0.9, max_iterations = 50 }
[[target]]
scheme = "3x3x3:23"
starts = 12
"""


@pytest.mark.slow
def test_a_killed_experiment_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    journals = {}
    for name in ("whole", "killed"):
        command = [sys.executable, "-m", "experiments.radius.run", str(tmp_path / f"{name}.md")]
        command += ["--settings", str(tmp_path / "settings.toml"), "--work", str(tmp_path / name)]
        journal = tmp_path / name / "tasks.jsonl"
        if name == "killed":
            with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
                while not (journal.exists() and journal.read_text().count("\n") >= 3):
                    time.sleep(0.01)
                os.kill(process.pid, signal.SIGKILL)
            assert not (tmp_path / "killed.md").exists()
        finished = journal.read_text().count("\n") if journal.exists() else 0
        assert (finished > 0) == (name == "killed")
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        lines = [json.loads(line) for line in journal.read_text().splitlines() if line.endswith("}")]
        journals[name] = [{**line, "result": {**line["result"], "seconds": 0}} for line in lines]
    assert len(journals["whole"]) == 37
    assert journals["killed"] == journals["whole"]
