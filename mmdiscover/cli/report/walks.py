"""`mmdiscover report walks`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # Typer reads annotations
from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, ForceOption, JsonOption
from mmdiscover.cli.stored import reading
from mmdiscover.errors import InputError

_KINDS = ("png", "svg", "pdf")


def walks(
    campaign: Annotated[
        str, typer.Argument(metavar="CAMPAIGN", help="Name or number of a campaign, or of a discover.")
    ],
    scheme: Annotated[
        str | None, typer.Argument(metavar="SCHEME", help="Only the target 4x4x4, or 4x4x4:49. Default: all.")
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Draw a picture: .png, .svg or .pdf, by matplotlib."),
    ] = None,
    force: ForceOption = False,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Show how the ranks of a campaign's walks on the flip graph went down.

    One line per target; with --json also after how many flips each walk came to which rank. The picture has a panel
    per target and a line per walk: rank against flips, the best walk on top, the best known ranks dashed.
    """
    from mmdiscover.report.walks import picture, walks_of_targets
    from results_db import open_database

    if path is not None and path.suffix[1:].lower() not in _KINDS:
        raise InputError(f"output {path}: expected a name that ends in {', '.join(f'.{kind}' for kind in _KINDS)}")
    output.check_writable(path, force)
    with open_database(db, create=False) as database, reading():
        name, targets = walks_of_targets(database, campaign, scheme)
    if path is not None:
        try:
            drawn = picture(name, targets, path.suffix[1:].lower())
        except ModuleNotFoundError as missing:
            raise InputError(f"a picture needs {missing.name}: pip install 'mmdiscover[plot]'") from None
        output.write(drawn, path, force)
    if as_json:
        output.document({"campaign": name, "targets": [target.as_json() for target in targets]})
        return
    output.table(
        ("target", "walks", "flips", "best rank", "after flips", "over", "best known"),
        [
            (
                target.scheme,
                len(target.walks),
                f"{target.flips:,}",
                target.best.rank,
                f"{target.best.trace[-1][0]:,}",
                target.best.ring,
                target.known.get(target.best.ring),
            )
            for target in targets
        ],
        right=("walks", "flips", "best rank", "after flips", "best known"),
    )
