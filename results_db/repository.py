"""Everything that is written. Each function is one transaction: all of it is stored, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mmdiscover.errors import InputError
from results_db import codec, models
from results_db.attempts import attempt_columns, seed_column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from mmdiscover.core.factors import Factors
    from mmdiscover.core.format import Format
    from mmdiscover.core.verified import VerifiedScheme
    from results_db.attempts import RefinementRecord
    from results_db.database import Database


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """What is kept about one finished start.

    Parameters
    ----------
    index : int
        Its number within the target.
    seed_entropy : int
    spawn_key : tuple of int
        What the ``SeedSequence`` that repeats it is made from.
    settings : mapping
        Those it ran with, JSON values.
    status : str
        How the search ended.
    residual, squared_norm : float
        Kept as null when not finite.
    iterations : int
    search_seconds, cpu_seconds : float
        Wall time of the search; processor time of the whole trial.
    refine_status, refine_detail, refine_seconds : optional
        How the refinement ended, when there was one.
    """

    index: int
    seed_entropy: int
    spawn_key: tuple[int, ...]
    settings: Mapping[str, object]
    status: str
    residual: float
    squared_norm: float
    iterations: int
    search_seconds: float
    cpu_seconds: float
    refine_status: str | None = None
    refine_detail: str | None = None
    refine_seconds: float | None = None


@dataclass(frozen=True)
class Stored:
    """Where a scheme is stored, and whether it was `new` to the database."""

    scheme_id: int
    new: bool


@dataclass(frozen=True)
class Recorded:
    """Where a trial is stored, its fit, and the schemes it led to at once, the preferred one first."""

    trial_id: int
    fit_id: int | None
    schemes: tuple[Stored, ...]


@dataclass(frozen=True)
class RecordedRun:
    """The number of a run of the refinement among those of its fit, and the schemes it led to, preferred one first."""

    run: int
    schemes: tuple[Stored, ...]


def create_campaign(db: Database, *, name: str | None, kind: str, seed: int, settings: Mapping[str, object]) -> int:
    """Start a campaign; returns its id.

    Parameters
    ----------
    db : Database
    name : str or None
        A name no other campaign has; None for a free one made from `kind`.
    kind : str
        For example ``discover``.
    seed : int
        Of any size.
    settings : mapping
        JSON values.

    Raises
    ------
    InputError
        If `name` is empty, longer than 200 characters or taken.
    """
    if name is not None:
        check_campaign_name(name)
    values = {"kind": kind, "seed": str(int(seed)), "settings": codec.plain_json("campaign settings", settings)}
    with db.write() as connection:
        number = (connection.scalar(select(func.max(models.Campaign.id))) or 0) + 1
        while True:
            tried = codec.plain_text(name) if name is not None else f"{kind}-{number}"
            created = _insert(connection, models.Campaign, unique=("name",), name=tried, **values)
            if created is not None:
                return created
            if name is not None:
                raise InputError(f"campaign name {name!r} is taken, expected a new one")
            number += 1


def check_campaign_name(name: str) -> None:
    """Refuse what cannot be a campaign's name.

    Raises
    ------
    InputError
        If it is empty or longer than 200 characters.
    """
    if not 0 < len(name.strip()) <= 200:
        raise InputError(f"campaign name {name[:40]!r} has {len(name)} characters, expected 1 to 200")


def add_target(
    db: Database, campaign_id: int, position: int, fmt: Format, rank: int, settings: Mapping[str, object]
) -> int:
    """Add a target, a format in the order it was asked for and a rank, to a campaign; returns its id."""
    values = {"campaign_id": campaign_id, "position": position, "settings": codec.plain_json("settings", settings)}
    with db.write() as connection:
        return _insert_new(connection, models.Target, **values, **format_columns(fmt, rank))


def set_campaign_state(db: Database, campaign_id: int, state: str) -> None:
    """Say where a campaign stands.

    Raises
    ------
    InputError
        If `state` is not a `CampaignState`, or there is no such campaign.
    """
    if state not in list(models.CampaignState):
        raise InputError(f"campaign state {state!r}, expected one of {', '.join(models.CampaignState)}")
    with db.write() as connection:
        statement = update(models.Campaign).where(models.Campaign.id == campaign_id).values(state=str(state))
        if not connection.execute(statement).rowcount:
            raise InputError(f"campaign {campaign_id} does not exist")


def record_trial(
    db: Database,
    target_id: int,
    record: TrialRecord,
    *,
    fit: Factors | None = None,
    refinement: RefinementRecord | None = None,
) -> Recorded:
    """Record a finished trial, claimed or not, with all it found. One that is recorded already stays as it is.

    What is recorded counts, in the same transaction, as experience with its settings.

    Parameters
    ----------
    db : Database
    target_id : int
    record : TrialRecord
    fit : Factors, optional
        The float fit, whenever the search found an exact one, also when it could be made exact: fits are counted by it.
    refinement : RefinementRecord, optional
        The attempts to make it exact, run 0 of the fit, and the schemes that are to be stored.

    Raises
    ------
    InputError
        If there is a refinement and no fit, or settings hold something JSON cannot.
    """
    (recorded,) = record_trials(db, [NewTrial(target_id, record, fit, refinement)])
    return recorded


@dataclass(frozen=True)
class NewTrial:
    """What `record_trial` is given about one trial."""

    target_id: int
    record: TrialRecord
    fit: Factors | None = None
    refinement: RefinementRecord | None = None


def record_trials(db: Database, trials: Sequence[NewTrial]) -> list[Recorded]:
    """As `record_trial`, for several trials in one transaction: all of them are recorded, or none."""
    prepared = [_trial_and_run(new) for new in trials]
    with db.write() as connection:
        return [_record(connection, new, *columns) for new, columns in zip(trials, prepared, strict=True)]


def _trial_and_run(new: NewTrial) -> tuple[dict[str, Any], _Run]:
    if new.refinement is not None and new.fit is None:
        raise InputError("there is a refinement but no fit, expected the fit that was refined")
    return _trial_columns(new.target_id, new.record), _run_columns(new.refinement)


def _record(connection: Connection, new: NewTrial, trial: dict[str, Any], run: _Run) -> Recorded:
    trial_id = _finish_trial(connection, trial)
    if trial_id is None:
        return _recorded_already(connection, new.target_id, new.record.index)
    if trial["status"] != models.FAILED:
        _add_experience(connection, _experience_columns(connection, trial))
    fit = new.fit
    if fit is None:
        return Recorded(trial_id, None, ())
    arrays = {name: codec.fit_bytes(factor) for name, factor in zip("uvw", fit.arrays, strict=True)}
    columns = {"trial_id": trial_id, "state": str(models.FitState.OPEN)} | format_columns(fit.format, fit.rank)
    fit_id = _insert_new(connection, models.Fit, **columns, **arrays)
    return Recorded(trial_id, fit_id, _add_run(connection, fit_id, trial_id, 0, run))


def record_refinement(db: Database, fit_id: int, refinement: RefinementRecord) -> RecordedRun:
    """Record that a stored fit was taken up again, and what came of it. A run that is recorded already stays as it is.

    Parameters
    ----------
    db : Database
    fit_id : int
    refinement : RefinementRecord
        Its attempts become the next run of the fit. With schemes to store, the fit is refined from now on.

    Raises
    ------
    InputError
        If there is no such fit, or settings hold something JSON cannot.
    """
    run = _run_columns(refinement)
    with db.write() as connection:
        # The fit stays locked until the end, so that no other process takes the same number.
        fit = select(models.Fit.trial_id).where(models.Fit.id == fit_id).with_for_update()
        trial_id = connection.scalar(fit)
        if trial_id is None:
            raise InputError(f"fit {fit_id} is not in database {db.name}, expected the number of a stored fit")
        known = _known_runs(connection, fit_id)
        repeated = [{name: attempt[name] for name in _REPEATED} for attempt in run.attempts]
        for number, attempts in known.items():
            if attempts == repeated:
                return RecordedRun(number, tuple(_store(connection, *scheme) for scheme in run.schemes))
        number = max((0, *known)) + 1
        return RecordedRun(number, _add_run(connection, fit_id, trial_id, number, run))


@dataclass(frozen=True)
class _Run:
    """A run of the refinement in columns."""

    attempts: list[dict[str, Any]]
    hashes: list[str | None]
    schemes: list[tuple[VerifiedScheme, dict[str, Any]]]


def _run_columns(refinement: RefinementRecord | None) -> _Run:
    if refinement is None:
        return _Run([], [], [])
    return _Run(
        attempt_columns(refinement),
        [attempt.scheme_hash for attempt in refinement.attempts],
        [(verified, _scheme_columns(verified)) for verified in refinement.verified],
    )


_REPEATED = ("number", "seed", "settings", "status", "ring", "reason", "trace", "resolves")
"""Columns of attempts that are the same when a run is done again."""


def _known_runs(connection: Connection, fit_id: int) -> dict[int, list[dict[str, Any]]]:
    """What tells the runs of a fit apart, by their number."""
    row = models.Attempt
    query = select(row.run, *(getattr(row, name) for name in _REPEATED)).where(row.fit_id == fit_id)
    runs: dict[int, list[dict[str, Any]]] = {}
    for found in connection.execute(query.order_by(row.run, row.number)):
        runs.setdefault(found.run, []).append({name: getattr(found, name) for name in _REPEATED})
    return runs


def _add_run(connection: Connection, fit_id: int, trial_id: int, number: int, run: _Run) -> tuple[Stored, ...]:
    """Write the attempts and schemes of a run; where there are schemes, the fit is refined from now on."""
    schemes = tuple(_store(connection, *scheme) for scheme in run.schemes)
    kind, detail = ("trial", None) if number == 0 else ("refinement", f"fit {fit_id}, run {number}")
    for stored in schemes:
        # The same scheme may have come from the same fit before.
        _insert(
            connection,
            models.Discovery,
            unique=("trial_id", "scheme_id"),
            scheme_id=stored.scheme_id,
            kind=kind,
            trial_id=trial_id,
            detail=detail,
        )
    ids = {verified.hash: stored.scheme_id for (verified, _), stored in zip(run.schemes, schemes, strict=True)}
    for columns, scheme_hash in zip(run.attempts, run.hashes, strict=True):
        link = {"fit_id": fit_id, "run": number, "scheme_id": ids.get(scheme_hash or "")}
        _insert_new(connection, models.Attempt, **columns, **link)
    if schemes:
        connection.execute(update(models.Fit).where(models.Fit.id == fit_id).values(state=str(models.FitState.REFINED)))
    return schemes


def store_scheme(db: Database, verified: VerifiedScheme, *, source_kind: str, detail: str | None = None) -> Stored:
    """Store a scheme that no trial of this database found.

    Parameters
    ----------
    db : Database
    verified : VerifiedScheme
    source_kind : str
        For example ``import``.
    detail : str, optional
        For example the name of the file. Every call is kept as a discovery, also of a scheme that is known.
    """
    scheme = _scheme_columns(verified)
    with db.write() as connection:
        stored = _store(connection, verified, scheme)
        _insert_new(
            connection, models.Discovery, scheme_id=stored.scheme_id, kind=source_kind, detail=codec.plain_text(detail)
        )
        return stored


def _store(connection: Connection, verified: VerifiedScheme, columns: dict[str, Any]) -> Stored:
    scheme_id = _insert(connection, models.Scheme, unique=("hash",), **columns)
    if scheme_id is None:
        known = connection.execute(select(models.Scheme.id).where(models.Scheme.hash == verified.hash)).scalar_one()
        return Stored(known, new=False)
    certificate = verified.certificate
    _insert_new(
        connection,
        models.Certificate,
        scheme_id=scheme_id,
        checks=dict(certificate.checks),
        versions=dict(certificate.versions),
    )
    return Stored(scheme_id, new=True)


def _finish_trial(connection: Connection, columns: dict[str, Any]) -> int | None:
    """Write a finished trial and return its id; None when it was finished before."""
    values = columns | {"finished_at": func.current_timestamp()}
    statement = dialect_insert(connection, models.Trial).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=("target_id", "trial_index"), set_=values, where=models.Trial.state == models.TrialState.CLAIMED
    )
    finished: int | None = connection.scalar(statement.returning(models.Trial.id))
    return finished


def _experience_columns(connection: Connection, trial: dict[str, Any]) -> dict[str, Any]:
    """A finished trial as the experience of one start."""
    target = models.Target
    searched = select(target.sorted_format, target.rank).where(target.id == trial["target_id"])
    return {
        **connection.execute(searched).one()._asdict(),
        "settings": codec.settings_text(trial["settings"]),
        "starts": 1,
        "fits": int(trial["status"] == models.EXACT),
        "iterations": trial["iterations"],
        "seconds": trial["search_seconds"] or 0.0,
    }


def _add_experience(connection: Connection, columns: dict[str, Any]) -> None:
    """Add to the sums. The database itself does so: another process may add to the same row at the same time."""
    row = models.Experience
    statement = dialect_insert(connection, row).values(columns)
    new = statement.excluded
    sums = {name: getattr(row, name) + new[name] for name in ("starts", "fits", "iterations", "seconds")}
    connection.execute(statement.on_conflict_do_update(index_elements=("sorted_format", "rank", "settings"), set_=sums))


def _recorded_already(connection: Connection, target_id: int, index: int) -> Recorded:
    trial, discovery = models.Trial, models.Discovery
    recorded = (
        select(trial.id, models.Fit.id)
        .outerjoin(models.Fit, models.Fit.trial_id == trial.id)
        .where(trial.target_id == target_id, trial.trial_index == index)
    )
    trial_id, fit_id = connection.execute(recorded).one()
    # What later runs of its fit have led to is not the trial's own.
    found = select(discovery.scheme_id).where(discovery.trial_id == trial_id, discovery.kind == "trial")
    ids = connection.scalars(found.order_by(discovery.id))
    return Recorded(trial_id, fit_id, tuple(Stored(scheme_id, new=False) for scheme_id in ids))


def _trial_columns(target_id: int, record: TrialRecord) -> dict[str, Any]:
    return {
        "target_id": target_id,
        "trial_index": int(record.index),
        "state": str(models.TrialState.FINISHED),
        "seed": seed_column(record.seed_entropy, record.spawn_key),
        "settings": codec.plain_json("trial settings", record.settings),
        "status": str(record.status),
        "residual": codec.finite(record.residual),
        "squared_norm": codec.finite(record.squared_norm),
        "iterations": int(record.iterations),
        "search_seconds": codec.finite(record.search_seconds),
        "cpu_seconds": codec.finite(record.cpu_seconds),
        "refine_status": None if record.refine_status is None else str(record.refine_status),
        "refine_detail": codec.plain_text(record.refine_detail),
        "refine_seconds": codec.finite(record.refine_seconds),
    }


def _scheme_columns(verified: VerifiedScheme) -> dict[str, Any]:
    scheme = verified.scheme
    return {
        "hash": verified.hash,
        "factors": codec.scheme_text(scheme),
        **format_columns(scheme.format, scheme.rank),
        **codec.scheme_metrics(scheme),
    }


def format_columns(fmt: Format, rank: int) -> dict[str, Any]:
    """How every table keeps a format and a rank."""
    return {"n": fmt.n, "m": fmt.m, "p": fmt.p, "sorted_format": str(fmt.sorted()), "rank": rank}


def _insert(connection: Connection, model: type[models.Base], *, unique: tuple[str, ...], **values: Any) -> int | None:
    """Insert a row and return its id; None when there is one with the same values in the `unique` columns."""
    statement = dialect_insert(connection, model).values(**values).on_conflict_do_nothing(index_elements=unique)
    created: int | None = connection.scalar(statement.returning(model.id))
    return created


def dialect_insert(connection: Connection, model: type[models.Base]) -> postgresql.Insert | sqlite.Insert:
    """An insertion that may say what to do about a row that is there."""
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(model)


def _insert_new(connection: Connection, model: type[models.Base], **values: Any) -> int:
    """Insert a row that cannot be there yet and return its id."""
    created: int = connection.execute(insert(model).values(**values).returning(model.id)).scalar_one()
    return created
