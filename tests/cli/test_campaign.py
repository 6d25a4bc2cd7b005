"""`mmdiscover campaign …`, with real searches of the smallest formats."""

from __future__ import annotations

import re
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from mmdiscover.campaign.spec import parse_campaign
from mmdiscover.cli.campaign import progress, table
from mmdiscover.cli.campaign.progress import LiveCampaign, PlainCampaign
from mmdiscover.discrete.settings import WalkStatus
from mmdiscover.errors import DatabaseError, InputError
from results_db import claims, open_database, queries
from results_db.repository import Recorded
from results_db.rows import Stored
from tests.cli.test_progress import walked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine

TEXT = """\
name = "small"
seed = 7
[[target]]
scheme = "2x2x2:7"
method = "numeric"
starts = 6
[[target]]
scheme = "2x1x2:4"
method = "numeric"
starts = 3
"""
SLOW = TEXT.replace("2x2x2:7", "3x3x3:23").replace("starts = 6", 'time = "1h"').replace("small", "slow")


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "small.toml"
    path.write_text(TEXT)
    return path


def test_a_session(cli: CommandLine, file: Path) -> None:
    done = cli("campaign", "run", file, "--json", "--workers", 2)
    assert done.code == 0, done
    document = done.document
    assert (document["campaign"], document["state"]) == ("small", "finished")
    assert [(target["scheme"], target["trials"]) for target in document["targets"]] == [("2x2x2:7", 6), ("2x1x2:4", 3)]
    assert all(target["exact"] for target in document["targets"])
    for target in document["targets"]:
        sums = {name: target[name] for name in ("trials", "fits", "cpu_seconds")}
        assert target["methods"] == {"numeric": pytest.approx(sums)}
    wanted = {
        "scheme",
        "trials",
        "fits",
        "exact",
        "distinct",
        "cpu_seconds",
        "cpu_seconds_per_fit",
        "cpu_seconds_per_exact",
    }
    assert wanted <= set(document["targets"][0])
    assert "campaign 'small': 2 targets, seed 7, 2 workers, database sqlite:///mmdiscover.db" in done.err
    assert "campaign 'small' is finished; its schemes: mmdiscover schemes list --campaign small" in done.err
    status = cli("campaign", "status", "--json")
    assert status.document == {**document, "processes": [], "abandoned": 0}
    shown = cli("campaign", "status", "small")
    assert shown.out.startswith("small: finished, seed 7, since 20")
    assert "2x1x2:4" in shown.out
    assert "100%" in shown.out
    (listed,) = cli("campaign", "list", "--json").document
    assert (listed["campaign"], listed["state"], listed["targets"]) == ("small", "finished", ["2x2x2:7", "2x1x2:4"])
    assert "2x2x2:7, 2x1x2:4" in cli("campaign", "list").out
    again = cli("campaign", "resume", "small")
    assert again.code == 0
    assert "2x2x2:7" in again.out
    file.write_text(TEXT.replace("starts = 3", "starts = 4"))
    more = cli("campaign", "run", file, "--json")
    assert "campaign 'small' is stored: going on where it stopped" in more.err
    assert more.document["targets"][1]["trials"] == 4
    assert "campaign 'small' is finished" in cli("campaign", "stop", "small").err
    assert cli("campaign", "stop", "small", "--json").document == {"campaign": "small", "state": "finished"}


def wait_for_trials(database: Path, count: int) -> None:
    """Until so many trials of the small target are finished and others are claimed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if database.exists():
            with suppress(DatabaseError, InputError), open_database(str(database), create=False) as db:
                if queries.campaign_summary(db, 1).targets[1].trials >= count and claims.list_claims(db, 1):
                    return
        time.sleep(0.05)
    pytest.fail("no trial was finished")


@pytest.mark.parametrize("ending", ["interrupt", "kill", "stop"])
def test_ended_and_resumed(cli: CommandLine, file: Path, start_process: Any, ending: str) -> None:
    file.write_text(SLOW)
    process = start_process("campaign", "run", str(file), "--workers", "2")
    database = file.parent / "mmdiscover.db"
    wait_for_trials(database, 3)
    status = cli("campaign", "status", "--json").document
    assert status["state"] == "running"
    (worker,) = status["processes"]
    assert str(process.pid) in worker["process"]
    assert worker["trials"] > 0
    if ending == "interrupt":
        process.send_signal(signal.SIGINT)
    elif ending == "kill":
        process.kill()
    else:
        assert "is asked to stop" in cli("campaign", "stop", "slow").err
    _, messages = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if ending == "kill" else 1), messages
    status = cli("campaign", "status", "--json").document
    assert (status["state"], status["processes"]) == ("stopped", [])
    assert status["targets"][1]["trials"] == 3
    shown = cli("campaign", "status").out
    assert "to go on: mmdiscover campaign resume slow" in shown
    if ending == "kill":
        assert status["abandoned"] > 0
        assert "left behind by processes that died: they will be begun again" in shown
    else:
        assert status["abandoned"] == 0
        assert "to go on: mmdiscover campaign resume slow" in messages
    # With less to do it comes to its end.
    file.write_text(SLOW.replace('time = "1h"', "starts = 1"))
    done = cli("campaign", "run", file, "--json")
    assert (done.code, done.document["state"]) == (0, "finished")
    assert done.document["targets"][0]["trials"] >= 1
    assert done.document["targets"][1]["trials"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "missing.toml"], ["campaign file missing.toml: there is no such file"]),
        (["run", "."], ["campaign file .: is a folder or a device"]),
        (["run", "bad.toml"], ["campaign file bad.toml: line 6: 'starts' of target 1: is 'x', expected an integer"]),
        (["run", "binary.toml"], ["campaign file binary.toml: is not UTF-8"]),
        (["run", "small.toml", "--backend", "slurm"], ["backend is 'slurm', expected loky or dask"]),
        (["run", "small.toml", "--backend", "dask"], ["--backend dask needs --scheduler"]),
        (["run", "small.toml", "--scheduler", "tcp://x:1"], ["--scheduler names a Dask cluster"]),
        (["run", "small.toml", "--workers", "0"], ["number of workers is 0"]),
        (["run", "small.toml", "--workers", "many"], ["'many', expected an integer"]),
        (["resume", "small"], ["mmdiscover.db"]),
        (["status"], ["mmdiscover.db"]),
        (["status", "--watch", "0"], ["--watch expects at least one second"]),
    ],
)
def test_bad_input(cli: CommandLine, file: Path, arguments: list[str], words: list[str]) -> None:
    (file.parent / "bad.toml").write_text(TEXT.replace("starts = 6", 'starts = "x"'))
    (file.parent / "binary.toml").write_bytes(b"\xff\xfe name")
    cli("campaign", *arguments).assert_refused(*words)
    assert not (file.parent / "mmdiscover.db").exists()


def test_campaigns_that_are_not_there(cli: CommandLine, file: Path, filled: Path) -> None:
    assert filled.exists()
    cli("campaign", "status").assert_refused("holds no campaign: begin one by `mmdiscover campaign run FILE`")
    assert "there is no campaign" in cli("campaign", "list").err
    cli("campaign", "run", file)
    for command in ("resume", "status", "stop"):
        cli("campaign", command, "other").assert_refused(
            "campaign 'other' is not in database", "campaigns there: small"
        )
    file.write_text(TEXT.replace("seed = 7", "seed = 8"))
    cli("campaign", "run", file).assert_refused("campaign 'small' is stored with seed 7 instead of 8")


def test_passwords_are_not_printed(cli: CommandLine, file: Path) -> None:
    result = cli("campaign", "run", file, "--db", "postgresql+psycopg://user:se%40cret@127.0.0.1:9/none")
    result.assert_refused("postgresql+psycopg://user:***@127.0.0.1:9/none")
    assert "cret" not in result.err


def summary(trials: int = 3, **changes: Any) -> queries.TargetSummary:
    values: dict[str, Any] = {"fits": 2, "exact": 1, "distinct": 1, "classes": 1, "fewest_additions": 18}
    return queries.TargetSummary(scheme="2x2x2:7", trials=trials, cpu_seconds=0.5 * trials, **values | changes)


def test_the_table() -> None:
    spec = parse_campaign(TEXT)
    rows = table.rows(spec, [summary(), summary(0, fewest_additions=None)])
    assert rows[0] == ("2x2x2:7", "3", "2", "1", "1", "18", "0.50 s", "0:02", "50%", "0:02")
    assert rows[1][4:] == ("1", "–", "–", "0:00", "0%", "–")
    endless = parse_campaign('name = "e"\nseed = 1\n[[target]]\nscheme = "2x2x2:7"')
    assert table.rows(endless, [summary()])[0][-2:] == ("–", "–")
    assert [table.seconds(value) for value in (0.0123, 1.234, 250)] == ["12.3 ms", "1.23 s", "4:10"]


def test_the_live_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = LiveCampaign(parse_campaign(TEXT))
    shown.progress([summary(1), summary(0)], [0, 0])
    shown.progress([summary(3), summary(1)], [2, 1])
    console = Console(width=120)
    with console.capture() as capture:
        console.print(shown)
    text = capture.get()
    assert "running" in text
    assert re.search(r"2x2x2:7\s+2\s+3\s+2\s+1\s+1\s+18", text)
    assert "small: " in text
    assert re.search(r"trials/s · 0:0\d elapsed · 0:0\d left", text)


def test_the_plain_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    lines: list[str] = []
    log = PlainCampaign(parse_campaign(TEXT), lines.append)
    log.progress([summary(3), summary(0, fits=0)], [1, 1])
    log.note("something")
    log.progress([summary(6), summary(0, fits=0)], [0, 1])
    assert lines == [
        "2x2x2:7 3 trials, 2 fits, 1 exact, 1 distinct; 2x2x2:7 0 trials, 0 fits, 1 exact, 1 distinct",
        "something",
        "1 of 2 targets done; 2x2x2:7 0 trials, 0 fits, 1 exact, 1 distinct",
    ]


def test_walks_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    log = PlainCampaign(parse_campaign(TEXT), lines.append)
    nothing, kept = Recorded(1, None, ()), Recorded(2, None, (), (Stored(7, new=True),))
    for index, (rank, recorded) in enumerate(((9, kept), (10, nothing), (8, nothing))):
        log.trial(0, walked(index, rank), recorded, None)
    log.trial(0, walked(3, 8, WalkStatus.INCONSISTENT), nothing, None)
    assert [line.partition(" over")[0] for line in lines[:2]] == ["2x2x2:7 start 0: rank 9", "2x2x2:7 start 2: rank 8"]
    assert lines[0].endswith("; kept as scheme 7")
    assert "start 3: defect" in lines[2]
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    log = LiveCampaign(parse_campaign(TEXT))
    for index, rank in enumerate((9, 10)):
        log.trial(0, walked(index, rank), nothing, None)
    log.progress([summary(3), summary(0)], [1, 0])
    console = Console(width=120)
    with console.capture() as capture:
        console.print(log)
    assert re.search(r"2x2x2:7\s+1\s+9\s+9, 10\s+3", capture.get())
    assert "million flips/s" in capture.get()
