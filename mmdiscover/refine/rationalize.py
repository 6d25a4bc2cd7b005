"""Fixing the entries of an exact fit to simple rational values, one after another."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions import fit_cp_fixed
from mmdiscover.decompositions.gauss_newton import flatten, normal_matrix, unflatten
from mmdiscover.refine.attract import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array

_EXACT = 1e-22
"""φ below which a re-solve has kept the fit exact."""
_LADDER = ((1.0, 0.0), (-1.0, 0.0), (0.0, 0.3), (2.0, 0.6), (-2.0, 0.6), (0.5, 0.6), (-0.5, 0.6))
"""Values an entry is fixed to, with the extra distance that makes the later ones less preferred."""
_VALUES = np.array([value for value, _ in _LADDER])
_LARGEST_DENOMINATOR = 16
_LARGEST_ENTRY = 20.0
_NEAR_DENOMINATORS = (1, 2, 4, 8)
_TRIES_PER_FIX = 25
_BACKTRACKS = 10
_FAR = 0.5


class RationalizeStatus(StrEnum):
    """How rationalization ended."""

    RATIONAL = "rational"
    IRRATIONAL = "irrational"
    """Entries that can no longer move have no simple rational value."""
    STUCK = "stuck"
    """Entries can still move, but none could be fixed to a simple value."""


class FixedPoint:
    """An exact fit of which some entries are fixed for good.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    vector : ndarray, shape ((I+J+K)R,)
        Flattened factors.
    """

    def __init__(self, tensor: Array, vector: Array) -> None:
        self._tensor = tensor
        self.vector = vector
        self.free: NDArray[np.bool_] = np.ones(len(vector), dtype=bool)
        self.resolves = 0

    def fix(self, indices: NDArray[np.intp], values: Array, max_iterations: int = 25) -> bool:
        """Fix entries and re-solve over the others; when the fit does not become exact again, nothing changes.

        Returns
        -------
        bool
            Whether the entries are fixed now.
        """
        vector, free = self.vector.copy(), self.free.copy()
        vector[indices] = values
        free[indices] = False
        if not np.isfinite(vector).all():
            return False
        fit = fit_cp_fixed(self._tensor, unflatten(vector, self._tensor.shape), free, max_iterations)
        self.resolves += 1
        vector = flatten(fit.factors)
        if fit.objective > _EXACT or np.abs(vector).max() > _LARGEST_ENTRY:
            return False
        self.vector, self.free = vector, free
        return True

    def move_and_fix(self, index: int, value: float) -> bool:
        """Fix one entry, by way of the middle when `value` is far: families are curved, and re-solves are local."""
        state = self.state
        target = np.array([index])
        middle = (self.vector[index] + value) / 2
        if abs(value - middle) > _FAR / 2 and not self.fix(target, np.array([middle])):
            return False
        if self.fix(target, np.array([value])):
            return True
        self.state = state
        return False

    def move(self, vector: Array) -> bool:
        """Take other values for the free entries and re-solve; when the fit does not become exact, nothing changes."""
        before, self.vector = self.vector, vector
        if self.fix(np.array([], dtype=np.intp), np.array([])):
            return True
        self.vector = before
        return False

    @property
    def state(self) -> tuple[Array, NDArray[np.bool_]]:
        """What `fix` changes; assign it to go back."""
        return self.vector, self.free

    @state.setter
    def state(self, state: tuple[Array, NDArray[np.bool_]]) -> None:
        self.vector, self.free = state

    def snap(self, tolerance: float) -> bool:
        """Fix all free entries within `tolerance` of a value of the ladder at once."""
        values = nearest(self.vector, _VALUES)
        indices = np.flatnonzero(self.free & (np.abs(self.vector - values) <= tolerance))
        return self.fix(indices, values[indices])

    def mobility(self) -> Array:
        """For each free entry the squared norm of its row in an orthonormal basis of the Jacobian's null space.

        Zero for entries that the equations have determined.
        """
        indices = np.flatnonzero(self.free)
        normal = normal_matrix(self._tensor.shape, self.vector, indices)
        eigenvalues, vectors = np.linalg.eigh(normal, UPLO="U")
        null_space: Array = vectors[:, eigenvalues < 1e-10 * max(eigenvalues[-1], 1.0)]
        mobility: Array = np.square(null_space).sum(axis=1)
        return mobility


def rationalize(point: FixedPoint, rng: np.random.Generator) -> RationalizeStatus:
    """Fix entries to 0, ±1, ±2, ±½ or a simple fraction near their value until none is free.

    What the equations determine is read off as a fraction. Among the entries that can still move the one nearest to a
    value of the ladder is fixed, then the fit re-solved over the rest. Where that ends in entries without a simple
    value the last choice is undone and remembered.

    Parameters
    ----------
    point : FixedPoint
        Changed in place; with ``RATIONAL`` every entry is fixed, and the values are those of `fraction_near`.
    rng : numpy.random.Generator
        Breaks ties between entries about equally near.

    Returns
    -------
    RationalizeStatus
    """
    refused: set[tuple[int, float]] = set()
    choices: list[tuple[tuple[Array, NDArray[np.bool_]], tuple[int, float]]] = []
    for _ in range(len(point.vector) + _BACKTRACKS):
        point.snap(1e-7)
        if not point.free.any():
            return RationalizeStatus.RATIONAL
        status = _fix_determined(point)
        if status is None:
            before = point.state
            choice = _fix_one(point, rng, refused)
            if choice is not None:
                choices.append((before, choice))
                continue
            status = RationalizeStatus.STUCK
        if status is RationalizeStatus.RATIONAL:
            continue
        if not choices or len(refused) > _BACKTRACKS * _TRIES_PER_FIX:
            return status
        point.state, choice = choices.pop()
        refused.add(choice)
    return RationalizeStatus.STUCK


def _fix_determined(point: FixedPoint) -> RationalizeStatus | None:
    """Fix the entries that can no longer move; None when every free entry can."""
    determined = np.flatnonzero(point.free)[point.mobility() < 1e-12]
    if not len(determined):
        return None
    values = [fraction_near(value) for value in point.vector[determined]]
    if any(value is None for value in values) or not point.fix(determined, np.array(values, dtype=float)):
        return RationalizeStatus.IRRATIONAL
    return RationalizeStatus.RATIONAL


def _fix_one(point: FixedPoint, rng: np.random.Generator, refused: set[tuple[int, float]]) -> tuple[int, float] | None:
    for index, value in _candidates(point, rng, refused):
        if point.move_and_fix(index, value):
            return index, value
        refused.add((index, value))
    return None


def _candidates(
    point: FixedPoint, rng: np.random.Generator, refused: set[tuple[int, float]]
) -> Iterator[tuple[int, float]]:
    """Entries and values to try, nearest first; at last fractions so near that a family can hardly miss them."""
    indices = np.flatnonzero(point.free)
    ranked = sorted(
        (abs(point.vector[index] - value) + extra + 0.05 * rng.random(), int(index), value)
        for value, extra in _LADDER
        for index in indices
        if (int(index), value) not in refused
    )
    yield from ((index, value) for _, index, value in ranked[:_TRIES_PER_FIX])
    index = int(rng.choice(indices))
    yield from ((index, float(Fraction(point.vector[index]).limit_denominator(d))) for d in _NEAR_DENOMINATORS)


def fraction_near(value: float, tolerance: float = 1e-8) -> Fraction | None:
    """The fraction with denominator up to 16 within `tolerance` of `value`, if there is one."""
    fraction = Fraction(float(value)).limit_denominator(_LARGEST_DENOMINATOR)
    return fraction if abs(float(fraction) - value) <= tolerance else None
