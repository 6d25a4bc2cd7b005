"""The compiled walk on the flip graph.

A term (row) is a product of three factors with a sign. A factor is a bit mask in one word or two; over ZT as many words
more hold the signs, and its first nonzero entry is +1. The factor of row q in mode k stands in slot k·capacity + q.
Slots of the same mode that hold equal factors are pairs, of which a flip takes one at random. In cyclic walks a row
stands for the three rotations of its term, so the slots of all modes are compared with one another.

Only the two factors that a flip changes are compared with the others: all at once, which takes a few vector
instructions, and one by one only where there is an equal one. Rings and symmetries share the source: `ring`, `words`
and `cyclic` are constants where a walk is compiled.
"""

# mypy: disable-error-code="no-any-return"
# What is read from an array may have one type or another.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Int = int | np.int64

F = TypeVar("F", bound="Callable[..., Any]")

Z2, ZT = 0, 1

ROWS, PAIRS, BEST_ROWS, SINCE, FLIPS, MERGE_ONE, MERGE_OTHER, PLUSES, TRACED, REDUCTIONS, MARK = range(11)
"""Where things stand in `Walker.counts`: terms, pairs, fewest terms seen, flips tried since the last change of the
rank, flips done, the two slots of a pair that can be merged (or -1), plus transitions, entries of the trace, terms
removed because others were linearly dependent, flips done when the walk was stuck for the last time."""
COUNTS = 11
BLOCK = 16
"""Capacities are multiples of this; what is behind the last row is zero."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_ONE, _MIX_TWO = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LOW = np.uint32(0xFFFF)
_HALF = np.uint32(16)
_PLUS_TRIES = 100
GROUP = 64
"""Most terms with a factor in common among which linear dependences are looked for."""
_MOST_SIGNED = 10
"""Most terms of a dependence over ZT whose signs are tried."""


def _compiled(function: F) -> F:
    # Arrays are counted by those who call; counting them here, too, would take most of the time of a flip.
    options: dict[str, Any] = {"nogil": True, "_nrt": False}
    try:
        return cast("F", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no folder that compiled code could be kept in
        return cast("F", numba.njit(**options)(function))


def _inlined(function: F) -> F:
    # Where the constants are known.
    options: dict[str, Any] = {"forceinline": True, "nogil": True, "_nrt": False}
    try:
        return cast("F", numba.njit(cache=True, **options)(function))
    except RuntimeError:
        return cast("F", numba.njit(**options)(function))


class Walker(NamedTuple):
    """The state of a walk; all of it, so that a copy goes on in the same way.

    `capacity` rows have S = 3·capacity slots; a factor has P planes (words; for ZT masks, then signs).
    """

    values: Any
    """Factors, uint32 or uint64, (P, S)."""
    negative: Any
    """1 where a term has the sign -1, uint8, (capacity,)."""
    degrees: Any
    """Number of pairs that a slot is part of, int32, (S,)."""
    pairs: Any
    """Pairs of slots, the lower one in the upper 16 bits, uint32."""
    places: Any
    """Where a pair stands in `pairs`, int32: (S, S) by slots for cyclic walks, else (S, capacity) by slot and row."""
    counts: Any
    """Numbers, int64, see `ROWS` and the others."""
    random: Any
    """State of the generator, uint64, (1,)."""
    best: Any
    """Factors of the scheme with the fewest terms seen, as `values`."""
    best_negative: Any
    """Their signs."""
    trace: Any
    """(flips, terms) whenever there were fewer terms than ever before, int64, (capacity + 1, 2)."""
    scratch: Any
    """Room for three factors, as `values`, (P, 3)."""
    group: Any
    """Room for the slots of a group of equal factors, int64, (GROUP,)."""
    basis: Any
    """Room for an echelon form of as many factors: their words, and which of them were added; uint64, (3, GROUP)."""


@_compiled
def _random(random: Array) -> np.uint64:
    """The next 64 random bits (splitmix64)."""
    random[0] += _GOLDEN
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * _MIX_ONE
    z = (z ^ (z >> np.uint64(27))) * _MIX_TWO
    return z ^ (z >> np.uint64(31))


@_compiled
def _below(bits: np.uint64, count: Int) -> Int:
    """A number below `count` from the upper half of random bits."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32))


@_compiled
def _turned(slot: Int, by: Int, capacity: Int) -> Int:
    """The slot of the same row, `by` modes further."""
    turned = slot + by * capacity
    return turned - 3 * capacity if turned >= 3 * capacity else turned


@_compiled
def _row(slot: Int, capacity: Int) -> Int:
    row = slot - capacity if slot >= capacity else slot
    return row - capacity if row >= capacity else row


@_compiled
def _equal(values: Array, one: Int, other: Int, planes: Int) -> bool:
    same = True
    for k in range(planes):
        same &= values[k, one] == values[k, other]
    return same


@_compiled
def _alike_between(values: Array, slot: Int, first: Int, end: Int) -> Int:
    """How many slots from `first` to `end` agree with a slot in the first word, as all that are equal do."""
    found = 0
    value = values[0, slot]
    for other in range(first, end):
        found += values[0, other] == value
    return found


@_compiled
def _range_of(slot: Int, counts: Array, capacity: Int, cyclic: bool) -> tuple[Int, Int]:
    """The slots that a slot can be paired with: from, to."""
    if cyclic:
        return 0, 2 * capacity + counts[ROWS]
    first = slot - _row(slot, capacity)
    return first, first + counts[ROWS]


@_inlined
def _link(
    values: Array, degrees: Array, pairs: Array, places: Array, counts: Array, slot: Int, planes: Int, cyclic: bool
) -> None:
    """Enter the pairs of a slot with those that hold the same factor, in their order."""
    capacity = values.shape[1] // 3
    first, end = _range_of(slot, counts, capacity, cyclic)
    left = _alike_between(values, slot, first, end) - 1
    other = first
    while left > 0:
        if values[0, other] == values[0, slot] and other != slot:
            left -= 1
            same_row = cyclic and _row(other, capacity) == _row(slot, capacity)
            if not same_row and _equal(values, slot, other, planes):
                low, high = (slot, other) if slot < other else (other, slot)
                place = counts[PAIRS]
                pairs[place] = np.uint32(low << 16 | high)
                places[low, high if cyclic else _row(high, capacity)] = place
                counts[PAIRS] = place + 1
                degrees[slot] += 1
                degrees[other] += 1
                if _equal(values, _turned(slot, 1, capacity), _turned(other, 1, capacity), planes) or _equal(
                    values, _turned(slot, 2, capacity), _turned(other, 2, capacity), planes
                ):
                    counts[MERGE_ONE], counts[MERGE_OTHER] = slot, other
        other += 1


@_inlined
def _unlink(
    values: Array, degrees: Array, pairs: Array, places: Array, counts: Array, slot: Int, planes: Int, cyclic: bool
) -> None:
    """Take out the pairs of a slot, while it still holds its factor, in the order of their other slots."""
    capacity = values.shape[1] // 3
    other, _ = _range_of(slot, counts, capacity, cyclic)
    while degrees[slot] > 0:
        if (
            _equal(values, slot, other, planes)
            and other != slot
            and (not cyclic or _row(other, capacity) != _row(slot, capacity))
        ):
            degrees[slot] -= 1
            degrees[other] -= 1
            low, high = (slot, other) if slot < other else (other, slot)
            place = places[low, high if cyclic else _row(high, capacity)]
            counts[PAIRS] -= 1
            last = pairs[counts[PAIRS]]
            pairs[place] = last
            high = np.int64(last & _LOW)
            places[np.int64(last >> _HALF), high if cyclic else _row(high, capacity)] = place
        other += 1


@_compiled
def _combine(values: Array, scratch: Array, one: Int, other: Int, minus: bool, out: Int, ring: Int, words: Int) -> bool:
    """`scratch[out]` = factor of `one` plus or minus that of `other`; False where an entry leaves {-1, 0, 1}."""
    if ring == Z2:
        for k in range(words):
            scratch[k, out] = values[k, one] ^ values[k, other]
        return True
    overflow = np.uint64(0)
    for k in range(words):
        mask, added = np.uint64(values[k, one]), np.uint64(values[k, other])
        sign, sign_added = np.uint64(values[words + k, one]), np.uint64(values[words + k, other])
        sign_added ^= added & (np.uint64(0) - np.uint64(minus))
        overflow |= mask & added & ~(sign ^ sign_added)
        scratch[k, out] = mask ^ added
        scratch[words + k, out] = (sign | sign_added) & (mask ^ added)
    return overflow == 0


@_compiled
def _is_zero(factors: Array, slot: Int, words: Int) -> bool:
    bits = factors[0, slot]
    for k in range(1, words):
        bits |= factors[k, slot]
    return bits == 0


@_compiled
def _store(values: Array, scratch: Array, slot: Int, out: Int, ring: Int, words: Int) -> np.uint8:
    """Put scratch[out] into a slot; 1 where its sign is turned, so that the first nonzero entry is +1."""
    if ring == Z2:
        for k in range(words):
            values[k, slot] = scratch[k, out]
        return np.uint8(0)
    turn, seen = np.uint64(0), False
    for k in range(words):
        mask = np.uint64(scratch[k, out])
        if not seen and mask != 0:
            seen = True
            lead = mask & (~mask + np.uint64(1))
            turn = np.uint64(0) - np.uint64((np.uint64(scratch[words + k, out]) & lead) != 0)
    for k in range(words):
        mask = np.uint64(scratch[k, out])
        values[k, slot] = mask
        values[words + k, slot] = np.uint64(scratch[words + k, out]) ^ (mask & turn)
    return np.uint8(turn & np.uint64(1))


@_inlined
def _sign(values: Array, first: Int, added: Int, last: Int, taken: Int, same: bool, preferred: bool, words: Int) -> Int:
    """Whether a flip over ZT adds (0) or subtracts (1), as preferred where both keep to the ring; -1: none does."""
    kept = np.uint64(0) - np.uint64(same)
    adding, subtracting = np.uint64(0), np.uint64(0)
    for k in range(words):
        both = np.uint64(values[k, first] & values[k, added])
        differ = np.uint64(values[words + k, first] ^ values[words + k, added])
        both_last = np.uint64(values[k, last] & values[k, taken])
        differ_last = np.uint64(values[words + k, last] ^ values[words + k, taken]) ^ kept
        adding |= (both & ~differ) | (both_last & ~differ_last)
        subtracting |= (both & differ) | (both_last & differ_last)
    if adding != 0:
        return 1 if subtracting == 0 else -1
    return 0 if subtracting != 0 else np.int64(preferred)


@_inlined
def _flip(
    values: Array,
    negative: Array,
    degrees: Array,
    pairs: Array,
    places: Array,
    counts: Array,
    random: Array,
    scratch: Array,
    ring: Int,
    words: Int,
    cyclic: bool,
) -> bool:
    """u⊗v⊗w + u⊗v′⊗w′ → u⊗(v ± v′)⊗w + u⊗v′⊗(w′ ∓ w) for a random pair; True where rows are to be merged or dropped."""
    planes = words if ring == Z2 else 2 * words
    capacity = values.shape[1] // 3
    bits = _random(random)
    pair = pairs[_below(bits, counts[PAIRS])]
    one, other = np.int64(pair >> _HALF), np.int64(pair & _LOW)
    by = 1 + np.int64(bits & np.uint64(1))
    first, added = _turned(one, by, capacity), _turned(other, by, capacity)
    last, taken = _turned(other, 3 - by, capacity), _turned(one, 3 - by, capacity)
    minus, opposite = False, False
    if ring != Z2:
        same = negative[_row(one, capacity)] == negative[_row(other, capacity)]
        sign = _sign(values, first, added, last, taken, same, (bits & np.uint64(2)) != 0, words)
        if sign < 0:
            return False
        minus = sign == 1
        opposite = same != minus
    _combine(values, scratch, first, added, minus, 0, ring, words)
    _combine(values, scratch, last, taken, opposite, 1, ring, words)
    zero = _is_zero(scratch, 0, words) or _is_zero(scratch, 1, words)
    for out in range(2):
        slot = last if out else first
        _unlink(values, degrees, pairs, places, counts, slot, planes, cyclic)
        turned = _store(values, scratch, slot, out, ring, words)
        _link(values, degrees, pairs, places, counts, slot, planes, cyclic)
        if ring != Z2:
            negative[_row(slot, capacity)] ^= turned
    counts[FLIPS] += 1
    return zero or counts[MERGE_ONE] >= 0


@_compiled
def _move_row(values: Array, negative: Array, target: Int, source: Int) -> None:
    capacity = values.shape[1] // 3
    for k in range(values.shape[0]):
        for mode in range(3):
            values[k, mode * capacity + target] = values[k, mode * capacity + source]
    negative[target] = negative[source]


@_compiled
def _drop(values: Array, negative: Array, counts: Array, row: Int) -> None:
    """Remove a row; the last one takes its place, and zero that of the last."""
    counts[ROWS] -= 1
    last = counts[ROWS]
    _move_row(values, negative, row, last)
    negative[last] = 0
    for k in range(values.shape[0]):
        for mode in range(3):
            values[k, mode * (values.shape[1] // 3) + last] = 0


@_compiled
def _merge(walker: Walker, one: Int, other: Int, ring: Int, words: Int) -> bool:
    """Make one row of two that agree in two modes; False where the sum leaves the ring."""
    values, negative = walker.values, walker.negative
    planes, capacity = values.shape[0], values.shape[1] // 3
    row, gone = _row(one, capacity), _row(other, capacity)
    differing = -1
    for by in range(3):
        if not _equal(values, _turned(one, by, capacity), _turned(other, by, capacity), planes):
            differing = by
    opposite = negative[row] != negative[gone]
    if differing < 0:
        if ring != Z2 and not opposite:
            return False
        _drop(values, negative, walker.counts, max(row, gone))
        _drop(values, negative, walker.counts, min(row, gone))
        return True
    target = _turned(one, differing, capacity)
    added = _turned(other, differing, capacity)
    if not _combine(values, walker.scratch, target, added, opposite, 0, ring, words):
        return False
    negative[row] ^= _store(values, walker.scratch, target, 0, ring, words)
    _drop(values, negative, walker.counts, gone)
    return True


@_compiled
def _enter_all(walker: Walker, ring: Int, words: Int, cyclic: bool) -> bool:
    """Enter all pairs anew; False, with rows merged, where there were rows to merge."""
    values, degrees, pairs, places, counts = walker.values, walker.degrees, walker.pairs, walker.places, walker.counts
    capacity, planes = values.shape[1] // 3, values.shape[0]
    degrees[:] = 0
    counts[PAIRS] = 0
    counts[MERGE_ONE] = -1
    for one in range(3 * capacity):
        if _row(one, capacity) >= counts[ROWS]:
            continue
        _, end = _range_of(one, counts, capacity, cyclic)
        if _alike_between(values, one, one + 1, end) == 0:
            continue
        for other in range(one + 1, end):
            row = _row(other, capacity)
            if row == _row(one, capacity) or row >= counts[ROWS] or not _equal(values, one, other, planes):
                continue
            pairs[counts[PAIRS]] = np.uint32(one << 16 | other)
            places[one, other if cyclic else row] = counts[PAIRS]
            counts[PAIRS] += 1
            degrees[one] += 1
            degrees[other] += 1
            if _equal(values, _turned(one, 1, capacity), _turned(other, 1, capacity), planes) or _equal(
                values, _turned(one, 2, capacity), _turned(other, 2, capacity), planes
            ):
                # Rows have moved.
                merged = _merge(walker, one, other, ring, words)
                if merged:
                    return False
    return True


@_compiled
def _tidy(walker: Walker, ring: Int, words: Int, cyclic: bool) -> None:
    """Drop rows that are zero, merge what can be merged, and enter all pairs; keep the scheme if it is the best."""
    counts, values = walker.counts, walker.values
    capacity = values.shape[1] // 3
    begun = counts[ROWS]
    while True:
        row = 0
        while row < counts[ROWS]:
            if (
                _is_zero(values, row, words)
                or _is_zero(values, capacity + row, words)
                or _is_zero(values, 2 * capacity + row, words)
            ):
                _drop(values, walker.negative, counts, row)
            else:
                row += 1
        if _enter_all(walker, ring, words, cyclic):
            break
    if counts[ROWS] != begun:
        counts[SINCE] = 0
    if counts[ROWS] < counts[BEST_ROWS]:
        counts[BEST_ROWS] = counts[ROWS]
        for slot in range(3 * capacity):
            for k in range(values.shape[0]):
                walker.best[k, slot] = values[k, slot]
        for row in range(capacity):
            walker.best_negative[row] = walker.negative[row]
        walker.trace[counts[TRACED], 0] = counts[FLIPS]
        walker.trace[counts[TRACED], 1] = counts[ROWS]
        counts[TRACED] += 1


@_compiled
def _plus(walker: Walker, ring: Int, words: Int, cyclic: bool) -> None:
    """a⊗b⊗c + a′⊗b′⊗c′ → a⊗(b ± b′)⊗c + a⊗b′⊗(c′ ∓ c) + (a′ − a)⊗b′⊗c′ for random terms.

    The second term is split, a′ = a + (a′ − a), and the first is flipped with one part. Nothing where there is no room.
    """
    counts, values, negative, scratch = walker.counts, walker.values, walker.negative, walker.scratch
    capacity, rows = values.shape[1] // 3, counts[ROWS]
    if rows < 2 or rows + 1 > capacity:
        return
    for _ in range(_PLUS_TRIES):
        row = _below(_random(walker.random), rows)
        other = _below(_random(walker.random), rows - 1)
        other += other >= row
        mode = _below(_random(walker.random), 3)
        mode_other = _below(_random(walker.random), 3) if cyclic else mode
        bits = _random(walker.random)
        by = 1 + np.int64(bits & np.uint64(1))
        minus, reverse = (bits & np.uint64(2)) != 0, (bits & np.uint64(4)) != 0
        opposite = ((negative[row] == negative[other]) != minus) != reverse
        a, a_other = mode * capacity + row, mode_other * capacity + other
        b, b_other = _turned(a, by, capacity), _turned(a_other, by, capacity)
        c, c_other = _turned(a, 3 - by, capacity), _turned(a_other, 3 - by, capacity)
        if not (
            _combine(values, scratch, b, b_other, minus, 0, ring, words)
            and _combine(values, scratch, c_other, c, opposite, 1, ring, words)
            and _combine(values, scratch, a_other, a, not reverse, 2, ring, words)
        ):
            continue
        if _is_zero(scratch, 0, words) or _is_zero(scratch, 1, words) or _is_zero(scratch, 2, words):
            continue
        new = mode * capacity + rows
        for k in range(values.shape[0]):
            values[k, new] = values[k, a]
            values[k, _turned(new, by, capacity)] = values[k, b_other]
        turned = _store(values, scratch, _turned(new, 3 - by, capacity), 1, ring, words)
        negative[rows] = negative[other] ^ np.uint8(reverse) ^ turned
        negative[row] ^= _store(values, scratch, b, 0, ring, words)
        negative[other] ^= _store(values, scratch, a_other, 2, ring, words)
        counts[ROWS] += 1
        counts[PLUSES] += 1
        return


@_compiled
def _collect_group(walker: Walker, slot: Int, planes: Int, cyclic: bool) -> Int:
    """The slots that hold the same factor, in different rows, into `group`; their number, 0 if a lower slot is one."""
    values, counts, group = walker.values, walker.counts, walker.group
    capacity = values.shape[1] // 3
    first, end = _range_of(slot, counts, capacity, cyclic)
    size = 0
    for other in range(first, end):
        if size == GROUP or not _equal(values, slot, other, planes):
            continue
        if other < slot:
            return 0
        known = False
        for k in range(size):
            known |= _row(group[k], capacity) == _row(other, capacity)
        if not known:
            group[size] = other
            size += 1
    return size


@_compiled
def _dependence(walker: Walker, size: Int, by: Int, words: Int) -> np.uint64:
    """Which factors of the group, `by` modes further, add up to zero modulo 2, as bits; 0 where there are none."""
    values, group, basis = walker.values, walker.group, walker.basis
    capacity = values.shape[1] // 3
    for k in range(size):
        slot = _turned(group[k], by, capacity)
        low = np.uint64(values[0, slot])
        high = np.uint64(values[1, slot]) if words == 2 else np.uint64(0)
        members = np.uint64(1) << np.uint64(k)
        for b in range(k):
            lead_low = basis[0, b] & (~basis[0, b] + np.uint64(1))
            lead_high = basis[1, b] & (~basis[1, b] + np.uint64(1)) if lead_low == 0 else np.uint64(0)
            if (low & lead_low) | (high & lead_high) != 0:
                low ^= basis[0, b]
                high ^= basis[1, b]
                members ^= basis[2, b]
        if low | high == 0:
            return members
        basis[0, k], basis[1, k], basis[2, k] = low, high, members
    return np.uint64(0)


@_compiled
def _gather(walker: Walker, members: np.uint64) -> Int:
    """Move the chosen slots to the front of the group; their number."""
    chosen = 0
    for k in range(GROUP):
        if (members >> np.uint64(k)) & np.uint64(1) != 0:
            walker.group[chosen] = walker.group[k]
            chosen += 1
    return chosen


@_compiled
def _dependent_signs(walker: Walker, chosen: Int, by: Int, words: Int) -> Int:
    """Signs, as bits, with which the ternary factors of the first slots add up to zero, the first with +; or -1."""
    values, group = walker.values, walker.group
    capacity = values.shape[1] // 3
    if chosen > _MOST_SIGNED:
        return -1
    for signs in range(0, 1 << chosen, 2):
        fits = True
        for bit in range(64 * words):
            total = 0
            for k in range(chosen):
                slot = _turned(group[k], by, capacity)
                shift = np.uint64(bit & 63)
                if (np.uint64(values[bit >> 6, slot]) >> shift) & np.uint64(1) != 0:
                    turned = (np.uint64(values[words + (bit >> 6), slot]) >> shift) & np.uint64(1) != 0
                    total += -1 if turned != ((signs >> k) & 1 == 1) else 1
            if total != 0:
                fits = False
                break
        if fits:
            return signs
    return -1


@_compiled
def _absorb(walker: Walker, chosen: Int, by: Int, signs: Int, gone: Int, ring: Int, words: Int) -> bool:
    """Write b of a term as a sum over the others, a⊗b⊗c = Σ ±a⊗b_q⊗c, and add it to them; False if that leaves ZT."""
    values, scratch, negative, group = walker.values, walker.scratch, walker.negative, walker.group
    capacity = values.shape[1] // 3
    source = _turned(group[gone], 3 - by, capacity)
    row_gone = _row(group[gone], capacity)
    for storing in range(2):
        for k in range(chosen):
            if k == gone:
                continue
            row, target = _row(group[k], capacity), _turned(group[k], 3 - by, capacity)
            # s_q c_q − s ε ε_q c = s_q (c_q − s_q s ε ε_q c)
            minus = (negative[row] ^ negative[row_gone] ^ ((signs >> k) & 1) ^ ((signs >> gone) & 1)) == 0
            if not _combine(values, scratch, target, source, minus, 0, ring, words):
                return False
            if storing:
                negative[row] ^= _store(values, scratch, target, 0, ring, words)
    _drop(values, negative, walker.counts, row_gone)
    return True


@_compiled
def _reduce(walker: Walker, ring: Int, words: Int, cyclic: bool) -> bool:
    """Remove a term where terms a⊗b_q⊗c_q have linearly dependent b_q; whether there was one."""
    counts, degrees = walker.counts, walker.degrees
    capacity, planes = walker.values.shape[1] // 3, walker.values.shape[0]
    for slot in range(3 * capacity):
        if degrees[slot] < 2:
            continue
        for by in range(1, 3):
            size = _collect_group(walker, slot, planes, cyclic)
            members = _dependence(walker, size, by, words)
            if members == 0:
                continue
            chosen = _gather(walker, members)
            signs = 0 if ring == Z2 else _dependent_signs(walker, chosen, by, words)
            if signs < 0:
                continue
            for gone in range(chosen):
                if _absorb(walker, chosen, by, signs, gone, ring, words):
                    counts[REDUCTIONS] += 1
                    return True
    return False


@_compiled
def _restore(walker: Walker) -> None:
    """Go back to the best scheme."""
    for slot in range(walker.values.shape[1]):
        for k in range(walker.values.shape[0]):
            walker.values[k, slot] = walker.best[k, slot]
    for row in range(walker.negative.shape[0]):
        walker.negative[row] = walker.best_negative[row]
    walker.counts[ROWS] = walker.counts[BEST_ROWS]


@_compiled
def _change(walker: Walker, stuck: bool, margin: Int, ring: Int, words: Int, cyclic: bool) -> None:
    """What is not a flip: a reduction or a plus transition of a walk that is stuck, and everything that follows."""
    counts = walker.counts
    rows = counts[ROWS]
    for following in range(2):
        if following:
            if not stuck or counts[ROWS] < rows:
                return
            blocked = counts[FLIPS] == counts[MARK]
            if not _reduce(walker, ring, words, cyclic):
                if counts[ROWS] < counts[BEST_ROWS] + margin:
                    _plus(walker, ring, words, cyclic)
                elif blocked or counts[PAIRS] == 0:
                    _restore(walker)
            # Where entries would leave the ring in all pairs, the tries count, so that there is an end to them.
            counts[FLIPS] += 1 + (counts[SINCE] if blocked else 0)
            counts[SINCE] = 0
            counts[MARK] = counts[FLIPS]
        _tidy(walker, ring, words, cyclic)


@_inlined
def _advance(
    walker: Walker, flips: Int, target: Int, plus_after: Int, margin: Int, ring: Int, words: Int, cyclic: bool
) -> None:
    values, negative, degrees, pairs, places = (
        walker.values,
        walker.negative,
        walker.degrees,
        walker.pairs,
        walker.places,
    )
    counts, random, scratch = walker.counts, walker.random, walker.scratch
    end = counts[FLIPS] + flips
    while counts[FLIPS] < end and counts[BEST_ROWS] > target:
        stuck = counts[SINCE] >= plus_after * counts[PAIRS]
        if not stuck:
            counts[SINCE] += 1
            if not _flip(values, negative, degrees, pairs, places, counts, random, scratch, ring, words, cyclic):
                continue
        _change(walker, stuck, margin, ring, words, cyclic)


def _specialised(ring: Int, words: Int, cyclic: bool) -> Any:
    @_compiled
    def advance(walker: Walker, flips: Int, target: Int, plus_after: Int, margin: Int) -> None:
        _advance(walker, flips, target, plus_after, margin, ring, words, cyclic)

    return advance


@_compiled
def enter(walker: Walker, ring: Int, words: Int, cyclic: bool) -> None:
    """Make a walker ready whose factors have been set."""
    _tidy(walker, ring, words, cyclic)


ADVANCE = {
    (ring, words, cyclic): _specialised(ring, words, cyclic)
    for ring in (Z2, ZT)
    for words in (1, 2)
    for cyclic in (False, True)
}
