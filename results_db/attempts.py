"""What is kept about the attempts to make a fit exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from results_db import codec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmdiscover.core.verified import VerifiedScheme


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """Where one stage of an attempt ended.

    Parameters
    ----------
    name : str
    zeros, fixed, free : int
        Entries that are fixed to 0; that are fixed at all; that are not fixed.
    residual : float or None
        φ at its end; kept as None when not finite.
    """

    name: str
    zeros: int
    fixed: int
    free: int
    residual: float | None

    def as_json(self) -> dict[str, Any]:
        """As it is stored, and shown to other programs."""
        return {
            "name": str(self.name),
            "zeros": int(self.zeros),
            "fixed": int(self.fixed),
            "free": int(self.free),
            "residual": codec.finite(self.residual),
        }


def stage_from_json(stage: Mapping[str, Any]) -> StageRecord:
    """The inverse of `StageRecord.as_json`.

    Raises
    ------
    TypeError, ValueError, LookupError
        If it is none.
    """
    residual = stage["residual"]
    return StageRecord(
        name=str(stage["name"]),
        zeros=int(stage["zeros"]),
        fixed=int(stage["fixed"]),
        free=int(stage["free"]),
        residual=None if residual is None else float(residual),
    )


@dataclass(frozen=True, kw_only=True)
class AttemptRecord:
    """What is kept about one attempt.

    Parameters
    ----------
    status : str
        How it ended.
    ring : str or None
        That of the scheme it led to.
    reason : str
        Why it ended.
    stages : tuple of StageRecord
        In their order.
    resolves : int
        Least-squares problems solved.
    scheme_hash : str or None
        Content hash of the scheme it led to; with that the attempt is linked to it where it is stored.
    """

    status: str
    ring: str | None
    reason: str
    stages: tuple[StageRecord, ...]
    resolves: int
    scheme_hash: str | None = None


@dataclass(frozen=True, kw_only=True)
class RefinementRecord:
    """What is kept about one run of the refinement of a fit.

    Parameters
    ----------
    seed_entropy : int
    spawn_key : tuple of int
        What the ``SeedSequence`` that repeats it is made from.
    settings : mapping
        Those it ran with, JSON values.
    attempts : tuple of AttemptRecord
        In their order.
    cpu_seconds : float or None
        Processor time of the run.
    verified : tuple of VerifiedScheme
        The schemes it led to that are to be stored, the preferred one first.
    """

    seed_entropy: int
    spawn_key: tuple[int, ...]
    settings: Mapping[str, object]
    attempts: tuple[AttemptRecord, ...]
    cpu_seconds: float | None
    verified: tuple[VerifiedScheme, ...] = ()


def seed_column(entropy: int, spawn_key: tuple[int, ...]) -> dict[str, Any]:
    """What a ``SeedSequence`` is made from, as JSON; the entropy as text: it may have more than 64 bits."""
    return {"entropy": str(int(entropy)), "spawn_key": [int(key) for key in spawn_key]}


def attempt_columns(refinement: RefinementRecord) -> list[dict[str, Any]]:
    """A row for each attempt, without the fit, the run and the scheme.

    Raises
    ------
    InputError
        If the settings hold something JSON cannot.
    """
    seed = seed_column(refinement.seed_entropy, refinement.spawn_key)
    settings = codec.plain_json("refinement settings", refinement.settings)
    return [
        {
            "number": number,
            "seed": seed,
            "settings": settings,
            "status": str(attempt.status),
            "ring": None if attempt.ring is None else str(attempt.ring),
            "reason": codec.plain_text(attempt.reason),
            "trace": [stage.as_json() for stage in attempt.stages],
            "resolves": int(attempt.resolves),
            "cpu_seconds": codec.finite(refinement.cpu_seconds),
        }
        for number, attempt in enumerate(refinement.attempts)
    ]
