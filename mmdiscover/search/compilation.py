"""Compiling the kernels of the search, which Numba does once and keeps."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mmdiscover.decompositions import FitSettings, fit_cp, kernels
from mmdiscover.decompositions.gauss_newton import normal_matrix


def kernels_compiled() -> bool:
    """Whether compiled code is kept that is not older than its source; also where none can be kept."""
    folder = kernels.iterate.stats.cache_path  # type: ignore[attr-defined]
    if folder is None:
        return True
    source = Path(kernels.__file__)
    kept = Path(folder).glob(f"{source.stem}.iterate-*.py{sys.version_info.major}{sys.version_info.minor}.nbi")
    return any(index.stat().st_mtime >= source.stat().st_mtime for index in kept)


def compile_kernels() -> None:
    """Compile what a start and its refinement need, or load what is kept: some 20 s or half a second."""
    one = np.ones((1, 1))
    fit_cp(np.ones((1, 1, 1)), (one, one, one), FitSettings(bound=1.0))
    normal_matrix((1, 1, 1), np.ones(3), np.arange(3))
