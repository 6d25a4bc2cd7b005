"""`mmdiscover report ranks`."""

from __future__ import annotations

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption


def ranks(db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Compare the best stored rank of each format and ring with the best known one."""
    from mmdiscover.report.ranks import rank_table
    from results_db import open_database

    with open_database(db, create=False) as database:
        rows = rank_table(database)
    if as_json:
        output.document([row.as_json() for row in rows])
        return
    output.table(
        ("format", "ring", "stored", "best known", "mark"),
        [(row.format, row.ring, row.rank, row.known, row.mark) for row in rows],
        right=("stored", "best known"),
    )
