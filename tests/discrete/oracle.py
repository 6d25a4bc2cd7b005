"""The walk on the flip graph once more: slow, in tuples and lists, to be read and compared with.

A factor is a tuple of its entries, and a slot is (mode, row). Everything has the order of the compiled walk.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Factor = tuple[int, ...]
Slot = tuple[int, int]

WORD = 2**64
PLUS_TRIES = 100
MOST_SIGNED = 10
"""Most terms of a linear dependence whose signs are looked for."""


def splitmix64(state: int) -> tuple[int, int]:
    """The next state and 64 random bits: G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014."""
    state = (state + 0x9E3779B97F4A7C15) % WORD
    z = state
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return state, z ^ (z >> 31)


def below(bits: int, count: int) -> int:
    return (bits >> 32) * count >> 32


def normal(factor: Sequence[int]) -> tuple[Factor, bool]:
    """The factor with +1 as its first nonzero entry, and whether its sign has been turned."""
    if next((entry for entry in factor if entry), 1) > 0:
        return tuple(factor), False
    return tuple(-entry for entry in factor), True


@dataclass
class Row:
    """±u⊗v⊗w, or for cyclic walks the sum of its three rotations."""

    factors: list[Factor]
    negative: bool

    def copy(self) -> Row:
        return Row(list(self.factors), self.negative)

    def put(self, mode: int, factor: Factor) -> None:
        self.factors[mode % 3], turned = normal(factor)
        self.negative ^= turned


class Oracle:
    """A walk.

    Parameters
    ----------
    terms : sequence of (u, v, w)
    seed : int
    capacity : int
        So many rows at most.
    ternary, cyclic : bool
    """

    def __init__(
        self, terms: Sequence[Sequence[Sequence[int]]], seed: int, capacity: int, *, ternary: bool, cyclic: bool
    ) -> None:
        self.ternary, self.cyclic, self.capacity = ternary, cyclic, capacity
        self.state = seed
        self.rows: list[Row] = []
        for term in terms:
            row = Row([(), (), ()], negative=False)
            for mode in range(3):
                row.put(mode, tuple(term[mode]))
            self.rows.append(row)
        self.pairs: list[tuple[Slot, Slot]] = []
        self.flips = self.since = self.mark = 0
        self.best: list[Row] = []
        self.best_rows = len(self.rows) + 1
        self.trace: list[tuple[int, int]] = []
        self.events: Counter[str] = Counter()
        self.tidy()

    def random(self) -> int:
        self.state, bits = splitmix64(self.state)
        return bits

    def factor(self, slot: Slot, by: int = 0) -> Factor:
        """The factor in a slot, or `by` modes further in the same row."""
        mode, row = slot
        return self.rows[row].factors[(mode + by) % 3]

    def slots(self) -> list[Slot]:
        return [(mode, row) for mode in range(3) for row in range(len(self.rows))]

    def paired(self, one: Slot, other: Slot) -> bool:
        """Whether two slots are a pair: equal factors of different rows, in the same mode unless the walk is cyclic."""
        return one[1] != other[1] and (self.cyclic or one[0] == other[0]) and self.factor(one) == self.factor(other)

    def mergeable(self, one: Slot, other: Slot) -> bool:
        """Whether the rows of a pair agree in a second factor."""
        return any(self.factor(one, by) == self.factor(other, by) for by in (1, 2))

    def combined(self, factor: Factor, added: Factor, *, minus: bool) -> Factor | None:
        """The sum or difference; None where an entry leaves the ring."""
        sign = -1 if minus else 1
        total = [a + sign * b for a, b in zip(factor, added, strict=True)]
        if not self.ternary:
            return tuple(entry % 2 for entry in total)
        return tuple(total) if max(map(abs, total)) <= 1 else None

    # Flips, with the list of pairs.

    def flip(self) -> bool:
        """u⊗v⊗w + u⊗v′⊗w′ → u⊗(v ± v′)⊗w + u⊗v′⊗(w′ ∓ w) for a random pair; True where there may be rows to go."""
        bits = self.random()
        one, other = self.pairs[below(bits, len(self.pairs))]
        by = 1 + bits % 2
        signs = [False, True]
        if self.ternary and bits >> 1 & 1:
            signs.reverse()
        same = self.rows[one[1]].negative == self.rows[other[1]].negative
        for minus in signs:
            first = self.combined(self.factor(one, by), self.factor(other, by), minus=minus)
            last = self.combined(self.factor(other, -by), self.factor(one, -by), minus=same != minus)
            if first is not None and last is not None:
                break
        else:
            self.events["blocked"] += 1
            return False
        to_merge = self.replace((one[0] + by, one[1]), first)
        to_merge |= self.replace((other[0] - by, other[1]), last)
        self.flips += 1
        return to_merge or not any(first) or not any(last)

    def replace(self, slot: Slot, factor: Factor) -> bool:
        """Put a factor into a slot; True where there are rows to merge."""
        slot = slot[0] % 3, slot[1]
        for other in self.slots():
            if self.paired(slot, other):
                # The last pair takes the place of one that is gone.
                place = self.pairs.index((min(slot, other), max(slot, other)))
                self.pairs[place] = self.pairs[-1]
                self.pairs.pop()
        self.rows[slot[1]].put(slot[0], factor)
        entered = [other for other in self.slots() if self.paired(slot, other)]
        self.pairs += [(min(slot, other), max(slot, other)) for other in entered]
        return any(self.mergeable(slot, other) for other in entered)

    # Reductions.

    def tidy(self) -> None:
        begun = len(self.rows)
        self.drop_zeros()
        while not self.enter_all():
            self.drop_zeros()
        if len(self.rows) != begun:
            self.since = 0
        if len(self.rows) < self.best_rows:
            self.best, self.best_rows = [row.copy() for row in self.rows], len(self.rows)
            self.trace.append((self.flips, len(self.rows)))

    def drop(self, row: int) -> None:
        """The last row takes the place of one that is gone."""
        last = self.rows.pop()
        if row < len(self.rows):
            self.rows[row] = last

    def drop_zeros(self) -> None:
        row = 0
        while row < len(self.rows):
            if all(map(any, self.rows[row].factors)):
                row += 1
            else:
                self.events["zero"] += 1
                self.drop(row)

    def enter_all(self) -> bool:
        """Enter all pairs anew; False, with two rows merged, where there were some to merge."""
        self.pairs = []
        slots = self.slots()
        for index, one in enumerate(slots):
            for other in slots[index + 1 :]:
                if self.paired(one, other):
                    self.pairs.append((one, other))
                    if self.mergeable(one, other) and self.merge(one, other):
                        return False
        return True

    def merge(self, one: Slot, other: Slot) -> bool:
        row, gone = self.rows[one[1]], self.rows[other[1]]
        opposite = row.negative != gone.negative
        differing = [by for by in (1, 2) if self.factor(one, by) != self.factor(other, by)]
        if not differing:
            if self.ternary and not opposite:
                return False
            self.events["cancelled"] += 1
            self.drop(max(one[1], other[1]))
            self.drop(min(one[1], other[1]))
            return True
        (by,) = differing
        total = self.combined(self.factor(one, by), self.factor(other, by), minus=opposite)
        if total is None:
            self.events["unmergeable"] += 1
            return False
        self.events["merged"] += 1
        row.put(one[0] + by, total)
        self.drop(other[1])
        return True

    def reduce(self) -> bool:
        """Remove one of several terms a⊗b_q⊗c_q with linearly dependent b_q; False where there are none."""
        for slot in self.slots():
            if sum(slot in pair for pair in self.pairs) < 2:
                continue
            for by in (1, 2):
                group = self.dependent(self.group(slot), by)
                signs = self.signs(group, by)
                if signs and any(self.absorb(group, by, signs, gone) for gone in range(len(group))):
                    self.events["reduced"] += 1
                    return True
        return False

    def group(self, slot: Slot) -> list[Slot]:
        """The slots that hold the same factor, one of each row; none if a lower slot holds it."""
        first_of_row: dict[int, Slot] = {}
        for other in self.slots():
            if (self.cyclic or other[0] == slot[0]) and self.factor(other) == self.factor(slot):
                first_of_row.setdefault(other[1], other)
        slots = list(first_of_row.values())
        return slots if slots[0] == slot else []

    def dependent(self, slots: list[Slot], by: int) -> list[Slot]:
        """The first slot whose factor is, modulo 2, a sum of those of slots before, and these slots before it."""
        sums: dict[Factor, list[Slot]] = {}
        for slot in slots:
            residue = tuple(entry % 2 for entry in self.factor(slot, by))
            if residue in sums:
                return [*sums[residue], slot]
            more = {
                tuple((a + b) % 2 for a, b in zip(residue, total, strict=True)): [*members, slot]
                for total, members in sums.items()
            }
            sums |= {**more, residue: [slot]}
        return []

    def signs(self, slots: list[Slot], by: int) -> list[int]:
        """Signs with which the factors add up to zero in the ring, if there are any."""
        if not self.ternary:
            return [1] * len(slots)
        columns = list(zip(*(self.factor(slot, by) for slot in slots), strict=True))
        for signs in product((1, -1), repeat=len(slots)) if len(slots) <= MOST_SIGNED else ():
            if all(sum(sign * entry for sign, entry in zip(signs, column, strict=True)) == 0 for column in columns):
                return list(signs)
        return []

    def absorb(self, slots: list[Slot], by: int, signs: list[int], gone: int) -> bool:
        """Add a term a⊗b⊗c, with b a sum of ±b_q, to the terms a⊗b_q⊗c_q; False where that leaves the ring."""
        source = self.factor(slots[gone], -by)
        removed = self.rows[slots[gone][1]]
        totals = []
        for slot, sign in zip(slots, signs, strict=True):
            # b = −Σ (sign_q / sign) b_q, so each of the others takes up c with that sign.
            minus = (sign == signs[gone]) == (self.rows[slot[1]].negative == removed.negative)
            totals.append(self.combined(self.factor(slot, -by), source, minus=minus))
        if any(total is None for index, total in enumerate(totals) if index != gone):
            return False
        for index, (slot, total) in enumerate(zip(slots, totals, strict=True)):
            if index != gone and total is not None:
                self.rows[slot[1]].put(slot[0] - by, total)
        self.drop(slots[gone][1])
        return True

    # Beyond the plateau.

    def plus(self) -> None:
        if len(self.rows) < 2 or len(self.rows) + 1 > self.capacity:
            return
        for _ in range(PLUS_TRIES):
            row = below(self.random(), len(self.rows))
            other = below(self.random(), len(self.rows) - 1)
            other += other >= row
            mode = mode_other = below(self.random(), 3)
            if self.cyclic:
                mode_other = below(self.random(), 3)
            bits = self.random()
            by, minus, reverse = 1 + bits % 2, bool(bits >> 1 & 1), bool(bits >> 2 & 1)
            if self.split((mode, row), (mode_other, other), by, minus=minus, reverse=reverse):
                self.events["plus"] += 1
                return
        self.events["no plus"] += 1

    def split(self, one: Slot, other: Slot, by: int, *, minus: bool, reverse: bool) -> bool:
        """a⊗b⊗c + a′⊗b′⊗c′ → a⊗(b ± b′)⊗c + a⊗b′⊗(c′ ∓ c) + (a′ − a)⊗b′⊗c′, or with (a′ + a) and −a for `reverse`."""
        row, row_other = self.rows[one[1]], self.rows[other[1]]
        # Signs of s·a⊗b⊗c and of the first part ±s′·a⊗b′⊗c′ of the other term.
        part_negative = row_other.negative != reverse
        changed = [
            self.combined(self.factor(one, by), self.factor(other, by), minus=minus),
            self.combined(
                self.factor(other, -by), self.factor(one, -by), minus=(row.negative == part_negative) != minus
            ),
            self.combined(self.factor(other), self.factor(one), minus=not reverse),
        ]
        b, c_other, a_other = changed
        if b is None or c_other is None or a_other is None or not (any(b) and any(c_other) and any(a_other)):
            return False
        part = Row([(), (), ()], part_negative)
        part.put(one[0], self.factor(one))
        part.put(one[0] + by, self.factor(other, by))
        part.put(one[0] - by, c_other)
        self.rows.append(part)
        row.put(one[0] + by, b)
        row_other.put(other[0], a_other)
        return True

    def stuck(self, margin: int) -> None:
        """What is tried where flips do not help."""
        rows = len(self.rows)
        self.tidy()
        if len(self.rows) < rows:
            return
        blocked = self.flips == self.mark
        if not self.reduce():
            if len(self.rows) < self.best_rows + margin:
                self.plus()
            elif blocked or not self.pairs:
                self.events["back"] += 1
                self.rows = [row.copy() for row in self.best]
        self.flips += 1 + (self.since if blocked else 0)
        self.since = 0
        self.mark = self.flips
        self.tidy()

    def advance(self, flips: int, target: int, plus_after: int, margin: int) -> None:
        end = self.flips + flips
        while self.flips < end and self.best_rows > target:
            if self.since >= plus_after * len(self.pairs):
                self.stuck(margin)
            else:
                self.since += 1
                if self.flip():
                    self.tidy()
