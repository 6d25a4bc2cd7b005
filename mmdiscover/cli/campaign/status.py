"""`mmdiscover campaign status`."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.campaign import table
from mmdiscover.cli.campaign.options import find_campaign
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption, integer
from mmdiscover.cli.running import database_option
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from results_db import Database


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of the campaign. Default: the newest.")
    ] = None,
    watch: Annotated[
        int | None, typer.Option(parser=integer, metavar="S", help="Show it again every S seconds until it ends.")
    ] = None,
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Show how far a campaign is, also while others work on it."""
    from results_db import open_database

    if watch is not None and (watch < 1 or as_json):
        raise InputError("--watch expects at least one second, and no --json")
    with open_database(db, create=False) as database:
        while True:
            document = _show(database, name, as_json)
            if document["state"] == "stopped" and not as_json:
                resume = f"{output.PROGRAM} campaign resume {shlex.quote(document['campaign'])}{database_option(db)}"
                print(f"to go on: {resume}")
            if watch is None or document["state"] != "running":
                return
            time.sleep(watch)
            print()


def _show(database: Database, name: str | None, as_json: bool) -> dict[str, Any]:
    from mmdiscover.campaign.runners import is_dead, shown_runner
    from mmdiscover.campaign.stored import load_spec
    from results_db import claims, queries

    stored = find_campaign(database, name)
    spec = load_spec(stored)
    summary = queries.campaign_summary(database, stored.id)
    claimed = claims.list_claims(database, stored.id)
    alive = Counter(claim.runner for claim in claimed if not claim.expired and not is_dead(claim.runner))
    document = table.document(database, summary) if as_json else summary.as_json()
    if document["state"] == "running" and not alive:
        document["state"] = "stopped"
    document["processes"] = [{"process": shown_runner(runner), "trials": count} for runner, count in alive.items()]
    document["abandoned"] = abandoned = len(claimed) - sum(alive.values())
    if as_json:
        output.document(document)
        return document
    since = summary.created_at[:19].replace("T", " ")
    print(f"{summary.name}: {document['state']}, seed {summary.seed}, since {since} UTC")
    output.table(table.HEADERS, table.rows(spec, summary.targets), right=table.NUMBERS)
    for runner, count in alive.items():
        print(f"{shown_runner(runner)}: {output.counted(count, 'trial')} claimed")
    if abandoned:
        print(f"{output.counted(abandoned, 'trial')} left behind by processes that died: they will be begun again")
    return document
