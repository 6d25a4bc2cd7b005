"""Movement along the set of exact fits towards chosen values.

Exact fits come in families larger than the orbit of the symmetry group, so sparse and simple members are looked for on
the whole solution set: minimise Σ_i ρ(θ_i − t_i) over φ(θ) = 0, where t_i is the value of a grid nearest to θ_i and
ρ(x) ≈ |x|^p. With p ≤ 1 many deviations become exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.gauss_newton import (
    damped_solve,
    linearize,
    normal_matrix,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array


@dataclass(frozen=True)
class Attraction:
    """Where entries are drawn, and how.

    Parameters
    ----------
    grid : tuple of float
        Each entry is drawn to the nearest of these.
    exponent : float
        p of ρ(x) ≈ |x|^p.
    longest_step : float
        Steps are cut to this norm.
    widths : tuple of float
        Smoothing of ρ at 0, one round of iterations each.
    iterations : int
        Per round.
    looseness : float
        ε of the first round, a tenth of it in each of the next: how much sparser the point must become for leaving
        the exact fits. Loose rounds end sparser, but ill-conditioned fits are lost: near them are approximate ones
        without an exact one near by.
    """

    grid: tuple[float, ...]
    exponent: float
    longest_step: float
    widths: tuple[float, ...] = (0.3, 0.1, 0.03, 0.01)
    iterations: int = 15
    looseness: float = 1e-3


def nearest(values: Array, grid: Array) -> Array:
    """The entry of `grid` nearest to each of `values`, in the shape of `values`."""
    found: Array = grid[np.abs(values[..., None] - grid).argmin(axis=-1)]
    return found


def attract(
    tensor: Array, point: Array, free: NDArray[np.bool_], attraction: Attraction, weights: Array | None = None
) -> Array:
    """Move along the exact fits towards the grid, by iteratively reweighted least squares.

    Each step minimises ‖r + J d‖²/ε + Σ_i w_i (θ_i + d_i − t_i)² with w_i = (x_i² + δ²)^(p/2 − 1), x_i = θ_i − t_i.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    point : ndarray, shape ((I+J+K)R,)
        Flattened factors of an exact fit, not changed.
    free : ndarray of bool
        Entries that may move.
    attraction : Attraction
    weights : ndarray, optional
        One positive weight per entry, to break ties at random; its influence fades from round to round.

    Returns
    -------
    ndarray
        Near the exact fits, not on them: re-solve afterwards.
    """
    indices = np.flatnonzero(free)
    grid = np.array(attraction.grid)
    bias = np.ones(len(indices)) if weights is None else weights[indices]
    point = point.copy()
    looseness = attraction.looseness
    for width in attraction.widths:
        for _ in range(attraction.iterations):
            step = _step(tensor, point, indices, grid, bias, looseness, (width, attraction.exponent))
            if step is None or not np.isfinite(step).all():  # LAPACK passes NaN on without a word
                return point
            length = float(np.linalg.norm(step))
            point[indices] += step * min(1.0, attraction.longest_step / max(length, 1e-300))
            if length < 1e-3:
                break
        looseness *= 0.1
        bias = np.sqrt(bias)
    return point


def _step(
    tensor: Array,
    point: Array,
    indices: NDArray[np.intp],
    grid: Array,
    bias: Array,
    looseness: float,
    shape: tuple[float, float],
) -> Array | None:
    width, exponent = shape
    gradient = linearize(tensor, point).gradient[indices]
    deviation = point[indices] - nearest(point[indices], grid)
    pull = bias * (deviation**2 + width**2) ** (exponent / 2 - 1)
    normal = normal_matrix(tensor.shape, point, indices)
    return damped_solve(normal, looseness * pull, -gradient - looseness * pull * deviation)
