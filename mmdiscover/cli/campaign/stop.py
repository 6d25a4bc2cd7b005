"""`mmdiscover campaign stop`."""

from __future__ import annotations

import shlex

from mmdiscover.cli import output
from mmdiscover.cli.campaign.options import NameArgument, find_campaign
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption
from mmdiscover.cli.running import database_option


def stop(name: NameArgument, db: DatabaseOption = DEFAULT_DATABASE) -> None:
    """Ask all processes that work on a campaign to stop; they do within seconds, and keep what is finished."""
    from results_db import claims, open_database

    with open_database(db, create=False) as database:
        stored = find_campaign(database, name)
        if stored.state == "finished":
            output.note(f"campaign {stored.name!r} is finished")
            return
        claims.change_state(database, stored.id, "stopped")
    resume = f"{output.PROGRAM} campaign resume {shlex.quote(stored.name)}{database_option(db)}"
    output.note(f"campaign {stored.name!r} is asked to stop; to go on later: {resume}")
