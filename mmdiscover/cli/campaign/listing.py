"""`mmdiscover campaign list`."""

from __future__ import annotations

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption


def list_all(db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """List the stored campaigns, the newest first."""
    from results_db import open_database, queries

    with open_database(db, create=False) as database:
        campaigns = queries.list_campaigns(database, "campaign")
    if as_json:
        output.document([row.as_json() for row in campaigns])
        return
    if not campaigns:
        output.note("there is no campaign: begin one by `mmdiscover campaign run FILE`")
        return
    headers = ("campaign", "state", "seed", "made at", "targets")
    output.table(
        headers, [(row.name, row.state, row.seed, row.created_at[:19], _targets(row.targets)) for row in campaigns]
    )


def _targets(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
