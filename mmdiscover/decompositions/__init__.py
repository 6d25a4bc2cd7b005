"""General tensor decompositions; knows nothing of matrix multiplication and is usable on its own.

The names in `__all__` are the public API. Each is imported when it is first asked for, so that what is not used costs
nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdiscover.decompositions.cp.als import cp_als
    from mmdiscover.decompositions.cp.lm import cp_lm
    from mmdiscover.decompositions.cp.rank import RankEstimate, estimate_cp_rank
    from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
    from mmdiscover.decompositions.cp_fit import CPFit, FitSettings, FreeAction, PairSymmetry, fit_cp, fit_cp_fixed
    from mmdiscover.decompositions.matrices import TruncatedSVD, truncated_svd
    from mmdiscover.decompositions.outcome import Ending, Fitted, NotConvergedWarning, Progress
    from mmdiscover.decompositions.products import (
        dematricize,
        khatri_rao,
        kronecker,
        matricize,
        mode_product,
        mttkrp,
        multi_mode_product,
        outer,
    )
    from mmdiscover.decompositions.sparse import SparseTensor
    from mmdiscover.decompositions.tucker.hooi import hooi
    from mmdiscover.decompositions.tucker.hosvd import hosvd, st_hosvd
    from mmdiscover.decompositions.tucker.tensor import TuckerTensor, random_tucker

__all__ = [
    "CPFit",
    "CPTensor",
    "Ending",
    "FitSettings",
    "Fitted",
    "FreeAction",
    "NotConvergedWarning",
    "PairSymmetry",
    "Progress",
    "RankEstimate",
    "SparseTensor",
    "TruncatedSVD",
    "TuckerTensor",
    "cp_als",
    "cp_lm",
    "dematricize",
    "estimate_cp_rank",
    "fit_cp",
    "fit_cp_fixed",
    "hooi",
    "hosvd",
    "khatri_rao",
    "kronecker",
    "matricize",
    "mode_product",
    "mttkrp",
    "multi_mode_product",
    "outer",
    "random_cp",
    "random_tucker",
    "st_hosvd",
    "truncated_svd",
]

_HOMES = {
    "cp.als": ("cp_als",),
    "cp.lm": ("cp_lm",),
    "cp.rank": (
        "RankEstimate",
        "estimate_cp_rank",
    ),
    "cp.tensor": (
        "CPTensor",
        "random_cp",
    ),
    "cp_fit": (
        "CPFit",
        "FitSettings",
        "FreeAction",
        "PairSymmetry",
        "fit_cp",
        "fit_cp_fixed",
    ),
    "matrices": (
        "TruncatedSVD",
        "truncated_svd",
    ),
    "outcome": (
        "Ending",
        "Fitted",
        "NotConvergedWarning",
        "Progress",
    ),
    "products": (
        "dematricize",
        "khatri_rao",
        "kronecker",
        "matricize",
        "mode_product",
        "mttkrp",
        "multi_mode_product",
        "outer",
    ),
    "sparse": ("SparseTensor",),
    "tucker.hooi": ("hooi",),
    "tucker.hosvd": (
        "hosvd",
        "st_hosvd",
    ),
    "tucker.tensor": (
        "TuckerTensor",
        "random_tucker",
    ),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
