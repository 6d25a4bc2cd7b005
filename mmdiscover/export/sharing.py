"""Fewer additions: common subexpressions of the three linear maps are computed once.

Greedy, pair by pair: the pair αx + βy that occurs most often, up to a common factor, becomes a temporary, until no pair
occurs twice (C. Paar, ISIT 1997, there modulo 2). Ties decide a lot, so the greedy run is repeated with several orders,
and on the transposed matrix as well: a program run backwards computes the transpose (Tellegen's principle).
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import lru_cache
from heapq import heappop, heappush
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, TypeAlias

from mmdiscover.core.exact import Exact, denominator, reciprocal, simplify
from mmdiscover.export.linear_map import LinearMap, Vector, program_of_maps
from mmdiscover.export.program import Program, additions, expand, program_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

_PAIR_BUDGET = 30_000
"""Pairs looked at over all runs: bounds the time whatever the size of the scheme."""
_MOST_RUNS = 40

_Pair: TypeAlias = tuple[int, int, Exact]
"""Nodes x < y and β/α of αx + βy."""


def shared_additions(scheme: Scheme) -> int:
    """Additions and subtractions after sharing (Strassen: 18, Strassen–Winograd: 15); never more than naive."""
    return additions(share_subexpressions(program_of(scheme)))


def share_subexpressions(program: Program) -> Program:
    """An equal program with fewer additions, or as many. Temporaries of the given one are forgotten first.

    Parameters
    ----------
    program : Program

    Returns
    -------
    Program
        Proved equal to the given one. The same for the same program.
    """
    scheme = expand(program)
    return program_of_maps(scheme, [_share(matrix) for matrix in (scheme.u.T, scheme.v.T, scheme.w)])


def _share(matrix: NDArray[np.object_]) -> LinearMap:
    """The best of several greedy runs, on the matrix and on its transpose."""
    candidates = []
    for rows in (matrix, matrix.T):
        vectors = [{node: entry for node, entry in enumerate(row) if entry} for row in rows]
        pairs = sum(len(vector) * (len(vector) - 1) // 2 for vector in vectors)
        runs = max(1, min(_MOST_RUNS, _PAIR_BUDGET // (pairs + 1)))
        best = min((_Greedy(vectors, rows.shape[1], run).run() for run in range(runs)), key=lambda found: found.cost)
        candidates.append(best.inlined())
    direct, flipped = candidates
    return min(direct, flipped.transposed(), key=lambda found: found.cost).oriented()


class _Greedy:
    """One greedy run; number 0 breaks ties by the order of the variables, the others at random."""

    def __init__(self, vectors: Sequence[Vector], inputs: int, number: int) -> None:
        self.inputs = inputs
        self.forms: list[Vector] = [dict(vector) for vector in vectors]
        self.temporaries: list[Vector] = []
        self._random = Random(number) if number else None  # noqa: S311 (it breaks ties and guards nothing)
        self._users: defaultdict[_Pair, set[int]] = defaultdict(set)
        # An entry whose count is out of date is skipped when it comes up; the serial number ends comparisons.
        self._heap: list[tuple[int, float, int, _Pair]] = []
        self._serial = 0
        for index, vector in enumerate(self.forms):
            for x, y in combinations(sorted(vector), 2):
                self._users[x, y, _ratio(vector[x], vector[y])].add(index)
        for pair in self._users:
            self._push(pair)

    def run(self) -> LinearMap:
        """Extract pairs while one occurs twice."""
        while self._heap:
            count, _, _, pair = heappop(self._heap)
            if -count == len(self._users.get(pair, ())):
                self._extract(pair)
        return LinearMap(self.inputs, self.temporaries, self.forms)

    def _push(self, pair: _Pair) -> None:
        count = len(self._users[pair])
        if count > 1:
            self._serial += 1
            heappush(self._heap, (-count, self._random.random() if self._random else 0.0, self._serial, pair))

    def _extract(self, pair: _Pair) -> None:
        """Make a pair a temporary in all forms that hold it."""
        x, y, ratio = pair
        multiple = denominator([ratio])
        new = self.inputs + len(self.temporaries)
        self.temporaries.append({x: multiple, y: simplify(ratio * multiple)})
        changed: dict[_Pair, None] = {}
        for index in sorted(self._users.pop(pair)):
            form = self.forms[index]
            values = form.pop(x), form.pop(y)
            coefficient = simplify(values[0] * Fraction(1, multiple))
            for node, value in form.items():
                for gone, gone_value in zip((x, y), values, strict=True):
                    old = (
                        (node, gone, _ratio(value, gone_value))
                        if node < gone
                        else (gone, node, _ratio(gone_value, value))
                    )
                    self._users[old].discard(index)
                    changed[old] = None
                added = node, new, _ratio(value, coefficient)
                self._users[added].add(index)
                changed[added] = None
            form[new] = coefficient
        for other in changed:
            self._push(other)


@lru_cache(maxsize=4096)
def _ratio(x: Exact, y: Exact) -> Exact:
    return simplify(y * reciprocal(x))
