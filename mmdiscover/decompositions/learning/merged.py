"""The merged core of two neighbours as the unknown of a convex problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.learning.tt_function import row_products

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.learning.losses import Loss

SUFFICIENT_DECREASE = 1e-4
RELATIVE_RESIDUAL = 1e-2
SHORTEST_STEP = 1e-4


@dataclass(frozen=True, eq=False)
class MergedCore:
    """Mean loss of fⱼ(s) = Σ left[s, a] B[a, j, b] right[s, b], plus l2/2 ‖B‖², as a function of B.

    Parameters
    ----------
    left : ndarray, shape (m, a)
        Environments on the left times the features of the left core.
    right : ndarray, shape (m, b)
    targets : ndarray, shape (m, k)
    loss : Loss
    l2 : float
    """

    left: Array
    right: Array
    targets: Array
    loss: Loss
    l2: float

    def values(self, core: Array) -> Array:
        """F at all samples, shape (m, k), of a merged core of shape (a, k, b)."""
        a, outputs, b = core.shape
        half = (self.left @ core.reshape(a, outputs * b)).reshape(-1, outputs, b)
        result: Array = np.matmul(half, self.right[:, :, None])[:, :, 0]
        return result

    def value_and_gradient(self, core: Array) -> tuple[float, Array]:
        """The objective and its derivatives by all entries of the core."""
        value, slopes = self.loss.value_and_slope(self.values(core), self.targets)
        return value + self.l2 / 2 * float(np.vdot(core, core)), self._pullback(slopes) + self.l2 * core

    def curvature(self, values: Array, direction: Array) -> tuple[Array, Array]:
        """The second derivative, where f has these values, times a direction; and how f changes in the direction."""
        change = self.values(direction)
        return self._pullback(self.loss.curvature(values, self.targets, change)) + self.l2 * direction, change

    def newton_step(self, core: Array, steps: int) -> Array:
        """A better core: a Newton direction by so many conjugate-gradient steps, halved until the objective falls."""
        values = self.values(core)
        value, slopes = self.loss.value_and_slope(values, self.targets)
        gradient = self._pullback(slopes) + self.l2 * core
        direction, change = self._newton_direction(values, gradient, steps)
        slope = float(np.vdot(gradient, direction))
        value += self.l2 / 2 * float(np.vdot(core, core))
        length = 1.0
        # f is linear in the core: trial steps need no contraction.
        while length >= SHORTEST_STEP and slope < 0:
            tried = core + length * direction
            reached = self.loss.value_and_slope(values + length * change, self.targets)[0]
            reached += self.l2 / 2 * float(np.vdot(tried, tried))
            if reached <= value + SUFFICIENT_DECREASE * length * slope:
                return tried
            length /= 2
        return core

    def _newton_direction(self, values: Array, gradient: Array, steps: int) -> tuple[Array, Array]:
        direction, change = np.zeros_like(gradient), np.zeros_like(values)
        residual = -gradient
        search, square = residual, float(np.vdot(residual, residual))
        enough = RELATIVE_RESIDUAL**2 * square
        for _ in range(steps):
            curved, searched = self.curvature(values, search)
            bend = float(np.vdot(search, curved))
            if bend <= 0:
                break
            length = square / bend
            direction, change = direction + length * search, change + length * searched
            residual = residual - length * curved
            old, square = square, float(np.vdot(residual, residual))
            if square <= enough:
                break
            search = residual + square / old * search
        return direction, change

    def _pullback(self, slopes: Array) -> Array:
        a, b, outputs = self.left.shape[1], self.right.shape[1], slopes.shape[1]
        return (self.left.T @ row_products(slopes, self.right)).reshape(a, outputs, b)
