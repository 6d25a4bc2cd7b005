"""Verified schemes as code: one straight-line program, passes that reduce it, one emitter per language."""

from mmdiscover.export.languages import LANGUAGES, export_code
from mmdiscover.export.sharing import shared_additions

__all__ = ["LANGUAGES", "export_code", "shared_additions"]
