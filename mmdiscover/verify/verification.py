"""From an exact candidate to a verified scheme, or the reason why not."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

from mmdiscover import __version__
from mmdiscover.core.ring import Ring
from mmdiscover.core.rows import scheme_rows
from mmdiscover.core.scheme import Scheme, canonical_form, content_hash
from mmdiscover.core.verified import SEAL, Certificate, VerifiedScheme
from mmdiscover.verify.brent import check_brent
from mmdiscover.verify.screening import refute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
_CHECKED_AGAIN = 10**8
"""Multiplications that a hint may cost."""


@dataclass(frozen=True)
class Verdict:
    """What verification found.

    Parameters
    ----------
    checks : mapping of str to bool
        Result of each check that ran: ``brent``, then ``symbolic``.
    reason : str or None
        Why the scheme is not valid; None when it is.
    verified : VerifiedScheme or None
        The storable type, when every check passed.
    """

    checks: Mapping[str, bool]
    reason: str | None
    verified: VerifiedScheme | None

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return self.verified is not None


def verify(scheme: Scheme) -> Verdict:
    """Prove a scheme twice, by code that shares nothing: the Brent equations, then sympy's expansion.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    Verdict
        With a `VerifiedScheme` in canonical form exactly when both proofs succeed. The second is not tried when the
        first fails.

    Raises
    ------
    InputError
        If an entry of the canonical form is too long to be stored, or there are far more products than in the
        classical algorithm.
    CapacityError
        If the scheme is too large for the memory of this machine.
    """
    # Before anything is computed: a small file can name a format whose tensor would fill the memory.
    reason = refute(scheme)
    if reason is not None:
        return Verdict(MappingProxyType({"brent": False}), reason, None)
    candidate = canonical_form(scheme)
    scheme_rows(candidate)  # what cannot be stored is refused by name
    report = check_brent(candidate)
    if not report.holds:
        reason = f"{report.violated} of {report.equations} Brent equations are violated: {report.first}"
        return Verdict(MappingProxyType({"brent": False}), reason, None)
    # Deferred: sympy takes half a second to import, and a scheme that fails above never needs it.
    from mmdiscover.verify.symbolic import check_symbolic

    difference = check_symbolic(candidate)
    checks = MappingProxyType({"brent": True, "symbolic": difference is None})
    if difference is not None:
        return Verdict(checks, difference, None)
    certificate = Certificate(content_hash(candidate), checks, _versions())
    return Verdict(checks, None, VerifiedScheme(candidate, certificate, SEAL))


def verify_readings(readings: Sequence[Scheme]) -> tuple[Scheme, Verdict]:
    """Prove what a file states, which may be meant in several ways.

    Parameters
    ----------
    readings : sequence of Scheme
        At least one, the likeliest first.

    Returns
    -------
    scheme : Scheme
        The first reading that is valid, or the first one if none is.
    verdict : Verdict
        On that one. If it fails and the file promises characteristic zero, the reason says whether it holds modulo 2.

    Raises
    ------
    InputError, CapacityError
        As `verify`.
    """
    verdicts = []
    for scheme in readings:
        verdict = verify(scheme)
        if verdict.ok:
            return scheme, verdict
        verdicts.append(verdict)
    return readings[0], verdicts[0] if any(x.modulus for x in readings) else _with_modulus(readings[0], verdicts[0])


def _with_modulus(scheme: Scheme, verdict: Verdict) -> Verdict:
    """The same failure, with a hint if a scheme of moderate size is valid modulo 2."""
    if prod(scheme.format.shape) * scheme.rank > _CHECKED_AGAIN:
        return verdict
    if scheme.ring not in (Ring.ZT, Ring.Z) or scheme.rank < scheme.format.flattening_rank:
        return verdict
    if not check_brent(Scheme(scheme.format, *scheme.arrays, modulus=2)).holds:
        return verdict
    return replace(verdict, reason=f"{verdict.reason}; it holds modulo 2, but that is not what the file says")


def _versions() -> Mapping[str, str]:
    return MappingProxyType(
        {
            "mmdiscover": __version__,
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "sympy": version("sympy"),
        }
    )
