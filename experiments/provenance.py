"""What a report says about how it was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def provenance(command: str, settings: Path | None = None) -> str:
    """A Markdown paragraph: command, settings, versions and machine.

    Parameters
    ----------
    command : str
        As typed.
    settings : Path, optional
        The settings file; its contents are quoted.
    """
    packages = ", ".join(f"{name} {version(name)}" for name in ("mmdiscover", "numpy", "scipy", "sympy"))
    made = (
        f"Made by `{command}` with Python {platform.python_version()}, {packages},\n"
        f"on {platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} cores."
    )
    if settings is None:
        return f"{made}\n"
    return f"{made} Settings:\n\n```toml\n{settings.read_text(encoding='utf-8').strip()}\n```\n"


def processor() -> str:
    """Name of the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in (columns, *rows)]
    return [lines[0], "|---" * len(columns) + "|", *lines[1:]]


def write_report(path: Path, lines: list[str]) -> None:
    """Write a Markdown report, in a folder that need not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
