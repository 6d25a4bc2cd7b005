"""Who works on a campaign: a name for each process, and whether the one of a name is dead."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil


def new_runner() -> str:
    """A name that no other run of this program has, on no machine: ``host/machine:pid:started:random``."""
    return f"{_machine()}:{os.getpid()}:{_started(os.getpid())}:{secrets.token_hex(4)}"


def is_dead(runner: str) -> bool:
    """Whether a runner was a process of this machine and is no more; False where that cannot be known."""
    with suppress(ValueError):
        machine, pid, started, _ = runner.rsplit(":", 3)
        if machine != _machine():
            return False
        try:
            return _started(int(pid)) != started or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False
    return False


def shown_runner(runner: str) -> str:
    """Host and process number, for people."""
    machine, _, rest = runner.partition(":")
    return f"{machine.partition('/')[0]}, process {rest.partition(':')[0]}"


def _started(pid: int) -> str:
    """When a process was started: in ticks since the machine was, where that is known, as its clock may be set."""
    with suppress(OSError, IndexError):
        # Behind the name of the program, which may hold anything.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    return f"{psutil.Process(pid).create_time():.2f}"


@cache
def _machine() -> str:
    """Where process numbers mean the same: the host's name may be shared by containers, and survives a reboot."""
    parts = [socket.gethostname().replace(":", "-").replace("/", "-")[:60]]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:13])
        parts.append(str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]"))
    return "/".join(parts)
