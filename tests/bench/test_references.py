"""Other programs get the problem that the search gets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from mmdiscover.bench import references
from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten
from tests.decompositions import dense
from tests.decompositions.dense import Problem, problem, problems

TENSOR = matmul_tensor(Format(2, 2, 2))


@given(problems)
def test_the_model_and_its_jacobian(given_problem: Problem) -> None:
    _, factors = given_problem
    np.testing.assert_allclose(references.model(factors), dense.model(factors), atol=1e-12)
    np.testing.assert_allclose(references.jacobian(factors), dense.jacobian(factors), atol=1e-12)


def test_least_squares_takes_the_steps_it_may() -> None:
    tensor, start = problem((2, 3, 4), 3, 0)
    kept = flatten(start)
    (a, b, c), steps = references.run_least_squares(tensor, start, 4)
    assert steps == 4
    assert (a.shape, b.shape, c.shape) == ((2, 3), (3, 3), (4, 3))
    assert np.sum((dense.model((a, b, c)) - tensor) ** 2) < np.sum((dense.model(start) - tensor) ** 2)
    np.testing.assert_array_equal(flatten(start), kept)


def test_least_squares_can_end_exactly() -> None:
    ends = [references.run_least_squares(TENSOR, problem((4, 4, 4), 7, seed)[1], 300) for seed in range(3)]
    assert min(np.sum((dense.model(factors) - TENSOR) ** 2) for factors, _ in ends) < 1e-20
    assert all(steps < 300 for _, steps in ends)


@pytest.mark.skipif(not references.has_parafac(), reason="TensorLy is not installed")
def test_parafac_descends_from_the_start() -> None:
    tensor, start = problem((2, 3, 4), 3, 0)
    kept = flatten(start)
    ends = [references.run_parafac(tensor, start, sweeps) for sweeps in (1, 20)]
    values = [np.sum((dense.model(end) - tensor) ** 2) for end in [start, *ends] if end is not None]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    assert values[2] < values[1]
    np.testing.assert_array_equal(flatten(start), kept)
    a, b, c = start
    assert references.run_parafac(tensor, (a, 0 * b, c), 1) is None
