"""Where trials begin: at what the database holds, and at what one move makes of schemes of other formats."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.campaign.reduced import MOST_LEFT_OUT, ReducedStart, left_out
from mmdiscover.campaign.walks import Begin, Origin, WalkChoice, modulus
from mmdiscover.core.exact import denominator
from mmdiscover.core.metrics import additions
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import permute
from results_db.queries import starts as queries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mmdiscover.campaign.plan import TrialTask
    from mmdiscover.core.format import Format
    from mmdiscover.discrete.neighbours import Recipe
    from results_db import Database

KEPT_SECONDS = 60.0
"""So long others may have stored schemes that are not among the starts yet."""
MOST_SCHEMES = 64
"""Of one rank among the starts; those with the fewest additions."""
POOL = 16
"""So many schemes of the least rank are kept that nobody asked for."""
RANKS_ABOVE = 2
"""Starts have at most so many products more than the best of their kind."""
_KNOWN = "known"
ELSEWHERE = 4
"""Every so many-th trial begins elsewhere than at a stored scheme of its rank: walks at a rank are slow to leave a part
of the flip graph, and other parts may have schemes with fewer additions."""
_RINGS = {0: (Ring.ZT,), 2: (Ring.Z2, Ring.ZT, Ring.Z)}
"""By the modulus of a walk: schemes over these can be begun at."""
_ALL_RINGS = (Ring.ZT, Ring.Z, Ring.Q, Ring.Z2)


@dataclass(frozen=True)
class _Start:
    """A scheme that can be begun at, which is made when it is chosen."""

    rank: int
    parents: tuple[str, ...]
    move: str
    make: Callable[[], Scheme]


class Starts:
    """Where the trials of a run begin.

    Parameters
    ----------
    db : Database
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: dict[tuple[Format, int, int], tuple[float, list[_Start]]] = {}
        self._ranks: dict[tuple[Format, int, tuple[Ring, ...]], tuple[float, list[tuple[str, Scheme]]]] = {}

    def of(self, task: TrialTask) -> TrialTask:
        """The task with its origin, if it is one that begins at what is known and there is anything better than fresh.

        Schemes of the target's rank are begun at as long as the database has none; from then on they would be found
        again and again.
        """
        if task.origin is not None:
            return task
        if isinstance(task.search, ReducedStart):
            return self._reduced(task)
        if not isinstance(task.search, WalkChoice) or task.search.begin is Begin.FRESH:
            return task
        target, ring = task.target, task.search.walk.ring
        if task.search.begin is Begin.AT_RANK and (task.index + 1) % ELSEWHERE:
            begun = self._at_rank(task, modulus(ring))
            if begun is not None:
                return begun
        found = self._starts(target.format, modulus(ring), target.rank)
        if not found:
            return task
        rng = np.random.default_rng(task.origin_seed)
        # Schemes of the format itself have fewer products, but what moves make of others is often left more easily.
        kinds = [kind for kind in _kinds(found) if kind]
        found = kinds[rng.integers(len(kinds))]
        # Each product more than the best halves the chance of a start.
        weights = np.array([0.5 ** (one.rank - found[0].rank) for one in found])
        chosen = found[rng.choice(len(found), p=weights / weights.sum())]
        return replace(task, origin=Origin(chosen.make(), chosen.parents, chosen.move))

    def _at_rank(self, task: TrialTask, mod: int) -> TrialTask | None:
        """The task with a stored scheme of its rank, if there is one: ternary ones first, each addition halves it."""
        target, rng = task.target, np.random.default_rng(task.origin_seed)
        for rings in ((Ring.ZT,), (Ring.Z, Ring.Q, Ring.Z2)):
            found = [
                (additions(reduced), name, reduced)
                for name, scheme in self._of_rank(target.format, target.rank, rings)
                if (reduced := reduced_scheme(scheme, mod)) is not None
            ]
            if found:
                # In an order that does not depend on which was stored first.
                found.sort(key=lambda one: one[:2])
                weights = np.array([0.5 ** (count - found[0][0]) for count, *_ in found])
                _, name, scheme = found[rng.choice(len(found), p=weights / weights.sum())]
                return replace(task, origin=Origin(_ordered(scheme, target.format)(), (name,), _KNOWN))
        return None

    def _reduced(self, task: TrialTask) -> TrialTask:
        """The task with a stored scheme, less some of its products, as its start; modulo 2 will do, too."""
        target, rng = task.target, np.random.default_rng(task.origin_seed)
        for rank in range(target.rank + 1, target.rank + MOST_LEFT_OUT + 1):
            found = self._of_rank(target.format, rank)
            if found:
                name, scheme = found[rng.integers(len(found))]
                start = left_out(_ordered(scheme, target.format)(), target.rank, rng)
                return replace(task, origin=Origin(start, (name,), f"{rank - target.rank} of {rank} products left out"))
        return task

    def _of_rank(self, fmt: Format, rank: int, rings: tuple[Ring, ...] = _ALL_RINGS) -> list[tuple[str, Scheme]]:
        made, found = self._ranks.get((fmt, rank, rings), (0.0, []))
        if not made or time.monotonic() > made + KEPT_SECONDS:
            found = queries.schemes_of_rank(self._db, fmt, rank, rings, MOST_SCHEMES)
            self._ranks[fmt, rank, rings] = time.monotonic(), found
        return found

    def is_better(self, scheme: Scheme) -> bool:
        """Whether no scheme that is stored for its format and kind of ring has fewer products, and few have as many."""
        return scheme.rank <= self.worth_keeping(scheme.format, scheme.modulus)

    def worth_keeping(self, fmt: Format, mod: int) -> int:
        """The highest rank of which a scheme that nobody asked for is worth being stored.

        As long as there are few it is the least rank that is stored: walks from one scheme alone may never leave its
        part of the flip graph.
        """
        rings, classical = _RINGS[mod], fmt.classical_rank
        least = min(queries.least_rank(self._db, fmt, rings) or classical, classical)
        few = least < classical and queries.count_of_rank(self._db, fmt, least, rings) < POOL
        return least if few else least - 1

    def forget(self) -> None:
        """Look again: something was stored."""
        self._kept.clear()
        self._ranks.clear()

    def _starts(self, fmt: Format, mod: int, rank: int) -> list[_Start]:
        key = (fmt, mod, rank)
        made, found = self._kept.get(key, (0.0, []))
        if not made or time.monotonic() > made + KEPT_SECONDS:
            found = self._look(fmt, mod, rank)
            self._kept[key] = time.monotonic(), found
        return found

    def _look(self, fmt: Format, mod: int, rank: int) -> list[_Start]:
        """All starts, the best first; none that is no better than the classical algorithm."""
        least = queries.least_ranks(self._db, _RINGS[mod])
        reached = least.get(fmt.sorted(), fmt.classical_rank) <= rank
        floor = rank + 1 if reached else 1
        found = [*self._stored(fmt, mod, max(floor, rank)), *self._moved(fmt, mod, least)]
        found = sorted(
            (one for one in found if floor <= one.rank < fmt.classical_rank), key=lambda one: (one.rank, one.move)
        )
        return [one for kind in _kinds(found) for one in kind if one.rank <= kind[0].rank + RANKS_ABOVE]

    def _stored(self, fmt: Format, mod: int, least: int) -> Iterator[_Start]:
        """Schemes of the format itself: those of the least rank from `least` on that there is."""
        for rank in range(least, fmt.classical_rank):
            schemes = list(self._schemes(fmt, rank, mod, MOST_SCHEMES))
            yield from (_Start(rank, (name,), _KNOWN, _ordered(scheme, fmt)) for name, scheme in schemes)
            if schemes:
                return

    def _moved(self, fmt: Format, mod: int, least: Mapping[Format, int]) -> Iterator[_Start]:
        """By one move from the best scheme of each format that is near."""
        from mmdiscover.discrete.neighbours import starts_for

        known, names = {}, {}
        for other, rank in least.items():
            if other != fmt.sorted() and _near(fmt, other):
                for name, scheme in self._schemes(other, rank, mod, 1):
                    known[other], names[other] = scheme, name
        for recipe in starts_for(fmt, known, mod):
            parents = tuple(names[parent] for parent in _formats(recipe) if parent in names)
            if parents:
                yield _Start(recipe.rank, parents, str(recipe.move), recipe.build)

    def _schemes(self, fmt: Format, rank: int, mod: int, limit: int) -> Iterator[tuple[str, Scheme]]:
        # Of fractions, those with odd denominators have a meaning modulo 2.
        rings = (*_RINGS[mod], Ring.Q) if mod else _RINGS[mod]
        for name, scheme in queries.schemes_of_rank(self._db, fmt, rank, rings, limit):
            reduced = reduced_scheme(scheme, mod)
            if reduced is not None:
                yield name, reduced


def _kinds(starts: Sequence[_Start]) -> tuple[list[_Start], list[_Start]]:
    """Starts that are stored, and starts that moves make of schemes of other formats."""
    stored = [one for one in starts if one.move == _KNOWN]
    return stored, [one for one in starts if one.move != _KNOWN]


def _ordered(scheme: Scheme, fmt: Format) -> Callable[[], Scheme]:
    return lambda: scheme if scheme.format == fmt else permute(scheme, fmt)


def _formats(recipe: Recipe) -> Iterator[Format]:
    """Sorted formats of the schemes that a recipe starts from."""
    if not recipe.parents:
        yield recipe.format.sorted()
    for parent in recipe.parents:
        yield from _formats(parent)


def _near(fmt: Format, other: Format) -> bool:
    """Whether a scheme of the other format can be a part of one of this, or its projection."""
    pairs = zip(sorted(other.sizes), sorted(fmt.sizes), strict=True)
    larger = [a - b for a, b in pairs if a > b]
    return not larger or (larger == [1] and other.classical_rank > fmt.classical_rank)


def reduced_scheme(scheme: Scheme, mod: int) -> Scheme | None:
    """A scheme modulo 2, where that is asked for; None where it has an even denominator.

    Parameters
    ----------
    scheme : Scheme
        Rational.
    mod : {0, 2}
    """
    if scheme.modulus == mod:
        return scheme
    if any(denominator(factor.ravel()) % 2 == 0 for factor in scheme.arrays):
        return None
    # Odd denominators are 1 modulo 2.
    u, v, w = (np.frompyfunc(lambda entry: entry.numerator, 1, 1)(factor) for factor in scheme.arrays)
    return Scheme(scheme.format, u, v, w, 2)
