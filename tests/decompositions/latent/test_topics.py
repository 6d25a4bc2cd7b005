from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.decompositions import (
    TopicModel,
    components_from_moments,
    fit_topics,
    match_components,
    project_on_simplex,
    topic_second_moment,
    topic_third_moment,
)
from mmdiscover.decompositions.latent import topics
from mmdiscover.decompositions.outcome import Ending
from tests.decompositions.latent.oracles import block_scores, slope

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array


def planted(words: int = 50, components: int = 10, seed: int = 1, concentration: float = 0.1) -> TopicModel:
    rng = np.random.default_rng(seed)
    return TopicModel(
        rng.dirichlet(np.full(words, concentration), components), rng.dirichlet(np.full(components, 20.0))
    )


def brute_force(documents: Any, size: int, order: int) -> Array:
    """The mean over documents of the mean over all ordered choices of distinct places."""
    moment = np.zeros((size,) * order)
    for words in documents:
        choices = list(permutations(words, order))
        for choice in choices:
            moment[choice] += 1 / len(choices) / len(documents)
    return moment


def counted(documents: Any, size: int) -> Array:
    return np.array([np.bincount(words, minlength=size) for words in documents])


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=6), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_moments_are_means_over_distinct_places(documents: Any) -> None:
    counts = counted(documents, 4)
    before = counts.copy()
    second, third = brute_force(documents, 4, 2), brute_force(documents, 4, 3)
    projection = np.random.default_rng(0).standard_normal((4, 2))
    projected = np.einsum("ijk,ia,jb,kc->abc", third, *[projection] * 3)
    for form in (counts, scipy.sparse.csr_array(counts), scipy.sparse.coo_matrix(counts)):
        np.testing.assert_allclose(topic_second_moment(form), second, atol=1e-14)
        np.testing.assert_allclose(topic_third_moment(form), third, atol=1e-14)
        np.testing.assert_allclose(topic_third_moment(form, projection), projected, atol=1e-13)
    np.testing.assert_array_equal(counts, before)


def test_documents_of_less_than_three_words_are_left_out() -> None:
    counts = np.array([[1, 1, 0], [2, 1, 1], [0, 0, 0], [0, 3, 1]])
    np.testing.assert_array_equal(topic_second_moment(counts), topic_second_moment(counts[[1, 3]]))
    np.testing.assert_array_equal(topic_third_moment(counts), topic_third_moment(counts[[1, 3]]))


def test_moments_are_unbiased() -> None:
    truth = planted(4, 2, concentration=1.0)
    rng = np.random.default_rng(0)
    counts, _ = truth.sample(40_000, rng.integers(3, 7, 40_000), seed=3)
    blocks = counts.toarray().reshape(2000, 20, 4)
    for estimate, exact in (
        (topic_second_moment, truth.components.second_moment()),
        (topic_third_moment, truth.components.third_moment()),
    ):
        scores = block_scores([estimate(block) for block in blocks], exact)
        assert np.abs(scores).max() < 4
    # The scores can tell: places that are not distinct make a bias.
    naive = [np.einsum("ni,nj->ij", *[block / block.sum(axis=1, keepdims=True)] * 2) / 20 for block in blocks]
    assert np.abs(block_scores(naive, truth.components.second_moment())).max() > 20


def test_documents_follow_the_model() -> None:
    truth = planted(6, 3)
    lengths = np.random.default_rng(0).integers(1, 9, 30_000)
    counts, labels = truth.sample(30_000, lengths, seed=4)
    np.testing.assert_array_equal(counts.sum(axis=1), lengths)
    np.testing.assert_allclose(np.bincount(labels) / 30_000, truth.weights, atol=0.015)
    for topic, distribution in enumerate(truth.topics):
        mine = counts[labels == topic].sum(axis=0)
        np.testing.assert_allclose(mine / mine.sum(), distribution, atol=0.015)
    assert (counts.toarray() == truth.sample(30_000, lengths, seed=4)[0].toarray()).all()


def test_ten_topics_with_errors_like_one_over_root_n() -> None:
    truth = planted()
    sizes = np.array([4000, 20_000, 100_000])
    errors = np.empty((2, len(sizes)))
    for seed in range(len(errors)):
        counts, _ = truth.sample(sizes[-1], 10, seed=seed)
        for column, size in enumerate(sizes):
            fitted = fit_topics(counts[:size], 10)
            matching = match_components(fitted.model.topics, truth.topics)
            errors[seed, column] = matching.error
            assert fitted.status is Ending.CONVERGED
            if size == sizes[-1]:
                np.testing.assert_allclose(fitted.model.weights[matching.order], truth.weights, atol=0.01)
    assert errors[:, -1].max() < 0.01
    assert -0.6 < slope(sizes, errors) < -0.4


def test_fit_is_the_decomposition_of_the_dense_moments() -> None:
    counts, _ = planted(12, 3).sample(3000, 5)
    dense = components_from_moments(topic_second_moment(counts), topic_third_moment(counts), 3).model
    model = fit_topics(counts.toarray(), 3).model
    matching = match_components(model.topics, project_on_simplex(dense.vectors))
    assert matching.error < 1e-10
    np.testing.assert_allclose(model.weights[matching.order], dense.weights / dense.weights.sum(), atol=1e-10)


def test_many_words_need_no_dense_moment(monkeypatch: Any) -> None:
    truth = planted(200, 5)
    counts, _ = truth.sample(20_000, 20)
    dense = fit_topics(counts, 5).model
    monkeypatch.setattr(topics, "DENSE_WORDS", 100)
    monkeypatch.setattr(topics, "_dense_second_moment", None)
    implicit = fit_topics(counts, 5).model
    assert match_components(implicit.topics, dense.topics).error < 1e-9


@given(st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_projection_is_the_nearest_distribution(size: int, seed: int) -> None:
    vector = np.random.default_rng(seed).normal(0, 1, size)
    projected = project_on_simplex(vector[None])[0]
    assert projected.min() >= 0
    assert projected.sum() == pytest.approx(1)
    # The condition of Kuhn and Tucker: all places that are not zero moved by the same, the others by at most that.
    moved = vector - projected
    assert np.ptp(moved[projected > 0]) < 1e-12
    assert (moved[projected == 0] <= moved[projected > 0].min() + 1e-12).all()
    np.testing.assert_allclose(project_on_simplex(projected[None])[0], projected, atol=1e-15)


@pytest.mark.parametrize(
    ("counts", "components", "message"),
    [
        ([[3, -1]], 1, "counts has the entry -1"),
        ([[3, 0.5]], 1, "counts has entries that are not whole"),
        ([[np.nan, 5.0]], 1, "counts has 1 NaN"),
        (scipy.sparse.csr_array([[np.inf, 5.0]]), 1, "counts has 1 NaN or infinite"),
        (scipy.sparse.csr_array([[1j, 5.0]]), 1, "counts is complex"),
        ([[1, 1], [2, 0]], 1, "counts has 2 documents, expected at least one of three words"),
        (scipy.sparse.csr_array((3, 4)), 1, "counts has 3 documents, expected at least one of three words"),
        ([3, 4], 1, "counts has 1 modes"),
        ([[3, 4]], 3, "components is 3, expected an integer of at least 1 and at most 2"),
        ([[3, 4], [1, 0]], 2, "counts has 1 documents of at least three words, expected at least 2"),
        ([[3, 3], [2, 2], [1, 1]], 2, "linearly independent"),
    ],
)
def test_bad_counts_are_named(counts: Any, components: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_topics(counts, components)


@pytest.mark.parametrize(
    ("distributions", "weights", "message"),
    [
        ([[0.5, 0.4]], [1.0], "topics has the sum 0.9"),
        ([[1.5, -0.5]], [1.0], "topics has the entry -0.5"),
        (np.eye(2), [0.5, 0.4], "weights has the sum 0.9"),
        (np.eye(2), [1.0], "weights has 1 entries, expected 2, one for each row of topics"),
    ],
)
def test_bad_models_are_named(distributions: Any, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TopicModel(distributions, weights)


@pytest.mark.parametrize("length", [0, 2.5, [3, 4]])
def test_bad_lengths_are_named(length: Any) -> None:
    with pytest.raises(ValueError, match="length is"):
        planted(4, 2).sample(3, length)


def test_bad_projection_is_named() -> None:
    with pytest.raises(ValueError, match="projection has 3 rows, expected 2, the number of words"):
        topic_third_moment([[2, 1]], np.eye(3))
