"""What refinement did, proved and put into the form in which it is recorded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.campaign.trial import FAILED
from mmdiscover.core.factors import Factors
from mmdiscover.core.scheme import content_hash
from mmdiscover.errors import InputError
from mmdiscover.refine import RefineSettings, parse_preference
from mmdiscover.verify import verify
from results_db.attempts import AttemptRecord, RefinementRecord, StageRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.core.verified import VerifiedScheme
    from mmdiscover.refine import Refined

REJECTED = "rejected"
"""Status of an attempt, or a refinement, whose candidate failed verification."""


def refine_settings_mapping(settings: RefineSettings) -> dict[str, object]:
    """Settings as JSON values; the preference as its text, such as ``ternary,additions``."""
    return asdict(settings) | {"preference": str(settings.preference)}


def refine_settings_from_mapping(mapping: Mapping[str, object]) -> RefineSettings:
    """The inverse of `refine_settings_mapping`.

    Raises
    ------
    TypeError, ValueError
        If they are not such settings.
    """
    known = dict(mapping)
    if "preference" in known:
        known["preference"] = parse_preference(str(known["preference"]))
    return RefineSettings(**known)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Proofs:
    """What verification says of the candidates of a refinement.

    Parameters
    ----------
    verified : tuple of VerifiedScheme
        Those that hold, the preferred one first.
    rejected : mapping of Scheme to str
        Why the others do not.
    steps : tuple of VerifiedScheme
        Schemes that hold and are not what was asked for, but of use to later trials.
    """

    verified: tuple[VerifiedScheme, ...]
    rejected: Mapping[Scheme, str]
    steps: tuple[VerifiedScheme, ...] = ()

    @property
    def reason(self) -> str | None:
        """Why candidates were rejected; None if none was."""
        return "; ".join(self.rejected.values()) or None


def prove(refined: Refined) -> Proofs:
    """Verify all candidates of a refinement."""
    return prove_schemes(refined.schemes)


def prove_schemes(candidates: Iterable[Scheme]) -> Proofs:
    """Verify candidates."""
    verified, rejected = [], {}
    for candidate in candidates:
        try:
            verdict = verify(candidate)
        except InputError as error:  # numbers that are too long to be stored
            rejected[candidate] = _rejection(candidate, str(error))
            continue
        if verdict.verified is None:
            rejected[candidate] = _rejection(candidate, verdict.reason)
        else:
            verified.append(verdict.verified)
    return Proofs(tuple(verified), rejected)


def _rejection(candidate: Scheme, reason: str | None) -> str:
    return f"{reason} (residual {_residual(candidate):.3g})"


def _residual(candidate: Scheme) -> float:
    """φ of a candidate with rational entries; of one modulo 2, as if it were not."""
    u, v, w = (factor.astype(np.float64) for factor in candidate.arrays)
    return Factors(candidate.format, u, v, w).residual()


@dataclass(frozen=True)
class Run:
    """One run of the refinement of a fit.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
        What it was called with.
    settings : RefineSettings
    refined : Refined or None
        None when it failed.
    error : str or None
        The unexpected exception that ended it.
    cpu_seconds : float
    """

    seed: np.random.SeedSequence
    settings: RefineSettings
    refined: Refined | None
    error: str | None
    cpu_seconds: float

    def record(self, proofs: Proofs | None) -> RefinementRecord:
        """As it is recorded; without proofs no scheme is."""
        entropy = self.seed.entropy
        assert isinstance(entropy, int), "seeds of trials and fits are made from one number"
        return RefinementRecord(
            seed_entropy=entropy,
            spawn_key=tuple(self.seed.spawn_key),
            settings=refine_settings_mapping(self.settings),
            attempts=self.attempts(proofs),
            cpu_seconds=self.cpu_seconds,
            verified=() if proofs is None else proofs.verified,
        )

    def attempts(self, proofs: Proofs | None) -> tuple[AttemptRecord, ...]:
        """Its attempts, those whose candidate was rejected as such; one that says so when it failed."""
        if self.refined is None:
            return (AttemptRecord(status=FAILED, ring=None, reason=self.error or "", stages=(), resolves=0),)
        rejected = {} if proofs is None else proofs.rejected
        records = []
        for attempt in self.refined.attempts:
            scheme = attempt.scheme
            record = AttemptRecord(
                status=str(attempt.status),
                ring=attempt.ring,
                reason=attempt.reason,
                stages=tuple(StageRecord(**asdict(stage)) for stage in attempt.stages),
                resolves=attempt.resolves,
                scheme_hash=None if scheme is None else content_hash(scheme),
            )
            if scheme is not None and scheme in rejected:
                record = _rejected(record, scheme, rejected[scheme])
            records.append(record)
        return tuple(records)


def _rejected(record: AttemptRecord, candidate: Scheme, reason: str) -> AttemptRecord:
    entries = sum(factor.size for factor in candidate.arrays)
    zeros = entries - sum(int(np.count_nonzero(factor)) for factor in candidate.arrays)
    stage = StageRecord(name="verify", zeros=zeros, fixed=entries, free=0, residual=_residual(candidate))
    return replace(record, status=REJECTED, reason=reason, stages=(*record.stages, stage))
