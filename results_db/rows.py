"""Rows, and how they are written: what recording and merging have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql, sqlite

from results_db import codec, models

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from mmdiscover.core.format import Format
    from mmdiscover.core.verified import VerifiedScheme


@dataclass(frozen=True)
class Stored:
    """Where a scheme is stored, and whether it was `new` to the database."""

    scheme_id: int
    new: bool


def dialect_insert(connection: Connection, model: type[models.Base]) -> postgresql.Insert | sqlite.Insert:
    """An insertion that may say what to do about a row that is there."""
    return INSERT[connection.dialect.name](model)


INSERT: Mapping[str, Callable[[type[models.Base]], postgresql.Insert | sqlite.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


def insert_unless_there(
    connection: Connection, model: type[models.Base], *, unique: tuple[str, ...], **values: Any
) -> int | None:
    """Insert a row and return its id; None when there is one with the same values in the `unique` columns."""
    statement = dialect_insert(connection, model).values(**values).on_conflict_do_nothing(index_elements=unique)
    created: int | None = connection.scalar(statement.returning(model.id))
    return created


def insert_new(connection: Connection, model: type[models.Base], **values: Any) -> int:
    """Insert a row that cannot be there yet and return its id."""
    created: int = connection.execute(insert(model).values(**values).returning(model.id)).scalar_one()
    return created


def format_columns(fmt: Format, rank: int) -> dict[str, Any]:
    """How every table keeps a format and a rank."""
    return {"n": fmt.n, "m": fmt.m, "p": fmt.p, "sorted_format": str(fmt.sorted()), "rank": rank}


def scheme_columns(verified: VerifiedScheme) -> dict[str, Any]:
    """A scheme by column, with what is counted about it."""
    scheme = verified.scheme
    return {
        "hash": verified.hash,
        "factors": codec.scheme_text(scheme),
        **format_columns(scheme.format, scheme.rank),
        **codec.scheme_metrics(scheme),
    }


def store(connection: Connection, verified: VerifiedScheme, columns: dict[str, Any]) -> Stored:
    """Store a scheme with its certificate, unless it is there."""
    scheme_id = insert_unless_there(connection, models.Scheme, unique=("hash",), **columns)
    if scheme_id is None:
        known = connection.execute(select(models.Scheme.id).where(models.Scheme.hash == verified.hash)).scalar_one()
        return Stored(known, new=False)
    certify(connection, [(scheme_id, verified)])
    return Stored(scheme_id, new=True)


def certify(connection: Connection, schemes: Sequence[tuple[int, VerifiedScheme]]) -> None:
    """Store the certificates of schemes, by their numbers."""
    rows = [
        {
            "scheme_id": scheme_id,
            "checks": dict(verified.certificate.checks),
            "versions": dict(verified.certificate.versions),
        }
        for scheme_id, verified in schemes
    ]
    if rows:
        connection.execute(insert(models.Certificate), rows)


def experience_of(connection: Connection, trials: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Finished trials as experience, one row for each format, rank and settings."""
    target = models.Target
    query = select(target.id, target.sorted_format, target.rank)
    searched = {
        target_id: {"sorted_format": sorted_format, "rank": rank}
        for target_id, sorted_format, rank in connection.execute(
            query.where(target.id.in_({trial["target_id"] for trial in trials}))
        )
    }
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for trial in trials:
        if trial["status"] == models.FAILED:
            continue
        one = searched[trial["target_id"]] | {"settings": codec.settings_text(trial["settings"])}
        row = sums.setdefault(tuple(one.values()), one | {"starts": 0, "fits": 0, "iterations": 0, "seconds": 0.0})
        row["starts"] += 1
        row["fits"] += int(trial["status"] == models.EXACT)
        row["iterations"] += trial["iterations"]
        row["seconds"] += trial["search_seconds"] or 0.0
    # In one order, so that two processes that add to the same rows do not wait for each other.
    return [sums[key] for key in sorted(sums)]


def add_experience(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add to the sums. The database itself does so: another process may add to the same row at the same time."""
    if rows:
        connection.execute(_experience_statement(connection.dialect.name), rows)


@cache
def _experience_statement(dialect: str) -> postgresql.Insert | sqlite.Insert:
    row = models.Experience
    statement = INSERT[dialect](row)
    new = statement.excluded
    sums = {name: getattr(row, name) + new[name] for name in ("starts", "fits", "iterations", "seconds")}
    return statement.on_conflict_do_update(index_elements=("sorted_format", "rank", "settings"), set_=sums)


REPEATED = ("number", "seed", "settings", "status", "ring", "reason", "trace", "resolves")
"""Columns of attempts that are the same when a run is done again."""


def known_runs(connection: Connection, fit_id: int) -> dict[int, list[dict[str, Any]]]:
    """What tells the runs of a fit apart, by their number."""
    row = models.Attempt
    query = select(row.run, *(getattr(row, name) for name in REPEATED)).where(row.fit_id == fit_id)
    runs: dict[int, list[dict[str, Any]]] = {}
    for found in connection.execute(query.order_by(row.run, row.number)):
        runs.setdefault(found.run, []).append({name: getattr(found, name) for name in REPEATED})
    return runs
