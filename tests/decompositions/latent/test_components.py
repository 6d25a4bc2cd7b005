from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions import Components, match_components


@given(st.integers(1, 5), st.integers(0, 10**6))
def test_matching_is_the_best_of_all_permutations(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    estimate, truth = rng.standard_normal((2, count, 3))
    matching = match_components(estimate, truth)
    best = min(np.sum((estimate[list(order)] - truth) ** 2) for order in permutations(range(count)))
    np.testing.assert_allclose(np.sum((estimate[matching.order] - truth) ** 2), best)
    np.testing.assert_allclose(matching.distances, np.linalg.norm(estimate[matching.order] - truth, axis=1))
    assert matching.error == pytest.approx(np.sqrt(best / count))


def test_shuffled_components_match_without_error() -> None:
    truth = np.random.default_rng(0).standard_normal((6, 4))
    order = np.random.default_rng(1).permutation(6)
    matching = match_components(truth[order], truth)
    assert matching.error == 0
    np.testing.assert_array_equal(order[matching.order], np.arange(6))


def test_shapes_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match=r"estimate has shape \(2, 3\), expected \(3, 3\)"):
        match_components(np.ones((2, 3)), np.ones((3, 3)))


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0], "weights has 1 entries, expected 2"), ([1.0, 0.0], "weights has the entry 0, expected positive")],
)
def test_bad_weights_are_named(weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Components(np.eye(2), weights)


def test_components_cannot_be_changed() -> None:
    components = Components(np.eye(2), np.ones(2))
    with pytest.raises(ValueError, match="read-only"):
        components.vectors[0, 0] = 2
