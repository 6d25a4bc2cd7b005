"""What is taken out of the database; schemes are trusted only after they are verified again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmdiscover.errors import DatabaseError, MMDiscoverError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmdiscover.core.verified import VerifiedScheme
    from mmdiscover.verify import Verdict
    from results_db.queries import DiscoveryRow, StoredScheme


@contextmanager
def reading() -> Iterator[None]:
    """What is read within comes from a database that is there and open: what fails is not what the user typed.

    Raises
    ------
    MMDiscoverError
        Instead of a `DatabaseError`.
    """
    try:
        yield
    except DatabaseError as error:
        raise MMDiscoverError(str(error)) from None


def load(db: str, scheme_id: str) -> StoredScheme:
    """Read a scheme from an existing database.

    Raises
    ------
    InputError
        If there is no such scheme.
    DatabaseError
        If the database cannot be used.
    MMDiscoverError
        If the scheme's row is damaged.
    """
    from results_db import open_database, queries

    with open_database(db, create=False) as database, reading():
        return queries.load_scheme(database, scheme_id)


def check(stored: StoredScheme) -> Verdict:
    """Verify a stored scheme."""
    from mmdiscover.verify import verify

    return verify(stored.scheme)


def discoveries(db: str, scheme_id: int) -> list[DiscoveryRow]:
    """The first times a stored scheme was found or read.

    Raises
    ------
    DatabaseError
        If the database cannot be used.
    """
    from results_db import open_database, queries

    with open_database(db, create=False) as database:
        return queries.discoveries_of(database, scheme_id)


def load_verified(db: str, scheme_id: str) -> tuple[StoredScheme, VerifiedScheme]:
    """Read a scheme and prove it again.

    Raises
    ------
    InputError, DatabaseError, MMDiscoverError
        As `load`; also if the stored scheme is not valid, or not the one that was stored.
    """
    stored = load(db, scheme_id)
    verdict = check(stored)
    if verdict.verified is None:
        raise MMDiscoverError(f"scheme {stored.row.id} in {db} is damaged: {verdict.reason}")
    if verdict.verified.hash != stored.row.hash:
        raise MMDiscoverError(
            f"scheme {stored.row.id} in {db} is damaged: it has hash {verdict.verified.hash[:12]}…, "
            f"expected {stored.row.hash[:12]}…"
        )
    return stored, verdict.verified
