"""Refinement: from an exact float fit to an exact candidate with simple rational entries."""

from mmdiscover.refine.pipeline import Attempt, Refined, RefineSettings, RefineStatus, Stage, refine
from mmdiscover.refine.preference import Criterion, Preference, parse_preference

__all__ = [
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
