"""The type that may be stored and exported: a scheme with the certificate of its proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from mmdiscover.core.scheme import canonical_form, content_hash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmdiscover.core.ring import Ring
    from mmdiscover.core.scheme import Scheme

SEAL = object()
"""Held by `mmdiscover.verify` alone (the import contract and a test see to it)."""


@dataclass(frozen=True)
class Certificate:
    """Which checks a scheme has passed.

    Parameters
    ----------
    scheme_hash : str
        Content hash of the scheme that was checked.
    checks : mapping of str to bool
        ``brent``: exact integer arithmetic; ``symbolic``: sympy's expansion of the products against AB.
    versions : mapping of str to str
        Programs that did the checking.
    """

    scheme_hash: str
    checks: Mapping[str, bool]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class VerifiedScheme:
    """A scheme in canonical form that passed every check. Made by `mmdiscover.verify.verify` only.

    Raises
    ------
    TypeError
        If anything else tries to make one.
    """

    scheme: Scheme
    certificate: Certificate
    seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not SEAL:
            raise TypeError("a VerifiedScheme is made by mmdiscover.verify.verify only")
        if not self.certificate.checks or not all(self.certificate.checks.values()):
            raise TypeError(f"a verified scheme has passed its checks, got {dict(self.certificate.checks)}")
        object.__setattr__(self, "scheme", canonical_form(self.scheme))
        if self.certificate.scheme_hash != content_hash(self.scheme):
            raise TypeError("the certificate belongs to another scheme")

    def __reduce__(self) -> NoReturn:
        # What comes back from a pickle was made by nobody in particular.
        raise TypeError("a VerifiedScheme is not pickled: send its scheme and verify that again")

    @property
    def hash(self) -> str:
        """Content hash."""
        return self.certificate.scheme_hash

    @property
    def ring(self) -> Ring:
        """Smallest ring of the canonical form."""
        return self.scheme.ring
