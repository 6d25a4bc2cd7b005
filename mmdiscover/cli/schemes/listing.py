"""`mmdiscover schemes list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, integer
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.ring import Ring


def list_schemes(
    fmt: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="Such as 2x3x4; any order finds all six.")
    ] = None,
    rank: Annotated[
        int | None, typer.Option(parser=integer, metavar="R", help="Exactly this number of products.")
    ] = None,
    ring: Annotated[str | None, typer.Option(metavar="RING", help="Smallest ring: ZT, Z, Q, C or Z2.")] = None,
    max_additions: Annotated[
        int | None,
        typer.Option(parser=integer, metavar="N", help="At most so many additions, counted without sharing."),
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="KIND", help="Where found: trial, import, …")] = None,
    sort: Annotated[
        str, typer.Option(metavar="KEY", help="rank, additions, nonzeros, format, found (newest first) or id.")
    ] = "rank",
    limit: Annotated[int | None, typer.Option(parser=integer, metavar="N", help="At most so many.")] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """List stored schemes."""
    from mmdiscover.core.format import Format
    from results_db import open_database, queries

    wanted = None if fmt is None else Format.parse(fmt)
    wanted_ring = None if ring is None else _parse_ring(ring)
    with open_database(db, create=False) as database:
        rows = queries.list_schemes(
            database,
            fmt=wanted,
            rank=rank,
            ring=wanted_ring,
            max_additions=max_additions,
            source=source,
            sort=sort,
            limit=limit,
        )
    if as_json:
        output.document([row.as_json() for row in rows])
        return
    numbers = ("id", "nonzeros", "additions")
    headers = ("id", "scheme", "ring", "nonzeros", "additions", "class", "source", "found", "hash")
    output.table(
        headers,
        [
            (
                row.id,
                row.scheme,
                row.ring,
                row.nonzeros,
                row.additions,
                row.orbit_class,
                row.source,
                row.found_at[:16].replace("T", " "),
                row.hash[:12],
            )
            for row in rows
        ],
        right=numbers,
    )
    if not rows:
        output.note("no such scheme is stored")


def _parse_ring(text: str) -> Ring:
    from mmdiscover.core.ring import Ring

    try:
        return Ring(text.upper())
    except ValueError:
        raise InputError(f"ring {text!r}, expected one of {', '.join(Ring)}") from None
