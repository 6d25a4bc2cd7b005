"""A folder to work in, databases with known schemes, and the command line run here or as a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmdiscover.cli.main import run as run_command
from mmdiscover.verify import verify
from results_db import open_database, repository
from tests.schemes import laderman, strassen, winograd

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def assert_refused(self, *words: str) -> None:
        """One line on standard error that names all `words`, nothing on standard output, exit code 2."""
        assert self.code == 2, self
        assert self.out == ""
        assert self.err.startswith("mmdiscover: error: ")
        assert self.err.count("\n") == 1
        assert self.err.endswith("\n")
        for word in words:
            assert word in self.err


class CommandLine:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Result:
        self._capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Result(code, captured.out, captured.err)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, no database in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MMDISCOVER_DB", raising=False)
    return tmp_path


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:  # noqa: ARG001
    return CommandLine(capsys)


@pytest.fixture(scope="session")
def stored_schemes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file that holds Strassen (1), Strassen-Winograd (2) and Laderman (3)."""
    path = tmp_path_factory.mktemp("stored") / "stored.db"
    with open_database(str(path)) as db:
        for scheme in (strassen(), winograd(), laderman()):
            verified = verify(scheme).verified
            assert verified is not None
            repository.store_scheme(db, verified, source_kind="import", detail="known")
    return path


@pytest.fixture
def filled(stored_schemes: Path, folder: Path) -> Path:
    """The default database of the working folder, with three schemes."""
    return Path(shutil.copy(stored_schemes, folder / "mmdiscover.db"))


@pytest.fixture
def start_process(folder: Path) -> Iterator[Any]:
    """Start ``python -m mmdiscover`` in a session of its own; what is left of it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        settings: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "cwd": folder,
            "text": True,
        } | options
        process = subprocess.Popen([sys.executable, "-m", "mmdiscover", *arguments], start_new_session=True, **settings)
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
