"""`mmdiscover db check`."""

from __future__ import annotations

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption


def check(db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Verify every stored scheme again and report damaged rows; exit code 1 if there are any."""
    from mmdiscover.verify import verify
    from results_db import open_database, queries

    damaged, checked = [], 0
    with open_database(db, create=False) as database:
        storage = queries.check_storage(database)
        for entry in queries.check_schemes(database):
            checked += 1
            reason = entry.reason
            if entry.scheme is not None:
                verdict = verify(entry.scheme)
                # A wrong scheme is worse news than a wrong column.
                reason = verdict.reason or reason
            if reason is not None:
                damaged.append({"id": entry.id, "reason": reason})
    ok = not damaged and not storage
    if as_json:
        output.document({"ok": ok, "checked": checked, "damaged": damaged, "storage": storage})
    else:
        for row in damaged:
            print(f"scheme {row['id']}: {row['reason']}")
        for line in storage:
            print(f"storage: {line}")
        print(f"{output.counted(checked, 'scheme')} verified, {len(damaged)} damaged")
    if not ok:
        raise typer.Exit(1)
