"""The compiled walk and the slow one go the same way, step by step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.discrete import kernels
from mmdiscover.discrete.cyclic import random_orbits
from mmdiscover.discrete.formats import classical, sandwiched
from mmdiscover.discrete.kernels import Z2, ZT, Walker
from mmdiscover.discrete.packing import new_walker
from tests.discrete.oracle import Factor, Oracle, Row
from tests.schemes import laderman, strassen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

NO_TARGET = 0


class Both:
    """The compiled walk and its oracle from the same terms and seed."""

    def __init__(
        self, factors: Sequence[NDArray[np.int64]], seed: int, ring: int = ZT, *, cyclic: bool = False, room: int = 10
    ) -> None:
        ternary = ring == ZT
        self.words = 1 if max(factor.shape[1] for factor in factors) <= 64 else 2
        self.walker: Walker = new_walker(factors, seed, room, ternary=ternary, cyclic=cyclic)
        self.capacity = self.walker.negative.shape[0]
        kernels.enter(self.walker, ring, self.words, cyclic)
        self.kernel = kernels.ADVANCE[ring, self.words, cyclic]
        terms = list(zip(*(factor.tolist() for factor in factors), strict=True))
        self.oracle = Oracle(terms, seed, self.capacity, ternary=ternary, cyclic=cyclic)
        self.check()

    def advance(self, flips: int, plus_after: int, margin: int, target: int = NO_TARGET) -> None:
        self.kernel(self.walker, flips, target, plus_after, margin)
        self.oracle.advance(flips, target, plus_after, margin)
        self.check()

    def check(self) -> None:
        walker, oracle, counts = self.walker, self.oracle, self.walker.counts
        assert counts[kernels.FLIPS] == oracle.flips
        assert walker.random.tolist() == [oracle.state]
        assert self.rows(walker.values, walker.negative, kernels.ROWS) == list(map(self.expected, oracle.rows))
        slots = (divmod(int(pair), 2**16) for pair in walker.pairs[: counts[kernels.PAIRS]])
        pairs = [(divmod(one, self.capacity), divmod(other, self.capacity)) for one, other in slots]
        assert pairs == oracle.pairs
        assert counts[kernels.SINCE] == oracle.since
        assert counts[kernels.PLUSES] == oracle.events["plus"]
        assert counts[kernels.REDUCTIONS] == oracle.events["reduced"]
        assert self.rows(walker.best, walker.best_negative, kernels.BEST_ROWS) == list(map(self.expected, oracle.best))
        assert list(map(tuple, walker.trace[: counts[kernels.TRACED]].tolist())) == oracle.trace

    def rows(self, values: NDArray[Any], negative: NDArray[np.uint8], count: int) -> list[tuple[Any, ...]]:
        """Per row three factors as integers, each with its bit mask and, over ZT, signs; and the sign of the term."""
        words = values.tolist()
        planes = [
            [low | high << 64 for low, high in zip(*words[k : k + 2], strict=True)] if self.words == 2 else words[k]
            for k in range(0, len(words), self.words)
        ]
        size = self.capacity
        return [
            (*(tuple(plane[mode * size + row] for plane in planes) for mode in range(3)), int(negative[row]))
            for row in range(int(self.walker.counts[count]))
        ]

    def expected(self, row: Row) -> tuple[Any, ...]:
        return (*map(self.packed, row.factors), int(row.negative))

    def packed(self, factor: Factor) -> tuple[int, ...]:
        return masks(factor) if self.oracle.ternary else masks(factor)[:1]


@lru_cache(10_000)
def masks(factor: Factor) -> tuple[int, int]:
    places = [(1 << j, entry) for j, entry in enumerate(factor)]
    return sum(bit for bit, entry in places if entry), sum(bit for bit, entry in places if entry < 0)


def matmul(fmt: str, ring: int, *, sandwich: int = 0, cyclic: bool = False, rank: int = 0) -> list[NDArray[np.int64]]:
    """Rows of the classical algorithm, perhaps sandwiched, or of a random symmetric one."""
    form = Format.parse(fmt)
    if cyclic:
        orbits = random_orbits(form, rank, np.random.default_rng(sandwich), ternary=ring == ZT)
        return list(orbits.factors)
    scheme = classical(form, 0 if ring == ZT else 2)
    return rows_of(sandwiched(scheme, np.random.default_rng(sandwich)) if sandwich else scheme)


def rows_of(scheme: Scheme) -> list[NDArray[np.int64]]:
    return [factor.astype(np.int64).T for factor in scheme.arrays]


def arbitrary(rng: np.random.Generator, ring: int, words: int, *, cyclic: bool) -> list[NDArray[np.int64]]:
    """Terms of any tensor, with few different factors, so that there is much to flip, merge, cancel and reduce."""
    count = int(rng.integers(1, 15))
    entries, weights = ([0, 1, -1], [0.6, 0.2, 0.2]) if ring == ZT else ([0, 1], [0.6, 0.4])
    pools = []
    for _ in range(1 if cyclic else 3):
        width, distinct = int(rng.integers(1, 6)), int(rng.choice([2, 4, 8, 20] if cyclic else [1, 2, 4, 10, 20]))
        pool = rng.choice(entries, p=weights, size=(distinct, width))
        if words == 2:  # the same in a few columns of many
            pool, narrow = np.zeros((distinct, 128), dtype=np.int64), pool
            pool[:, rng.choice(128, width, replace=False)] = narrow
        pools.append(pool)
    return [rng.choice(pools[mode % len(pools)], size=count) for mode in range(3)]


# Compiling takes its time, so the tests of compiled walks share these four.
VARIANTS = [(Z2, 1, False), (ZT, 1, False), (ZT, 1, True), (ZT, 2, False)]
STARTS: dict[str, tuple[list[NDArray[np.int64]], int, bool]] = {
    "2x2x2 Z2": (matmul("2x2x2", Z2), Z2, False),
    "2x2x2 ZT": (matmul("2x2x2", ZT), ZT, False),
    "3x3x3 Z2": (matmul("3x3x3", Z2, sandwich=1), Z2, False),
    "3x3x3 ZT": (matmul("3x3x3", ZT, sandwich=2), ZT, False),
    "laderman": (rows_of(laderman()), ZT, False),
    "2x2x2 cyclic": (matmul("2x2x2", ZT, sandwich=4, cyclic=True, rank=7), ZT, True),
    "3x3x3 cyclic": (matmul("3x3x3", ZT, sandwich=1001, cyclic=True, rank=23), ZT, True),
    "1x9x8 ZT": (matmul("1x9x8", ZT, sandwich=3), ZT, False),
}


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
@pytest.mark.parametrize("start", STARTS)
def test_after_every_flip_and_after_thousands(start: str, seed: int) -> None:
    factors, ring, cyclic = STARTS[start]
    both = Both(factors, seed, ring, cyclic=cyclic)
    single, many = (40, 200) if both.words == 2 else (150, 2000)
    for step in range(single):
        both.advance(1, plus_after=0 if step % 10 == 9 else 2, margin=2)
    both.advance(many, plus_after=2, margin=2)
    events = both.oracle.events
    assert events["plus"]
    assert events["merged"]
    if ring == ZT:
        assert events["blocked"]


def random_walk(
    seed: int, ring: int, words: int, *, cyclic: bool, plus_after: int, margin: int, room: int = 10
) -> Counter[str]:
    both = Both(
        arbitrary(np.random.default_rng(seed), ring, words, cyclic=cyclic), seed, ring, cyclic=cyclic, room=room
    )
    for flips, after in ((1, plus_after), (1, 0), (1, plus_after), (1, 0), (7, plus_after), (5, 0), (7, plus_after)):
        both.advance(flips, after, margin)
    return both.oracle.events


@given(
    variant=st.sampled_from(VARIANTS),
    seed=st.integers(0, 2**64 - 1),
    plus_after=st.integers(0, 2),
    margin=st.integers(0, 4),
    room=st.sampled_from([0, 10]),
)
def test_from_arbitrary_terms(
    variant: tuple[int, int, bool], seed: int, plus_after: int, margin: int, room: int
) -> None:
    ring, words, cyclic = variant
    random_walk(seed, ring, words, cyclic=cyclic, plus_after=plus_after, margin=margin, room=room)


EVERYTHING = {"plus", "merged", "cancelled", "zero", "blocked", "unmergeable", "reduced", "no plus", "back"}


def every_variant() -> None:
    """Every event of the walk happens, in all rings, sizes and symmetries."""
    events: Counter[str] = Counter()
    for ring in (Z2, ZT):
        for words in (1, 2):
            for cyclic in (False, True):
                for seed in range(6):
                    events += random_walk(seed, ring, words, cyclic=cyclic, plus_after=1, margin=seed % 3)
    assert set(events) == EVERYTHING, events


def test_every_variant_uncompiled() -> None:
    # Compiling all of them would take minutes; as Python they are quick enough for short walks.
    code = f"import warnings; warnings.simplefilter('ignore'); from {__name__} import every_variant; every_variant()"
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=root, env=env, check=True)


def test_all_that_can_happen_happens() -> None:
    events: Counter[str] = Counter()
    for ring, words, cyclic in VARIANTS:
        for seed in range(15):
            events += random_walk(seed, ring, words, cyclic=cyclic, plus_after=1, margin=seed % 3)
    assert set(events) == EVERYTHING, events


def test_it_stops_at_the_target() -> None:
    both = Both(matmul("2x2x2", Z2), 1, Z2)
    both.advance(10**5, plus_after=30, margin=2, target=7)
    assert both.oracle.best_rows == 7
    flips = both.oracle.flips
    both.advance(100, plus_after=30, margin=2, target=7)
    assert both.oracle.flips == flips


@pytest.mark.parametrize(("margin", "event"), [(0, "back"), (1, "plus")])
def test_nothing_to_flip(margin: int, event: str) -> None:
    both = Both(rows_of(strassen()), 5)
    assert both.oracle.pairs == []
    both.advance(1, plus_after=10, margin=margin)
    assert both.oracle.events[event] == 1
    both.advance(50, plus_after=10, margin=margin)


@pytest.mark.parametrize(("size", "reduced"), [(3, 1), (10, 1), (11, 0)])
def test_dependences_of_up_to_ten_signed_terms(size: int, reduced: int) -> None:
    c = np.eye(size, 20, dtype=np.int64)
    b = c.copy()
    b[-1] = c[:-1].sum(axis=0)
    both = Both([np.ones((size, 1), dtype=np.int64), b, c], 5)
    both.advance(1, plus_after=0, margin=0)
    assert (both.oracle.events["reduced"], len(both.oracle.rows)) == (reduced, size - reduced)
