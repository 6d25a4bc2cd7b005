"""Everything that a database holds, row by row: what `merge` reads and `dump` writes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sqlalchemy import func, select

from mmdiscover.core.format import Format
from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.core.verified import VerifiedScheme

Prove: TypeAlias = "Callable[[Scheme], VerifiedScheme]"
"""Verifies a scheme; an `InputError` says why it is none. This package cannot do so itself."""
Progress: TypeAlias = "Callable[[int, int], None]"
"""Called with how much is done, and how much there is to do."""

TABLES: dict[str, type[models.Base]] = {
    "schemes": models.Scheme,
    "certificates": models.Certificate,
    "campaigns": models.Campaign,
    "targets": models.Target,
    "trials": models.Trial,
    "fits": models.Fit,
    "attempts": models.Attempt,
    "discoveries": models.Discovery,
}
"""What is copied, each after what it points to. Experience is not: it is the sum of the trials."""

# The attempts of a run come one after the other.
_ORDERS = {"attempts": (models.Attempt.fit_id, models.Attempt.run, models.Attempt.number)}
_ROWS_AT_A_TIME = 200


class Contents(Protocol):
    """What can be copied into a database."""

    def count(self, table: str) -> int:
        """How many rows a table of `TABLES` has."""

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a table as values by column, in an order that is always the same."""


class DatabaseContents:
    """What a database holds at one moment.

    Parameters
    ----------
    connection : Connection
        Of `Database.read`, as long as this is used.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self._connection.execute(select(func.count()).select_from(TABLES[table])).scalar_one())

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a table, in the order of their numbers."""
        model = TABLES[table]
        query = select(model.__table__).order_by(*_ORDERS.get(table, (model.id,)))
        options = {"yield_per": _ROWS_AT_A_TIME}
        for row in self._connection.execute(query, execution_options=options):
            # A database that keeps no time zone takes what it is given for UTC.
            yield {
                name: codec.utc(value) if isinstance(value, datetime) else value
                for name, value in row._mapping.items()  # noqa: SLF001 - SQLAlchemy's public name for it
            }


def stored_scheme(row: dict[str, Any]) -> Scheme:
    """The scheme of a row, which may be none.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    return codec.scheme_from_text(Format(row["n"], row["m"], row["p"]), row["rank"], row["ring"], row["factors"])
