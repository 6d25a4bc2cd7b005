"""The command line's reference, made from its help: ``python -m tests.cli.reference`` writes docs/cli.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.testing import CliRunner

from mmdiscover.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

_HEAD = """# The command line

Made from the program's own help by `python -m tests.cli.reference`; a test keeps it up to date.

Exit codes: 0 done; 1 ran, but did not find or verify what was asked; 2 wrong usage or bad input. Results go to standard
output, with `--json` as one JSON document; progress and messages go to standard error. Ctrl-C ends a search within two
seconds and keeps every finished start.
"""


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with its path below ``mmdiscover``."""

    def walk(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield path, command
        for name, child in getattr(command, "commands", {}).items():
            yield from walk((*path, name), child)

    return walk((), typer.main.get_command(app))


def help_text(path: tuple[str, ...]) -> str:
    """What ``--help`` prints, 80 columns wide."""
    result = CliRunner(env={"MMDISCOVER_DB": None}).invoke(app, [*path, "--help"], prog_name="mmdiscover")
    if result.exit_code:
        raise RuntimeError(f"{path}: {result.output}")
    return result.stdout


def render() -> str:
    """The whole reference."""
    parts = [_HEAD]
    for path, _ in commands():
        name = " ".join(("mmdiscover", *path))
        lines = "\n".join(line.rstrip() for line in help_text(path).strip().splitlines())
        parts.append(f"## {name}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(render(), encoding="utf-8")
