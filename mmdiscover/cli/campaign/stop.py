"""`mmdiscover campaign stop`."""

from __future__ import annotations

import shlex

from mmdiscover.cli import output
from mmdiscover.cli.campaign.options import NameArgument, find_campaign
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.cli.running import database_option


def stop(name: NameArgument, db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Ask all processes that work on a campaign to stop; they do within seconds, and keep what is finished."""
    from results_db import claims, open_database

    with open_database(db, create=False) as database:
        stored = find_campaign(database, name)
        asked = stored.state != "finished"
        if asked:
            claims.change_state(database, stored.id, "stopped")
    if as_json:
        output.document({"campaign": stored.name, "state": "stopped" if asked else "finished"})
    elif asked:
        resume = f"{output.PROGRAM} campaign resume {shlex.quote(stored.name)}{database_option(db)}"
        output.note(f"campaign {stored.name!r} is asked to stop; to go on later: {resume}")
    else:
        output.note(f"campaign {stored.name!r} is finished")
