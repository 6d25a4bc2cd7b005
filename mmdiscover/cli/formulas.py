"""Formulas for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdiscover.core.verified import VerifiedScheme


def formulas(verified: VerifiedScheme) -> str:
    """The products and the entries of C, one to a line, without the header that a file gets."""
    from mmdiscover.export import export_code

    return "\n".join(line for line in export_code(verified, "text").splitlines() if not line.startswith("#"))
