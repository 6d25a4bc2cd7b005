"""Standard streams, completion, and what is not imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmdiscover import __version__

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

HEAVY = {"numpy", "scipy", "sympy", "sqlalchemy", "alembic", "joblib", "rich", "matplotlib"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["schemes", "--help"], ["discover", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = "import sys; from mmdiscover.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert result.stdout
    assert not HEAVY & {name.partition(".")[0] for name in result.stderr.split()}


def test_version(cli: CommandLine) -> None:
    assert cli("--version").out == f"mmdiscover {__version__}\n"


def test_no_command_shows_help(cli: CommandLine) -> None:
    result = cli()
    assert (result.code, result.out) == (0, cli("--help").out)


@pytest.mark.usefixtures("filled")
class TestBrokenStreams:
    @pytest.mark.parametrize("options", [[], ["--json"]])
    @pytest.mark.parametrize("buffering", ["", "1"])
    def test_a_reader_that_has_seen_enough(self, start_process: Any, options: list[str], buffering: str) -> None:
        environment = os.environ | {"PYTHONUNBUFFERED": buffering}
        process = start_process("schemes", "list", *options, env=environment)
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1

    def test_a_full_disk(self, start_process: Any) -> None:
        with Path("/dev/full").open("w") as full:
            process = start_process("schemes", "list", stdout=full)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert err == "mmdiscover: error: standard output: No space left on device\n"

    def test_a_closed_standard_output(self, folder: Path) -> None:
        command = f"'{sys.executable}' -m mmdiscover schemes list >&-"
        result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=folder, check=False)
        assert (result.returncode, result.stderr) == (0, "")

    def test_a_terminal_that_knows_ascii_only(self, start_process: Any) -> None:
        environment = os.environ | {"PYTHONIOENCODING": "ascii"}
        process = start_process("schemes", "list", "--json", env=environment)
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0


class TestCompletion:
    def complete(self, words: str, count: int) -> list[str]:
        variables = {"_MMDISCOVER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
        command = [sys.executable, "-m", "mmdiscover"]
        result = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
        return result.stdout.split()

    def test_commands_and_options(self) -> None:
        assert self.complete("mmdiscover sch", 1) == ["schemes"]
        assert self.complete("mmdiscover schemes list --max", 3) == ["--max-additions"]

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_scripts(self, shell: str, folder: Path) -> None:
        environment = os.environ | {"HOME": str(folder)}
        command = [sys.executable, "-m", "mmdiscover"]
        shown = subprocess.run(
            [*command, "--show-completion", shell], env=environment, capture_output=True, text=True, check=True
        )
        assert "_MMDISCOVER_COMPLETE" in shown.stdout
        subprocess.run([*command, "--install-completion", shell], env=environment, capture_output=True, check=True)
        assert any("_MMDISCOVER_COMPLETE" in path.read_text() for path in folder.rglob("*") if path.is_file())
