"""Verified schemes as code: one straight-line program, passes that reduce it, one emitter per language.

The names in `__all__` are imported when they are first asked for: help texts need the catalogue alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmdiscover.export.languages import LANGUAGES, Emitted, emit_checked, export_code
    from mmdiscover.export.reduction import EFFORTS, Effort, Fewest, fewest_additions
    from mmdiscover.export.scheduling import live_temporaries, schedule
    from mmdiscover.export.sharing import shared_additions

_NAMES = {
    "languages": ("LANGUAGES", "Emitted", "emit_checked", "export_code"),
    "reduction": ("EFFORTS", "Effort", "Fewest", "fewest_additions"),
    "scheduling": ("live_temporaries", "schedule"),
    "sharing": ("shared_additions",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "EFFORTS",
    "LANGUAGES",
    "Effort",
    "Emitted",
    "Fewest",
    "emit_checked",
    "export_code",
    "fewest_additions",
    "live_temporaries",
    "schedule",
    "shared_additions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
