"""`mmdiscover fits list`."""

from __future__ import annotations

from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.fits.options import FormatOption, RankOption, checked_rank, parsed_format
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.cli.stored import reading


def list_fits(
    fmt: FormatOption = None,
    rank: RankOption = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="open: has led to no scheme yet; or refined.")
    ] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """List stored float fits.

    What has become of them, and how the last attempt to make them exact ended.
    """
    from results_db import open_database, queries

    wanted, products = parsed_format(fmt), checked_rank(rank)
    with open_database(db, create=False) as database, reading():
        rows = queries.list_fits(database, fmt=wanted, rank=products, state=state)
    if as_json:
        output.document([row.as_json() for row in rows])
        return
    output.table(
        ("fit", "scheme", "state", "attempts", "scheme ids", "last attempt", "found", "reason"),
        [
            (
                row.id,
                row.scheme,
                row.state,
                row.attempts,
                ", ".join(map(str, row.scheme_ids)) or None,
                row.status,
                row.found_at[:16].replace("T", " "),
                row.reason or None,
            )
            for row in rows
        ],
        right=("fit", "attempts"),
    )
    if not rows:
        output.note("no such fit is stored")
