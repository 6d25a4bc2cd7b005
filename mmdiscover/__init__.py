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
    from mmdiscover.core.records import best_known_rank
    from mmdiscover.core.ring import Ring
    from mmdiscover.core.scheme import Scheme, canonical_form, content_hash
    from mmdiscover.core.verified import Certificate, VerifiedScheme
    from mmdiscover.errors import (
        CapacityError,
        DatabaseError,
        DatabaseUnavailable,
        InputError,
        MMDiscoverError,
        SchemeFileError,
    )
    from mmdiscover.export import export_code
    from mmdiscover.interop import read_schemes, write_native
    from mmdiscover.refine import Refined, RefineSettings
    from mmdiscover.refine import refine as refine_fit
    from mmdiscover.runtime import Multiplication, multiply
    from mmdiscover.search import Fit, SearchSettings, run_start
    from mmdiscover.verify.verification import Verdict
    from mmdiscover.verify.verification import verify as verify_scheme

__version__ = "0.1.0"

__all__ = [
    "CapacityError",
    "Certificate",
    "DatabaseError",
    "DatabaseUnavailable",
    "Factors",
    "Fit",
    "Format",
    "InputError",
    "MMDiscoverError",
    "Multiplication",
    "RefineSettings",
    "Refined",
    "Ring",
    "Scheme",
    "SchemeFileError",
    "SearchSettings",
    "Verdict",
    "VerifiedScheme",
    "best_known_rank",
    "canonical_form",
    "content_hash",
    "export_code",
    "multiply",
    "read_schemes",
    "refine_fit",
    "run_start",
    "verify_scheme",
    "write_native",
]

_HOMES = {
    "core.factors": ("Factors",),
    "core.format": ("Format",),
    "core.records": ("best_known_rank",),
    "core.ring": ("Ring",),
    "core.scheme": ("Scheme", "canonical_form", "content_hash"),
    "core.verified": ("Certificate", "VerifiedScheme"),
    "errors": (
        "CapacityError",
        "DatabaseError",
        "DatabaseUnavailable",
        "InputError",
        "MMDiscoverError",
        "SchemeFileError",
    ),
    "export": ("export_code",),
    "interop": ("read_schemes", "write_native"),
    "refine": ("RefineSettings", "Refined"),
    "runtime": ("Multiplication", "multiply"),
    "search": ("Fit", "SearchSettings", "run_start"),
    "verify.verification": ("Verdict",),
}
# The names `verify` and `refine` belong to the packages.
_RENAMED = {"verify_scheme": ("verify", "verify"), "refine_fit": ("refine", "refine")}


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        home, there = _RENAMED[name]
        return getattr(import_module(f"{__name__}.{home}"), there)
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
