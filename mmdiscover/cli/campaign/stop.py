"""`mmdiscover campaign stop`."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from mmdiscover.cli import output
from mmdiscover.cli.campaign.options import NameArgument, find_campaign
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.cli.running import database_option

if TYPE_CHECKING:
    from results_db import Database

LONGEST_WAIT = 15.0


def stop(name: NameArgument, db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Stop all processes that work on a campaign; they do within seconds, and keep what is finished."""
    from results_db import claims, open_database

    with open_database(db, create=False) as database:
        stored = find_campaign(database, name)
        asked = stored.state != "finished"
        if asked:
            claims.change_state(database, stored.id, "stopped")
            _wait(database, stored.id)
    if as_json:
        output.document({"campaign": stored.name, "state": "stopped" if asked else "finished"})
    elif asked:
        resume = f"{output.PROGRAM} campaign resume {shlex.quote(stored.name)}{database_option(db)}"
        output.note(f"campaign {stored.name!r} is asked to stop; to go on later: {resume}")
    else:
        output.note(f"campaign {stored.name!r} is finished")


def _wait(database: Database, campaign_id: int) -> None:
    """Until nobody works on it any more, so that it can be resumed at once; not for those who do not answer."""
    from mmdiscover.campaign.runners import is_dead
    from results_db import claims

    deadline = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < deadline:
        claimed = claims.list_claims(database, campaign_id)
        if all(claim.expired or is_dead(claim.runner) for claim in claimed):
            return
        time.sleep(0.2)
