from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from mmdiscover.decompositions import (
    Components,
    SymmetricDecomposition,
    WeakSignalWarning,
    components_from_moments,
    match_components,
    whitening,
)
from mmdiscover.decompositions.outcome import Ending


def planted(size: int, components: int, seed: int) -> Components:
    rng = np.random.default_rng(seed)
    return Components(rng.standard_normal((components, size)), rng.uniform(0.5, 2, components) / components)


def test_moments_are_sums_over_components() -> None:
    truth = planted(4, 3, 0)
    np.testing.assert_allclose(truth.second_moment(), np.einsum("r,ri,rj->ij", truth.weights, *[truth.vectors] * 2))
    np.testing.assert_allclose(truth.third_moment(), np.einsum("r,ri,rj,rk->ijk", truth.weights, *[truth.vectors] * 3))


@pytest.mark.parametrize("form", [np.asarray, aslinearoperator])
def test_whitened_components_are_orthonormal(form: Any) -> None:
    truth = planted(12, 4, 1)
    white = whitening(form(truth.second_moment()), 4)
    np.testing.assert_allclose(white.whitener.T @ truth.second_moment() @ white.whitener, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(white.unwhitener.T @ white.whitener, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(white.unwhitener @ white.unwhitener.T, truth.second_moment(), atol=1e-12)
    vectors = np.sqrt(truth.weights) * (white.whitener.T @ truth.vectors.T)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(4), atol=1e-12)
    whitened = SymmetricDecomposition(truth.weights**-0.5, vectors)
    np.testing.assert_allclose(white.whiten(truth.third_moment()), whitened.to_full(), atol=1e-11)
    found = white.unwhiten(whitened)
    np.testing.assert_allclose(found.vectors, truth.vectors, atol=1e-12)
    np.testing.assert_allclose(found.weights, truth.weights, atol=1e-12)


@given(size=st.integers(1, 12), seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=20, deadline=None)
def test_exact_moments_give_the_components_back(size: int, seed: int, data: Any) -> None:
    components = data.draw(st.integers(1, size))
    rng = np.random.default_rng(seed)
    # Well-conditioned, not orthogonal.
    vectors = np.linalg.qr(rng.standard_normal((size, components)))[0].T
    vectors = (np.eye(components) + 0.4 * rng.uniform(-1, 1, (components,) * 2) / components) @ vectors
    truth = Components(vectors, rng.uniform(0.1, 1, components))
    fitted = components_from_moments(truth.second_moment(), truth.third_moment(), components, seed=seed)
    matching = match_components(fitted.model.vectors, truth.vectors)
    assert fitted.status is Ending.CONVERGED
    assert matching.distances.max() < 1e-10
    assert np.abs(fitted.model.weights[matching.order] - truth.weights).max() < 1e-10


@pytest.mark.parametrize("form", [np.asarray, aslinearoperator])
def test_dependent_components_are_an_error(form: Any) -> None:
    vectors = np.vstack([np.eye(6)[:2], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    moment = Components(vectors, np.ones(3) / 3).second_moment()
    with pytest.raises(ValueError, match=r"2 positive eigenvalues, expected 3: .* linearly independent"):
        whitening(form(moment), 3)


def test_eigenvalue_within_the_noise_is_a_warning() -> None:
    moment = np.diag([4.0, 3.0, 0.2, 0.15, -0.1])
    with pytest.warns(WeakSignalWarning, match=r"eigenvalue 3 .* is 0.2, and one of 0.15 .* linearly independent"):
        whitening(moment, 3)
    whitening(moment, 2)


def test_large_negative_eigenvalues_are_not_components() -> None:
    moment = np.diag([-3.5, 4.0, 3.0, 0.1, 0.0, 0.0])
    implicit = whitening(aslinearoperator(moment), 2)
    with pytest.warns(WeakSignalWarning, match=r"one of 3.5 in size"):
        dense = whitening(moment, 2)
    for white in (implicit, dense):
        np.testing.assert_allclose(np.abs(white.unwhitener[[1, 2]]), np.diag([2.0, np.sqrt(3)]), atol=1e-12)


def test_third_moment_without_a_component_is_an_error() -> None:
    white = whitening(np.eye(2), 2)
    with pytest.raises(ValueError, match="fewer components than the second"):
        white.unwhiten(SymmetricDecomposition(np.array([1.0, 0.0]), np.eye(2)))


@pytest.mark.parametrize(
    ("moment", "components", "message"),
    [
        (np.ones((2, 3)), 1, r"second_moment has shape \(2, 3\)"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), 1, "second_moment differs from its transpose by 2"),
        (np.eye(2), 3, "components is 3"),
        (aslinearoperator(np.eye(4)), 3, "components is 3"),
        (np.zeros((2, 2)), 1, "0 positive eigenvalues"),
        (-np.eye(2), 1, "0 positive eigenvalues"),
        (np.full((2, 2), np.inf), 1, "NaN or infinite"),
    ],
)
def test_bad_second_moments_are_named(moment: Any, components: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        whitening(moment, components)


def test_third_moment_of_another_size_is_named() -> None:
    with pytest.raises(ValueError, match=r"third_moment has shape \(2, 2, 2\), expected \(3, 3, 3\)"):
        components_from_moments(np.eye(3), np.zeros((2, 2, 2)), 3)


def test_subspaces_of_both_forms_agree() -> None:
    moment = planted(30, 5, 3).second_moment()
    one, other = whitening(moment, 5), whitening(aslinearoperator(moment), 5)
    assert scipy.linalg.subspace_angles(one.whitener, other.whitener).max() < 1e-7
