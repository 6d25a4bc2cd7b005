"""`mmdiscover schemes list`."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, integer
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.ring import Ring
    from results_db.queries import ClassRow, SchemeRow


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
    orbit_class: Annotated[
        str | None, typer.Option("--class", metavar="LABEL", help="Of this class; the first digits will do.")
    ] = None,
    source: Annotated[str | None, typer.Option(metavar="KIND", help="Where found: trial, import, …")] = None,
    campaign: Annotated[str | None, typer.Option(metavar="NAME", help="Found by this campaign.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Stored on this day (UTC) or later, such as 2026-01-31.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Stored on this day (UTC) or earlier.")] = None,
    sort: Annotated[
        str, typer.Option(metavar="KEY", help="rank, additions, nonzeros, format, found (newest first) or id.")
    ] = "rank",
    limit: Annotated[int | None, typer.Option(parser=integer, metavar="N", help="At most so many.")] = None,
    group_by: Annotated[
        str | None, typer.Option(metavar="KEY", help="class: one line per class, with its scheme of fewest additions.")
    ] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """List stored schemes.

    Schemes of one class are probably equivalent, those of different classes are not.
    """
    from mmdiscover.core.format import Format
    from results_db import open_database, queries

    if group_by not in (None, "class"):
        raise InputError(f"group {group_by!r}, expected class")
    wanted: queries.SchemeFilter = {
        "fmt": None if fmt is None else Format.parse(fmt),
        "rank": rank,
        "ring": None if ring is None else _parse_ring(ring),
        "max_additions": max_additions,
        "orbit_class": orbit_class,
        "source": source,
        "campaign": campaign,
        "since": None if since is None else _parse_date(since),
        "until": None if until is None else _parse_date(until) + timedelta(days=1),
    }
    with open_database(db, create=False) as database:
        if group_by is None:
            _show_schemes(queries.list_schemes(database, sort=sort, limit=limit, **wanted), as_json)
        else:
            _show_classes(queries.list_classes(database, sort=sort, limit=limit, **wanted), as_json)


def _show_schemes(rows: list[SchemeRow], as_json: bool) -> None:
    if as_json:
        output.document([row.as_json() for row in rows])
        return
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
        right=("id", "nonzeros", "additions"),
    )
    if not rows:
        output.note("no such scheme is stored")


def _show_classes(rows: list[ClassRow], as_json: bool) -> None:
    lines = [row.as_json() for row in rows]
    if as_json:
        output.document(lines)
        return
    headers = ("class", "scheme", "schemes", "ring", "additions", "null space", "of symmetry", "example")
    output.table(headers, [tuple(line.values()) for line in lines], right=(headers[2], *headers[4:]))
    if not rows:
        output.note("no such scheme is stored")


def _parse_date(text: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        day = None
    # The last year has no day after its last one.
    if day is None or day.year == MAXYEAR:
        raise InputError(f"date {text!r}, expected one such as 2026-01-31")
    return day


def _parse_ring(text: str) -> Ring:
    from mmdiscover.core.ring import Ring

    try:
        return Ring(text.upper())
    except ValueError:
        raise InputError(f"ring {text!r}, expected one of {', '.join(Ring)}") from None
