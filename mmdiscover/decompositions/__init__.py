"""General tensor decompositions; knows nothing of matrix multiplication and is usable on its own."""

from mmdiscover.decompositions.cp_fit import CPFit, FitSettings, FreeAction, PairSymmetry, fit_cp, fit_cp_fixed
from mmdiscover.decompositions.levenberg_marquardt import LMStatus

__all__ = ["CPFit", "FitSettings", "FreeAction", "LMStatus", "PairSymmetry", "fit_cp", "fit_cp_fixed"]
