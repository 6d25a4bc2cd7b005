"""Refinement: from an exact float fit to an exact candidate with simple rational entries."""

from mmdiscover.refine.pipeline import Refined, RefineSettings, RefineStatus, refine

__all__ = ["RefineSettings", "RefineStatus", "Refined", "refine"]
