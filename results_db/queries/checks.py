"""Whether what is stored is still what was stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import JSON, Text, case, cast, exists, func, select, text

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, content_hash
from mmdiscover.errors import DatabaseError, DatabaseUnavailable, InputError
from results_db import codec, models
from results_db.attempts import stage_from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Row

    from results_db.database import Database

_TOGETHER = 200
_ERRORS = (DatabaseError, InputError, TypeError, ArithmeticError, LookupError, ValueError, AttributeError)
"""What damaged values lead to: SQLite columns may hold anything."""


@dataclass(frozen=True)
class CheckedScheme:
    """A stored scheme that was read again: `reason` says what is wrong with its row, `scheme` is None if unreadable."""

    id: int
    scheme: Scheme | None
    reason: str | None


@dataclass(frozen=True)
class CheckedRow:
    """A row of another table that was read again: `reason` says what is wrong with it."""

    table: str
    id: int
    reason: str | None


def check_schemes(db: Database) -> Iterator[CheckedScheme]:
    """Read every scheme again, and compare hash, metrics and class with the stored ones.

    Whether the scheme is one, that is whether the Brent equations hold, is for `mmdiscover.verify` to say.

    Raises
    ------
    DatabaseError
        If the file is so damaged that its schemes cannot even be listed.
    """
    for scheme_id, row, unreadable in _rows(db, models.Scheme):
        if row is None:
            yield CheckedScheme(scheme_id, None, unreadable)
            continue
        try:
            yield CheckedScheme(scheme_id, *_check_scheme(row))
        except _ERRORS as error:
            yield CheckedScheme(scheme_id, None, str(error))


def _check_scheme(row: Row[Any]) -> tuple[Scheme | None, str | None]:
    fmt = Format(row.n, row.m, row.p)
    scheme = codec.scheme_from_text(fmt, row.rank, row.ring, row.factors)
    expected = {
        "hash": content_hash(scheme),
        "sorted_format": str(fmt.sorted()),
        **codec.scheme_metrics(scheme),
    }
    wrong = [
        f"{name} is {getattr(row, name)!r}, expected {value!r}"
        for name, value in expected.items()
        if getattr(row, name) != value
    ]
    return scheme, "; ".join(wrong) or None


def check_rows(db: Database) -> Iterator[CheckedRow]:
    """Read every row of the other tables again: values of the right kind that can be decoded and agree with each other.

    Raises
    ------
    DatabaseError
        As `check_schemes`.
    """
    for model, check in _CHECKS.items():
        for number, row, unreadable in _rows(db, model):
            reason = unreadable if row is None else _reason(row, model, check)
            yield CheckedRow(model.__tablename__, number, reason)


def _reason(row: Row[Any], model: type[models.Base], check: Callable[[Row[Any]], str | None]) -> str | None:
    try:
        return _wrong_type(model, row) or check(row)
    except _ERRORS as error:
        return f"{type(error).__name__}: {error}"


def count_rows(db: Database) -> int:
    """How many rows `check_schemes` and `check_rows` will read."""
    tables: tuple[type[models.Base], ...] = (models.Scheme, *_CHECKS)
    with db.read() as connection:
        return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)


def _rows(db: Database, model: type[models.Base]) -> Iterator[tuple[int, Row[Any] | None, str | None]]:
    """Every row by its number, or why it cannot be read."""
    with db.read() as connection:
        ids = connection.scalars(select(model.id).order_by(model.id)).all()
    for begin in range(0, len(ids), _TOGETHER):
        some = ids[begin : begin + _TOGETHER]
        try:
            rows = _read(db, model, some)
        except DatabaseUnavailable:
            raise
        except DatabaseError:  # one of them is damaged
            rows = None
        for number in some:
            yield (number, *(_read_one(db, model, number) if rows is None else (rows.get(number), _gone(rows, number))))


def _read(db: Database, model: type[models.Base], ids: Sequence[int]) -> dict[int, Row[Any]]:
    with db.read() as connection:
        return {row.id: row for row in connection.execute(select(model.__table__).where(model.id.in_(ids)))}


def _read_one(db: Database, model: type[models.Base], number: int) -> tuple[Row[Any] | None, str | None]:
    try:
        rows = _read(db, model, [number])
    except DatabaseUnavailable:
        raise
    except DatabaseError as error:
        return None, str(error)
    return rows.get(number), _gone(rows, number)


def _gone(rows: dict[int, Row[Any]], number: int) -> str | None:
    return None if number in rows else "its row is gone"


def _wrong_type(model: type[models.Base], row: Row[Any]) -> str | None:
    for column in model.__table__.columns:
        value = getattr(row, column.name)
        kind = (dict, list) if isinstance(column.type, JSON) else column.type.python_type
        if not (isinstance(value, kind) or (value is None and column.nullable)):
            return f"{column.name} is {value!r}"
    return None


def _check_campaign(row: Row[Any]) -> str | None:
    if row.uuid is None:
        return "it has no uuid"
    int(row.seed)
    UUID(row.uuid)
    models.CampaignState(row.state)
    return _wrong_settings(row)


def _check_target(row: Row[Any]) -> str | None:
    return _wrong_format(row) or _wrong_settings(row)


def _check_trial(row: Row[Any]) -> str | None:
    if models.TrialState(row.state) == models.TrialState.FINISHED and row.status is None:
        return "it is finished without status"
    if row.origin is not None:
        list(map(str, row.origin["parents"]))
        str(row.origin["move"])
    for flips, rank in row.trace or ():
        int(flips), int(rank)
    return _wrong_settings(row)


def _check_fit(row: Row[Any]) -> str | None:
    models.FitState(row.state)
    codec.fit_from_bytes(Format(row.n, row.m, row.p), row.rank, (row.u, row.v, row.w))
    return _wrong_format(row)


def _check_attempt(row: Row[Any]) -> str | None:
    int(row.seed["entropy"])
    list(map(int, row.seed["spawn_key"]))
    list(map(stage_from_json, row.trace))
    if row.ring is not None:
        Ring(row.ring)
    return _wrong_settings(row)


def _check_certificate(row: Row[Any]) -> str | None:
    if not row.checks or not all(value is True for value in row.checks.values()):
        return f"checks are {row.checks!r}, expected some that were passed"
    return None


def _check_experience(row: Row[Any]) -> str | None:
    Format.parse(row.sorted_format)
    settings = codec.settings_text(codec.settings_from_text(row.settings))
    return None if settings == row.settings else f"settings are {row.settings!r}, expected {settings!r}"


def _wrong_settings(row: Row[Any]) -> str | None:
    return None if isinstance(row.settings, dict) else f"settings are {row.settings!r}, expected an object"


def _wrong_format(row: Row[Any]) -> str | None:
    expected = str(Format(row.n, row.m, row.p).sorted())
    if row.rank < 1:
        return f"rank is {row.rank}"
    return None if row.sorted_format == expected else f"sorted_format is {row.sorted_format!r}, expected {expected!r}"


_CHECKS: dict[type[models.Base], Callable[[Row[Any]], str | None]] = {
    models.Campaign: _check_campaign,
    models.Target: _check_target,
    models.Trial: _check_trial,
    models.Fit: _check_fit,
    models.Attempt: _check_attempt,
    models.Certificate: _check_certificate,
    models.Discovery: lambda _: None,
    models.Experience: _check_experience,
}


def check_references(db: Database) -> list[CheckedRow]:
    """Rows that point to a missing one, and schemes without certificate."""
    found = []
    with db.read() as connection:
        for table in models.Base.metadata.sorted_tables:
            for key in table.foreign_keys:
                parent = key.column
                dangling = select(table.c.id).where(
                    key.parent.is_not(None), ~exists().where(parent == key.parent).correlate(table)
                )
                reason = f"{key.parent.name} points to a missing row of {parent.table.name}"
                found += [CheckedRow(table.name, number, reason) for number in connection.scalars(dangling)]
        proved = exists().where(models.Certificate.scheme_id == models.Scheme.id)
        for number in connection.scalars(select(models.Scheme.id).where(~proved)):
            found.append(CheckedRow("schemes", number, "it has no certificate"))
    return found


def check_experience(db: Database) -> list[CheckedRow]:
    """Sums that are not those of the trials; experience that is missing altogether is named as number 0."""
    trial, target, row = models.Trial, models.Target, models.Experience
    group = (target.sorted_format, target.rank, cast(trial.settings, Text))
    sums = (
        select(
            *group,
            func.count(),
            func.sum(case((trial.status == models.EXACT, 1), else_=0)),
            func.sum(trial.iterations),
            func.coalesce(func.sum(trial.search_seconds), 0.0),
        )
        .join_from(trial, target, target.id == trial.target_id)
        .where(trial.state == str(models.TrialState.FINISHED), trial.status != models.FAILED)
        .where(trial.iterations.is_not(None))
        .group_by(*group)
    )
    expected: dict[tuple[str, int, str], list[float]] = {}
    found = []
    with db.read() as connection:
        for fmt, rank, settings, *numbers in connection.execute(sums):
            try:  # the same settings may be stored as several texts
                key = (fmt, rank, codec.settings_text(codec.settings_from_text(settings)))
            except InputError:
                continue  # `check_rows` names the trial
            known = expected.get(key, [0] * 4)
            expected[key] = [a + float(b) for a, b in zip(known, numbers, strict=True)]
        columns = (row.id, row.sorted_format, row.rank, row.settings)
        for number, fmt, rank, settings, *stored in connection.execute(
            select(*columns, row.starts, row.fits, row.iterations, row.seconds)
        ):
            wanted = expected.pop((fmt, rank, settings), [0.0] * 4)
            if not all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) for a, b in zip(stored, wanted, strict=True)):
                reason = f"starts, fits, iterations, seconds are {stored}, those of the trials {wanted}"
                found.append(CheckedRow("experience", number, reason))
    found += [CheckedRow("experience", 0, f"{fmt}:{rank} with {text} is missing") for fmt, rank, text in expected]
    return found


def check_storage(db: Database) -> list[str]:
    """What SQLite itself finds wrong: damaged pages. Empty when the file is sound."""
    if not db.is_sqlite:
        return []
    try:
        with db.read() as connection:
            return [str(line) for line in connection.scalars(text("PRAGMA integrity_check")) if line != "ok"]
    except DatabaseUnavailable:
        raise
    except DatabaseError as error:
        return [str(error)]
