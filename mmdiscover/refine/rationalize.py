"""Fixing the entries of an exact fit to simple rational values, one after another."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions import fit_cp_fixed
from mmdiscover.decompositions.gauss_newton import flatten, linearize, normal_matrix, unflatten
from mmdiscover.refine.attract import nearest
from mmdiscover.refine.linear import solve_linear_rest
from mmdiscover.refine.trace import RefineStatus, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array

_EXACT = 1e-22
"""φ below which a re-solve has kept the fit exact."""
_LADDER = ((1.0, 0.0), (-1.0, 0.0), (0.0, 0.3), (2.0, 0.6), (-2.0, 0.6), (0.5, 0.6), (-0.5, 0.6))
"""Values an entry is fixed to, with the extra distance that makes the later ones less preferred."""
_VALUES = np.array([value for value, _ in _LADDER])
_DENOMINATORS = ((16, 1e-8), (1000, 1e-11))
"""Up to how much, and how near an entry must be to a fraction with such a denominator."""
_LARGEST_ENTRY = 20.0
_LARGEST_DENOMINATOR = 10**6
"""Of what solves linear equations exactly."""
_NEAR_DENOMINATORS = (1, 2, 4, 8)
_TRIES_PER_FIX = 25
_SMALLEST_BATCH = 4
_MOST_FAILURES = 8
_BACKTRACKS = 10
_FAR = 0.5


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
        self.stages: list[Stage] = []
        self._exact: dict[int, Fraction] = {}

    def ends_stage(self, name: str) -> None:
        """Keep how far it has come."""
        fixed = int(np.count_nonzero(~self.free))
        zeros = int(np.count_nonzero(~self.free & (self.vector == 0)))
        residual = linearize(self._tensor, self.vector).objective
        self.stages.append(Stage(name, zeros, fixed, len(self.free) - fixed, residual))

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

    def fix_exactly(self, indices: NDArray[np.intp], values: Sequence[Fraction]) -> None:
        """Fix entries to fractions that are known to solve the equations."""
        self._exact.update(zip(indices.tolist(), values, strict=True))
        self.vector, self.free = self.vector.copy(), self.free.copy()
        self.vector[indices] = [float(value) for value in values]
        self.free[indices] = False

    @property
    def fractions(self) -> NDArray[np.object_]:
        """The entries as fractions, None where an entry is not near a simple one."""
        return np.array(
            [self._exact.get(index, fraction_near(value)) for index, value in enumerate(self.vector)], dtype=object
        )

    def solve_rest(self) -> bool:
        """Fix all free entries to the exact solution, when the equations are linear in them; whether they were."""
        indices = np.flatnonzero(self.free)
        simple = nearest(self.vector[indices], _VALUES)
        wanted = [Fraction(value) for value in simple]
        fractions = self.fractions
        if any(value is None for value in fractions[~self.free]):
            return False
        values = solve_linear_rest(self._tensor, fractions, self.free, wanted)
        if values is None or not all(
            abs(x) <= _LARGEST_ENTRY and x.denominator <= _LARGEST_DENOMINATOR for x in values
        ):
            return False
        self.fix_exactly(indices, values)
        return True

    def fix_nearest(self, indices: NDArray[np.intp], values: Array) -> bool:
        """Fix all of them, or else as many as the fit allows, found by halving; the first in order come first.

        Returns
        -------
        bool
            Whether at least one is fixed.
        """
        batches, failures, held = [(indices, values)], 0, False
        # A failure is dear, and where there are many the attraction did not end at a sparse point.
        while batches and failures < _MOST_FAILURES:
            indices, values = batches.pop()
            if self.fix(indices, values):
                held = True
                continue
            failures += 1
            half = len(indices) // 2
            if half >= _SMALLEST_BATCH:
                batches += [(indices[half:], values[half:]), (indices[:half], values[:half])]
        return held

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


def rationalize(point: FixedPoint, rng: np.random.Generator) -> tuple[RefineStatus, str]:
    """Fix entries to 0, ±1, ±2, ±½ or a simple fraction near their value until none is free.

    What the equations determine is read off as a fraction. Among the entries that can still move the one nearest to a
    value of the ladder is fixed, then the fit re-solved over the rest. Where that ends in entries without a simple
    value the last choice is undone and remembered.

    Parameters
    ----------
    point : FixedPoint
        Changed in place; with ``EXACT`` every entry is fixed, and has its `FixedPoint.fractions`.
    rng : numpy.random.Generator
        Breaks ties between entries about equally near.

    Returns
    -------
    status : RefineStatus
    reason : str
    """
    refused: set[tuple[int, float]] = set()
    choices: list[tuple[tuple[Array, NDArray[np.bool_]], tuple[int, float]]] = []
    for _ in range(len(point.vector) + _BACKTRACKS):
        point.snap(1e-7)
        if not point.free.any():
            return RefineStatus.EXACT, "every entry is fixed"
        odd = _fix_determined(point)
        if odd is None:
            continue
        if not len(odd):
            before = point.state
            choice = _fix_one(point, rng, refused)
            if choice is not None:
                choices.append((before, choice))
                continue
        if point.solve_rest():
            return RefineStatus.EXACT, "the last entries solve linear equations"
        if not choices or len(refused) > _BACKTRACKS * _TRIES_PER_FIX:
            return _hopeless(point.vector[odd], len(refused))
        point.state, choice = choices.pop()
        refused.add(choice)
    return RefineStatus.STUCK, "too many choices were undone"


def _hopeless(odd: Array, refused: int) -> tuple[RefineStatus, str]:
    if not len(odd):
        return RefineStatus.STUCK, f"{refused} choices for entries that can move lost the fit"
    if all(fraction_near(value) is not None for value in odd):
        return RefineStatus.STUCK, f"the simple values of the entries that are determined ({len(odd)}) lose the fit"
    values = ", ".join(f"{value:.9g}" for value in sorted({*np.abs(odd).round(9)})[:4])
    return RefineStatus.IRRATIONAL, f"entries that are determined have no simple value ({len(odd)}): {values}"


def _fix_determined(point: FixedPoint) -> NDArray[np.intp] | None:
    """Fix the entries that can no longer move, None when that was done; else those of them without a simple value."""
    determined = np.flatnonzero(point.free)[point.mobility() < 1e-12]
    values = [fraction_near(value) for value in point.vector[determined]]
    odd = determined[[value is None for value in values]]
    if not len(determined) or len(odd):
        return odd
    return None if point.fix(determined, np.array(values, dtype=float)) else determined


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


def fraction_near(value: float) -> Fraction | None:
    """The simple fraction that `value` is, to its accuracy, if there is one: by continued fractions.

    A denominator up to 16 may be 1e-8 away, one up to 1000 only 1e-11: there are so many more of these.
    """
    for largest, tolerance in _DENOMINATORS:
        fraction = Fraction(float(value)).limit_denominator(largest)
        if abs(float(fraction) - value) <= tolerance:
            return fraction
    return None
