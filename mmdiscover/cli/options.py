"""Options that several commands share, and the reading of what is typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mmdiscover.errors import InputError

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


_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)?", re.ASCII)
_SECONDS = {"ms": 1e-3, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """Read ``"60s"``, ``"1.5h"`` or plain seconds.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    InputError
        If `text` is anything else, or zero.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise InputError(f"time {text!r}: expected a positive time such as 60s, 10m or 1.5h")
    return seconds
