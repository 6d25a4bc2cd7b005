"""A walk on the flip graph, from a scheme to one of lower rank.

The flip graph of M. Kauers and J. Moosbauer (arXiv:2212.01175), with the plus transitions of Y. Arai, Y. Ichikawa and
K. Hukushima (arXiv:2312.16960).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.discrete import kernels
from mmdiscover.discrete.cyclic import Orbits, orbits_of, random_orbits, require_square
from mmdiscover.discrete.formats import classical
from mmdiscover.discrete.growth import grown
from mmdiscover.discrete.packing import defects, int_factors, new_walker, scheme_of, unpacked, words_for
from mmdiscover.discrete.settings import Walked, WalkSettings, WalkStatus, require_integer
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

CHECK_FLIPS = 2**24
"""Flips between two looks at the Brent equations."""
_SPARE_ROWS = 8


class Walk:
    """A walk that can be stopped, pickled and taken up again.

    Parameters
    ----------
    fmt : Format
    rank : int
        To reach.
    settings : WalkSettings
    seed : numpy.random.SeedSequence
    start : Scheme, optional
        Of this format; else the classical algorithm or, for cyclic walks, a random symmetric scheme.

    Raises
    ------
    InputError
        If the start has another format, belongs to another ring, has not the symmetry or fulfils not the Brent
        equations, or the rank is not an integer of at least 1.
    CapacityError
        If the format is too large.
    """

    def __init__(
        self,
        fmt: Format,
        rank: int,
        settings: WalkSettings,
        seed: np.random.SeedSequence,
        start: Scheme | None = None,
    ) -> None:
        require_integer("rank", rank, 1)
        if start is not None and start.format != fmt:
            raise InputError(f"start is {start.name}, expected a scheme of format {fmt}")
        self.format, self.rank, self.settings = fmt, rank, settings
        self._ternary = settings.ring is Ring.ZT
        words = words_for(fmt)
        self._kernel = (kernels.ZT if self._ternary else kernels.Z2, words, settings.cyclic)
        for_start, for_walk = seed.spawn(2)
        factors = self._first_factors(start, np.random.default_rng(for_start))
        wrong = defects(fmt, self._all_terms(factors), ternary=self._ternary)
        if wrong:
            raise InputError(f"start: {wrong} Brent equations do not hold over {settings.ring}")
        room = settings.margin + _SPARE_ROWS
        word = int(for_walk.generate_state(1, np.uint64)[0])
        self._walker = new_walker(factors, word, room, ternary=self._ternary, cyclic=settings.cyclic)
        kernels.enter(self._walker, *self._kernel)
        self._inconsistent = False

    def _first_factors(self, start: Scheme | None, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """One row per term or orbit; sets the fixed terms apart."""
        self._fixed: NDArray[np.int64] | None = None
        if not self.settings.cyclic:
            if start is None:
                start = classical(self.format, 0 if self._ternary else 2)
            return int_factors(start, ternary=self._ternary)
        require_square(self.format)
        if start is None:
            orbits = random_orbits(self.format, self.rank, rng, ternary=self._ternary)
        else:
            orbits = orbits_of(self.format, int_factors(start, ternary=self._ternary))
        self._fixed = orbits.fixed
        return list(orbits.factors)

    def _all_terms(self, factors: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        if self._fixed is None:
            return factors
        u, v, w = factors
        return Orbits(self._fixed, (u, v, w)).expanded()

    def _rank(self, rows: int) -> int:
        return rows if self._fixed is None else 3 * rows + len(self._fixed)

    @property
    def current_rank(self) -> int:
        """Rank of the scheme that the walk is at."""
        return self._rank(int(self._walker.counts[kernels.ROWS]))

    @property
    def best_rank(self) -> int:
        """The least rank so far."""
        return self._rank(int(self._walker.counts[kernels.BEST_ROWS]))

    @property
    def flips(self) -> int:
        """Flips and plus transitions done."""
        return int(self._walker.counts[kernels.FLIPS])

    @property
    def status(self) -> WalkStatus | None:
        """How the walk has ended; None while it goes on."""
        if self._inconsistent:
            return WalkStatus.INCONSISTENT
        if self.best_rank <= self.rank:
            return WalkStatus.EXACT
        return WalkStatus.EXHAUSTED if self.flips >= self.settings.flips else None

    def advance(self, flips: int) -> WalkStatus | None:
        """Go on for so many flips, or until the end; the Brent equations are checked afterwards.

        Parameters
        ----------
        flips : int

        Returns
        -------
        WalkStatus or None
            None while there is more to do.
        """
        settings = self.settings
        flips = min(flips, settings.flips - self.flips)
        if self.status is None:
            fixed = 0 if self._fixed is None else len(self._fixed)
            target = self.rank if self._fixed is None else (self.rank - fixed) // 3
            kernels.ADVANCE[self._kernel](self._walker, flips, target, settings.plus_after, settings.margin)
            self._inconsistent = bool(self._defects(best=False) or self._defects(best=True))
        return self.status

    def _factors(self, *, best: bool) -> list[NDArray[np.int64]]:
        walker = self._walker
        rows = int(walker.counts[kernels.BEST_ROWS if best else kernels.ROWS])
        values, negative = (walker.best, walker.best_negative) if best else (walker.values, walker.negative)
        return self._all_terms(unpacked(values, negative, rows, self.format, ternary=self._ternary))

    def _defects(self, *, best: bool) -> int:
        return defects(self.format, self._factors(best=best), ternary=self._ternary)

    def current_scheme(self) -> Scheme:
        """The scheme that the walk is at."""
        return scheme_of(self.format, self._factors(best=False), ternary=self._ternary)

    def result(self) -> Walked:
        """What the walk has brought so far."""
        counts, trace = self._walker.counts, self._walker.trace
        scheme = None
        if not self._inconsistent:
            scheme = scheme_of(self.format, self._factors(best=True), ternary=self._ternary)
        return Walked(
            status=self.status or WalkStatus.EXHAUSTED,
            scheme=scheme,
            rank=self.best_rank,
            flips=self.flips,
            trace=tuple((int(flips), self._rank(int(rows))) for flips, rows in trace[: counts[kernels.TRACED]]),
        )


def walk(
    fmt: Format, rank: int, settings: WalkSettings, seed: np.random.SeedSequence, start: Scheme | None = None
) -> Walked:
    """Walk until a scheme of the rank is found, or all flips are used up.

    Parameters
    ----------
    fmt, rank, settings, seed
        As for `Walk`.
    start : Scheme, optional
        Else a scheme that has grown from a small format (see `WalkSettings`) or, for cyclic walks, a random symmetric
        one.

    Returns
    -------
    Walked
        Flips of the growth are counted. Where it ends inconsistent, the rank is that of the classical algorithm.

    Raises
    ------
    InputError, CapacityError
        As `Walk`.
    """
    require_integer("rank", rank, 1)
    words_for(fmt)
    spent = 0
    if start is None and not settings.cyclic and settings.stage_flips:
        for_growth, seed = seed.spawn(2)
        start, spent = grown(fmt, settings, for_growth, walk_from)
        if start is None:
            known = prod(fmt.sizes)
            return Walked(WalkStatus.INCONSISTENT, None, known, spent, ((spent, known),))
    walked = walk_from(fmt, rank, replace(settings, flips=max(1, settings.flips - spent)), seed, start)
    trace = tuple((spent + flips, reached) for flips, reached in walked.trace)
    return replace(walked, flips=spent + walked.flips, trace=trace)


def walk_from(
    fmt: Format, rank: int, settings: WalkSettings, seed: np.random.SeedSequence, start: Scheme | None
) -> Walked:
    """As `walk`, without growth: None stands for the classical algorithm."""
    one = Walk(fmt, rank, settings, seed, start)
    while one.advance(CHECK_FLIPS) is None:
        pass
    return one.result()


def compile_walks(fmt: Format, settings: WalkSettings) -> None:
    """Make sure that the kernels of such walks are compiled: seconds for the first time, loaded from then on."""
    flips = 2 * sum(fmt.sizes)  # enough for one at every format that it grows through
    walk(fmt, 1, replace(settings, flips=flips), np.random.SeedSequence(0))


def compile_usual_walks() -> None:
    """Compile what most walks need, those modulo 2 with factors of up to 32 entries."""
    compile_walks(Format(3, 3, 3), WalkSettings(Ring.Z2))
