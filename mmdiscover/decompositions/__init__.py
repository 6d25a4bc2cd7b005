"""General tensor decompositions; knows nothing of matrix multiplication and is usable on its own."""

from mmdiscover.decompositions.cp_fit import CPFit, FitSettings, FreeAction, PairSymmetry, fit_cp, fit_cp_fixed
from mmdiscover.decompositions.outcome import Ending

__all__ = ["CPFit", "Ending", "FitSettings", "FreeAction", "PairSymmetry", "fit_cp", "fit_cp_fixed"]
