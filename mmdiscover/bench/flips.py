"""Flips per second of walks on the flip graph, beside a walk that is written down plainly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from statistics import median
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from mmdiscover.core.records import best_known_rank
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete.formats import classical, merge, resized
from mmdiscover.discrete.lifting import lift
from mmdiscover.discrete.settings import WalkSettings
from mmdiscover.discrete.walk import Walk, compile_walks, walk
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format

_CHUNK = 2**18
"""Flips between two looks at the clock, and between two looks of the walk at its Brent equations."""
_LEAST_ROUNDS = 5
_ENDLESS = 2**62
_BUILDING = {ring: WalkSettings(ring, flips=10**6) for ring in (Ring.Z2, Ring.ZT)}
"""Walks that lead to the starts."""
_TRIES = 4
"""Walks in each small format, of which the best is kept."""


@dataclass(frozen=True)
class FlipTimes:
    """Medians over rounds in turns.

    Parameters
    ----------
    scheme : str
        Where the walks begin.
    ring : str
    walkers : int
        Threads of this process, each with a walk of its own.
    flips_per_second : float
        Of all walkers together, plus transitions, reductions and checks of the Brent equations included.
    flips_per_cpu_second : float
        Of one walker, while all of them walk, by the processor time of its thread: what a busy machine changes least.
    scaling : float
        All walkers together by one alone; 1 for one walker.
    plain_flips_per_second : float
        The reference: `plain_flips`.
    """

    scheme: str
    ring: str
    walkers: int
    flips_per_second: float
    flips_per_cpu_second: float
    scaling: float
    plain_flips_per_second: float

    @property
    def ratio(self) -> float:
        """Flips of one walker by those of the reference."""
        return self.flips_per_second / self.scaling / self.plain_flips_per_second


def time_flips(start: Scheme, walkers: int = 1, *, window: float = 0.25, rounds: int = 9) -> FlipTimes:
    """Time walks with the usual settings, and the reference, in turns, so that a busy machine slows all of them alike.

    Every round begins anew at the start, so that the rank stays near the one of it.

    Parameters
    ----------
    start : Scheme
        Over Z2 or ZT, with two equal factors in a mode.
    walkers : int
    window : float
        Seconds that a round takes for all walkers together; as many for one of them alone, and for the reference.
    rounds : int

    Returns
    -------
    FlipTimes

    Raises
    ------
    InputError
        If there is no flip at the start, or a number is out of range.
    """
    if walkers < 1 or rounds < 1:
        raise InputError(f"walkers {walkers}, rounds {rounds}: expected integers of at least 1")
    settings = WalkSettings(Ring.Z2 if start.modulus else Ring.ZT, flips=_ENDLESS)
    if not _pairs(_rows(start)):
        raise InputError(
            f"start {start.name} has no two equal factors in a mode, expected a scheme that can be flipped"
        )
    compile_walks(start.format, settings)
    plain, alone, together, per_cpu = [], [], [], []
    with threadpool_limits(1), ThreadPoolExecutor(walkers) as pool:

        def pace(count: int) -> tuple[float, float]:
            walks = [Walk(start.format, 1, settings, seed, start) for seed in np.random.SeedSequence(0).spawn(count)]
            paces = list(pool.map(_pace, walks, [window] * count))
            return sum(pace for pace, _ in paces), sum(pace for _, pace in paces) / count

        for number in range(rounds):
            plain.append(_plain_pace(start, window, number))
            one = pace(1)
            all_of_them = pace(walkers) if walkers > 1 else one
            alone.append(one[0])
            together.append(all_of_them[0])
            per_cpu.append(all_of_them[1])
    return FlipTimes(
        scheme=start.name,
        ring=str(settings.ring),
        walkers=walkers,
        flips_per_second=median(together),
        flips_per_cpu_second=median(per_cpu),
        scaling=median(many / one for many, one in zip(together, alone, strict=True)),
        plain_flips_per_second=median(plain),
    )


def _pace(one: Walk, window: float) -> tuple[float, float]:
    """Flips per second, and per second of processor time."""
    begin, cpu_begin = perf_counter(), thread_time()
    one.advance(_CHUNK)
    while perf_counter() < begin + window:
        one.advance(_CHUNK)
    return one.flips / (perf_counter() - begin), one.flips / (thread_time() - cpu_begin)


def _plain_pace(start: Scheme, window: float, seed: int) -> float:
    rng, begin = np.random.default_rng(seed), perf_counter()
    done, _ = plain_flips(start, 100, rng)
    while perf_counter() < begin + window:
        done += plain_flips(start, 100, rng)[0]
    return done / (perf_counter() - begin)


def near_rank(fmt: Format, rank: int, ring: Ring) -> Scheme:
    """A scheme of about a rank that can be flipped; the same for the same arguments.

    Schemes of small formats are found by walks over Z2, and lifted to ZT, then joined by two, along the largest size,
    to be the starts of walks in the next larger formats. The last walk is one over the ring itself.

    Parameters
    ----------
    fmt : Format
        With a size of at least 2.
    rank : int
        Where the last walk ends.
    ring : Ring
        Z2 or ZT.

    Returns
    -------
    Scheme
        Of a larger rank where the last walk did not get there, or only to a scheme that cannot be flipped.
    """
    start = _joined(fmt, ring)
    found = walk(fmt, rank, _BUILDING[ring], np.random.SeedSequence(0), start).scheme
    return start if found is None or not _pairs(_rows(found)) else found


def _joined(fmt: Format, ring: Ring) -> Scheme:
    dimension = int(np.argmax(fmt.sizes))
    size = fmt.sizes[dimension]
    if size <= 2:
        return classical(fmt, 2 if ring is Ring.Z2 else 0)
    first, second = (_part(resized(fmt, dimension, part), ring) for part in (size // 2, size - size // 2))
    return merge(first, second, dimension)


@cache
def _part(fmt: Format, ring: Ring) -> Scheme:
    """A scheme of low rank of a small format."""
    best, goal = _joined(fmt, ring), best_known_rank(fmt, ring) or 1
    over_f2 = Scheme(fmt, *best.arrays, modulus=2)
    for seed in np.random.SeedSequence(0).spawn(_TRIES):
        found = walk(fmt, goal, _BUILDING[Ring.Z2], seed, over_f2).scheme
        if found is not None and ring is Ring.ZT:
            found = lift(found).scheme
        if found is not None and found.ring is ring and found.rank < best.rank:
            best = found
        if best.rank <= goal:
            break
    return best


def plain_flips(start: Scheme, flips: int, rng: np.random.Generator) -> tuple[int, list[NDArray[np.int64]]]:
    """The reference: a walk by NumPy that looks through all pairs of products anew for each flip.

    u⊗v⊗w + u⊗v′⊗w′ → u⊗(v ± v′)⊗w + u⊗v′⊗(w′ ∓ w) for a random pair; products that become zero are dropped, there are
    no plus transitions.

    Parameters
    ----------
    start : Scheme
        Over Z2 or ZT.
    flips : int
        So many are done, unless there is none.
    rng : numpy.random.Generator

    Returns
    -------
    int
        Flips done; those that would leave {-1, 0, 1} do not count.
    list of three int arrays of shapes (r, nm), (r, mp), (r, pn)
        The factors then, one row per product.
    """
    rows, done = _rows(start), 0
    for _ in range(100 * flips):
        pairs = _pairs(rows)
        if done == flips or not pairs:
            break
        mode, one, other, same = pairs[rng.integers(len(pairs))]
        first, last = (mode + rng.permutation([1, 2])) % 3
        sign = rng.choice([-1, 1])
        changed = rows[first][one] + sign * same * rows[first][other], rows[last][other] - sign * rows[last][one]
        if start.modulus:
            changed = changed[0] % 2, changed[1] % 2
        elif max(np.abs(changed[0]).max(), np.abs(changed[1]).max()) > 1:
            continue
        rows[first][one], rows[last][other] = changed
        done += 1
        if not (changed[0].any() and changed[1].any()):
            kept = np.all([factor.any(axis=1) for factor in rows], axis=0)
            rows = [factor[kept] for factor in rows]
    return done, rows


def _rows(scheme: Scheme) -> list[NDArray[np.int64]]:
    return [np.array(factor.T, dtype=np.int64) for factor in scheme.arrays]


def _pairs(rows: Sequence[NDArray[np.int64]]) -> list[tuple[int, int, int, int]]:
    """(mode, product, other product, sign) of factors that are equal up to the sign."""
    pairs = []
    for mode, factor in enumerate(rows):
        gram = factor @ factor.T
        norms = np.diag(gram)
        # By the inequality of Cauchy and Schwarz.
        equal = (np.abs(gram) == norms) & (norms == norms[:, None])
        np.fill_diagonal(equal, val=False)
        pairs += [(mode, int(q), int(s), int(np.sign(gram[q, s]))) for q, s in np.argwhere(equal)]
    return pairs
