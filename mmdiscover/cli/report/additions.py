"""`mmdiscover report additions`."""

from __future__ import annotations

from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, EffortOption, JsonOption
from mmdiscover.cli.stored import reading
from mmdiscover.errors import InputError


def additions(
    effort: EffortOption = "quick",
    most: Annotated[
        int, typer.Option("--schemes", metavar="N", min=1, help="Look at N schemes of each format at most.")
    ] = 10,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Compare the additions of stored schemes with the fewest published ones.

    Of each format those of the least rank are looked at, ternary ones where there are any, in the sorted format.
    Effort quick shares subexpressions of each scheme as it is; orbit also looks for equivalent schemes that share
    more, some seconds each; flips also for others that exchanges between its products lead to; long takes minutes.
    """
    from mmdiscover.export import EFFORTS, fewest_additions
    from mmdiscover.report.additions import additions_table
    from results_db import open_database

    if effort not in EFFORTS:
        raise InputError(f"effort {effort!r}, expected one of {', '.join(EFFORTS)}")
    with open_database(db, create=False) as database, reading():
        chosen = EFFORTS[effort]
        rows = list(additions_table(database, lambda scheme: fewest_additions(scheme, chosen).additions, most))
    if as_json:
        output.document([row.as_json() for row in rows])
        return
    output.table(
        ("scheme", "ring", "schemes", "naive", "best known", "reduced", "best known", "mark"),
        [
            (row.scheme, row.ring, row.schemes, row.naive, row.known_naive, row.reduced, row.known_reduced, row.mark)
            for row in rows
        ],
        right=("schemes", "naive", "best known", "reduced"),
    )
