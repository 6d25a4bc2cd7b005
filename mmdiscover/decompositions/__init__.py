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
    from mmdiscover.decompositions.fitting.completion import (
        complete_cp,
        complete_matrix,
        complete_tt,
        complete_tucker,
        held_out_error,
        split_entries,
    )
    from mmdiscover.decompositions.fitting.losses import (
        BlockLoss,
        DenseLoss,
        LinearRegression,
        ObservedEntries,
        QuadraticLoss,
        SquaredDistance,
    )
    from mmdiscover.decompositions.fitting.minimize import MinimizeSettings, minimize_low_rank
    from mmdiscover.decompositions.fitting.regression import low_rank_regression
    from mmdiscover.decompositions.fitting.starts import StartsSettings
    from mmdiscover.decompositions.gcp.fit import GCPSettings, generalized_cp
    from mmdiscover.decompositions.gcp.losses import (
        BernoulliLogit,
        BernoulliOdds,
        Gamma,
        Gaussian,
        NegativeBinomial,
        Poisson,
        PoissonLog,
        Rayleigh,
    )
    from mmdiscover.decompositions.gcp.stochastic import AdamSettings, stochastic_generalized_cp
    from mmdiscover.decompositions.latent.components import Components, Matching, match_components
    from mmdiscover.decompositions.latent.mixture import (
        SphericalMixture,
        estimate_variance,
        fit_spherical_mixture,
        fit_unequal_spherical_mixture,
        mixture_second_moment,
        mixture_third_moment,
    )
    from mmdiscover.decompositions.latent.tensor_power import PowerSettings, SymmetricDecomposition, tensor_power
    from mmdiscover.decompositions.latent.topics import (
        TopicModel,
        fit_topics,
        project_on_simplex,
        topic_second_moment,
        topic_third_moment,
    )
    from mmdiscover.decompositions.latent.whitening import (
        WeakSignalWarning,
        Whitening,
        components_from_moments,
        whitening,
    )
    from mmdiscover.decompositions.learning.dmrg import Sweeps, SweepSettings
    from mmdiscover.decompositions.learning.features import FeatureMap, affine_features, trigonometric_features
    from mmdiscover.decompositions.learning.layers import DenseLayer, random_dense_layer
    from mmdiscover.decompositions.learning.losses import CrossEntropyLoss, SquaredLoss
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
    from mmdiscover.decompositions.tt.arithmetic import add as tt_add
    from mmdiscover.decompositions.tt.arithmetic import hadamard as tt_hadamard
    from mmdiscover.decompositions.tt.arithmetic import inner as tt_inner
    from mmdiscover.decompositions.tt.arithmetic import kronecker as tt_kronecker
    from mmdiscover.decompositions.tt.arithmetic import matmat as tt_matmat
    from mmdiscover.decompositions.tt.arithmetic import matvec as tt_matvec
    from mmdiscover.decompositions.tt.arithmetic import scale as tt_scale
    from mmdiscover.decompositions.tt.arithmetic import scaled_inner as tt_scaled_inner
    from mmdiscover.decompositions.tt.arithmetic import subtract as tt_subtract
    from mmdiscover.decompositions.tt.matrix import TTMatrix, random_tt_matrix
    from mmdiscover.decompositions.tt.rounding import left_orthogonalize, orthogonalize, right_orthogonalize, tt_round
    from mmdiscover.decompositions.tt.svd import tt_matrix_svd, tt_svd
    from mmdiscover.decompositions.tt.tensor_train import TensorTrain, random_tt
    from mmdiscover.decompositions.tucker.hooi import hooi
    from mmdiscover.decompositions.tucker.hosvd import hosvd, st_hosvd
    from mmdiscover.decompositions.tucker.tensor import TuckerTensor, random_tucker

__all__ = [
    "PEPS",
    "AdamSettings",
    "BernoulliLogit",
    "BernoulliOdds",
    "BlockLoss",
    "CPFit",
    "CPTensor",
    "Components",
    "ContractionCost",
    "CrossEntropyLoss",
    "DenseLayer",
    "DenseLoss",
    "Ending",
    "FeatureMap",
    "FitSettings",
    "Fitted",
    "FreeAction",
    "GCPSettings",
    "Gamma",
    "Gaussian",
    "HierarchicalTucker",
    "LinearRegression",
    "Matching",
    "MinimizeSettings",
    "NegativeBinomial",
    "NotConvergedWarning",
    "ObservedEntries",
    "PairSymmetry",
    "Poisson",
    "PoissonLog",
    "PowerSettings",
    "Progress",
    "QuadraticLoss",
    "RankEstimate",
    "Rayleigh",
    "SparseTensor",
    "SphericalMixture",
    "SquaredDistance",
    "SquaredLoss",
    "StartsSettings",
    "SweepSettings",
    "Sweeps",
    "SweptFit",
    "SymmetricDecomposition",
    "TTClassifier",
    "TTFunction",
    "TTLayer",
    "TTMatrix",
    "TensorNetwork",
    "TensorRing",
    "TensorTrain",
    "TopicModel",
    "TruncatedSVD",
    "TuckerTensor",
    "TwoLayerNetwork",
    "WeakSignalWarning",
    "Whitening",
    "affine_features",
    "as_network",
    "complete_cp",
    "complete_matrix",
    "complete_tt",
    "complete_tucker",
    "components_from_moments",
    "contract",
    "contraction_cost",
    "cp_als",
    "cp_lm",
    "dematricize",
    "estimate_cp_rank",
    "estimate_variance",
    "factor_match_score",
    "fit_cp",
    "fit_cp_fixed",
    "fit_spherical_mixture",
    "fit_topics",
    "fit_tt_classifier",
    "fit_tt_regressor",
    "fit_two_layer_network",
    "fit_unequal_spherical_mixture",
    "generalized_cp",
    "gradient",
    "held_out_error",
    "hierarchical_svd",
    "hooi",
    "hosvd",
    "inner_network",
    "jacobian",
    "jacobian_network",
    "khatri_rao",
    "kronecker",
    "left_orthogonalize",
    "low_rank_regression",
    "match_components",
    "matricize",
    "minimize_low_rank",
    "mixture_second_moment",
    "mixture_third_moment",
    "mode_product",
    "mttkrp",
    "multi_mode_product",
    "orthogonalize",
    "outer",
    "project_on_simplex",
    "random_cp",
    "random_dense_layer",
    "random_hierarchical_tucker",
    "random_peps",
    "random_ring",
    "random_tt",
    "random_tt_layer",
    "random_tt_matrix",
    "random_tucker",
    "right_orthogonalize",
    "ring_svd",
    "split_entries",
    "st_hosvd",
    "stochastic_generalized_cp",
    "tensor_power",
    "topic_second_moment",
    "topic_third_moment",
    "trigonometric_features",
    "truncated_svd",
    "tt_add",
    "tt_hadamard",
    "tt_inner",
    "tt_kronecker",
    "tt_matmat",
    "tt_matrix_svd",
    "tt_matvec",
    "tt_round",
    "tt_scale",
    "tt_scaled_inner",
    "tt_subtract",
    "tt_svd",
    "value_and_gradient",
    "vector_jacobian_product",
    "whitening",
]

_HOMES = {
    "cp.als": ("cp_als",),
    "cp.comparison": ("factor_match_score",),
    "cp.lm": ("cp_lm",),
    "cp.rank": ("RankEstimate", "estimate_cp_rank"),
    "cp.tensor": ("CPTensor", "random_cp"),
    "cp_fit": ("CPFit", "FitSettings", "FreeAction", "PairSymmetry", "fit_cp", "fit_cp_fixed"),
    "fitting.completion": (
        "complete_cp",
        "complete_matrix",
        "complete_tt",
        "complete_tucker",
        "held_out_error",
        "split_entries",
    ),
    "fitting.losses": (
        "BlockLoss",
        "DenseLoss",
        "LinearRegression",
        "ObservedEntries",
        "QuadraticLoss",
        "SquaredDistance",
    ),
    "fitting.minimize": ("MinimizeSettings", "minimize_low_rank"),
    "fitting.regression": ("low_rank_regression",),
    "fitting.starts": ("StartsSettings",),
    "gcp.fit": ("GCPSettings", "generalized_cp"),
    "gcp.losses": (
        "BernoulliLogit",
        "BernoulliOdds",
        "Gamma",
        "Gaussian",
        "NegativeBinomial",
        "Poisson",
        "PoissonLog",
        "Rayleigh",
    ),
    "gcp.stochastic": ("AdamSettings", "stochastic_generalized_cp"),
    "latent.components": ("Components", "Matching", "match_components"),
    "latent.mixture": (
        "SphericalMixture",
        "estimate_variance",
        "fit_spherical_mixture",
        "fit_unequal_spherical_mixture",
        "mixture_second_moment",
        "mixture_third_moment",
    ),
    "latent.tensor_power": ("PowerSettings", "SymmetricDecomposition", "tensor_power"),
    "latent.topics": ("TopicModel", "fit_topics", "project_on_simplex", "topic_second_moment", "topic_third_moment"),
    "latent.whitening": ("WeakSignalWarning", "Whitening", "components_from_moments", "whitening"),
    "learning.dmrg": ("SweepSettings", "Sweeps"),
    "learning.features": ("FeatureMap", "affine_features", "trigonometric_features"),
    "learning.layers": ("DenseLayer", "random_dense_layer"),
    "learning.losses": ("CrossEntropyLoss", "SquaredLoss"),
    "learning.network": ("TwoLayerNetwork", "fit_two_layer_network"),
    "learning.tt_classifier": ("SweptFit", "TTClassifier", "fit_tt_classifier", "fit_tt_regressor"),
    "learning.tt_function": ("TTFunction",),
    "learning.tt_layer": ("TTLayer", "random_tt_layer"),
    "matrices": ("TruncatedSVD", "truncated_svd"),
    "networks.containers": ("as_network",),
    "networks.contraction": ("ContractionCost", "contract", "contraction_cost"),
    "networks.gradient": ("gradient", "value_and_gradient", "vector_jacobian_product"),
    "networks.hierarchical_svd": ("hierarchical_svd",),
    "networks.hierarchical_tucker": ("HierarchicalTucker", "random_hierarchical_tucker"),
    "networks.jacobian": ("jacobian", "jacobian_network"),
    "networks.network": ("TensorNetwork", "inner_network"),
    "networks.peps": ("PEPS", "random_peps"),
    "networks.ring": ("TensorRing", "random_ring", "ring_svd"),
    "outcome": ("Ending", "Fitted", "NotConvergedWarning", "Progress"),
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
    "tt.matrix": ("TTMatrix", "random_tt_matrix"),
    "tt.rounding": ("left_orthogonalize", "orthogonalize", "right_orthogonalize", "tt_round"),
    "tt.svd": ("tt_matrix_svd", "tt_svd"),
    "tt.tensor_train": ("TensorTrain", "random_tt"),
    "tucker.hooi": ("hooi",),
    "tucker.hosvd": ("hosvd", "st_hosvd"),
    "tucker.tensor": ("TuckerTensor", "random_tucker"),
}

_TRAIN_ARITHMETIC = {
    "tt_add": "add",
    "tt_hadamard": "hadamard",
    "tt_inner": "inner",
    "tt_kronecker": "kronecker",
    "tt_matmat": "matmat",
    "tt_matvec": "matvec",
    "tt_scale": "scale",
    "tt_scaled_inner": "scaled_inner",
    "tt_subtract": "subtract",
}
"""Functions of `tt.arithmetic`, whose own names are those of other kinds of tensors, too."""


def __getattr__(name: str) -> object:
    if name in _TRAIN_ARITHMETIC:
        return getattr(import_module(f"{__name__}.tt.arithmetic"), _TRAIN_ARITHMETIC[name])
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
