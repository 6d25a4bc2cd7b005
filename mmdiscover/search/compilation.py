"""Compiling the kernels of the search, which Numba does once and keeps."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_KERNELS = "mmdiscover.decompositions.kernels"


def compile_kernels(note: Callable[[str], None] | None = None) -> None:
    """Compile what a start needs, unless it is compiled.

    Worker processes that start together would all compile the same code otherwise.

    Parameters
    ----------
    note : callable, optional
        Told when this is going to take a while.
    """
    spec = find_spec(_KERNELS)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin)
    kept = source.parent.glob(f"__pycache__/{source.stem}.iterate-*.nbi")
    if any(index.stat().st_mtime >= source.stat().st_mtime for index in kept):
        return
    if note is not None:
        note("compiling the search; this takes about 20 s, once")
    import numpy as np

    from mmdiscover.decompositions import FitSettings, fit_cp

    one = np.ones((1, 1))
    fit_cp(np.ones((1, 1, 1)), (one, one, one), FitSettings(bound=1.0))
