"""What the README shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmdiscover.cli.main import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = sorted(set(re.findall(r"^\$ mmdiscover ((?:[a-z]+ )+)", README, re.MULTILINE)))


@pytest.mark.parametrize("program", PROGRAMS)
def test_examples_run(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each Python example runs and prints a verified scheme."""
    exec(compile(program, "README.md", "exec"), {})
    assert "'brent': True, 'symbolic': True" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command: str) -> None:
    """Each command that is shown has help."""
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0
