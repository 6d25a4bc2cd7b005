"""Names of processes, and whether one is dead."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from mmdiscover.campaign.runners import is_dead, new_runner, shown_runner


def test_names_are_never_the_same() -> None:
    assert new_runner() != new_runner()
    assert len(new_runner()) <= 200


def test_this_process_is_alive() -> None:
    assert not is_dead(new_runner())
    assert f"process {os.getpid()}" in shown_runner(new_runner())


def test_a_step_of_the_clock_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_runner()
    monkeypatch.setattr(psutil, "boot_time", lambda: 1.0)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: 1.0)
    assert not is_dead(name)


def test_a_process_that_has_ended_is_dead() -> None:
    program = "from mmdiscover.campaign.runners import new_runner; print(new_runner())"
    name = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
    assert is_dead(name)


def test_another_process_of_the_same_number_is_not_it() -> None:
    machine, pid, started, rest = new_runner().rsplit(":", 3)
    assert is_dead(f"{machine}:{pid}:{float(started) - 1:g}:{rest}")


@pytest.mark.parametrize("name", ["", "somebody", "elsewhere:1:2:3", "a:b:c:d"])
def test_of_others_nothing_is_known(name: str) -> None:
    assert not is_dead(name)
    shown_runner(name)
