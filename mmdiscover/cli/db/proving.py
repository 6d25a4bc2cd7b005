"""Proofs of schemes on their way into a database or out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme
    from mmdiscover.core.verified import VerifiedScheme


def prove(scheme: Scheme) -> VerifiedScheme:
    """Verify a scheme.

    Raises
    ------
    InputError
        If it is none, or too large to be verified.
    """
    from mmdiscover.verify import verify

    verdict = verify(scheme)
    if verdict.verified is None:
        raise InputError(f"{scheme.name} is not verified: {verdict.reason}")
    return verdict.verified
