"""Opening a database: which schema it has, making a new one, migrating an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, inspect, select, text, update

from mmdiscover.errors import DatabaseError, DatabaseUnavailable, MMDiscoverError
from results_db.database import Database
from results_db.location import check_file, parse_location

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

REVISIONS = (
    "mmdiscover_0001",
    "mmdiscover_0002",
    "mmdiscover_0003",
    "mmdiscover_0004",
    "mmdiscover_0005",
    "mmdiscover_0006",
    "mmdiscover_0007",
    "mmdiscover_0008",
)
"""Every released schema, oldest first: repeated here so that opening a database needs no alembic."""
HEAD = REVISIONS[-1]

_LABELLED_TOGETHER = 50
_MIGRATION_LOCK = 0x6D6D64  # any number that no other program takes


def open_database(url: str, *, create: bool = True) -> Database:
    """Open a results database.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE``, ``postgresql+psycopg://…``, or the path of an SQLite file.
    create : bool
        Whether a missing or empty database is made. Commands that only read say no.

    Returns
    -------
    Database
        Of the newest schema.

    Raises
    ------
    DatabaseError
        If there is no such database and `create` is false, it cannot be made or read, is not a results database, or has
        an older or newer schema than this program (it is then left as it is).
    """
    db = _connect(url, create=create)
    try:
        _require_head(db, create=create)
    except BaseException:
        db.close()
        raise
    return db


def upgrade(url: str, progress: Callable[[int, int], None] | None = None) -> tuple[str | None, str]:
    """Bring an existing database to the newest schema, and label the schemes that have no label yet.

    The schema changes in one transaction. Labels take long: they are stored some at a time, so that others can work
    meanwhile, and a second upgrade goes on where the first was interrupted.

    Parameters
    ----------
    url : str
        As for `open_database`.
    progress : callable, optional
        Called with the number of schemes that are done with, and of all that had no label.

    Returns
    -------
    old, new : str or None, str
        The revisions before (None: the database was empty) and after.

    Raises
    ------
    DatabaseError
        As `open_database`, except that an older schema is welcome.
    """
    with _connect(url, create=False) as db:
        with db.read() as connection:
            old = _revision(connection, db.name)
        if old != HEAD:
            old = _migrate(db)
        if old is not None:
            _label_schemes(db, progress or (lambda *_: None))
    return old, HEAD


def _connect(url: str, *, create: bool) -> Database:
    location = parse_location(url)
    check_file(location, create=create)
    return Database(location)


def _require_head(db: Database, *, create: bool) -> None:
    with db.read() as connection:
        revision = _revision(connection, db.name)
    if revision == HEAD:
        return
    if revision is not None:
        raise DatabaseError(
            f"database {db.name} has the older schema {revision}, expected {HEAD}: "
            f"run `mmdiscover db upgrade` on it first"
        )
    if not create:
        raise DatabaseError(f"database {db.name} is empty, expected an existing results database")
    _migrate(db)


def _revision(connection: Connection, name: str) -> str | None:
    """The schema's revision, one of `REVISIONS`; None for an empty database."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    found = "alembic_version" in tables and connection.scalar(text("SELECT version_num FROM alembic_version"))
    if not found:
        raise DatabaseError(
            f"database {name} belongs to another program (it has a table {tables[0]!r}), expected a results database"
        )
    if found not in REVISIONS:
        raise DatabaseError(
            f"database {name} has schema {found!r}, expected {HEAD} or older: it was made by a newer version, "
            f"run `pip install --upgrade mmdiscover`"
        )
    return str(found)


def _migrate(db: Database) -> str | None:
    """Bring an older or empty database to `HEAD`; returns the revision it had."""
    # Deferred: importing alembic takes longer than opening a database that is up to date.
    from alembic import command
    from alembic.config import Config

    db.use_write_ahead_log()
    config = Config()
    config.set_main_option("script_location", "results_db:migrations")
    with db.write() as connection:
        if not db.is_sqlite:
            # Two that fill an empty database at the same time: the second waits here.
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        # Asked again: another process may have migrated it while this one waited.
        old = _revision(connection, db.name)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return old


def _label_schemes(db: Database, progress: Callable[[int, int], None]) -> None:
    """Compute what a migration left out, as migrations import nothing of the application."""
    from results_db import codec, models

    scheme = models.Scheme
    # Those that are too large have none.
    unlabelled = select(scheme.id).where(scheme.orbit_class.is_(None), scheme.rank <= codec.MOST_PRODUCTS)
    with db.read() as connection:
        ids = connection.scalars(unlabelled.order_by(scheme.id)).all()
    for begin in range(0, len(ids), _LABELLED_TOGETHER):
        some = ids[begin : begin + _LABELLED_TOGETHER]
        # Outside of the transaction, which locks the database.
        labels = {scheme_id: columns for scheme_id in some if (columns := _labels(db, scheme_id)) is not None}
        with db.write() as connection:
            for scheme_id, columns in labels.items():
                connection.execute(update(scheme).where(scheme.id == scheme_id).values(columns))
        progress(begin + len(some), len(ids))


def _labels(db: Database, scheme_id: int) -> dict[str, str | int | None] | None:
    from mmdiscover.core.format import Format
    from results_db import codec, models

    try:
        with db.read() as connection:
            row = connection.execute(select(models.Scheme.__table__).where(models.Scheme.id == scheme_id)).one()
            stored = codec.scheme_from_text(Format(row.n, row.m, row.p), row.rank, row.ring, row.factors)
    except DatabaseUnavailable:
        raise
    except (MMDiscoverError, ValueError, TypeError):
        return None  # damaged before: no reason to keep the others from their upgrade, `db check` names it
    return codec.orbit_columns(stored)
