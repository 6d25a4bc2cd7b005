"""What the starts say: success rates, costs, and rules for c."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from experiments.starts import parse_scheme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from experiments.work import Result


@dataclass(frozen=True)
class Cell:
    """All starts at one c.

    Parameters
    ----------
    bound : float
        c.
    starts, fits : int
    seconds : float
        CPU time of all starts.
    """

    bound: float
    starts: int
    fits: int
    seconds: float

    @property
    def rate(self) -> float:
        """Share of exact fits."""
        return self.fits / self.starts

    @property
    def cost(self) -> float:
        """CPU seconds per exact fit; infinite without one."""
        return self.seconds / self.fits if self.fits else np.inf

    def rate_interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the success rate."""
        n, p, z = self.starts, self.rate, 1.96
        centre, half = p + z**2 / (2 * n), z * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        scale = 1 + z**2 / n
        return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def cell(bound: float, results: Sequence[Result]) -> Cell:
    """Sum up the starts at one c."""
    fits = sum(bool(result["exact"]) for result in results)
    return Cell(bound, len(results), fits, sum(result["seconds"] for result in results))


@dataclass(frozen=True)
class Profile:
    """All cells of a scheme.

    Parameters
    ----------
    scheme : str
    cells : sequence of Cell
        Ascending in c.
    least_norm : float
        Least ‖θ‖² of an exact fit.
    """

    scheme: str
    cells: Sequence[Cell]
    least_norm: float

    @property
    def rank(self) -> int:
        """Number of products."""
        return parse_scheme(self.scheme)[1]

    @property
    def ones(self) -> int:
        """Ones in the tensor, n·m·p."""
        return parse_scheme(self.scheme)[0].classical_rank

    @cached_property
    def smooth_costs(self) -> tuple[float, ...]:
        """CPU seconds per exact fit, with success rates and times averaged over neighbouring c (weights 1, 2, 1).

        Half a fit is counted where there was none, so that the cost is large and finite.
        """
        costs = []
        for index in range(len(self.cells)):
            near = [
                (2 if place == index else 1, self.cells[place])
                for place in (index - 1, index, index + 1)
                if 0 <= place < len(self.cells)
            ]
            rate = sum(weight * max(each.fits, 0.5) / each.starts for weight, each in near)
            time = sum(weight * each.seconds / each.starts for weight, each in near)
            costs.append(time / rate)
        return tuple(costs)

    def cost_at(self, bound: float) -> float:
        """The smoothed cost at any c, interpolated in logarithms; infinite outside the range measured."""
        bounds = [each.bound for each in self.cells]
        if not bounds[0] * 0.999 <= bound <= bounds[-1] * 1.001:
            return np.inf
        return exp(float(np.interp(log(bound), np.log(bounds), np.log(self.smooth_costs))))

    @property
    def best(self) -> Cell:
        """Where the smoothed cost is least."""
        return self.cells[int(np.argmin(self.smooth_costs))]

    def good(self, tolerance: float) -> tuple[float, float]:
        """The range of c around the best whose smoothed cost is at most `tolerance` times the least."""
        costs, at = self.smooth_costs, int(np.argmin(self.smooth_costs))
        low = high = at
        while low > 0 and costs[low - 1] <= tolerance * costs[at]:
            low -= 1
        while high < len(costs) - 1 and costs[high + 1] <= tolerance * costs[at]:
            high += 1
        return self.cells[low].bound, self.cells[high].bound


@dataclass(frozen=True)
class Rule:
    """c = factor × something known about a scheme.

    Parameters
    ----------
    name : str
    factor : float
        The best one.
    mean_loss, worst_loss : float
        Cost relative to the least of each scheme: geometric mean and largest.
    """

    name: str
    factor: float
    mean_loss: float
    worst_loss: float


def best_rule(name: str, size: Callable[[Profile], float], profiles: Sequence[Profile]) -> Rule | None:
    """The factor with the least mean loss; None when no factor lies in the measured range of all schemes."""
    rules = []
    for factor in np.geomspace(0.1, 100, 1001):
        losses = [profile.cost_at(factor * size(profile)) / min(profile.smooth_costs) for profile in profiles]
        if max(losses) < np.inf:
            rules.append(Rule(name, float(factor), exp(float(np.mean(np.log(losses)))), max(losses)))
    return min(rules, key=lambda rule: rule.mean_loss, default=None)
