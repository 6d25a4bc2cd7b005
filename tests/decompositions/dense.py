"""Dense oracles for the structured linear algebra: the model, its Jacobian and random points."""

from __future__ import annotations

from dataclasses import dataclass
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


# A symmetry T_ijk = ±T_jik, with factors that have it too.


@dataclass(frozen=True)
class Split:
    """A symmetry of a tensor of shape (side, side, even + odd), and of its fixed + 2·pairs terms."""

    side: int
    even: int
    odd: int
    fixed: int
    pairs: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.side, self.side, self.even + self.odd

    @property
    def rank(self) -> int:
        return self.fixed + 2 * self.pairs

    @property
    def signs(self) -> Array:
        """Of the slices."""
        return np.repeat([1.0, -1.0], [self.even, self.odd])

    @property
    def partners(self) -> list[int]:
        """τ: fixed terms first, then the terms of each pair in turn."""
        return [*range(self.fixed), *(self.fixed + (q ^ 1) for q in range(2 * self.pairs))]

    def image(self, factors: Triple) -> Triple:
        """The terms (a, b, c) of a decomposition as (b, a, c′), in the order of their partners."""
        a, b, c = (factor[:, self.partners] for factor in factors)
        return b, a, self.signs[:, None] * c

    def project(self, factors: Triple) -> Triple:
        """The nearest factors with the symmetry."""
        a, b, c = ((one + other) / 2 for one, other in zip(factors, self.image(factors), strict=True))
        return a, b, c

    def problem(self, seed: int) -> Problem:
        """A random tensor and random factors with the symmetry."""
        tensor, factors = problem(self.shape, self.rank, seed)
        return (tensor + tensor.transpose(1, 0, 2) * self.signs) / 2, self.project(factors)


splits = st.builds(Split, *[st.integers(low, high) for low, high in ((1, 4), (0, 3), (0, 3), (0, 3), (0, 3))]).filter(
    lambda split: split.rank > 0 and split.even + split.odd > 0
)
