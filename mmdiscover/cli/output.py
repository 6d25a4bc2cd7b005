"""Where results and messages go: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROGRAM = "mmdiscover"


def error(message: str) -> None:
    """Print one line that begins with the program's name on standard error."""
    print(f"{PROGRAM}: error: {' '.join(message.split())}", file=sys.stderr)


def note(message: str) -> None:
    """Print a message on standard error."""
    print(message, file=sys.stderr, flush=True)


def counted(number: int, noun: str) -> str:
    """``1 start``, ``2,000 starts``."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(numbers: Sequence[int], noun: str) -> str:
    """``scheme 7``, ``schemes 7, 8``."""
    return f"{noun}{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def document(value: Any) -> None:
    """Print a JSON document on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table on standard output; columns named in `right` hold numbers.

    On a terminal that is too narrow the last columns are left out; the first two, which name the row, are not.
    """
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=False) if sys.stdout.isatty() else Console(width=10_000, no_color=True)
    cells = [headers, *(["–" if value is None else str(value) for value in row] for row in rows)]
    ends = list(accumulate(max(map(len, column)) + 2 for column in zip(*cells, strict=True)))
    shown = max(2, sum(end - 2 <= console.width for end in ends))
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers[:shown]:
        grid.add_column(header, justify="right" if header in right else "left", no_wrap=True)
    for row in cells[1:]:
        grid.add_row(*row[:shown])
    console.print(grid, markup=False, highlight=False)


def exists(path: Path) -> bool:
    """Whether there is something at `path`; what cannot be a path is not there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def check_writable(path: Path | None, force: bool) -> None:
    """Refuse an output file before any work is done for it.

    Raises
    ------
    InputError
        If the file exists and `force` is false, its folder does not, or there can be no such file.
    """
    if path is None:
        return
    try:
        folder, there = path.is_dir(), path.exists()
    except OSError as failure:  # a name that is too long
        raise InputError(f"output {path} cannot be written: {failure.strerror}") from None
    if folder:
        raise InputError(f"output {path} is a folder, expected a file")
    if there and not force:
        raise InputError(f"output {path} exists: give another name, or --force to overwrite it")
    if not path.parent.is_dir():
        raise InputError(f"output {path}: there is no folder {path.parent}")


def write(content: str | bytes, path: Path | None, force: bool) -> None:
    """Write a result to a file, or to standard output where `path` is None.

    Raises
    ------
    InputError
        As `check_writable`, if the file cannot be written, or binary content would go to a terminal.
    """
    if path is None:
        if isinstance(content, str):
            print(content, end="" if content.endswith("\n") else "\n")
            return
        if sys.stdout.isatty():
            raise InputError("this format is binary: give a file by --output")
        sys.stdout.buffer.write(content)
        return
    check_writable(path, force)
    data = content.encode() if isinstance(content, str) else content
    try:
        with path.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError:
        raise InputError(f"output {path} exists: give another name, or --force to overwrite it") from None
    except OSError as failure:
        raise InputError(f"output {path} cannot be written: {failure.strerror}") from None
    note(f"wrote {path}")
