"""`mmdiscover db upgrade`."""

from __future__ import annotations

from mmdiscover.cli import output
from mmdiscover.cli.db.counting import Counter
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption


def upgrade(db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Bring an existing database to the newest schema.

    Schemes that have no label yet get one; interrupted, that goes on at the next time.
    """
    from results_db import upgrade

    old, new = upgrade(db, Counter("labelling schemes"))
    if as_json:
        output.document({"old": old, "new": new})
    elif old == new:
        print(f"schema {new} is the newest, nothing to do")
    else:
        print(f"upgraded from {old or 'an empty database'} to schema {new}")
