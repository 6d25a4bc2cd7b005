"""`mmdiscover schemes export`."""

from __future__ import annotations

from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, ForceOption, OutputOption, SchemeIdArgument
from mmdiscover.cli.stored import load_verified
from mmdiscover.errors import InputError

_FORMATS = (
    "json, npz (own); fmm-json (FastMatrixMultiplication); alphatensor (npz); maple (FMM catalogue); "
    "m (nested braces); exp (products of linear forms, sizes up to 9); blocks (coefficients); "
    "flip (text of flip-graph programs)."
)


def export(
    scheme_id: SchemeIdArgument,
    file_format: Annotated[str, typer.Option("--format", metavar="FORMAT", help=_FORMATS)] = "json",
    path: OutputOption = None,
    force: ForceOption = False,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Write a stored scheme as a file, after verifying it again.

    Exit code 2 if the format cannot hold the scheme: fractions, complex entries, a scheme modulo 2, or its size.
    """
    from mmdiscover.interop import EXPORT_FORMATS

    if file_format not in EXPORT_FORMATS:
        raise InputError(f"file format {file_format!r}, expected one of {', '.join(EXPORT_FORMATS)}")
    output.check_writable(path, force)
    _, verified = load_verified(db, scheme_id)
    output.write(EXPORT_FORMATS[file_format].content(verified.scheme), path, force)
