"""`mmdiscover db check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.db.counting import Counter
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.errors import DatabaseError, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results_db import Database


def check(db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Verify every stored scheme again, read every other row, and report what is damaged; exit code 1 if anything is.

    Damaged is what cannot be read, disagrees with the factors or the trials, or points to something that is missing.
    """
    from results_db import open_database, queries

    damaged: list[dict[str, Any]] = []
    with open_database(db, create=False) as database:
        storage = queries.check_storage(database)
        checked, counter = 0, Counter("checking rows")
        try:
            total = queries.count_rows(database)
            for done, (table, number, reason) in enumerate(_rows(database), 1):
                checked += table == "schemes"
                if reason is not None:
                    damaged.append({"table": table, "id": number, "reason": reason})
                counter(done, max(done, total))
            wrong = (*queries.check_references(database), *queries.check_experience(database))
            damaged += [{"table": row.table, "id": row.id, "reason": row.reason} for row in wrong]
        except DatabaseUnavailable:
            raise
        except DatabaseError as error:  # not even the numbers of the rows can be read
            storage.append(str(error))
        counter.close()
    ok = not damaged and not storage
    if as_json:
        output.document({"ok": ok, "checked": checked, "damaged": damaged, "storage": storage})
    else:
        for entry in damaged:
            print(f"{entry['table']} {entry['id']}: {entry['reason']}")
        for line in storage:
            print(f"storage: {line}")
        print(f"{output.counted(checked, 'scheme')} verified, {output.counted(len(damaged), 'damaged row')}")
    if not ok:
        raise typer.Exit(1)


def _rows(database: Database) -> Iterator[tuple[str, int, str | None]]:
    from mmdiscover.verify import verify
    from results_db import queries

    for entry in queries.check_schemes(database):
        reason = entry.reason
        if entry.scheme is not None:
            # A wrong scheme is worse news than a wrong column.
            reason = verify(entry.scheme).reason or reason
        yield "schemes", entry.id, reason
    for row in queries.check_rows(database):
        yield row.table, row.id, row.reason
