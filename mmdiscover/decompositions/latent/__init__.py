"""Latent variable models by the method of moments."""

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

__all__ = [
    "Components",
    "Matching",
    "PowerSettings",
    "SphericalMixture",
    "SymmetricDecomposition",
    "TopicModel",
    "WeakSignalWarning",
    "Whitening",
    "components_from_moments",
    "estimate_variance",
    "fit_spherical_mixture",
    "fit_topics",
    "fit_unequal_spherical_mixture",
    "match_components",
    "mixture_second_moment",
    "mixture_third_moment",
    "project_on_simplex",
    "tensor_power",
    "topic_second_moment",
    "topic_third_moment",
    "whitening",
]
