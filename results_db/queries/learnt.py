"""What was learnt about settings of the search, over all campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from mmdiscover.core.format import Format
from mmdiscover.errors import DatabaseError, InputError
from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from results_db.database import Database


@dataclass(frozen=True)
class Experience:
    """How the searches for a format, in any order, and rank went with the same settings.

    Parameters
    ----------
    sorted_format : str
    rank : int
    settings : mapping
        Those of the search, JSON values.
    starts : int
        Finished searches.
    fits : int
        How many of them led to an exact fit.
    iterations : int
        Of all starts together.
    seconds : float
        Wall time of all starts together.
    """

    sorted_format: str
    rank: int
    settings: Mapping[str, object]
    starts: int
    fits: int
    iterations: int
    seconds: float


def experience(db: Database, fmt: Format, rank: int) -> list[Experience]:
    """What is known about one format, in any order, and rank: a record per settings, in the order of their JSON text.

    Raises
    ------
    DatabaseError
        If a row is damaged.
    """
    row = models.Experience
    return _read(db, row.sorted_format == str(fmt.sorted()), row.rank == rank)


def experience_of_all(db: Database) -> list[Experience]:
    """What is known about all formats and ranks, in their order, within one as by `experience`.

    Raises
    ------
    DatabaseError
        If a row is damaged.
    """
    return _read(db)


def _read(db: Database, *conditions: ColumnElement[bool]) -> list[Experience]:
    with db.read() as connection:
        rows = connection.execute(select(models.Experience.__table__).where(*conditions)).all()
    # Sorted here: the order of texts in PostgreSQL depends on its locale, and 2x2x10 comes after 2x2x9.
    return [
        Experience(
            row.sorted_format,
            row.rank,
            _settings(db, row.id, row.settings),
            row.starts,
            row.fits,
            row.iterations,
            row.seconds,
        )
        for row in sorted(rows, key=lambda row: (Format.parse(row.sorted_format), row.rank, row.settings))
    ]


def _settings(db: Database, number: int, text: str) -> dict[str, object]:
    try:
        return codec.settings_from_text(text)
    except InputError as error:
        raise DatabaseError(f"database {db.name}: experience {number} is damaged: {error}") from None
