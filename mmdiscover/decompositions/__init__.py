"""General tensor decompositions; knows nothing of matrix multiplication and is usable on its own.

The names in `__all__` are the public API. Each is imported when it is first asked for, so that what is not used costs
nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmdiscover.decompositions.cp.als import cp_als
    from mmdiscover.decompositions.cp.comparison import factor_match_score
    from mmdiscover.decompositions.cp.lm import cp_lm
    from mmdiscover.decompositions.cp.rank import RankEstimate, estimate_cp_rank
    from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
    from mmdiscover.decompositions.cp_fit import CPFit, FitSettings, FreeAction, PairSymmetry, fit_cp, fit_cp_fixed
    from mmdiscover.decompositions.gcp.fit import GCPSettings, generalized_cp
    from mmdiscover.decompositions.gcp.stochastic import AdamSettings, stochastic_generalized_cp
    from mmdiscover.decompositions.learning.dmrg import Sweeps, SweepSettings
    from mmdiscover.decompositions.learning.features import FeatureMap, affine_features, trigonometric_features
    from mmdiscover.decompositions.learning.layers import DenseLayer, random_dense_layer
    from mmdiscover.decompositions.learning.losses import CrossEntropyLoss
    from mmdiscover.decompositions.learning.network import TwoLayerNetwork, fit_two_layer_network
    from mmdiscover.decompositions.learning.tt_classifier import (
        SweptFit,
        TTClassifier,
        fit_tt_classifier,
        fit_tt_regressor,
    )
    from mmdiscover.decompositions.learning.tt_function import TTFunction
    from mmdiscover.decompositions.learning.tt_layer import TTLayer, random_tt_layer
    from mmdiscover.decompositions.matrices import TruncatedSVD, truncated_svd
    from mmdiscover.decompositions.networks.containers import as_network
    from mmdiscover.decompositions.networks.contraction import ContractionCost, contract, contraction_cost
    from mmdiscover.decompositions.networks.gradient import gradient, value_and_gradient, vector_jacobian_product
    from mmdiscover.decompositions.networks.hierarchical_svd import hierarchical_svd
    from mmdiscover.decompositions.networks.hierarchical_tucker import HierarchicalTucker, random_hierarchical_tucker
    from mmdiscover.decompositions.networks.jacobian import jacobian, jacobian_network
    from mmdiscover.decompositions.networks.network import TensorNetwork, inner_network
    from mmdiscover.decompositions.networks.peps import PEPS, random_peps
    from mmdiscover.decompositions.networks.ring import TensorRing, random_ring, ring_svd
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
    "PEPS",
    "AdamSettings",
    "CPFit",
    "CPTensor",
    "ContractionCost",
    "CrossEntropyLoss",
    "DenseLayer",
    "Ending",
    "FeatureMap",
    "FitSettings",
    "Fitted",
    "FreeAction",
    "GCPSettings",
    "HierarchicalTucker",
    "NotConvergedWarning",
    "PairSymmetry",
    "Progress",
    "RankEstimate",
    "SparseTensor",
    "SweepSettings",
    "Sweeps",
    "SweptFit",
    "TTClassifier",
    "TTFunction",
    "TTLayer",
    "TensorNetwork",
    "TensorRing",
    "TruncatedSVD",
    "TuckerTensor",
    "TwoLayerNetwork",
    "affine_features",
    "as_network",
    "contract",
    "contraction_cost",
    "cp_als",
    "cp_lm",
    "dematricize",
    "estimate_cp_rank",
    "factor_match_score",
    "fit_cp",
    "fit_cp_fixed",
    "fit_tt_classifier",
    "fit_tt_regressor",
    "fit_two_layer_network",
    "generalized_cp",
    "gradient",
    "hierarchical_svd",
    "hooi",
    "hosvd",
    "inner_network",
    "jacobian",
    "jacobian_network",
    "khatri_rao",
    "kronecker",
    "matricize",
    "mode_product",
    "mttkrp",
    "multi_mode_product",
    "outer",
    "random_cp",
    "random_dense_layer",
    "random_hierarchical_tucker",
    "random_peps",
    "random_ring",
    "random_tt_layer",
    "random_tucker",
    "ring_svd",
    "st_hosvd",
    "stochastic_generalized_cp",
    "trigonometric_features",
    "truncated_svd",
    "value_and_gradient",
    "vector_jacobian_product",
]

_HOMES = {
    "cp.als": ("cp_als",),
    "cp.comparison": ("factor_match_score",),
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
    "gcp.fit": (
        "GCPSettings",
        "generalized_cp",
    ),
    "gcp.stochastic": (
        "AdamSettings",
        "stochastic_generalized_cp",
    ),
    "learning.dmrg": ("SweepSettings", "Sweeps"),
    "learning.features": ("FeatureMap", "affine_features", "trigonometric_features"),
    "learning.layers": ("DenseLayer", "random_dense_layer"),
    "learning.losses": ("CrossEntropyLoss",),
    "learning.network": ("TwoLayerNetwork", "fit_two_layer_network"),
    "learning.tt_classifier": ("SweptFit", "TTClassifier", "fit_tt_classifier", "fit_tt_regressor"),
    "learning.tt_function": ("TTFunction",),
    "learning.tt_layer": ("TTLayer", "random_tt_layer"),
    "matrices": (
        "TruncatedSVD",
        "truncated_svd",
    ),
    "networks.containers": ("as_network",),
    "networks.contraction": (
        "ContractionCost",
        "contract",
        "contraction_cost",
    ),
    "networks.gradient": (
        "gradient",
        "value_and_gradient",
        "vector_jacobian_product",
    ),
    "networks.hierarchical_svd": ("hierarchical_svd",),
    "networks.hierarchical_tucker": (
        "HierarchicalTucker",
        "random_hierarchical_tucker",
    ),
    "networks.jacobian": (
        "jacobian",
        "jacobian_network",
    ),
    "networks.network": (
        "TensorNetwork",
        "inner_network",
    ),
    "networks.peps": (
        "PEPS",
        "random_peps",
    ),
    "networks.ring": (
        "TensorRing",
        "random_ring",
        "ring_svd",
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
