"""Everything that is written. Each function is one transaction: all of it is stored, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from mmdiscover.errors import InputError
from results_db import codec, models
from results_db.attempts import attempt_columns, seed_column
from results_db.rows import (
    INSERT,
    REPEATED,
    Stored,
    add_experience,
    certify,
    dialect_insert,
    experience_of,
    format_columns,
    insert_new,
    insert_unless_there,
    known_runs,
    scheme_columns,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql.dml import ReturningInsert

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
        How the refinement or lifting ended, when there was one.
    origin : mapping, optional
        Where it began, unless it made its start itself: ``{"parents": [hashes], "move": …, "start": …}``.
    trace : sequence of (int, int), optional
        Of a walk: flips done and rank whenever that was lower than ever before, beginning with that of the start: at 0
        flips or, where that has grown from a small format, those of the growth.
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
    origin: Mapping[str, object] | None = None
    trace: Sequence[tuple[int, int]] | None = None


@dataclass(frozen=True)
class Recorded:
    """Where a trial is stored, its fit, and the schemes it led to at once, the preferred one first.

    `steps` are those that are of use to later trials only, see `FoundSchemes`.
    """

    trial_id: int
    fit_id: int | None
    schemes: tuple[Stored, ...]
    steps: tuple[Stored, ...] = ()


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
            created = insert_unless_there(connection, models.Campaign, unique=("name",), name=tried, **values)
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
        return insert_new(connection, models.Target, **values, **format_columns(fmt, rank))


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
    found: FoundSchemes | None = None,
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
    found : FoundSchemes, optional
        What was found without a fit.

    Raises
    ------
    InputError
        If there is a refinement and no fit, or a fit and schemes without one, or settings hold something JSON cannot.
    """
    (recorded,) = record_trials(db, [NewTrial(target_id, record, fit, refinement, found)])
    return recorded


@dataclass(frozen=True)
class FoundSchemes:
    """What a trial without a fit found.

    Parameters
    ----------
    verified : tuple of VerifiedScheme
        What its target asks for, the preferred one first.
    steps : tuple of VerifiedScheme
        What it does not, but later trials may begin at.
    detail : str, optional
        How they were found, for people.
    """

    verified: tuple[VerifiedScheme, ...] = ()
    steps: tuple[VerifiedScheme, ...] = ()
    detail: str | None = None


@dataclass(frozen=True)
class NewTrial:
    """What `record_trial` is given about one trial; one with a fit finds its schemes by refinement only."""

    target_id: int
    record: TrialRecord
    fit: Factors | None = None
    refinement: RefinementRecord | None = None
    found: FoundSchemes | None = None


def record_trials(db: Database, trials: Sequence[NewTrial]) -> list[Recorded]:
    """As `record_trial`, for several trials in one transaction: all of them are recorded, or none.

    The time it takes is mostly that of its statements, and there are hardly more of them for many trials than for one.
    """
    for new in trials:
        if new.refinement is not None and new.fit is None:
            raise InputError("there is a refinement but no fit, expected the fit that was refined")
        if new.found is not None and new.fit is not None:
            raise InputError("there are a fit and schemes found without one, expected one of them")
    rows = {(new.target_id, int(new.record.index)): _trial_columns(new.target_id, new.record) for new in trials}
    runs = [_run_columns(new.refinement) for new in trials]
    walked = [new.found or FoundSchemes() for new in trials]
    schemes = _unknown_schemes(db, [*(run.verified for run in runs), *(one.verified + one.steps for one in walked)])
    with db.write() as connection:
        ids = _finish_trials(connection, list(rows.values()))
        add_experience(connection, experience_of(connection, [rows[key] for key in ids]))
        first = {(new.target_id, int(new.record.index)): place for place, new in reversed(list(enumerate(trials)))}
        found = [(ids[key], first[key]) for key in ids if trials[first[key]].fit is not None]
        others = [(ids[key], walked[first[key]]) for key in ids if trials[first[key]].found is not None]
        fits = _insert_fits(connection, {trial_id: trials[place].fit for trial_id, place in found})
        run_links = [(fits[trial_id], trial_id, 0, runs[place]) for trial_id, place in found]
        refined = _add_runs(connection, run_links, schemes)
        stored: dict[int, tuple[tuple[Stored, ...], tuple[Stored, ...]]] = {
            trial_id: (made, ()) for (trial_id, _), made in zip(found, refined, strict=True)
        }
        stored |= _add_found(connection, others, schemes)
        return [
            Recorded(ids[key], fits.get(ids[key]), *stored.get(ids[key], ((), ())))
            if key in ids and first[key] == place
            else _recorded_already(connection, *key)
            for place, key in enumerate((new.target_id, int(new.record.index)) for new in trials)
        ]


def _insert_fits(connection: Connection, fits: Mapping[int, Factors | None]) -> dict[int, int]:
    """Write float fits; returns their numbers by those of their trials."""
    rows = [
        {"trial_id": trial_id, "state": str(models.FitState.OPEN)}
        | format_columns(fit.format, fit.rank)
        | {name: codec.fit_bytes(factor) for name, factor in zip("uvw", fit.arrays, strict=True)}
        for trial_id, fit in fits.items()
        if fit is not None
    ]
    if not rows:
        return {}
    inserted = connection.execute(insert(models.Fit).returning(models.Fit.trial_id, models.Fit.id), rows)
    return {trial_id: int(fit_id) for trial_id, fit_id in inserted}


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
    schemes = _unknown_schemes(db, [run.verified])
    with db.write() as connection:
        # The fit stays locked until the end, so that no other process takes the same number.
        fit = select(models.Fit.trial_id).where(models.Fit.id == fit_id).with_for_update()
        trial_id = connection.scalar(fit)
        if trial_id is None:
            raise InputError(f"fit {fit_id} is not in database {db.name}, expected the number of a stored fit")
        known = known_runs(connection, fit_id)
        repeated = [{name: attempt[name] for name in REPEATED} for attempt in run.attempts]
        for number, attempts in known.items():
            if attempts == repeated:
                return RecordedRun(number, _store_schemes(connection, [run.verified], schemes)[0])
        number = max((0, *known)) + 1
        return RecordedRun(number, *_add_runs(connection, [(fit_id, trial_id, number, run)], schemes))


@dataclass(frozen=True)
class _Run:
    """A run of the refinement in columns."""

    attempts: list[dict[str, Any]]
    hashes: list[str | None]
    verified: tuple[VerifiedScheme, ...]


def _run_columns(refinement: RefinementRecord | None) -> _Run:
    if refinement is None:
        return _Run([], [], ())
    hashes = [attempt.scheme_hash for attempt in refinement.attempts]
    return _Run(attempt_columns(refinement), hashes, refinement.verified)


def _add_runs(
    connection: Connection, runs: Sequence[tuple[int, int, int, _Run]], schemes: dict[str, dict[str, Any]]
) -> list[tuple[Stored, ...]]:
    """Write the attempts and schemes of runs; fits with schemes are refined from now on.

    Parameters
    ----------
    connection : Connection
    runs : sequence of (fit id, trial id, number of the run, run)
    schemes : dict
        Columns of schemes by their hash, see `_unknown_schemes`.

    Returns
    -------
    list of tuple of Stored
        The schemes of each run.
    """
    stored = _store_schemes(connection, [run.verified for *_, run in runs], schemes)
    discoveries, attempts, refined = [], [], []
    for (fit_id, trial_id, number, run), found in zip(runs, stored, strict=True):
        kind, detail = ("trial", None) if number == 0 else ("refinement", f"fit {fit_id}, run {number}")
        origin = {"kind": kind, "trial_id": trial_id, "detail": detail}
        discoveries += [{"scheme_id": scheme.scheme_id} | origin for scheme in found]
        ids = {verified.hash: scheme.scheme_id for verified, scheme in zip(run.verified, found, strict=True)}
        attempts += [
            columns | {"fit_id": fit_id, "run": number, "scheme_id": ids.get(scheme_hash or "")}
            for columns, scheme_hash in zip(run.attempts, run.hashes, strict=True)
        ]
        refined += [fit_id] if found else []
    _discover(connection, discoveries)
    if attempts:
        connection.execute(insert(models.Attempt), attempts)
    if refined:
        is_refined = update(models.Fit).where(models.Fit.id.in_(refined))
        connection.execute(is_refined.values(state=str(models.FitState.REFINED)))
    return stored


def _add_found(
    connection: Connection, found: Sequence[tuple[int, FoundSchemes]], schemes: dict[str, dict[str, Any]]
) -> dict[int, tuple[tuple[Stored, ...], tuple[Stored, ...]]]:
    """Write the schemes of trials without fits: what counts, and the steps, by the number of the trial."""
    stored = _store_schemes(connection, [one.verified + one.steps for _, one in found], schemes)
    by_trial: dict[int, tuple[tuple[Stored, ...], tuple[Stored, ...]]] = {}
    discoveries: list[dict[str, Any]] = []
    for (trial_id, one), schemes_here in zip(found, stored, strict=True):
        count = len(one.verified)
        by_trial[trial_id] = schemes_here[:count], schemes_here[count:]
        detail = codec.plain_text(one.detail)
        discoveries += [
            {
                "scheme_id": scheme.scheme_id,
                "kind": "trial" if place < count else models.STEP,
                "trial_id": trial_id,
                "detail": detail,
            }
            for place, scheme in enumerate(schemes_here)
        ]
    _discover(connection, discoveries)
    return by_trial


def _discover(connection: Connection, discoveries: list[dict[str, Any]]) -> None:
    if discoveries:
        # The same scheme may have come from the same trial before.
        statement = dialect_insert(connection, models.Discovery)
        connection.execute(statement.on_conflict_do_nothing(index_elements=("trial_id", "scheme_id")), discoveries)


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
    scheme = scheme_columns(verified)
    with db.write() as connection:
        stored = store(connection, verified, scheme)
        insert_new(
            connection, models.Discovery, scheme_id=stored.scheme_id, kind=source_kind, detail=codec.plain_text(detail)
        )
        return stored


def _unknown_schemes(db: Database, groups: Sequence[tuple[VerifiedScheme, ...]]) -> dict[str, dict[str, Any]]:
    """Columns of the schemes that are not stored yet, by their hash: what is counted about them takes its time."""
    verified = {one.hash: one for group in groups for one in group}
    if not verified:
        return {}
    with db.read() as connection:
        known = set(connection.scalars(select(models.Scheme.hash).where(models.Scheme.hash.in_(verified))))
    return {name: scheme_columns(one) for name, one in verified.items() if name not in known}


def _store_schemes(
    connection: Connection, groups: Sequence[tuple[VerifiedScheme, ...]], columns: dict[str, dict[str, Any]]
) -> list[tuple[Stored, ...]]:
    """Store groups of schemes, each once; for those without columns nothing is done, they are stored."""
    verified = {one.hash: one for group in groups for one in group}
    if not verified:
        return [()] * len(groups)
    scheme = models.Scheme
    new: dict[str, int] = {}
    unknown = [columns[scheme_hash] for scheme_hash in verified if scheme_hash in columns]
    if unknown:
        statement = dialect_insert(connection, scheme).on_conflict_do_nothing(index_elements=("hash",))
        inserted = connection.execute(statement.returning(scheme.hash, scheme.id), unknown)
        new = {scheme_hash: int(scheme_id) for scheme_hash, scheme_id in inserted}
        certify(connection, [(scheme_id, verified[scheme_hash]) for scheme_hash, scheme_id in new.items()])
    others = [scheme_hash for scheme_hash in verified if scheme_hash not in new]
    query = select(scheme.hash, scheme.id).where(scheme.hash.in_(others))
    known = {scheme_hash: int(scheme_id) for scheme_hash, scheme_id in connection.execute(query)} if others else {}
    stored = []
    for group in groups:
        found = []
        for one in group:
            found.append(Stored(new.get(one.hash) or known[one.hash], new=one.hash in new))
            if one.hash in new:
                # New once: the next trial that brings it finds it there.
                known[one.hash] = new.pop(one.hash)
        stored.append(tuple(found))
    return stored


def _finish_trials(connection: Connection, rows: Sequence[dict[str, Any]]) -> dict[tuple[int, int], int]:
    """Write finished trials; returns the ids of those that were not finished before, by target and index."""
    finished = connection.execute(_finish_statement(connection.dialect.name, tuple(rows[0])), rows)
    return {(target_id, index): trial_id for target_id, index, trial_id in finished}


# Making these statements takes longer than running them.
@cache
def _finish_statement(dialect: str, columns: tuple[str, ...]) -> ReturningInsert[int, int, int]:
    trial = models.Trial
    statement = INSERT[dialect](trial).values(finished_at=func.current_timestamp())
    changed = {name: statement.excluded[name] for name in (*columns, "finished_at")}
    statement = statement.on_conflict_do_update(
        index_elements=("target_id", "trial_index"), set_=changed, where=trial.state == models.TrialState.CLAIMED
    )
    return statement.returning(trial.target_id, trial.trial_index, trial.id)


def _recorded_already(connection: Connection, target_id: int, index: int) -> Recorded:
    trial, discovery = models.Trial, models.Discovery
    recorded = (
        select(trial.id, models.Fit.id)
        .outerjoin(models.Fit, models.Fit.trial_id == trial.id)
        .where(trial.target_id == target_id, trial.trial_index == index)
    )
    trial_id, fit_id = connection.execute(recorded).one()
    # What later runs of its fit have led to is not the trial's own.
    found = select(discovery.scheme_id, discovery.kind).where(discovery.trial_id == trial_id)
    rows = connection.execute(found.order_by(discovery.id)).all()
    schemes, steps = (
        tuple(Stored(row.scheme_id, new=False) for row in rows if row.kind == kind) for kind in ("trial", models.STEP)
    )
    return Recorded(trial_id, fit_id, schemes, steps)


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
        "origin": None if record.origin is None else codec.plain_json("trial origin", record.origin),
        "trace": None if record.trace is None else [[int(flips), int(rank)] for flips, rank in record.trace],
    }
