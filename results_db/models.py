"""The tables.

A campaign has targets (one format and rank each), a target has trials (one start each), a trial may leave an exact
float fit, a fit has attempts to make it exact. Schemes stand apart, each stored once; discoveries say which trials and
imports each scheme came from. Experience sums up over all campaigns how the trials of a format and rank ended, by
settings.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class CampaignState(StrEnum):
    """Where a campaign stands."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"


class TrialState(StrEnum):
    """Where a trial stands: claimed by a process that works on it, or finished and from then on immutable."""

    CLAIMED = "claimed"
    FINISHED = "finished"


EXACT = "exact"
"""`Trial.status` of a search that found an exact fit."""
FAILED = "failed"
"""`Trial.status` of a search that ended in an error: it tells nothing about its settings."""

STEP = "step"
"""`Discovery.kind` of a scheme that is of use to later trials, but not what the trial's target asks for."""


class FitState(StrEnum):
    """Whether a float fit still waits to be made exact."""

    OPEN = "open"
    REFINED = "refined"


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


# Every integer of SQLite has 64 bits; a column of a table that others point to cannot be declared anew there.
BIG_INTEGER = BigInteger().with_variant(Integer(), "sqlite")

# SQLite compares moments as text: all of them are written as it writes its own.
_SQLITE_MOMENT = sqlite.DATETIME(truncate_microseconds=True)  # type: ignore[no-untyped-call]
_MOMENT = DateTime(timezone=True).with_variant(_SQLITE_MOMENT, "sqlite")
# Every time is UTC by the database's clock: the clocks of several machines need not agree.
_now = func.current_timestamp()


class Base(DeclarativeBase):
    """Common to all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way to say this
        datetime: _MOMENT,
        dict[str, Any]: JSON(),
        list[dict[str, Any]]: JSON(),
        float: Double(),
        bytes: LargeBinary(),
    }

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1)


class Campaign(Base):
    """One `discover`, or one campaign file."""

    __tablename__ = "campaigns"
    __table_args__ = (_one_of("state", CampaignState),)

    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(40))
    # Text: a seed may have more than 64 bits.
    seed: Mapped[str] = mapped_column(Text)
    settings: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20), default=CampaignState.RUNNING)
    created_at: Mapped[datetime] = mapped_column(server_default=_now)
    # The same wherever the campaign is copied to.
    uuid: Mapped[str | None] = mapped_column(String(36), default=lambda: str(uuid4()), index=True, unique=True)


class Target(Base):
    """One format (in the order that was asked for) and rank of a campaign."""

    __tablename__ = "targets"
    __table_args__ = (UniqueConstraint("campaign_id", "position"), Index(None, "sorted_format", "rank"))

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    position: Mapped[int]
    n: Mapped[int]
    m: Mapped[int]
    p: Mapped[int]
    sorted_format: Mapped[str] = mapped_column(String(40))
    rank: Mapped[int]
    settings: Mapped[dict[str, Any]]


class Trial(Base):
    """One start. What is unknown while it is only claimed may be null; so may a number that was not finite."""

    __tablename__ = "trials"
    __table_args__ = (
        UniqueConstraint("target_id", "trial_index"),
        Index(None, "state", "heartbeat_at"),
        # Everything that the sums of a campaign need.
        Index(None, "target_id", "state", "status", "cpu_seconds"),
        _one_of("state", TrialState),
    )

    target_id: Mapped[int] = mapped_column(ForeignKey("targets.id"))
    trial_index: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    seed: Mapped[dict[str, Any]]
    settings: Mapped[dict[str, Any]]
    status: Mapped[str | None] = mapped_column(String(40))
    residual: Mapped[float | None]
    squared_norm: Mapped[float | None]
    iterations: Mapped[int | None] = mapped_column(BIG_INTEGER)
    search_seconds: Mapped[float | None]
    cpu_seconds: Mapped[float | None]
    refine_status: Mapped[str | None] = mapped_column(String(40))
    refine_detail: Mapped[str | None] = mapped_column(Text)
    refine_seconds: Mapped[float | None]
    # Where it began, unless it made its start itself: {"parents": [hashes of schemes], "move": …, "start": …}.
    origin: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # Of a walk: [flips done, rank] whenever the rank was lower than ever before, beginning with that of the start, at
    # 0 flips or, where that has grown from a small format, those of the growth.
    trace: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))


class Fit(Base):
    """The float factors of an exact fit: little-endian float64, row-major, shapes (nm, r), (mp, r), (pn, r)."""

    __tablename__ = "fits"
    __table_args__ = (Index(None, "state", "sorted_format", "rank"), _one_of("state", FitState))

    trial_id: Mapped[int] = mapped_column(ForeignKey("trials.id"), unique=True)
    n: Mapped[int]
    m: Mapped[int]
    p: Mapped[int]
    sorted_format: Mapped[str] = mapped_column(String(40))
    rank: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    u: Mapped[bytes]
    v: Mapped[bytes]
    w: Mapped[bytes]
    found_at: Mapped[datetime] = mapped_column(server_default=_now)


class Attempt(Base):
    """One attempt to make a fit exact.

    Attempts belong to runs of the refinement: run 0 in the trial that found the fit, 1, 2, … whenever it was taken up
    again. Seed, settings and processor time are those of the run, the same in all its rows; the first two and the fit
    repeat it. Never changed.
    """

    __tablename__ = "attempts"
    __table_args__ = (UniqueConstraint("fit_id", "run", "number"), Index(None, "scheme_id"))

    fit_id: Mapped[int] = mapped_column(ForeignKey("fits.id"))
    run: Mapped[int]
    # Within the run, from 0.
    number: Mapped[int]
    seed: Mapped[dict[str, Any]]
    settings: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(40))
    ring: Mapped[str | None] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    # Objects {"name", "zeros", "fixed", "free", "residual"}, one per stage, in their order.
    trace: Mapped[list[dict[str, Any]]]
    resolves: Mapped[int]
    cpu_seconds: Mapped[float | None]
    # What it found, where that is stored.
    scheme_id: Mapped[int | None] = mapped_column(ForeignKey("schemes.id"))
    made_at: Mapped[datetime] = mapped_column(server_default=_now)


class Experience(Base):
    """How the searches for one sorted format and rank with the same settings went: sums over their finished trials."""

    __tablename__ = "experience"
    __table_args__ = (UniqueConstraint("sorted_format", "rank", "settings"),)

    sorted_format: Mapped[str] = mapped_column(String(40))
    rank: Mapped[int]
    # JSON text with sorted keys and no spaces, so that equal settings are equal texts.
    settings: Mapped[str] = mapped_column(Text)
    starts: Mapped[int]
    # How many of the starts led to an exact fit.
    fits: Mapped[int]
    iterations: Mapped[int] = mapped_column(BigInteger)
    # Wall time of the searches.
    seconds: Mapped[float]


class Scheme(Base):
    """A verified scheme in canonical form, with what is counted about it."""

    __tablename__ = "schemes"
    __table_args__ = (
        Index(None, "sorted_format", "rank", "additions"),
        Index(None, "sorted_format", "ring", "rank"),
        Index(None, "ring", "rank", "additions"),
        Index(None, "rank", "additions"),
        Index(None, "additions"),
        Index(None, "nonzeros"),
        Index(None, "orbit_class"),
        # Everything that the classes of a format need; the number too, which servers do not keep in every index.
        Index(None, "sorted_format", "rank", "orbit_class", "additions", "id", "ring"),
        Index(None, "found_at"),
    )

    hash: Mapped[str] = mapped_column(String(64), unique=True)
    n: Mapped[int]
    m: Mapped[int]
    p: Mapped[int]
    sorted_format: Mapped[str] = mapped_column(String(40))
    rank: Mapped[int]
    ring: Mapped[str] = mapped_column(String(8))
    nonzeros: Mapped[int]
    additions: Mapped[int]
    # Null where it overflows.
    growth_factor: Mapped[float | None]
    # Null where the scheme is damaged, or too large for the dimensions to be computed.
    orbit_class: Mapped[str | None] = mapped_column(String(12))
    null_space: Mapped[int | None]
    orbit_dimension: Mapped[int | None]
    # JSON text {"u": […], "v": […], "w": […]}, one row per product, as in a scheme file.
    factors: Mapped[str] = mapped_column(Text)
    found_at: Mapped[datetime] = mapped_column(server_default=_now)


class Certificate(Base):
    """Which checks a scheme has passed, and by which versions of which programs."""

    __tablename__ = "certificates"

    scheme_id: Mapped[int] = mapped_column(ForeignKey("schemes.id"), index=True)
    checks: Mapped[dict[str, Any]]
    versions: Mapped[dict[str, Any]]
    checked_at: Mapped[datetime] = mapped_column(server_default=_now)


class Discovery(Base):
    """One time a scheme was found or read: ``import`` and others with a detail, or with a trial.

    Kind ``trial``: found by it, or made from its fit at once; kind ``refinement``: when that was taken up again. Kind
    ``step``: not what its target asks for, but of use to later trials: of a higher rank, or modulo 2 only.
    """

    __tablename__ = "discoveries"
    __table_args__ = (
        UniqueConstraint("trial_id", "scheme_id"),
        Index(None, "scheme_id"),
        Index(None, "kind", "scheme_id"),
    )

    scheme_id: Mapped[int] = mapped_column(ForeignKey("schemes.id"))
    kind: Mapped[str] = mapped_column(String(40))
    trial_id: Mapped[int | None] = mapped_column(ForeignKey("trials.id"))
    detail: Mapped[str | None] = mapped_column(Text)
    found_at: Mapped[datetime] = mapped_column(server_default=_now)
