"""Medians of the usual queries on a large database, on SQLite and PostgreSQL.

Usage: python -m experiments.database_scale [REPORT.md] [--settings FILE] [--folder FOLDER] [--postgres URL]

Makes the databases, and deletes them: the file in a temporary folder below FOLDER, and a database of its own on the
server of URL, an account that may create one. Without URL only SQLite is measured.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import tomllib
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, make_url, text

from experiments.database_scale.fill import BEGIN, CAMPAIGN, fill
from experiments.provenance import provenance, table, write_report
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.errors import DatabaseError
from results_db import open_database, queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from results_db import Database

HERE = Path(__file__).parent
_NAME = "mmdiscover_scale"

_INTRODUCTION = """\
Milliseconds per query, medians with everything in the cache of the operating system. The lists show 50 rows. The
largest format has a quarter of all schemes. The goal is 50 ms for each query, 200 ms for the summary of a campaign.
SQLite knows nothing of how many rows there are, as always; PostgreSQL has vacuumed and analysed its tables, as its
daemon does after a while."""


def usual_queries(db: Database) -> dict[str, Callable[[], object]]:
    """What people ask, by name."""
    large, day = Format(2, 2, 2), BEGIN + timedelta(days=200)
    row = queries.list_schemes(db, sort="found", limit=1, fmt=Format(3, 3, 3))[0]

    def listed(**conditions: Any) -> Callable[[], object]:
        return lambda: queries.list_schemes(db, **{"limit": 50, **conditions})

    return {
        "newest": listed(sort="found"),
        "by format (the largest)": listed(fmt=large),
        "by format and rank": listed(fmt=Format(3, 3, 3), rank=24),
        "best per format and ring": lambda: queries.best_ranks(db),
        "by ring": listed(ring=Ring.Q),
        "by class": listed(orbit_class=row.orbit_class),
        "classes of a format": lambda: queries.list_classes(db, fmt=Format(3, 3, 3), limit=50),
        "classes of a format (the largest)": lambda: queries.list_classes(db, fmt=large, limit=50),
        "by additions": listed(max_additions=100, sort="additions"),
        "by campaign": listed(campaign=CAMPAIGN),
        "by source": listed(source="import"),
        "by source and format": listed(source="trial", fmt=large),
        "by date": listed(since=day, until=day + timedelta(days=1), sort="found"),
        "by date, best rank first": listed(since=day, until=day + timedelta(days=1)),
        "by id": lambda: queries.load_scheme(db, str(row.id)),
        "by the beginning of a hash": lambda: queries.load_scheme(db, row.hash[:12]),
        "summary of the campaign": lambda: queries.campaign_summary(db, 1),
    }


def median_milliseconds(ask: Callable[[], object], repeats: int) -> float:
    """The median time of a query that was asked before."""
    seconds = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        with suppress(DatabaseError):  # the factors are none, which is noticed when everything is read
            ask()
        seconds.append(time.perf_counter() - begun)
    return 1000 * statistics.median(seconds[1:])


@contextmanager
def empty_database(url: str) -> Iterator[str]:
    """A database of its own on a PostgreSQL server."""
    server = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {_NAME} TEMPLATE template0"))
        try:
            yield server.set(database=_NAME).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {_NAME} WITH (FORCE)"))
    engine.dispose()


def vacuum(url: str) -> None:
    """What PostgreSQL does by itself, after a while."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def measure(url: str, settings: dict[str, Any]) -> dict[str, str]:
    """Fill a database; medians by query, and its size."""
    with open_database(url) as db:
        begun = time.perf_counter()
        fill(db, settings)
        if not db.is_sqlite:
            vacuum(url)
        print(f"{db.name}: filled in {time.perf_counter() - begun:.0f} s", flush=True)
        medians = {}
        for name, ask in usual_queries(db).items():
            medians[name] = f"{median_milliseconds(ask, settings['repeats']):.1f}"
            print(f"{name}: {medians[name]} ms", flush=True)
        return medians | {"size in MiB": f"{queries.stats(db).size_bytes / 2**20:.0f}"}


def main(arguments: list[str] | None = None) -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, nargs="?", default=HERE.parents[1] / "reports" / "database_scale.md")
    parser.add_argument("--settings", type=Path, default=HERE / "settings.toml")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--postgres")
    given = parser.parse_args(arguments)
    settings = tomllib.loads(given.settings.read_text(encoding="utf-8"))
    columns = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        columns["SQLite"] = measure(f"{folder}/results.db", settings)
    if given.postgres:
        with empty_database(given.postgres) as url:
            columns["PostgreSQL"] = measure(url, settings)
    rows = [(name, *(column[name] for column in columns.values())) for name in columns["SQLite"]]
    lines = [
        "# The usual queries on a large database",
        "",
        f"{settings['schemes']:,} schemes and a campaign of {settings['trials']:,} trials. {_INTRODUCTION}",
        "",
        *table(("query", *columns), rows),
        "",
        (HERE / "findings.md").read_text(encoding="utf-8"),
        provenance("python -m experiments.database_scale" + " --postgres URL" * bool(given.postgres), given.settings),
    ]
    write_report(given.report, lines)


if __name__ == "__main__":
    main()
