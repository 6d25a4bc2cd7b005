"""`mmdiscover db stats`."""

from __future__ import annotations

from dataclasses import asdict

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption


def stats(db: DatabaseOption = DEFAULT_DATABASE, as_json: JsonOption = False) -> None:
    """Count what the database holds, and the best rank of each format."""
    from results_db import open_database, queries

    with open_database(db, create=False) as database:
        found = queries.stats(database)
    if as_json:
        best = [asdict(row) for row in found.best]
        output.document({"tables": dict(found.tables), "best": best, "size_bytes": found.size_bytes})
        return
    output.table(("table", "rows"), list(found.tables.items()), right=("rows",))
    print(f"\n{found.size_bytes / 2**20:.1f} MiB")
    if found.best:
        print()
        rows = [(row.format, row.ring, row.rank, row.schemes) for row in found.best]
        output.table(("format", "ring", "best rank", "schemes"), rows, right=("best rank", "schemes"))
