"""`mmdiscover export`."""

from __future__ import annotations

from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import (
    DEFAULT_DATABASE,
    DatabaseOption,
    EffortOption,
    ForceOption,
    OutputOption,
    SchemeIdArgument,
)
from mmdiscover.cli.stored import load_verified
from mmdiscover.errors import InputError
from mmdiscover.export.catalogue import DESCRIPTIONS

_LANGUAGES = "; ".join(f"{name}: {description}" for name, description in DESCRIPTIONS.items()) + "."


def export(
    scheme_id: SchemeIdArgument,
    language: Annotated[str, typer.Option("--to", metavar="LANG", help=_LANGUAGES)],
    effort: EffortOption = "quick",
    path: OutputOption = None,
    force: ForceOption = False,
    db: DatabaseOption = DEFAULT_DATABASE,
) -> None:
    """Write code of a stored scheme.

    Effort quick shares subexpressions of the scheme as it is. The others first look for a scheme with fewer additions,
    which is verified and written instead: orbit among the equivalent ones, some seconds; flips also among those that
    exchanges between products lead to; long takes minutes.

    The scheme is verified again and the code is checked before it is written: run where that can be done here
    (what could not be is said on standard error), otherwise read back and proved.
    """
    from mmdiscover.export import EFFORTS, emit_checked

    if language not in DESCRIPTIONS:
        raise InputError(f"language {language!r}, expected one of {', '.join(DESCRIPTIONS)}")
    if effort not in EFFORTS:
        raise InputError(f"effort {effort!r}, expected one of {', '.join(EFFORTS)}")
    output.check_writable(path, force)
    _, verified = load_verified(db, scheme_id)
    emitted = emit_checked(verified, language, EFFORTS[effort])
    output.write(emitted.code, path, force)
    if emitted.note:
        output.note(f"note: {emitted.note}")
