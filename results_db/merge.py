"""Taking over what another database holds. What is here already stays as it is, so merging twice adds nothing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, exists, select, update

from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from results_db import codec, models
from results_db.contents import TABLES, stored_scheme
from results_db.rows import (
    REPEATED,
    add_experience,
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
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from mmdiscover.core.verified import VerifiedScheme
    from results_db.contents import Contents, Progress, Prove
    from results_db.database import Database

_TOGETHER = 200
"""Rows per transaction: what is merged is kept when the rest is interrupted."""
_PROVED_TOGETHER = 20


@dataclass(frozen=True)
class Left:
    """A row of the other database that was left out."""

    table: str
    number: int
    reason: str


@dataclass(frozen=True)
class Merged:
    """What a merge brought: new rows by table, and what was left out because something is wrong with it."""

    added: dict[str, int]
    left: tuple[Left, ...]


def merge(db: Database, other: Contents, prove: Prove, progress: Progress | None = None) -> Merged:
    """Copy what `other` holds and `db` does not.

    Schemes are told apart by their hash, campaigns by their uuid (a name that is taken gets a suffix), targets by
    format, rank and place, trials by their index, runs of the refinement by what they did. Every scheme that is new is
    proved again. New trials, and only those, count as experience. Trials that are claimed and not finished stay behind.

    Parameters
    ----------
    db : Database
        Written in many short transactions.
    other : Contents
    prove : callable
    progress : callable, optional

    Returns
    -------
    Merged

    Raises
    ------
    DatabaseError, InputError
        If `other` cannot be read any further; what was merged before is kept.
    """
    work = _Merge(db, other, prove, progress or (lambda *_: None))
    for table in TABLES:
        getattr(work, f"merge_{table}")()
    return Merged({table: work.added[table] for table in TABLES}, tuple(work.left))


@dataclass
class _Merge:
    """The work of one merge; maps give the number here by the number there."""

    db: Database
    other: Contents
    prove: Prove
    progress: Progress
    added: Counter[str] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)
    schemes: dict[int, int] = field(default_factory=dict)
    campaigns: dict[int, int] = field(default_factory=dict)
    targets: dict[int, int] = field(default_factory=dict)
    trials: dict[int, int] = field(default_factory=dict)
    fits: dict[int, int] = field(default_factory=dict)
    runs: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._total = sum(self.other.count(table) for table in TABLES)
        self._done = 0

    def chunks(self, table: str, size: int = _TOGETHER) -> Iterator[list[dict[str, Any]]]:
        rows = self.other.rows(table)
        while some := list(islice(rows, size)):
            yield some
            self._done += len(some)
            self.progress(self._done, self._total)

    def leave(self, table: str, row: dict[str, Any], reason: object) -> None:
        self.left.append(Left(table, row["id"], str(reason)))

    def merge_schemes(self) -> None:
        scheme = models.Scheme
        for rows in self.chunks("schemes", _PROVED_TOGETHER):
            query = select(scheme.hash, scheme.id).where(scheme.hash.in_([row["hash"] for row in rows]))
            with self.db.read() as connection:
                known = _pairs(connection.execute(query))
            # Outside of the transaction, for a proof takes time.
            proofs = [(row, self._proof(row)) for row in rows if row["hash"] not in known]
            with self.db.write() as connection:
                for row, verified in proofs:
                    if verified is not None:
                        columns = scheme_columns(verified) | {"found_at": row["found_at"]}
                        stored = store(connection, verified, columns)
                        known[row["hash"]] = stored.scheme_id
                        self.added["schemes"] += stored.new
                        self.added["certificates"] += stored.new
            self.schemes |= {row["id"]: known[row["hash"]] for row in rows if row["hash"] in known}

    def _proof(self, row: dict[str, Any]) -> VerifiedScheme | None:
        try:
            verified = self.prove(stored_scheme(row))
        except (InputError, TypeError, ArithmeticError) as error:
            self.leave("schemes", row, error)
            return None
        if verified.hash != row["hash"]:
            self.leave("schemes", row, f"hash is {row['hash']!r}, expected {verified.hash!r}")
            return None
        return verified

    def merge_certificates(self) -> None:
        """Beside the own proof, what the other database knows of earlier ones."""
        columns = ("checks", "versions", "checked_at")
        for rows in self.chunks("certificates"):
            self._add_unless_equal(models.Certificate, _pointing(rows, "scheme_id", self.schemes), columns)

    def _add_unless_equal(self, model: Any, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
        """Add the rows about schemes that are not there with the same values; moments are the same to a second."""
        names = ("scheme_id", *columns)
        with self.db.write() as connection:
            of_these = model.scheme_id.in_({row["scheme_id"] for row in rows})
            query = select(*(getattr(model, name) for name in names)).where(of_these)
            known = {_key(found) for found in connection.execute(query)}
            for row in rows:
                values = {name: row[name] for name in names}
                key = _key(values.values())
                if key not in known:
                    known.add(key)
                    insert_new(connection, model, **values)
                    self.added[model.__tablename__] += 1

    def merge_campaigns(self) -> None:
        campaign = models.Campaign
        for rows in self.chunks("campaigns"):
            for row in rows:
                if row["uuid"] is None:
                    self.leave("campaigns", row, "it has no uuid")
                    continue
                with self.db.write() as connection:
                    known = connection.execute(
                        select(campaign.id, campaign.state).where(campaign.uuid == row["uuid"])
                    ).one_or_none()
                    self.campaigns[row["id"]] = known.id if known else self._add_campaign(connection, row)
                    if known and row["state"] == models.CampaignState.FINISHED != known.state:
                        statement = update(campaign).where(campaign.id == known.id)
                        connection.execute(statement.values(state=row["state"]))

    def _add_campaign(self, connection: Connection, row: dict[str, Any]) -> int:
        values = {name: row[name] for name in ("kind", "seed", "settings", "state", "created_at", "uuid")}
        if row["state"] == models.CampaignState.RUNNING:  # by nobody here
            values["state"] = str(models.CampaignState.STOPPED)
        name, number = row["name"], 1
        while True:
            created = insert_unless_there(connection, models.Campaign, unique=("name",), name=name, **values)
            if created is not None:
                self.added["campaigns"] += 1
                return created
            number += 1
            suffix = f"-{number}"
            name = row["name"][: 200 - len(suffix)] + suffix

    def merge_targets(self) -> None:
        target = models.Target
        for rows in self.chunks("targets"):
            with self.db.write() as connection:
                for row in _pointing(rows, "campaign_id", self.campaigns):
                    campaign = row["campaign_id"]
                    query = select(target.__table__).where(target.campaign_id == campaign).order_by(target.position)
                    known = connection.execute(query).all()
                    self.targets[row["id"]] = self._target(connection, campaign, row, known)

    def _target(self, connection: Connection, campaign: int, row: dict[str, Any], known: Sequence[Any]) -> int:
        """The target here: the one at the same place, else one with the same settings, else a new one."""
        searched = tuple(row[name] for name in ("n", "m", "p", "rank"))
        alike = [found for found in known if (found.n, found.m, found.p, found.rank) == searched]
        for same in (
            lambda found: found.position == row["position"],
            lambda found: found.settings == row["settings"],
        ):
            if chosen := next(filter(same, alike), None):
                return int(chosen.id)
        taken = {found.position for found in known}
        position = row["position"] if row["position"] not in taken else max(taken) + 1
        values = {"campaign_id": campaign, "position": position, "settings": row["settings"]}
        self.added["targets"] += 1
        return insert_new(connection, models.Target, **values, **_formats(row))

    def merge_trials(self) -> None:
        for rows in self.chunks("trials"):
            finished = [
                row for row in _pointing(rows, "target_id", self.targets) if row["state"] == models.TrialState.FINISHED
            ]
            with self.db.write() as connection:
                known = _trials_here(connection, finished)
                for row in finished:
                    place = (row["target_id"], row["trial_index"])
                    if place not in known:
                        known[place] = self._add_trial(connection, row)
                    self.trials[row["id"]] = known[place]

    def _add_trial(self, connection: Connection, row: dict[str, Any]) -> int:
        trial = models.Trial
        values = {name: value for name, value in row.items() if name != "id"}
        statement = dialect_insert(connection, trial).values(values)
        # Somebody here may be at work on it; what they find comes too late.
        statement = statement.on_conflict_do_update(
            index_elements=("target_id", "trial_index"), set_=values, where=trial.state == models.TrialState.CLAIMED
        )
        created: int | None = connection.scalar(statement.returning(trial.id))
        if created is None:  # finished a moment ago
            return next(iter(_trials_here(connection, [row]).values()))
        self.added["trials"] += 1
        if row["status"] != models.FAILED and row["iterations"] is not None:
            add_experience(connection, experience_of(connection, [values]))
        return created

    def merge_fits(self) -> None:
        fit = models.Fit
        for rows in self.chunks("fits"):
            of_trials = _pointing(rows, "trial_id", self.trials)
            with self.db.write() as connection:
                query = select(fit.trial_id, fit.id).where(fit.trial_id.in_([row["trial_id"] for row in of_trials]))
                known = _pairs(connection.execute(query))
                for row in of_trials:
                    if row["trial_id"] not in known:
                        try:
                            known[row["trial_id"]] = self._add_fit(connection, row)
                        except (InputError, TypeError, ValueError) as error:
                            self.leave("fits", row, error)
                            continue
                    self.fits[row["id"]] = known[row["trial_id"]]

    def _add_fit(self, connection: Connection, row: dict[str, Any]) -> int:
        factors = {name: row[name] for name in "uvw"}
        codec.fit_from_bytes(Format(row["n"], row["m"], row["p"]), row["rank"], (row["u"], row["v"], row["w"]))
        # Refined is what has led to a scheme that is stored here.
        state = {"state": str(models.FitState.OPEN), "found_at": row["found_at"], "trial_id": row["trial_id"]}
        created = insert_new(connection, models.Fit, **state, **_formats(row), **factors)
        self.added["fits"] += 1
        return created

    def merge_attempts(self) -> None:
        for rows in self._whole_runs():
            with self.db.write() as connection:
                for (fit, run), attempts in groupby(rows, key=lambda row: (row["fit_id"], row["run"])):
                    if fit in self.fits:
                        here = self._run(connection, self.fits[fit], list(attempts))
                        self.runs[fit, run] = (self.fits[fit], here)

    def _whole_runs(self) -> Iterator[list[dict[str, Any]]]:
        """Chunks that end where a fit does."""
        rest: list[dict[str, Any]] = []
        for rows in self.chunks("attempts"):
            rest += rows
            last = rest[-1]["fit_id"]
            whole = [row for row in rest if row["fit_id"] != last]
            rest = [row for row in rest if row["fit_id"] == last]
            yield whole
        yield rest

    def _run(self, connection: Connection, fit_id: int, attempts: list[dict[str, Any]]) -> int:
        """The number of a run here, where it is copied to unless it is there."""
        # As in `record_refinement`: nobody else takes the same number.
        connection.execute(select(models.Fit.id).where(models.Fit.id == fit_id).with_for_update())
        known = known_runs(connection, fit_id)
        done = [{name: attempt[name] for name in REPEATED} for attempt in attempts]
        for number, others in known.items():
            if others == done:
                return number
        number = attempts[0]["run"] if attempts[0]["run"] not in known else max(known) + 1
        for attempt in attempts:
            values = {name: attempt[name] for name in (*REPEATED, "cpu_seconds", "made_at")}
            link = {"fit_id": fit_id, "run": number, "scheme_id": self.schemes.get(attempt["scheme_id"])}
            insert_new(connection, models.Attempt, **values, **link)
            self.added["attempts"] += 1
        return number

    def merge_discoveries(self) -> None:
        columns = ("kind", "detail", "found_at")
        for rows in self.chunks("discoveries"):
            of_schemes = _pointing(rows, "scheme_id", self.schemes)
            self._add_unless_equal(models.Discovery, [row for row in of_schemes if row["trial_id"] is None], columns)
            by_trials = _pointing(of_schemes, "trial_id", self.trials)
            with self.db.write() as connection:
                for row in by_trials:
                    values = {name: row[name] for name in ("scheme_id", "kind", "trial_id", "found_at")}
                    values["detail"] = self._detail(row["detail"])
                    unique = ("trial_id", "scheme_id")
                    created = insert_unless_there(connection, models.Discovery, unique=unique, **values)
                    self.added["discoveries"] += created is not None
                _set_refined(connection, {row["trial_id"] for row in by_trials})

    def _detail(self, detail: str | None) -> str | None:
        """``fit 3, run 1`` by the numbers that they have here."""
        found = re.fullmatch(r"fit (\d+), run (\d+)", detail or "")
        here = self.runs.get((int(found[1]), int(found[2]))) if found else None
        return detail if here is None else "fit {}, run {}".format(*here)


def _pointing(rows: Iterable[dict[str, Any]], column: str, here: dict[int, int]) -> list[dict[str, Any]]:
    """The rows whose `column` points to something that is here, with the number that it has here."""
    return [row | {column: here[row[column]]} for row in rows if row[column] in here]


def _pairs(rows: Iterable[Any]) -> dict[Any, int]:
    return {key: number for key, number in rows}  # noqa: C416 - a row is no pair to a type checker


def _trials_here(connection: Connection, rows: Sequence[dict[str, Any]]) -> dict[tuple[int, int], int]:
    """The finished trials at the places of `rows`."""
    trial = models.Trial
    query = select(trial.target_id, trial.trial_index, trial.id).where(trial.state == str(models.TrialState.FINISHED))
    found = {}
    by_target = itemgetter("target_id")
    for target, same in groupby(sorted(rows, key=by_target), key=by_target):
        indices = [row["trial_index"] for row in same]
        for _, index, number in connection.execute(
            query.where(trial.target_id == target, trial.trial_index.in_(indices))
        ):
            found[target, index] = number
    return found


def _set_refined(connection: Connection, trial_ids: Iterable[int]) -> None:
    fit, discovery = models.Fit, models.Discovery
    led_to_a_scheme: ColumnElement[bool] = exists().where(discovery.trial_id == fit.trial_id)
    statement = update(fit).where(fit.trial_id.in_(list(trial_ids)), led_to_a_scheme)
    connection.execute(statement.values(state=str(models.FitState.REFINED)))


def _formats(row: dict[str, Any]) -> dict[str, Any]:
    return format_columns(Format(row["n"], row["m"], row["p"]), row["rank"])


def _key(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(map(_comparable, values))


def _comparable(value: Any) -> Any:
    if isinstance(value, datetime):
        return codec.utc(value).replace(microsecond=0)
    return codec.settings_text(value) if isinstance(value, dict) else value
