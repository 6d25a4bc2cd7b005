"""Values to store. Also imported by the processes that some tests start."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import permute, sandwich
from mmdiscover.verify import verify
from results_db import repository
from results_db.attempts import AttemptRecord, RefinementRecord, StageRecord
from results_db.repository import TrialRecord
from tests.schemes import classical, laderman, strassen

if TYPE_CHECKING:
    from mmdiscover.core.verified import VerifiedScheme
    from results_db import Database

HALF = Fraction(1, 2)


def proved(scheme: Scheme) -> VerifiedScheme:
    verified = verify(scheme).verified
    assert verified is not None
    return verified


@lru_cache(maxsize=1)
def schemes() -> dict[str, VerifiedScheme]:
    """One scheme or more of every ring."""
    return {name: proved(scheme) for name, scheme in candidates().items()}


def candidates() -> dict[str, Scheme]:
    one = np.eye(2, dtype=int).astype(object)
    return {
        "strassen": strassen(),
        "laderman": laderman(),
        "classical 2x2x3": classical(Format(2, 2, 3)),
        "classical 3x2x2": permute(classical(Format(2, 2, 3)), Format(3, 2, 2)),
        "integers": sandwich(strassen(), shear(2), one, one),
        "thirds": sandwich(strassen(), shear(Fraction(1, 3)), one, one),
        "halves": sandwich(strassen(), one, shear(-HALF), one),
        "complex": sandwich(strassen(), one, one, shear(Gaussian(HALF, HALF))),
        "modulo 2": Scheme(Format(2, 2, 2), *strassen().arrays, modulus=2),
    }


def shear(entry: object) -> Any:
    return np.array([[1, entry], [0, 1]], dtype=object)


def fit(scheme: Scheme | None = None) -> Factors:
    scheme = strassen() if scheme is None else scheme
    u, v, w = (factor.astype(float) / 3 for factor in scheme.arrays)
    return Factors(scheme.format, u, v, w)


def trial(index: int, **changes: Any) -> TrialRecord:
    values: dict[str, Any] = {
        "index": index,
        "seed_entropy": 2**127 + 1,
        "spawn_key": (3, index),
        "settings": {"bound": 50.0, "scale": np.float64(0.5)},
        "status": "exact",
        "residual": 1e-28,
        "squared_norm": 41.5,
        "iterations": 37,
        "search_seconds": 0.25,
        "cpu_seconds": 0.5,
        "refine_status": "exact",
        "refine_detail": "two steps",
        "refine_seconds": 0.125,
    }
    return TrialRecord(**values | changes)


def attempt(verified: VerifiedScheme | None = None, **changes: Any) -> AttemptRecord:
    """One that found a scheme, or none."""
    zeros = StageRecord(name="zeros", zeros=40, fixed=40, free=44, residual=3e-29)
    if verified is None:
        fix = StageRecord(name="fix", zeros=40, fixed=78, free=6, residual=0.1 + 0.2)
        values: dict[str, Any] = {"status": "stuck", "ring": None, "reason": "the last six entries are not rational"}
    else:
        fix = StageRecord(name="fix", zeros=48, fixed=84, free=0, residual=0.0)
        values = {"status": "exact", "ring": str(verified.ring), "reason": "all entries are rational"}
        values["scheme_hash"] = verified.hash
    values |= {"stages": (zeros, fix), "resolves": 11}
    return AttemptRecord(**values | changes)


def refinement(*found: VerifiedScheme, run: int = 0, **changes: Any) -> RefinementRecord:
    """A vain attempt, and one for each scheme."""
    values: dict[str, Any] = {
        "seed_entropy": 2**127 + 1,
        "spawn_key": (3, run),
        "settings": {"attempts": np.int64(8), "preference": "ternary,additions"},
        "attempts": (attempt(), *map(attempt, found)),
        "cpu_seconds": 0.75,
        "verified": found,
    }
    return RefinementRecord(**values | changes)


def target(db: Database, fmt: Format | None = None, rank: int = 7, kind: str = "discover") -> int:
    campaign = repository.create_campaign(db, name=None, kind=kind, seed=7, settings={})
    return repository.add_target(db, campaign, 0, fmt or Format(2, 2, 2), rank, {})
