"""`mmdiscover export`."""

from __future__ import annotations

from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, ForceOption, OutputOption, SchemeIdArgument
from mmdiscover.cli.stored import load_verified
from mmdiscover.errors import InputError


def export(
    scheme_id: SchemeIdArgument,
    language: Annotated[str, typer.Option("--to", metavar="LANG", help="python, numpy, text or latex.")],
    path: OutputOption = None,
    force: ForceOption = False,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Write code of a stored scheme.

    The scheme is verified again and the code is checked before it is written.
    """
    from mmdiscover.export import LANGUAGES, export_code

    if language not in LANGUAGES:
        raise InputError(f"language {language!r}, expected one of {', '.join(LANGUAGES)}")
    output.check_writable(path, force)
    _, verified = load_verified(db, scheme_id)
    output.write(export_code(verified, language), path, force)
