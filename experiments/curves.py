"""The least φ within ‖θ‖² ≤ c as a function of c.

Independent random starts at each c are wasteful. Random starts at one c are screened, and the best are swept: the
solution at one c is the start at the next. Approximations whose terms grow without bound (border rank) are found at
large c, where they stand out from the local minima at whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from experiments.starts import parse_scheme
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import FitSettings, fit_cp
from mmdiscover.search import EXACT_RESIDUAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from experiments.work import Result, Work

    Array = NDArray[np.float64]
    Triple = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Effort:
    """How long a fit goes on, see `FitSettings`."""

    max_iterations: int
    stall_window: int
    stall_decrease: float
    initial_damping: float = 0.1

    def within(self, bound: float) -> FitSettings:
        """For the ball of squared radius `bound`."""
        return FitSettings(
            bound=bound,
            max_iterations=self.max_iterations,
            stall_window=self.stall_window,
            stall_decrease=self.stall_decrease,
            initial_damping=self.initial_damping,
        )


@dataclass(frozen=True)
class Screen:
    """A random start within ‖θ‖² ≤ `bound`.

    A cyclic one, for formats n×n×n, consists of orbits (u, v, w), (v, w, u), (w, u, v) and as few terms (u, u, u) as
    the rank allows. The tensor has this symmetry and the iteration keeps it.
    """

    scheme: str
    seed: int
    index: int
    cyclic: bool
    scale: float
    bound: float
    effort: Effort

    def start(self) -> Triple:
        """Factors with normally distributed entries."""
        fmt, rank = parse_scheme(self.scheme)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.index,)))
        if not self.cyclic:
            u, v, w = (self.scale * rng.standard_normal((rows, rank)) for rows in fmt.shape)
            return u, v, w
        u, v, w = (self.scale * rng.standard_normal((fmt.shape[0], rank // 3)) for _ in range(3))
        same = self.scale * rng.standard_normal((fmt.shape[0], rank % 3))
        return np.hstack([u, v, w, same]), np.hstack([v, w, u, same]), np.hstack([w, u, v, same])

    def point(self) -> tuple[Triple, float]:
        """Where it ends, and φ there."""
        fit = fit_cp(matmul_tensor(parse_scheme(self.scheme)[0]), self.start(), self.effort.within(self.bound))
        return fit.factors, fit.objective

    def run(self) -> Result:
        """``phi``."""
        return {"phi": self.point()[1]}


@dataclass(frozen=True)
class Sweep:
    """The end of a screened start, followed through other bounds one after another.

    Where terms grow without bound, a larger ball asks for more of the same motion: on the way up each fit starts where
    the last two, on one line over log c, point to. That takes a fraction of the iterations from the last one, and
    ends far lower where these run out.
    """

    screen: Screen
    bounds: tuple[float, ...]
    effort: Effort

    def run(self) -> Result:
        """``phi`` at each bound."""
        point, phi = self.screen.point()
        tensor = matmul_tensor(parse_scheme(self.screen.scheme)[0])
        last, before, values = self.screen.bound, None, []
        for bound in self.bounds:
            start = point
            if before is not None and bound > last:
                ahead = np.log(bound / last) / np.log(last / before[0])
                start = _line(before[1], point, ahead)
            fit = fit_cp(tensor, start, self.effort.within(bound))
            if start is not point and fit.objective > phi:  # led astray
                fit = fit_cp(tensor, point, self.effort.within(bound))
            if bound != last:
                before = last, point
            point, phi, last = fit.factors, fit.objective, bound
            values.append(phi)
        return {"phi": values}


def _line(before: Triple, point: Triple, ahead: float) -> Triple:
    a, b, c = (new + ahead * (new - old) for old, new in zip(before, point, strict=True))
    return a, b, c


def grid(least: float, most: float, per_decade: int) -> tuple[float, ...]:
    """Bounds from `least` to `most`, evenly spaced in the logarithm, rounded to four digits."""
    count = 1 + round(per_decade * np.log10(most / least))
    return tuple(float(f"{bound:.4g}") for bound in np.geomspace(least, most, count))


@dataclass(frozen=True)
class Plan:
    """How the curve of one scheme is computed.

    Parameters
    ----------
    bounds : tuple of float
        The grid of c, ascending.
    seed : int
    scale : float
        Standard deviation of random starts.
    screen, sweep : Effort
    """

    bounds: tuple[float, ...]
    seed: int
    scale: float
    screen: Effort
    sweep: Effort

    def screens(self, scheme: str, indices: range, bound: float) -> list[Screen]:
        """Random starts at the bound of the grid nearest to `bound`; for n×n×n every other one is cyclic."""
        fmt, _ = parse_scheme(scheme)
        cube = len(set(fmt.sizes)) == 1
        at = min(self.bounds, key=lambda c: abs(np.log(c / bound)))
        return [
            Screen(scheme, self.seed, index, cube and index % 2 == 1, self.scale, at, self.screen) for index in indices
        ]

    def upward(self, screen: Screen) -> Sweep:
        """From a screened start to the largest bound."""
        return Sweep(screen, tuple(c for c in self.bounds if c >= screen.bound), self.sweep)

    def downward(self, screen: Screen) -> Sweep:
        """From a screened start to the smallest bound."""
        return Sweep(screen, tuple(c for c in reversed(self.bounds) if c <= screen.bound), self.sweep)


def best_screens(work: Work, label: str, screens: Sequence[Screen], keep: int) -> list[Screen]:
    """The `keep` screened starts that end lowest."""
    results = work.run(label, screens, best=lambda result: float(result["phi"]))
    order = sorted(range(len(screens)), key=lambda index: float(results[index]["phi"]))
    return [screens[index] for index in order[:keep]]


def envelope(bounds: Sequence[float], sweeps: Sequence[tuple[Sweep, Result]]) -> Array:
    """Least φ known at each bound: a point of a ball lies in all larger ones.

    Returns
    -------
    ndarray, shape (len(bounds),)
        Infinite below the smallest bound that was visited.
    """
    least = dict.fromkeys(bounds, np.inf)
    for sweep, result in sweeps:
        for bound, phi in zip(sweep.bounds, result["phi"], strict=True):
            least[bound] = min(least[bound], phi)
    return np.minimum.accumulate([least[bound] for bound in bounds])


class Course(StrEnum):
    """What a curve does at its end."""

    EXACT = "exact"
    FALLS = "falls towards zero"
    LEVELS = "levels off"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Trend:
    """The end of a curve.

    Parameters
    ----------
    last : float
        φ at the largest c.
    slope, late_slope : float
        d log φ / d log c, by least squares over the last decade of c and over its second half.
    """

    last: float
    slope: float
    late_slope: float

    @property
    def course(self) -> Course:
        """The criterion: see `CRITERION`."""
        if self.last <= EXACT_RESIDUAL:
            return Course.EXACT
        if self.late_slope <= -0.3 and self.last <= 0.5:
            return Course.FALLS
        return Course.LEVELS if self.late_slope > -0.05 else Course.UNDECIDED


CRITERION = """\
A curve *falls towards zero* when the slope of log φ against log c over the last half decade of c is at most −0.3 and φ
at the largest c is at most 0.5; it *levels off* when that slope is above −0.05; between the two it is *undecided*.
Below 10⁻²⁰ a fit counts as *exact*."""


def trend(bounds: Sequence[float] | Array, phi: Sequence[float] | Array) -> Trend:
    """The end of the curve of φ over c.

    Parameters
    ----------
    bounds : sequence of float
        Ascending, over at least a decade.
    phi : sequence of float
        Positive.

    Raises
    ------
    ValueError
        If `bounds` spans less than a decade.
    """
    c, values = np.asarray(bounds), np.maximum(phi, np.finfo(np.float64).tiny)
    if c[0] > c[-1] / 10 * 1.001:
        raise ValueError(f"bounds go from {c[0]:g} to {c[-1]:g}, expected at least a decade")

    def slope(since: float) -> float:
        part = c >= 0.999 * since
        return float(np.polyfit(np.log(c[part]), np.log(values[part]), 1)[0])

    return Trend(float(values[-1]), slope(c[-1] / 10), slope(c[-1] / sqrt(10)))
