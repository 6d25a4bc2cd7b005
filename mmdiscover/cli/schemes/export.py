"""`mmdiscover schemes export`."""

from __future__ import annotations

from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, ForceOption, OutputOption, SchemeIdArgument
from mmdiscover.cli.stored import load_verified
from mmdiscover.errors import InputError


def export(
    scheme_id: SchemeIdArgument,
    file_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help="json or npz.")] = "json",
    path: OutputOption = None,
    force: ForceOption = False,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Write a stored scheme as a file, after verifying it again."""
    from mmdiscover.interop import EXPORT_FORMATS

    if file_format not in EXPORT_FORMATS:
        raise InputError(f"file format {file_format!r}, expected one of {', '.join(EXPORT_FORMATS)}")
    output.check_writable(path, force)
    _, verified = load_verified(db, scheme_id)
    output.write(EXPORT_FORMATS[file_format](verified.scheme), path, force)
