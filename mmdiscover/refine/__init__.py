"""Refinement: from an exact float fit to an exact candidate with simple rational entries."""

from mmdiscover.refine.pipeline import Refined, RefineSettings, refine
from mmdiscover.refine.preference import Criterion, Preference, parse_preference
from mmdiscover.refine.trace import OTHER_FAMILY, Attempt, RefineStatus, Stage

__all__ = [
    "OTHER_FAMILY",
    "Attempt",
    "Criterion",
    "Preference",
    "RefineSettings",
    "RefineStatus",
    "Refined",
    "Stage",
    "parse_preference",
    "refine",
]
