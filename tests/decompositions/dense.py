"""Dense oracles for the structured linear algebra: the model, its Jacobian and random points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from mmdiscover.decompositions.gauss_newton import flatten

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple

Problem = tuple["Array", "Triple"]


def model(factors: Triple) -> Array:
    """⟦A,B,C⟧."""
    result: Array = np.einsum("ir,jr,kr->ijk", *factors)
    return result


def jacobian(factors: Triple) -> Array:
    """Derivative of the flattened model by A, B and C, each row by row."""
    a, b, c = factors
    cells = len(a) * len(b) * len(c)
    blocks = [
        np.einsum("xi,jr,kr->xjkir", np.eye(len(a)), b, c),
        np.einsum("ir,xj,kr->ixkjr", a, np.eye(len(b)), c),
        np.einsum("ir,jr,xk->ijxkr", a, b, np.eye(len(c))),
    ]
    return np.concatenate([block.reshape(cells, -1) for block in blocks], axis=1)


def problem(shape: tuple[int, ...], rank: int, seed: int) -> Problem:
    """A random tensor and random factors."""
    rng = np.random.default_rng(seed)
    a, b, c = (rng.standard_normal((size, rank)) for size in shape)
    return rng.standard_normal(shape), (a, b, c)


def gradient(given: Problem) -> Array:
    """g = Jᵀ(⟦A,B,C⟧ − T)."""
    tensor, factors = given
    result: Array = jacobian(factors).T @ (model(factors) - tensor).ravel()
    return result


def damped_matrix(factors: Triple, damping: float) -> Array:
    """H + μI."""
    dense = jacobian(factors)
    return dense.T @ dense + damping * np.eye(dense.shape[1])


def tangent(given: Problem, damping: float) -> Array:
    """The minimiser of the damped model in the plane θᵀd = 0, from the optimality conditions bordered by θ."""
    _, factors = given
    theta = flatten(factors)
    size = len(theta)
    bordered = np.zeros((size + 1, size + 1))
    bordered[:size, :size] = damped_matrix(factors, damping)
    bordered[size, :size] = bordered[:size, size] = theta
    return np.linalg.solve(bordered, np.append(-gradient(given), 0.0))[:size]


# Ranks above the sizes, sizes of 1 and modes in any order of size are all wanted.
problems = st.builds(problem, st.tuples(*[st.integers(1, 4)] * 3), st.integers(1, 6), st.integers(0, 2**32 - 1))
dampings = st.sampled_from([1e-2, 0.3, 1.0, 30.0])
