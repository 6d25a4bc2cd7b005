"""Numerical search: one start of the constrained Levenberg–Marquardt method, from a seed to a `Fit`."""

from mmdiscover.search.compilation import compile_kernels, kernels_compiled
from mmdiscover.search.settings import SearchSettings, complete_settings, smallest_bound
from mmdiscover.search.start import EXACT_RESIDUAL, Fit, FitStatus, run_from, run_start
from mmdiscover.search.symmetry import Sandwich, Symmetry, Transposition, parse_symmetry, symmetry_name

__all__ = [
    "EXACT_RESIDUAL",
    "Fit",
    "FitStatus",
    "Sandwich",
    "SearchSettings",
    "Symmetry",
    "Transposition",
    "compile_kernels",
    "complete_settings",
    "kernels_compiled",
    "parse_symmetry",
    "run_from",
    "run_start",
    "smallest_bound",
    "symmetry_name",
]
