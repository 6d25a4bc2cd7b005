"""Verified schemes as code: one straight-line program, passes that reduce it, one emitter per language.

The names in `__all__` are imported when they are first asked for: help texts need the catalogue alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmdiscover.export.languages import LANGUAGES, Emitted, emit_checked, export_code
    from mmdiscover.export.sharing import shared_additions

__all__ = ["LANGUAGES", "Emitted", "emit_checked", "export_code", "shared_additions"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'sharing' if name == 'shared_additions' else 'languages'}"), name)
