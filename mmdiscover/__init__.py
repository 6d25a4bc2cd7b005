"""Finds, proves, keeps and exports fast matrix multiplication algorithms.

The names in `__all__` are the public API. Each is imported when it is first asked for, so that ``import mmdiscover``
costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdiscover.core.factors import Factors
    from mmdiscover.core.format import Format
    from mmdiscover.core.ring import Ring
    from mmdiscover.core.scheme import Scheme, canonical_form, content_hash
    from mmdiscover.core.verified import Certificate, VerifiedScheme
    from mmdiscover.errors import CapacityError, DatabaseError, InputError, MMDiscoverError, SchemeFileError
    from mmdiscover.interop import read_schemes, write_native
    from mmdiscover.verify.verification import Verdict
    from mmdiscover.verify.verification import verify as verify_scheme

__version__ = "0.1.0"

__all__ = [
    "CapacityError",
    "Certificate",
    "DatabaseError",
    "Factors",
    "Format",
    "InputError",
    "MMDiscoverError",
    "Ring",
    "Scheme",
    "SchemeFileError",
    "Verdict",
    "VerifiedScheme",
    "canonical_form",
    "content_hash",
    "read_schemes",
    "verify_scheme",
    "write_native",
]

_HOMES = {
    "core.factors": ("Factors",),
    "core.format": ("Format",),
    "core.ring": ("Ring",),
    "core.scheme": ("Scheme", "canonical_form", "content_hash"),
    "core.verified": ("Certificate", "VerifiedScheme"),
    "errors": ("CapacityError", "DatabaseError", "InputError", "MMDiscoverError", "SchemeFileError"),
    "interop": ("read_schemes", "write_native"),
    "verify.verification": ("Verdict",),
}


def __getattr__(name: str) -> object:
    if name == "verify_scheme":  # `mmdiscover.verify` is the package
        return import_module("mmdiscover.verify").verify
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
