"""Options that several commands share, and the reading of what is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DEFAULT_DATABASE = "mmdiscover.db"

DatabaseOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--db",
        metavar="URL",
        envvar="MMDISCOVER_DB",
        help="Results database: the path of an SQLite file, or a URL such as sqlite:///FILE.",
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
SchemeIdArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="Number of a stored scheme, or the beginning of its hash.")
]
OutputOption: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of standard output.")
]
ForceOption: TypeAlias = Annotated[bool, typer.Option("--force", help="Overwrite the output file if there is one.")]

EffortOption: TypeAlias = Annotated[
    str, typer.Option("--effort", metavar="EFFORT", help="quick, orbit, flips or long.")
]


def integer(text: str) -> int:
    """Read an integer.

    Raises
    ------
    typer.BadParameter
        If `text` is anything else.
    """
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}, expected an integer") from None


def number(text: str) -> float:
    """Read a number.

    Raises
    ------
    typer.BadParameter
        If `text` is anything else.
    """
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}, expected a number") from None
