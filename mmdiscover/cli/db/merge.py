"""`mmdiscover db merge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.db.counting import Counter
from mmdiscover.cli.db.proving import prove
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption

if TYPE_CHECKING:
    from results_db.merge import Merged


def merge(
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Database whose contents are added, path or URL.")],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Add what another database holds; merging twice adds nothing.

    Every new scheme is verified. Interrupted, what was merged is kept, and the next merge goes on. Exit code 1 if
    damaged rows of the other database were left out.
    """
    from results_db import open_database
    from results_db.contents import DatabaseContents
    from results_db.merge import merge as merge_contents

    with open_database(other, create=False) as source, open_database(db) as database, source.read() as connection:
        merged = merge_contents(database, DatabaseContents(connection), prove, Counter("merging rows"))
    show(merged, as_json)


def show(merged: Merged, as_json: bool, verb: str = "added") -> None:
    """Print how many rows were copied and which were left out; exit with 1 if there are any of those.

    Raises
    ------
    typer.Exit
    """
    left = [{"table": row.table, "id": row.number, "reason": row.reason} for row in merged.left]
    if as_json:
        output.document({verb: merged.added, "left_out": left})
    else:
        output.table(("table", verb), list(merged.added.items()), right=(verb,))
        for row in left:
            print(f"left out: {row['table']} {row['id']}: {row['reason']}")
    if left:
        raise typer.Exit(1)
