"""The whole chain at the command line."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pexpect
import psutil
import pytest

from mmdiscover.campaign.durations import parse_duration
from mmdiscover.campaign.interrupts import Interrupts
from mmdiscover.campaign.plan import Budget, Method, plan_target
from mmdiscover.campaign.runner import Discovery, Plan, Tally
from mmdiscover.cli import running
from mmdiscover.cli.discover import _nothing_found
from mmdiscover.core.format import Format
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.cli.conftest import CommandLine

ENDLESS = ("discover", "3x3x3:20", "--seed", "3", "--method", "numeric")
NUMERIC = ("--method", "numeric")
"""A target that no start reaches: its least known rank is 23, and below 19 none exists."""


def finished_trials(path: Path) -> int:
    """How many trials another process has recorded so far."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM trials WHERE state = 'finished'").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def living_members(group: int) -> list[psutil.Process]:
    """Processes of a process group that are more than an entry in the table."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return members


def shared_memory(process: int) -> list[str]:
    """What a process has left in shared memory."""
    return [path.name for path in Path("/dev/shm").glob(f"*[-_]{process}[-_]*")]


def test_json_has_the_agreed_keys(cli: CommandLine, folder: Path) -> None:
    result = cli("discover", "2x2x2:7", "--seed", "1", *NUMERIC, "--json")
    assert result.code == 0
    document = result.document
    agreed = {"found", "scheme_id", "scheme", "ring", "starts", "fits", "seconds", "cpu_seconds"}
    assert agreed <= set(document)
    assert (document["found"], document["scheme"], document["scheme_id"]) == (True, "2x2x2:7", 1)
    assert document["ring"] in {"ZT", "Z", "Q"}
    assert document["starts"] >= document["fits"] >= 1
    assert document["seconds"] >= document["cpu_seconds"] > 0
    assert finished_trials(folder / "mmdiscover.db") == document["starts"]
    assert cli("verify", "1").code == 0
    assert cli("db", "check").code == 0


def test_people_get_facts_formulas_and_what_to_type_next(cli: CommandLine) -> None:
    result = cli("discover", "2x2x2", "--seed", "1", *NUMERIC, "--db", "my results.db")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "2x2x2:7: 7 products instead of 8"
    for word in ("ring", "additions", "brent, symbolic", "hash", "exact fit", "seed 1"):
        assert word in result.out
    assert sum(line.startswith("m") for line in lines) == 7
    assert sum(line.startswith("c") for line in lines) == 4
    assert "start 0: " in result.err
    # The next commands can be typed as they stand.
    assert lines[-2] == "  mmdiscover schemes show 1 --db 'my results.db'"
    assert cli("schemes", "show", "1", "--db", "my results.db").code == 0


def test_the_seed_decides_the_scheme_whatever_the_number_of_workers(cli: CommandLine) -> None:
    hashes = {
        cli(
            "discover", "2x2x2:7", "--seed", "5", *NUMERIC, "--workers", workers, "--db", f"{workers}.db", "--json"
        ).document["hash"]
        for workers in ("1", "2")
    }
    assert len(hashes) == 1
    assert cli("schemes", "export", "1", "-o", "found.json", "--db", "1.db").code == 0
    assert cli("schemes", "import", "found.json", "--db", "3.db").code == 0
    again = cli("discover", "2x2x2:7", "--seed", "5", *NUMERIC, "--db", "3.db", "--json").document
    assert (again["hash"], again["new"], again["scheme_id"]) == (*hashes, False, 1)


def test_the_seed_that_was_drawn_repeats_the_run(cli: CommandLine) -> None:
    first = cli("discover", "2x2x2:7", "--json").document
    second = cli("discover", "2x2x2:7", "--seed", first["seed"], "--db", "other.db", "--json").document
    assert second["hash"] == first["hash"]


def settings_of_trials(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        return [json.loads(text) for (text,) in connection.execute("SELECT settings FROM trials ORDER BY trial_index")]


@pytest.mark.parametrize(
    ("scheme", "symmetry", "expected"),
    [
        ("2x2x2:6", "none", None),
        ("2x2x2:6", "alternating:2", {"fixed": 2, "negative": None}),
        ("2x2x2:6", "diagonal-1:4", {"fixed": 4, "negative": 1}),
        ("2x2x2:6", "sandwich:a,1,a", {"forms": [None, 1, None]}),
    ],
)
def test_options_reach_the_trials(
    cli: CommandLine, folder: Path, scheme: str, symmetry: str, expected: dict[str, Any] | None
) -> None:
    options = ("--bound", "45", "--start-scale", "0.25", "--max-iterations", "20", "--symmetry", symmetry)
    result = cli("discover", scheme, *options, "--starts", "3", "--json")
    assert (result.code, result.document["settings"]) == (1, None)
    pinned = {"bound": 45.0, "start_scale": 0.25, "max_iterations": 20, "symmetry": expected}
    assert settings_of_trials(folder / "mmdiscover.db") == [pinned] * 3


def test_what_is_not_given_is_learnt(cli: CommandLine, folder: Path) -> None:
    # No scheme of rank 6 exists.
    first = cli("discover", "2x2x2:6", "--seed", "1", *NUMERIC, "--starts", "20")
    assert "settings: learnt" not in first.err
    settings = settings_of_trials(folder / "mmdiscover.db")
    assert len({trial["bound"] for trial in settings}) > 3
    assert {trial["start_scale"] for trial in settings} == {0.5}
    second = cli("discover", "2x2x2:6", "--seed", "1", *NUMERIC, "--starts", "1")
    assert "settings: learnt from 20 earlier starts\n" in second.err
    pinned = cli("discover", "2x2x2:6", "--seed", "1", "--starts", "1", "--bound", "45", "--symmetry", "none")
    assert "settings: learnt" not in pinned.err


def test_the_settings_that_found_it_are_told(cli: CommandLine, folder: Path) -> None:
    document = cli("discover", "2x2x2:7", "--seed", "1", "--json").document
    # In this process the last trial is the one that was waited for.
    assert document["settings"] == settings_of_trials(folder / "mmdiscover.db")[-1]


@pytest.mark.parametrize("budget", [("--starts", "3"), ("--time", "3s")], ids=" ".join)
def test_nothing_found_is_exit_code_1(cli: CommandLine, folder: Path, budget: tuple[str, str]) -> None:
    result = cli(*ENDLESS, *budget, "--workers", "1", "--json")
    assert result.code == 1
    document = result.document
    assert (document["found"], document["scheme_id"], document["ring"]) == (False, None, None)
    assert document["interrupted"] is False
    assert finished_trials(folder / "mmdiscover.db") == document["starts"]
    if budget[0] == "--starts":
        assert document["starts"] == 3
    assert "not found, the budget is used up" in result.err
    assert "kept as campaign 1" in result.err


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_all_finished_trials(
    start_process: Any, folder: Path, workers: str, number: signal.Signals
) -> None:
    process: Popen[str] = start_process(*ENDLESS, "--workers", workers, "--json")
    wait_until(lambda: finished_trials(folder / "mmdiscover.db") >= 2)
    # As a terminal does: every process of the group gets it.
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err
    assert "Warning" not in err
    document = json.loads(out)
    assert document["interrupted"] is True
    assert document["starts"] == finished_trials(folder / "mmdiscover.db") >= 2
    assert "interrupted" in err.splitlines()[-1]
    wait_until(lambda: living_members(process.pid) == [], seconds=10)
    assert shared_memory(process.pid) == []


def test_workers_do_not_outlive_a_killed_process(start_process: Any, folder: Path) -> None:
    process: Popen[str] = start_process(*ENDLESS, "--workers", "2")
    wait_until(lambda: finished_trials(folder / "mmdiscover.db") >= 1)
    process.kill()
    wait_until(lambda: living_members(process.pid) == [], seconds=20)
    assert shared_memory(process.pid) == []


def test_an_interrupt_before_the_search_is_heard(start_process: Any, folder: Path) -> None:
    process: Popen[str] = start_process(*ENDLESS)
    # While it imports: an exception there could be caught by whatever is being imported.
    wait_until(lambda: "numpy" in Path(f"/proc/{process.pid}/maps").read_text())
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (1, "", "mmdiscover: interrupted\n")
    assert list(folder.iterdir()) == []


def start_in_terminal(folder: Path) -> pexpect.spawn[str]:
    """An endless search in a terminal, once it is at work."""
    arguments = ["-m", "mmdiscover", *ENDLESS, "--workers", "2", "--starts", "10000"]
    terminal = pexpect.spawn(
        sys.executable, arguments, cwd=str(folder), dimensions=(24, 80), encoding="utf-8", timeout=60
    )
    terminal.expect(r"3x3x3:20  [1-9]\d* starts? · 0 exact fits · best residual \d\.\de[+-]\d\d\r\n")
    terminal.expect(r"  \d+\.\d starts/s · 2 searching · \d+:\d\d elapsed · [\d:]+ left\r\n")
    return terminal


def test_a_terminal_shows_what_goes_on(folder: Path) -> None:
    terminal = start_in_terminal(folder)
    terminal.sendintr()
    terminal.expect("not found, interrupted")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 1


def test_a_terminal_that_is_closed_ends_the_search(folder: Path) -> None:
    terminal = start_in_terminal(folder)
    os.close(terminal.child_fd)
    wait_until(lambda: living_members(terminal.pid) == [])
    assert shared_memory(terminal.pid) == []
    with closing(sqlite3.connect(folder / "mmdiscover.db")) as connection:
        assert connection.execute("SELECT state FROM campaigns").fetchall() == [("stopped",)]


def test_a_pipe_gets_plain_lines(start_process: Any) -> None:
    out, err = start_process("discover", "2x2x2:7", "--seed", "1").communicate(timeout=120)
    assert "\x1b" not in out + err
    assert out.startswith("2x2x2:7: 7 products")
    assert err.splitlines()[0].startswith("2x2x2:7: seed 1, 1 worker, database ")


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("10m", 600), ("1.5h", 5400), ("2d", 172800), ("500ms", 0.5), ("7", 7)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "0", "-1s", "1e3s", "inf", "nan", "1 2s", "5w", "١s"])
def test_nonsense_times(text: str) -> None:
    with pytest.raises(InputError, match="expected a positive time"):
        parse_duration(text)


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_search_is_compiled_beforehand(
    interrupted: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # A compiler that would go on for a minute is ended at once.
    compiler = [sys.executable, "-c", "import time; time.sleep(60)" if interrupted else "raise SystemExit(0)"]
    started: list[subprocess.Popen[bytes]] = []

    def start(_: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(compiler, **options))
        return started[-1]

    monkeypatch.setattr("mmdiscover.search.kernels_compiled", lambda: False)
    monkeypatch.setattr(running, "subprocess", SimpleNamespace(Popen=start))
    interrupts = Interrupts()
    interrupts.by_user = interrupted
    running.compile_search(interrupts)
    assert "compiling the search" in capsys.readouterr().err
    assert [process.returncode for process in started] == [-signal.SIGKILL if interrupted else 0]


def test_walks_find_it_without_being_told(cli: CommandLine) -> None:
    document = cli("discover", "2x3x3:15", "--seed", "1", "--json").document
    assert (document["found"], document["scheme"], document["method"]) == (True, "2x3x3:15", "discrete")
    assert document["walks"] == document["starts"] >= document["fits"] >= 1
    assert (document["best_rank"], document["best_residual"]) == (15, None)
    assert document["flips"] > 0
    assert set(document["settings"]) == {"walk", "begin"}
    assert cli("db", "check").code == 0
    shown = cli("schemes", "show", str(document["scheme_id"]))
    assert "walk over" in shown.out


def test_few_additions(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.discrete.ternary._TRIES_FOR_FEW", 20)
    sought = ("discover", "2x2x2:7", "--objective", "additions", "--seed", "1", "--workers", "1")
    first = cli(*sought, "--json").document
    assert (first["found"], first["starts"], first["ring"], first["method"]) == (True, 1, "ZT", "discrete")
    again = cli(*sought, "--db", "other.db", "--json").document
    assert again["hash"] == first["hash"]
    # The budget is used up, from what was found on.
    result = cli(*sought, "--starts", "3")
    assert "3 starts, 3 exact fits, 0 flips" in result.out
    assert "additions  18," in result.out
    assert "2 more ternary, stored" in result.out
    assert "start 2: rank 7 over Z2 after 0 flips" in result.err
    assert "18 additions" in result.err
    assert cli("db", "check").code == 0


def test_schemes_modulo_2(cli: CommandLine) -> None:
    result = cli("discover", "2x2x3", "--ring", "Z2", "--seed", "1", "--flips", "500000", "--json")
    assert (result.document["scheme"], result.document["ring"]) == ("2x2x3:11", "Z2")
    assert result.document["settings"]["walk"]["flips"] == 500_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("2x2x2:7", "--ring", "ZT"), ["ring is 'ZT', expected Z2"]),
        (("2x2x2:7", "--method", "magic"), ["method is 'magic', expected numeric, discrete, both"]),
        (("2x2x2:7", "--method", "numeric", "--ring", "Z2"), ["ring is Z2", "expected the method discrete"]),
        (("2x2x2:7", "--method", "discrete", "--bound", "50"), ["are for the numerical search, not for walks"]),
        (("2x2x2:7", "--method", "numeric", "--flips", "50"), ["are for walks, not for the numerical search"]),
        (("2x2x2:7", "--objective", "speed"), ["objective is 'speed', expected rank, additions"]),
        (("2x2x2:7", "--objective", "additions", "--ring", "Z2"), ["objective is additions and ring is Z2"]),
        (("2x2x2:7", "--objective", "additions", "--method", "numeric"), ["expected the method discrete"]),
        (("2x2x2:7", "--flips", "0"), ["flips of a walk is 0, expected an integer >= 1"]),
        (("2x9x15:200", "--method", "discrete"), ["2x9x15: a factor has 135 entries, expected at most 128"]),
        (("2x2x2:3",), ["no scheme of 2x2x2 has fewer than 4 products"]),
    ],
)
def test_what_walks_cannot_do(cli: CommandLine, folder: Path, options: tuple[str, ...], words: list[str]) -> None:
    cli("discover", *options).assert_refused(*words)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("method", "advice"),
    [("numeric", "give it more time"), ("discrete", "give it more time, or walks fewer --flips")],
)
def test_what_helps_where_no_start_was_finished(method: str, advice: str) -> None:
    target = plan_target(Format(4, 4, 4), 49, method=Method(method))
    nothing = Discovery(1, None, Tally(), (), interrupted=False)
    told = _nothing_found(nothing, Plan(target, 1, 2, Budget(seconds=1.0)), 1.0)
    assert told.endswith(f"no start was finished: {advice}")


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("2x2x2:3", "no scheme of 2x2x2 has fewer than 7 products (Hopcroft and Kerr)"),
        ("3x3x3:18", "no scheme of 3x3x3 has fewer than 19 products (Bläser)"),
        ("1x2x3:5", "no scheme of 1x2x3 has fewer than 6 products (the flattenings of the tensor)"),
        ("3x3x3:20", "the best rank on record for 3x3x3 is 23"),
    ],
)
def test_what_cannot_be_is_said_and_tried(cli: CommandLine, scheme: str, words: str) -> None:
    result = cli("discover", scheme, "--method", "discrete", "--starts", "1", "--flips", "1000")
    assert result.code == 1
    assert words in result.err
