"""From an exact candidate to a verified scheme, or the reason why not."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING

from mmdiscover import __version__
from mmdiscover.core.scheme import canonical_form, content_hash
from mmdiscover.core.verified import SEAL, Certificate, VerifiedScheme
from mmdiscover.verify.brent import check_brent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmdiscover.core.scheme import Scheme


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
    """
    # Before anything is computed: a small file can name a format whose tensor would fill the memory.
    candidate = canonical_form(scheme)
    fewest = scheme.format.flattening_rank
    if candidate.rank < fewest:
        reason = f"rank is {candidate.rank}, expected at least {fewest}, the rank of a flattening of the tensor"
        return Verdict(MappingProxyType({"brent": False}), reason, None)
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


def _versions() -> Mapping[str, str]:
    return MappingProxyType(
        {
            "mmdiscover": __version__,
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "sympy": version("sympy"),
        }
    )
