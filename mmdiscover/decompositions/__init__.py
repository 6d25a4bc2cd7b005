"""General tensor decompositions; knows nothing of matrix multiplication and is usable on its own."""

from mmdiscover.decompositions.cp_fit import CPFit, FitSettings, fit_cp, fit_cp_fixed
from mmdiscover.decompositions.levenberg_marquardt import LMStatus

__all__ = ["CPFit", "FitSettings", "LMStatus", "fit_cp", "fit_cp_fixed"]
