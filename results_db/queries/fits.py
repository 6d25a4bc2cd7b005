"""Float fits that wait to be made exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from mmdiscover.core.format import Format
from mmdiscover.errors import DatabaseError, InputError
from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmdiscover.core.factors import Factors
    from results_db.database import Database


@dataclass(frozen=True)
class StoredFit:
    """An exact float fit."""

    id: int
    trial_id: int
    factors: Factors


def open_fits(db: Database, *, fmt: Format | None = None, rank: int | None = None) -> Iterator[StoredFit]:
    """The float fits that are not exact yet, oldest first.

    Raises
    ------
    DatabaseError
        If a row is damaged.
    """
    fit = models.Fit
    query = select(fit.id).where(fit.state == str(models.FitState.OPEN)).order_by(fit.id)
    if fmt is not None:
        query = query.where(fit.sorted_format == str(fmt.sorted()))
    if rank is not None:
        query = query.where(fit.rank == rank)
    with db.read() as connection:
        ids = connection.scalars(query).all()
    for fit_id in ids:
        with db.read() as connection:
            row = connection.execute(select(fit.__table__).where(fit.id == fit_id)).one()
        try:
            factors = codec.fit_from_bytes(Format(row.n, row.m, row.p), row.rank, (row.u, row.v, row.w))
        except InputError as error:
            raise DatabaseError(f"database {db.name}: fit {fit_id} is damaged: {error}") from None
        yield StoredFit(fit_id, row.trial_id, factors)
