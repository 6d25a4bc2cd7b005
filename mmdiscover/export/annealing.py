"""Compiled kernels: sharing of pairs in ternary matrices, and a random walk to ternary schemes where it saves much.

The pair x ± y that occurs most often, up to sign, becomes a temporary, until none occurs twice; ties fall at random, or
to the pair after which the others can save most (greedy potential: E. Mårtensson, P. Stankovski Wagner 2024). What is
found so is improved further by exchanging temporaries, where terms may cancel.

A scheme is one array x of int8, shape (3, most entries, r): x[k, :sizes[k]·sizes[k+1]] is factor k. Random numbers are
SplitMix64 on one word of state that callers hand over.

Everything is in this one file because Numba keeps compiled code on disk and compiles a function anew when the file
that it is in has changed, but not when a function that it calls, in another file, has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ternary = NDArray[np.int8]
    Integers = NDArray[np.int64]
    State = NDArray[np.uint64]

F = TypeVar("F", bound="Callable[..., Any]")


def _compiled(function: F) -> F:
    try:
        return cast("F", numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # no folder that compiled code could be kept in
        return cast("F", numba.njit(nogil=True)(function))


@_compiled
def _uniform(state: State) -> float:
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    word = state[0]
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((word ^ (word >> np.uint64(31))) >> np.uint64(11)) / 9007199254740992.0


@_compiled
def _below(bound: int, state: State) -> int:
    return int(_uniform(state) * bound)


@_compiled
def _gain(count: int) -> int:
    return count - 1 if count > 1 else 0


@_compiled
def _outlook(forms: Ternary, counts: Integers, nodes: int, pair: tuple[int, int, int], seen: Integers) -> int:
    """How much more, or less, the other pairs could save once x + sign·y has been taken out."""
    x, y, sign = pair
    for z in range(nodes):
        seen[z, 0] = seen[z, 1] = 0
    for row in range(forms.shape[0]):
        if forms[row, x] * forms[row, y] == sign:
            for z in range(nodes):
                if forms[row, z]:
                    seen[z, 0 if forms[row, z] == forms[row, x] else 1] += 1
    change = 0
    for z in range(nodes):
        if z in (x, y):
            continue
        for side in range(2):
            common = seen[z, side]
            if common:
                first = counts[min(x, z), max(x, z), side]
                second = counts[min(y, z), max(y, z), side if sign == 1 else 1 - side]
                change += _gain(common) + _gain(first - common) - _gain(first)
                change += _gain(second - common) - _gain(second)
    return change


@_compiled
def _count_pairs(forms: Ternary, inputs: int, counts: Integers) -> int:
    """How often each pair x < y occurs with equal and with different signs; the additions for the rows."""
    cost = 0
    for row in range(forms.shape[0]):
        terms = 0
        for y in range(inputs):
            if forms[row, y]:
                terms += 1
                for x in range(y):
                    if forms[row, x]:
                        counts[x, y, 0 if forms[row, x] == forms[row, y] else 1] += 1
        cost += max(terms - 1, 0)
    return cost


@_compiled
def _choose(
    forms: Ternary, counts: Integers, nodes: int, outlook: float, seen: Integers, state: State
) -> tuple[int, int, int]:
    """The pair to take out, x < y and the sign; sign 0 when none occurs twice."""
    most = 2
    for y in range(nodes):
        for x in range(y):
            most = max(most, counts[x, y, 0], counts[x, y, 1])
    least = max(2, most - 1) if outlook > 0.0 else most
    best, chosen = -1e9, (0, 0, 0)
    for y in range(nodes):
        for x in range(y):
            for side in range(2):
                if counts[x, y, side] >= least:
                    score = counts[x, y, side] + 0.9 * _uniform(state)
                    if outlook > 0.0:
                        score += outlook * _outlook(forms, counts, nodes, (x, y, 1 - 2 * side), seen)
                    if score > best:
                        best, chosen = score, (x, y, 1 - 2 * side)
    return chosen


@_compiled
def _take_out(forms: Ternary, counts: Integers, new: int, pair: tuple[int, int, int]) -> None:
    """Write column `new` for a pair wherever it occurs."""
    x, y, sign = pair
    for row in range(forms.shape[0]):
        if forms[row, x] * forms[row, y] != sign:
            continue
        value, other = forms[row, x], forms[row, y]
        forms[row, x] = forms[row, y] = 0
        for z in range(new):
            if forms[row, z]:
                counts[min(x, z), max(x, z), 0 if forms[row, z] == value else 1] -= 1
                counts[min(y, z), max(y, z), 0 if forms[row, z] == other else 1] -= 1
                counts[z, new, 0 if forms[row, z] == value else 1] += 1
        forms[row, new] = value
    counts[x, y, 0 if sign == 1 else 1] = 0


@_compiled
def share_pairs(forms: Ternary, inputs: int, pairs: Integers, outlook: float, state: State) -> int:
    """Take out pairs until none occurs twice.

    Parameters
    ----------
    forms : ndarray of int8, shape (m, n)
        Linear forms as rows over `inputs` nodes; the columns after those are room for temporaries. Changed in place.
    pairs : ndarray of int, shape (n − inputs, 3)
        Receives nodes x < y and the sign of temporary x + sign·y.
    outlook : float
        Weight of what other pairs can still save; 0: ties fall at random.
    state : ndarray of uint64, shape (1,)

    Returns
    -------
    int
        Additions for temporaries and rows.
    """
    room = forms.shape[1]
    counts = np.zeros((room, room, 2), dtype=np.int64)
    seen = np.zeros((room, 2), dtype=np.int64)
    cost = _count_pairs(forms, inputs, counts)
    for new in range(inputs, room):
        pair = _choose(forms, counts, new, outlook, seen, state)
        x, y, sign = pair
        if sign == 0:
            break
        pairs[new - inputs, 0], pairs[new - inputs, 1], pairs[new - inputs, 2] = x, y, sign
        cost -= counts[x, y, 0 if sign == 1 else 1] - 1
        _take_out(forms, counts, new, pair)
    return cost


@_compiled
def best_pairs(matrix: Ternary, runs: int, outlook: float, state: State) -> tuple[int, Ternary, Integers]:
    """The best of several runs of `share_pairs` on the rows of a matrix; runs 0, 2, … without outlook.

    Returns
    -------
    cost : int
        Additions.
    forms : ndarray of int8
        The rows over inputs and temporaries.
    pairs : ndarray of int, shape (temporaries, 3)
    """
    rows, inputs = matrix.shape
    entries = 0
    for row in range(rows):
        for x in range(inputs):
            if matrix[row, x]:
                entries += 1
    room = entries // 2
    best_forms = np.zeros((rows, inputs + room), dtype=np.int8)
    best = np.zeros((room, 3), dtype=np.int64)
    least = 1 << 30
    for run in range(runs):
        forms = np.zeros((rows, inputs + room), dtype=np.int8)
        forms[:, :inputs] = matrix
        pairs = np.zeros((room, 3), dtype=np.int64)
        cost = share_pairs(forms, inputs, pairs, outlook * (run % 2), state)
        if cost < least:
            least, best_forms, best = cost, forms, pairs
    return least, best_forms, best


@_compiled
def factor_cost(scheme: Ternary, k: int, length: int, runs: int, outlook: float, state: State) -> int:
    """Additions for the columns of factor k as forms in its rows: of runs on it and on its transpose the least."""
    rank = scheme.shape[2]
    factor = np.empty((length, rank), dtype=np.int8)
    columns = np.empty((rank, length), dtype=np.int8)
    for a in range(length):
        for q in range(rank):
            factor[a, q] = columns[q, a] = scheme[k, a, q]
    direct, _, _ = best_pairs(columns, runs, outlook, state)
    flipped, _, _ = best_pairs(factor, runs, outlook, state)
    return int(min(direct, flipped + rank - length))


@_compiled
def _sandwich(scheme: Ternary, sizes: Integers, k: int, i: int, j: int, sign: int) -> None:
    """Row i of the matrices of factor k gets sign times row j, and those before it are multiplied by the inverse."""
    size, width, before, height = sizes[k], sizes[(k + 1) % 3], (k + 2) % 3, sizes[(k + 2) % 3]
    for q in range(scheme.shape[2]):
        for b in range(width):
            scheme[k, i * width + b, q] += sign * scheme[k, j * width + b, q]
        for c in range(height):
            scheme[before, c * size + j, q] -= sign * scheme[before, c * size + i, q]


@_compiled
def _ratio(scheme: Ternary, k: int, length: int, q: int, s: int) -> int:
    """Sign σ with column s = σ · column q in factor k; 0 when there is none."""
    sign = 0
    for a in range(length):
        x, y = scheme[k, a, q], scheme[k, a, s]
        if (x == 0) != (y == 0):
            return 0
        if x:
            if sign and x * y != sign:
                return 0
            sign = int(x * y)
    return sign


@_compiled
def _flip(scheme: Ternary, sizes: Integers, state: State) -> None:
    """Two random products with a common factor: u⊗v⊗w + u⊗v′⊗w′ → u⊗(v+v′)⊗w + u⊗v′⊗(w′−w)."""
    rank = scheme.shape[2]
    q, k, first = _below(rank, state), _below(3, state), _below(rank, state)
    for step in range(rank):
        s = (first + step) % rank
        sign = 0 if s == q else _ratio(scheme, k, sizes[k] * sizes[(k + 1) % 3], q, s)
        if sign:
            turn, other = 1 - 2 * _below(2, state), 1 + _below(2, state)
            a, b = (k + other) % 3, (k + 3 - other) % 3
            for entry in range(scheme.shape[1]):
                scheme[a, entry, q] += turn * sign * scheme[a, entry, s]
                scheme[b, entry, s] -= turn * scheme[b, entry, q]
            return


@_compiled
def _is_ternary(scheme: Ternary) -> bool:
    """Whether all entries are −1, 0 or 1 and no column is zero."""
    for k in range(3):
        for q in range(scheme.shape[2]):
            empty = True
            for entry in range(scheme.shape[1]):
                value = scheme[k, entry, q]
                if value > 1 or value < -1:
                    return False
                empty = empty and value == 0
            if empty:
                return False
    return True


@_compiled
def walk(
    start: Ternary,
    sizes: Integers,
    steps: int,
    heat: tuple[float, float],
    search: tuple[float, int, float],
    state: State,
) -> tuple[int, Ternary]:
    """Simulated annealing over ternary schemes.

    Parameters
    ----------
    start : ndarray of int8
    sizes : ndarray of int, shape (3,)
    steps : int
    heat : pair of float
        Temperature at the beginning and at the end, in additions.
    search : tuple
        Share of the steps that are flips, which leave the orbit; runs of sharing per factor; their outlook.
    state : ndarray of uint64, shape (1,)

    Returns
    -------
    cost : int
        Additions of the best scheme met.
    best : ndarray of int8
    """
    flips, runs, outlook = search
    x, trial, best = start.copy(), start.copy(), start.copy()
    lengths = [sizes[k] * sizes[(k + 1) % 3] for k in range(3)]
    costs = [factor_cost(x, k, lengths[k], runs, outlook, state) for k in range(3)]
    new = costs.copy()
    least = sum(costs)
    for step in range(steps):
        trial[:] = x
        if _uniform(state) < flips:
            _flip(trial, sizes, state)
        else:
            for _ in range(1 + _below(3, state)):
                k = _below(3, state)
                if sizes[k] > 1:
                    i = _below(sizes[k], state)
                    j = (i + 1 + _below(sizes[k] - 1, state)) % sizes[k]
                    _sandwich(trial, sizes, k, i, j, 1 - 2 * _below(2, state))
        if not _is_ternary(trial):
            continue
        for k in range(3):
            new[k] = costs[k]
            for index in range(lengths[k] * x.shape[2]):
                a, q = index // x.shape[2], index % x.shape[2]
                if trial[k, a, q] != x[k, a, q]:
                    new[k] = factor_cost(trial, k, lengths[k], runs, outlook, state)
                    break
        change = sum(new) - sum(costs)
        temperature = heat[0] * (heat[1] / heat[0]) ** (step / steps)
        if change <= 0 or _uniform(state) < np.exp(-change / temperature):
            x[:] = trial
            costs[:] = new
            if sum(costs) < least:
                least = sum(costs)
                best[:] = x
    return least + x.shape[2] - lengths[2], best


@_compiled
def _slot(table: Integers, value: int) -> int:
    """Where a value stands in a table of which less than half is used, or where it can be put; 0 marks free slots."""
    mask = len(table) - 1
    place = ((value * 0x9E3779B1) >> 15) & mask
    while table[place] not in (0, value):
        place = (place + 1) & mask
    return int(place)


@_compiled
def _derive(values: Integers, count: int, have: int, parents: Integers, table: Integers) -> int:
    """Order values so that each is the sum or difference of two before it, up to sign, as far as that goes.

    Parameters
    ----------
    values : ndarray of int
        Positive and distinct; the first `have` are there, those up to `count` are wanted. Changed in place.
    parents : ndarray of int, shape (n, 2)
        Receives two values for each that is derived.
    table : ndarray of int
        Holds the values that are there; its length is a power of two.

    Returns
    -------
    int
        How many are there at the end, the first ones.
    """
    grown = True
    while grown:
        grown = False
        for place in range(have, count):
            value = values[place]
            for other in range(have):
                first = values[other]
                second = abs(value - first)
                if table[_slot(table, second)] != second:
                    second = value + first
                    if table[_slot(table, second)] != second:
                        continue
                values[place], values[have] = values[have], value
                parents[have, 0], parents[have, 1] = first, second
                table[_slot(table, value)] = value
                have += 1
                grown = True
                break
    return have


@_compiled
def _is_ternary_code(value: int) -> bool:
    """Whether all digits of Σ x_i 16^i are −1, 0 or 1."""
    while value:
        digit = ((value + 8) & 15) - 8
        if digit > 1 or digit < -1:
            return False
        value = (value - digit) >> 4
    return True


@_compiled
def _fill(values: Integers, inputs: int, targets: Integers, extra: Integers, gone: int, table: Integers) -> int:
    """Inputs, targets and the temporaries but number `gone`; the table of the inputs; how many values there are."""
    table[:] = 0
    for node in range(inputs):
        values[node] = np.int64(1) << (4 * node)
        table[_slot(table, values[node])] = values[node]
    count = inputs
    for target in targets:
        values[count] = target
        count += 1
    for place in range(len(extra)):
        if place != gone:
            values[count] = extra[place]
            count += 1
    return count


@_compiled
def exchange_temporaries(
    inputs: int, targets: Integers, temporaries: Integers, steps: int, state: State
) -> tuple[Integers, Integers]:
    """Drop temporaries, or exchange one for another, at random, so that all targets can still be derived.

    Forms Σ x_i a_i are coded as |Σ x_i 16^i|. Unlike sharing of pairs, this lets terms cancel.

    Parameters
    ----------
    inputs : int
        At most 15.
    targets, temporaries : ndarray of int
        Codes of ternary forms, distinct, of two terms or more, that can be derived from the inputs.
    steps : int
    state : ndarray of uint64, shape (1,)

    Returns
    -------
    values : ndarray of int, shape (n,)
        Codes of inputs, then of targets and the temporaries that are left, each after those it is made of.
    parents : ndarray of int, shape (n, 2)
        The two codes whose sum or difference each is; zero for inputs.
    """
    extra = temporaries.copy()
    room = inputs + len(targets) + len(extra)
    values = np.zeros(room, dtype=np.int64)
    parents = np.zeros((room, 2), dtype=np.int64)
    length = 16
    while length < 2 * room + 2:
        length *= 2
    table = np.zeros(length, dtype=np.int64)
    for _ in range(steps):
        if len(extra) == 0:
            break
        gone = _below(len(extra), state)
        count = _fill(values, inputs, targets, extra, gone, table)
        have = _derive(values, count, inputs, parents, table)
        if have == count:
            extra[gone] = extra[-1]
            extra = extra[:-1]
            continue
        # With a value that is there, the new one makes one that is not.
        other, stuck = values[_below(have, state)], values[have + _below(count - have, state)]
        new = abs(stuck - other) if _uniform(state) < 0.5 else stuck + other
        known = not _is_ternary_code(new)
        for place in range(count):
            known = known or values[place] == new
        if not known:
            values[count] = new
            if _derive(values, count + 1, have, parents, table) == count + 1:
                extra[gone] = new
    count = _fill(values, inputs, targets, extra, -1, table)
    _derive(values, count, inputs, parents, table)
    return values[:count], parents[:count]
