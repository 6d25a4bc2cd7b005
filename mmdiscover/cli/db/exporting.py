"""`mmdiscover db export` and `mmdiscover db import`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import Annotated

import typer

from mmdiscover.cli.db.counting import Counter
from mmdiscover.cli.db.merge import show
from mmdiscover.cli.db.proving import prove
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption


def export_folder(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New or empty folder.")],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Write everything as files: schemes as scheme files, the rest as JSON lines.

    Every scheme is verified again. Exit code 1 if damaged ones were left out.
    """
    from results_db import open_database
    from results_db.dump import dump

    with open_database(db, create=False) as database:
        show(dump(database, folder, prove, Counter("exporting rows")), as_json, "written")


def import_folder(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `mmdiscover db export` wrote.")],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Add what was exported to a folder; importing twice adds nothing.

    Every new scheme is verified. Exit code 1 if damaged rows were left out.
    """
    from results_db import open_database
    from results_db.dump import FolderContents
    from results_db.merge import merge

    contents = FolderContents(folder)
    with open_database(db) as database:
        show(merge(database, contents, prove, Counter("importing rows")), as_json)
