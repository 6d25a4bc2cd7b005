"""A better scheme in the orbit and the families of an exact one, by exact moves.

The pipeline ends at a sparse point of a family of exact fits, not always at the sparsest and seldom at the simplest.
From there this search goes on in exact arithmetic, so nothing can be lost on the way. A kick is an exchange (flip,
conic or chain), a sandwich of index two or a few elementary sandwiches; steepest descent over elementary sandwiches
follows, and the result is accepted as in simulated annealing. What is minimised is a surrogate in which all preferences
are smooth, Σ|x| over the entries and the logarithms of the coefficients; of all schemes on the way the preferred one is
kept.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import exp
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.scheme import canonical_form
from mmdiscover.refine.exchanges import exchange, find_exchanges, outcomes
from mmdiscover.refine.integer_scheme import (
    LARGEST_COEFFICIENT,
    LARGEST_ENTRY,
    IntegerScheme,
    exact_scheme,
    integer_scheme,
)
from mmdiscover.refine.preference import Criterion, Preference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.refine.integer_scheme import Integers, SmallIntegers

    Array = NDArray[np.float64]
    Pairs = tuple[Integers, Integers, Integers]

_COEFFICIENT_WEIGHT = 3.0
"""Of log₂ of numerator and denominator of a coefficient, beside entries that weigh their absolute value."""
_VANISHED_PRODUCT = 50.0
_EXCHANGE_TEMPERATURE = 6.0
_TEMPERATURE = 1.5
_LARGEST_HALVED = 5
"""Size of a dimension up to which sandwiches of index two are tried: there are 2ⁿ − 1 of them, twice."""
_EXCHANGE_SHARE = 0.8
_SANDWICH_SHARE = 0.4
"""Kicks that begin with an exchange; those of them that are followed by elementary sandwiches."""


def polish(scheme: Scheme, preference: Preference, rng: np.random.Generator, kicks: int) -> Scheme:
    """Look for a preferred scheme around an exact one.

    Parameters
    ----------
    scheme : Scheme
        A valid one, of characteristic zero.
    preference : Preference
    rng : numpy.random.Generator
        Decides all random choices.
    kicks : int
        Steps of the search; 0 for one descent.

    Returns
    -------
    Scheme
        In canonical form; not worse than `scheme`, perhaps of lower rank. What the search cannot hold is returned as it
        is: schemes modulo 2, over the Gaussian rationals, or with large entries.
    """
    begin = integer_scheme(scheme)
    if begin is None:
        return canonical_form(scheme)
    current = _descend(begin)
    energy = _energy(current)
    best = min(begin, current, key=lambda x: _key(x, preference))
    best_key = _key(best, preference)
    moves: _Moves | None = None
    for _ in range(kicks):
        moves = moves or _Moves(current)
        kicked = moves.draw(rng) if rng.random() < _EXCHANGE_SHARE else None
        if kicked is None or rng.random() < _SANDWICH_SHARE:
            kicked = _sandwich_at_random(kicked or current, rng)
        kicked = _descend(kicked)
        reached = _energy(kicked)
        if reached <= energy or rng.random() < exp((energy - reached) / _TEMPERATURE):
            current, energy, moves = kicked, reached, None
            key = _key(current, preference)
            if key < best_key:
                best, best_key = current, key
    return exact_scheme(best)


def _key(value: IntegerScheme, preference: Preference) -> tuple[tuple[int, ...], ...]:
    """`Preference.key`, and fewer products before all."""
    return ((value.rank,), *(_measure(value, criterion) for criterion in preference.order))


def _measure(value: IntegerScheme, criterion: Criterion) -> tuple[int, ...]:
    match criterion:
        case Criterion.TERNARY:
            integral = bool((value.denominators == 1).all())
            small = bool((np.abs(value.numerators) == 1).all() and (np.abs(value.vectors) <= 1).all())
            return (2 - integral - (integral and small),)
        case Criterion.NONZEROS:
            return (int(np.count_nonzero(value.vectors)),)
        case Criterion.ADDITIONS:
            # Of forms in A and B per product, and of forms in the products per row of W that is not zero.
            outputs = int(value.vectors[2].any(axis=0).sum())
            return (int(np.count_nonzero(value.vectors)) - 2 * value.rank - outputs,)
        case Criterion.DENOMINATORS:
            denominators = value.denominators[:, None]
            left = denominators // np.gcd(value.flat[2].astype(np.int64), denominators)
            return int(left.max()), int(np.count_nonzero(left > 1))


def _size(vectors: NDArray[np.signedinteger], axis: int | None) -> Integers:
    total: Integers = np.abs(vectors).sum(axis=axis, dtype=np.int64)
    return total


def _coefficient_energy(num: Integers, den: Integers) -> Array:
    logarithms: Array = _COEFFICIENT_WEIGHT * np.log2(np.abs(num) * den)
    return logarithms


def _energy(value: IntegerScheme) -> float:
    return float(_size(value.vectors, None) + _coefficient_energy(value.numerators, value.denominators).sum())


# Elementary sandwiches: of matrix k the one with ±1 at (i, j) adds row j of the k-th factor to its row i, and takes
# column i of the factor before from its column j.


@lru_cache(maxsize=32)
def _pairs(sizes: tuple[int, int, int]) -> Pairs:
    found = [(k, i, j) for k in range(3) for i in range(sizes[k]) for j in range(sizes[k]) if i != j]
    k, i, j = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return k, i, j


def _changes(vectors: SmallIntegers, pairs: Pairs) -> Integers:
    """By how much each elementary sandwich changes Σ|x|: first those with +1, then those with −1, shape (2, N)."""
    k, i, j = pairs
    size = vectors.shape[-1]
    rows = vectors.transpose(0, 2, 1, 3).reshape(3, size, -1)
    columns = vectors[[2, 0, 1]].transpose(0, 3, 1, 2).reshape(3, size, -1)
    row_sizes, column_sizes = _size(rows, -1), _size(columns, -1)
    row_i, row_j, column_i, column_j = rows[k, i], rows[k, j], columns[k, i], columns[k, j]
    before = row_sizes[k, i] + column_sizes[k, j]
    plus = _size(row_i + row_j, -1) + _size(column_j - column_i, -1) - before
    minus = _size(row_i - row_j, -1) + _size(column_j + column_i, -1) - before
    return np.stack([plus, minus])


def _sandwiched(vectors: SmallIntegers, pairs: Pairs, pair: int, sign: int) -> SmallIntegers | None:
    """The vectors after an elementary sandwich; None when an entry becomes too large."""
    k, i, j = (int(part[pair]) for part in pairs)
    result = vectors.copy()
    result[k, :, i] += sign * vectors[k, :, j]
    result[k - 1, :, :, j] -= sign * vectors[k - 1, :, :, i]
    return result if np.abs(result).max() <= LARGEST_ENTRY else None


def _descend(value: IntegerScheme) -> IntegerScheme:
    """Elementary sandwiches, always the best one, until none makes Σ|x| smaller. They leave the coefficients alone."""
    pairs = _pairs(value.fmt.sizes)
    vectors = value.vectors
    while len(pairs[0]):
        changes = _changes(vectors, pairs)
        sign, pair = divmod(int(changes.argmin()), len(pairs[0]))
        after = _sandwiched(vectors, pairs, pair, 1 - 2 * sign)
        if changes[sign, pair] >= 0 or after is None:
            break
        vectors = after
    return IntegerScheme(value.fmt, vectors, value.numerators, value.denominators)


def _sandwich_at_random(value: IntegerScheme, rng: np.random.Generator) -> IntegerScheme:
    """One or two elementary sandwiches."""
    pairs = _pairs(value.fmt.sizes)
    vectors = value.vectors
    for _ in range(int(rng.integers(1, 3)) if len(pairs[0]) else 0):
        pair = int(rng.integers(len(pairs[0])))
        after = _sandwiched(vectors, pairs, pair, int(rng.choice([-1, 1])))
        vectors = vectors if after is None else after
    return IntegerScheme(value.fmt, vectors, value.numerators, value.denominators)


def _index_two(value: IntegerScheme, k: int, members: tuple[int, ...], inverse: int) -> IntegerScheme | None:
    """Sandwich by a matrix of determinant 2 or ½: to another of the lattices of index two; None when entries get large.

    Up to unimodular matrices there is one for each nonzero vector modulo 2, the `members`.
    """
    weights = np.array(members, dtype=np.int64)
    first = int(weights.argmax())
    others = np.flatnonzero(np.arange(len(weights)) != first)
    vectors = value.vectors.astype(np.int64)
    left, right = vectors[k], vectors[k - 1].transpose(0, 2, 1)
    if inverse:
        left, right = right, left
    left, right = left.copy(), right.copy()
    left[:, first] += (weights[others][None, :, None] * left[:, others]).sum(axis=1)
    right[:, others] -= weights[others][None, :, None] * right[:, first][:, None]
    left[:, others] *= 2
    right[:, first] *= 2
    # The matrices carry a factor of two together; where both can be halved, one more goes to the coefficient.
    twos = np.full(value.rank, -1)
    for matrices in (left, right):
        even = ~(matrices & 1).any(axis=(1, 2))
        matrices[even] //= 2
        twos += even
    if inverse:
        left, right = right, left
    vectors[k], vectors[k - 1] = left, right.transpose(0, 2, 1)
    numerators = value.numerators * np.where(twos > 0, 2, 1)
    denominators = value.denominators * np.where(twos < 0, 2, 1)
    common = np.gcd(numerators, denominators)
    numerators, denominators = numerators // common, denominators // common
    if np.abs(vectors).max() > LARGEST_ENTRY or max(np.abs(numerators).max(), denominators.max()) > LARGEST_COEFFICIENT:
        return None
    return IntegerScheme(value.fmt, vectors.astype(np.int8), numerators, denominators)


class _Moves:
    """The exchanges of a scheme, and its sandwiches of index two where coefficients are not all ±1."""

    def __init__(self, value: IntegerScheme) -> None:
        self._value = value
        self._exchanges = find_exchanges(value)
        self._outcomes = outcomes(value, self._exchanges)
        self._halved: list[IntegerScheme] = []
        changes = self._exchange_energies()
        if not value.unimodular:
            steps = [
                _index_two(value, k, members, inverse)
                for k, size in enumerate(value.fmt.sizes)
                for members in product((0, 1), repeat=min(size, _LARGEST_HALVED + 1))
                if 1 < size <= _LARGEST_HALVED and any(members)
                for inverse in (0, 1)
            ]
            self._halved = [step for step in steps if step is not None]
            before = _energy(value)
            changes = np.concatenate([changes, [_energy(step) - before for step in self._halved]])
        finite = np.isfinite(changes)
        lowest = changes[finite].min() if finite.any() else 0.0
        weights = np.where(finite, np.exp((lowest - np.where(finite, changes, lowest)) / _EXCHANGE_TEMPERATURE), 0.0)
        self._cumulative = np.cumsum(weights)

    def _exchange_energies(self) -> Array:
        value, candidates, found = self._value, self._exchanges, self._outcomes
        sizes = _size(np.moveaxis(value.flat, -1, 0), 0)
        before = sizes[candidates.modes, candidates.targets]
        change = (_size(found.vectors, 0) - before).sum(axis=1).astype(float)
        coefficients = _coefficient_energy(value.numerators, value.denominators)
        after = _coefficient_energy(found.coefficients.num, found.coefficients.den)
        change += (after - coefficients[candidates.targets[:, 1:]]).sum(axis=1)
        vanished = ~np.all(found.vectors.any(axis=0), axis=1)
        change -= _VANISHED_PRODUCT * vanished
        energies: Array = np.where(found.possible, change, np.inf)
        return energies

    def draw(self, rng: np.random.Generator) -> IntegerScheme | None:
        """One of them at random, those with low energy more often; None when there is none."""
        if not len(self._cumulative) or not self._cumulative[-1]:
            return None
        which = int(np.searchsorted(self._cumulative, rng.random() * self._cumulative[-1], side="right"))
        count = len(self._exchanges)
        if which >= count:
            return self._halved[which - count]
        return exchange(self._value, self._exchanges, which, self._outcomes)
