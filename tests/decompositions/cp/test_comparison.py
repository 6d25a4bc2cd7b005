from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from mmdiscover.decompositions.cp.comparison import factor_match_score
from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp


def brute_force(a: CPTensor, b: CPTensor) -> float:
    """Best mean cosine between terms, formed as tensors."""

    def terms(x: CPTensor) -> list[np.ndarray]:
        return [CPTensor(tuple(f[:, [r]] for f in x.factors), x.weights[[r]]).to_full().ravel() for r in range(x.rank)]

    first, second = terms(a), terms(b)
    if len(first) > len(second):
        first, second = second, first
    cosines = [[np.real(np.vdot(x, y)) / (np.linalg.norm(x) * np.linalg.norm(y)) for y in second] for x in first]
    best = max(
        sum(cosines[k][j] for k, j in enumerate(order)) for order in permutations(range(len(second)), len(first))
    )
    return float(best / len(second))


@pytest.mark.parametrize("ranks", [(3, 3), (2, 4), (4, 2), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_score_is_the_best_mean_cosine_of_terms(ranks: tuple[int, int], dtype: type) -> None:
    for seed in range(5):
        a, b = (random_cp((3, 2, 4), rank, seed=10 * seed + k, dtype=dtype) for k, rank in enumerate(ranks))
        a = CPTensor(a.factors, np.random.default_rng(seed).standard_normal(a.rank))
        assert factor_match_score(a, b) == pytest.approx(brute_force(a, b), abs=1e-12)


def test_score_ignores_order_scale_and_signs_that_cancel() -> None:
    a = random_cp((4, 5, 6), 3)
    first, second, third = (np.array(factor) for factor in a.factors)
    same = CPTensor((-2 * first[:, ::-1], second[:, ::-1] * [1, 3, 5], -third[:, ::-1]), np.array([1.0, 2.0, 0.1]))
    assert factor_match_score(a, same) == pytest.approx(1.0)
    assert factor_match_score(a, CPTensor(a.factors, -a.weights)) < 0.9


def test_terms_that_are_zero_match_nothing() -> None:
    a = random_cp((4, 5), 2)
    assert factor_match_score(a, CPTensor(a.factors, np.array([1.0, 0.0]))) == pytest.approx(0.5)


def test_shapes_must_meet() -> None:
    with pytest.raises(ValueError, match=r"b has shape \(4, 6\), expected \(4, 5\)"):
        factor_match_score(random_cp((4, 5), 2), random_cp((4, 6), 2))
