"""Fewest additions: the member of a scheme's orbit whose sums share most, and its program.

Additions without sharing depend on the member, and so does what sharing saves: Strassen's scheme has 18 either way,
while Winograd's form of it has 24 and 15. So a random walk with elementary sandwiching matrices looks for members with
few additions after sharing, by simulated annealing among the ternary ones.

A linear map and its transpose cost the same but for outputs − inputs, so the three factors are alike, and in the other
orders of its format a scheme costs the same but for the entries of the product: the order with the largest is cheapest.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.metrics import live_products
from mmdiscover.core.ring import Ring
from mmdiscover.errors import InputError
from mmdiscover.export.exchange import exchanged
from mmdiscover.export.frames import ternary_member
from mmdiscover.export.linear_map import LinearMap, Vector, program_of_maps
from mmdiscover.export.program import Program, additions, program_of
from mmdiscover.export.sharing import share_subexpressions
from mmdiscover.verify import check_brent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

    Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Effort:
    """How long to look; times depend on it, results on it and the seed alone.

    Parameters
    ----------
    walks : int
        Independent walks; 0: the scheme stays as it is.
    steps : int
        Steps of each.
    flips : float
        Share of the steps that exchange parts of two products with a common factor, which leaves the orbit.
    runs : int
        Runs of sharing for each factor of the schemes that the walks end at; at least 1 where there are walks.
    outlook : float
        In every second run, the weight of what other pairs can still save when one is chosen.
    exchanges : int
        Steps of a search in which terms may cancel as well, for each factor.
    heat : pair of float
        Temperature at the beginning and at the end of a walk, in additions.

    Raises
    ------
    InputError
        If a number is negative or out of its range.
    """

    walks: int = 8
    steps: int = 10_000
    flips: float = 0.0
    runs: int = 200
    outlook: float = 0.3
    exchanges: int = 20_000
    heat: tuple[float, float] = (1.0, 0.2)

    def __post_init__(self) -> None:
        for name in ("walks", "steps", "runs", "exchanges", "outlook"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)!r}, expected 0 or more")
        if not 0 <= self.flips <= 1:
            raise InputError(f"flips is {self.flips!r}, expected a share between 0 and 1")
        if self.walks and not self.runs:
            raise InputError("runs is 0, expected at least 1 for walks")
        if not min(self.heat) > 0:
            raise InputError(f"heat is {self.heat!r}, expected positive temperatures")


EFFORTS: Mapping[str, Effort] = MappingProxyType(
    {
        "quick": Effort(walks=0, runs=0),
        "orbit": Effort(),
        "flips": Effort(flips=0.3),
        "long": Effort(walks=40, steps=30_000, flips=0.3, runs=1000, exchanges=200_000),
    }
)
"""By the names that the command line takes."""


@dataclass(frozen=True)
class Fewest:
    """A scheme and a program that is proved to compute it."""

    scheme: Scheme
    program: Program

    @property
    def additions(self) -> int:
        """Additions and subtractions of blocks."""
        return additions(self.program)


def fewest_additions(scheme: Scheme, effort: Effort = EFFORTS["orbit"], seed: int = 0) -> Fewest:
    """The program with the fewest additions that was found, for the scheme or another of its orbit.

    Walks meet ternary schemes only. One with other coefficients is first brought to a ternary one by a change of bases,
    or, where none is met and modulo 2, has its subexpressions shared as it stands. Products with a zero factor are left
    out. With `Effort.flips` the result may lie outside of the orbit.

    Parameters
    ----------
    scheme : Scheme
        A valid one.
    effort : Effort
    seed : int

    Returns
    -------
    Fewest
        Of the same format, proved, never with more additions than the scheme has without sharing.

    Raises
    ------
    InputError
        If the scheme does not satisfy the Brent equations.
    """
    _require_valid(scheme)
    found = [Fewest(scheme, share_subexpressions(program_of(scheme)))]
    start = _ternary_start(scheme, effort, seed)
    if start is not None and effort.runs:
        seeds: Words = np.random.SeedSequence(seed).generate_state(effort.walks + 1, np.uint64).astype(np.uint64)
        members = [start, *(_walk(start, effort, seeds[number : number + 1]) for number in range(1, len(seeds)))]
        found += [Fewest(member, _share(member, effort, seeds[:1])) for member in members]
    best = min(found, key=lambda candidate: candidate.additions)
    _require_valid(best.scheme)
    return best


def _ternary_start(scheme: Scheme, effort: Effort, seed: int) -> Scheme | None:
    live = live_products(scheme)
    if scheme.modulus or not live.any():
        return None
    if scheme.ring is not Ring.ZT:
        return ternary_member(scheme, _FRAMES, seed) if effort.walks else None
    return scheme.with_arrays(scheme.format, [factor[:, live] for factor in scheme.arrays])


_FRAMES = 100


def _require_valid(scheme: Scheme) -> None:
    report = check_brent(scheme)
    if not report.holds:
        raise InputError(f"{scheme.name} is no valid scheme: {report.first}")


def _walk(start: Scheme, effort: Effort, seed: Words) -> Scheme:
    """The best scheme that one walk meets."""
    from mmdiscover.export import annealing

    packed = np.zeros((3, max(start.format.shape), start.rank), dtype=np.int8)
    for k, factor in enumerate(start.arrays):
        packed[k, : len(factor)] = factor.astype(np.int8)
    search = effort.flips, 1, 0.0
    sizes = np.array(start.format.sizes)
    _, best = annealing.walk(packed, sizes, effort.steps, effort.heat, search, seed.copy())
    factors = [best[k, :rows].astype(int).astype(object) for k, rows in enumerate(start.format.shape)]
    return start.with_arrays(start.format, factors)


def _share(scheme: Scheme, effort: Effort, seed: Words) -> Program:
    maps = []
    for factor in scheme.arrays:
        direct, flipped = (_best_of_runs(matrix.astype(np.int8), effort, seed) for matrix in (factor.T, factor))
        best = min(direct, flipped.transposed(), key=lambda found: found.cost)
        maps.append(exchanged(best, effort.exchanges, seed))
    left, right, output = maps
    return program_of_maps(scheme, [left.oriented(), right.oriented(), output.transposed().oriented()])


def _best_of_runs(matrix: NDArray[np.int8], effort: Effort, seed: Words) -> LinearMap:
    from mmdiscover.export import annealing

    _, forms, pairs = annealing.best_pairs(np.ascontiguousarray(matrix), effort.runs, effort.outlook, seed.copy())
    inputs = matrix.shape[1]
    temporaries: list[Vector] = [{int(x): 1, int(y): int(sign)} for x, y, sign in pairs if sign]
    outputs: list[Vector] = [{int(node): int(row[node]) for node in np.flatnonzero(row)} for row in forms]
    return LinearMap(inputs, temporaries, outputs).inlined()
