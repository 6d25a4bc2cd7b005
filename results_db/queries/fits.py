"""Exact float fits, and the attempts to make them exact in the other sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from mmdiscover.core.format import Format, scheme_name
from mmdiscover.errors import DatabaseError, InputError
from results_db import codec, models
from results_db.attempts import stage_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement, Connection, Row

    from mmdiscover.core.factors import Factors
    from results_db.attempts import StageRecord
    from results_db.database import Database

_FIT, _TRIAL, _ATTEMPT = models.Fit, models.Trial, models.Attempt


@dataclass(frozen=True)
class FitRow:
    """What the database tells about a fit.

    Parameters
    ----------
    id, trial_id : int
    format : Format
        In the order that was asked for.
    rank : int
    state : str
        ``open`` or, when it led to a verified scheme that is stored, ``refined``.
    runs : int
        How often it was taken up again.
    attempts : int
        Those of the trial and of all runs.
    status, reason : str or None
        How the last attempt ended and why. Where none is on record, what the trial says about its refinement.
    scheme_ids : tuple of int
        Stored schemes that it led to, in the order in which they were found.
    found_at : str
        ISO 8601 in UTC.
    """

    id: int
    trial_id: int
    format: Format
    rank: int
    state: str
    runs: int
    attempts: int
    status: str | None
    reason: str | None
    scheme_ids: tuple[int, ...]
    found_at: str

    @property
    def scheme(self) -> str:
        """For example ``3x3x3:23``."""
        return scheme_name(self.format, self.rank)

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "fit": self.id,
            "scheme": self.scheme,
            "format": str(self.format),
            "rank": self.rank,
            "state": self.state,
            "runs": self.runs,
            "attempts": self.attempts,
            "status": self.status,
            "reason": self.reason,
            "scheme_ids": list(self.scheme_ids),
            "found_at": self.found_at,
        }


@dataclass(frozen=True)
class AttemptRow:
    """One attempt; seed, settings and processor time are those of its run."""

    run: int
    number: int
    seed: Mapping[str, object]
    settings: Mapping[str, object]
    status: str
    ring: str | None
    reason: str
    stages: tuple[StageRecord, ...]
    resolves: int
    cpu_seconds: float | None
    scheme_id: int | None
    made_at: str

    def as_json(self) -> dict[str, object]:
        """The keys other programs read."""
        return {
            "run": self.run,
            "number": self.number,
            "seed": dict(self.seed),
            "settings": dict(self.settings),
            "status": self.status,
            "ring": self.ring,
            "reason": self.reason,
            "stages": [stage.as_json() for stage in self.stages],
            "resolves": self.resolves,
            "cpu_seconds": self.cpu_seconds,
            "scheme_id": self.scheme_id,
            "made_at": self.made_at,
        }


def list_fits(
    db: Database, *, fmt: Format | None = None, rank: int | None = None, state: str | None = None
) -> list[FitRow]:
    """The stored fits that meet all conditions, oldest first.

    Parameters
    ----------
    db : Database
    fmt : Format, optional
        Any order of a format finds all of its orders.
    rank : int, optional
    state : str, optional
        A `FitState`.

    Raises
    ------
    InputError
        If `state` is none.
    DatabaseError
        If a row is damaged.
    """
    if state is not None and state not in list(models.FitState):
        raise InputError(f"state {state!r}, expected one of {', '.join(models.FitState)}")
    conditions = [
        column == value
        for column, value in (
            (_FIT.sorted_format, None if fmt is None else str(fmt.sorted())),
            (_FIT.rank, rank),
            (_FIT.state, state),
        )
        if value is not None
    ]
    with db.read() as connection:
        return _fit_rows(db, connection, conditions)


def fit_row(db: Database, fit_id: int) -> FitRow:
    """What the database tells about one fit.

    Raises
    ------
    InputError
        If there is no such fit.
    DatabaseError
        If its row is damaged.
    """
    rows = []
    if 0 < fit_id < 2**31:  # others fit no integer column
        with db.read() as connection:
            rows = _fit_rows(db, connection, [_FIT.id == fit_id])
    if not rows:
        raise _missing(db, fit_id)
    return rows[0]


def load_fit(db: Database, fit_id: int) -> Factors:
    """The float factors of a fit.

    Raises
    ------
    InputError
        If there is no such fit.
    DatabaseError
        If its row is damaged.
    """
    with db.read() as connection:
        row = connection.execute(select(_FIT.__table__).where(_FIT.id == fit_id)).one_or_none()
    if row is None:
        raise _missing(db, fit_id)
    try:
        return codec.fit_from_bytes(Format(row.n, row.m, row.p), row.rank, (row.u, row.v, row.w))
    except (InputError, TypeError, ValueError) as error:
        raise _damaged(db, f"fit {fit_id}", error) from None


def attempts_of_fit(db: Database, fit_id: int) -> list[AttemptRow]:
    """The attempts to make a fit exact, in the order of their runs and numbers; none where there is no such fit.

    Raises
    ------
    DatabaseError
        If a row is damaged.
    """
    query = select(_ATTEMPT.__table__).where(_ATTEMPT.fit_id == fit_id).order_by(_ATTEMPT.run, _ATTEMPT.number)
    with db.read() as connection:
        rows = connection.execute(query).all()
    return [_attempt_row(db, row) for row in rows]


def _missing(db: Database, fit_id: int) -> InputError:
    return InputError(f"fit {fit_id} is not in database {db.name}, expected the number of a stored fit")


def _damaged(db: Database, what: str, error: Exception) -> DatabaseError:
    return DatabaseError(f"database {db.name}: {what} is damaged: {error}")


def _fit_rows(db: Database, connection: Connection, conditions: Iterable[ColumnElement[bool]]) -> list[FitRow]:
    # Attempts are numbered in the order in which they were recorded.
    made = (
        select(
            _ATTEMPT.fit_id,
            func.count().label("attempts"),
            func.max(_ATTEMPT.run).label("runs"),
            func.max(_ATTEMPT.id).label("last"),
        )
        .group_by(_ATTEMPT.fit_id)
        .subquery()
    )
    columns = (_FIT.id, _FIT.trial_id, _FIT.n, _FIT.m, _FIT.p, _FIT.rank, _FIT.state, _FIT.found_at)
    fits = (
        select(
            *columns,
            func.coalesce(made.c.runs, 0).label("runs"),
            func.coalesce(made.c.attempts, 0).label("attempts"),
            func.coalesce(_ATTEMPT.status, _TRIAL.refine_status).label("status"),
            func.coalesce(_ATTEMPT.reason, _TRIAL.refine_detail).label("reason"),
        )
        .join(_TRIAL, _TRIAL.id == _FIT.trial_id)
        .outerjoin(made, made.c.fit_id == _FIT.id)
        .outerjoin(_ATTEMPT, _ATTEMPT.id == made.c.last)
        .where(*conditions)
        .order_by(_FIT.id)
    )
    found = (
        select(models.Discovery.trial_id, models.Discovery.scheme_id)
        .join(_FIT, _FIT.trial_id == models.Discovery.trial_id)
        .where(*conditions)
        .order_by(models.Discovery.id)
    )
    schemes: dict[int | None, list[int]] = {}
    for trial_id, scheme_id in connection.execute(found):
        schemes.setdefault(trial_id, []).append(scheme_id)
    return [_fit_row(db, row, tuple(schemes.get(row.trial_id, ()))) for row in connection.execute(fits)]


def _fit_row(db: Database, row: Row[Any], scheme_ids: tuple[int, ...]) -> FitRow:
    # SQLite columns may hold anything, damaged ones do.
    try:
        return FitRow(
            id=row.id,
            trial_id=row.trial_id,
            format=Format(row.n, row.m, row.p),
            rank=int(row.rank),
            state=str(models.FitState(row.state)),
            runs=row.runs,
            attempts=row.attempts,
            status=None if row.status is None else str(row.status),
            reason=None if row.reason is None else str(row.reason),
            scheme_ids=scheme_ids,
            found_at=codec.iso(row.found_at),
        )
    except (InputError, TypeError, ValueError) as error:
        raise _damaged(db, f"fit {row.id}", error) from None


def _attempt_row(db: Database, row: Row[Any]) -> AttemptRow:
    try:
        return AttemptRow(
            run=row.run,
            number=row.number,
            seed=dict(row.seed),
            settings=dict(row.settings),
            status=str(row.status),
            ring=None if row.ring is None else str(row.ring),
            reason=str(row.reason),
            stages=tuple(map(stage_from_json, row.trace)),
            resolves=int(row.resolves),
            cpu_seconds=None if row.cpu_seconds is None else float(row.cpu_seconds),
            scheme_id=row.scheme_id,
            made_at=codec.iso(row.made_at),
        )
    except (TypeError, ValueError, LookupError) as error:
        raise _damaged(db, f"attempt {row.number} in run {row.run} of fit {row.fit_id}", error) from None
