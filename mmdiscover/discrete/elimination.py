"""Linear systems over F₂ with one matrix and many right-hand sides: elimination once, on 64 columns at a time.

Rows are bit-packed. Within a word of 64 columns the elimination goes column by column; all later words follow by table
look-up, eight columns per look-up (the method of the four Russians: Arlazarov, Dinic, Kronrod, Faradzhev 1970). The row
operations stay where the zeros would be, as in an LU factorization in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Bits = NDArray[np.uint8]

WORD = 64
# So many rows are updated at once: they stay in the cache while eight tables pass over them.
_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Eliminated:
    """A matrix over F₂ as product of a unit lower and an upper echelon matrix, rows in another order.

    Parameters
    ----------
    words : ndarray of uint64, shape (rows, ⌈columns/64⌉)
        Row k < rank: row operations in the pivot columns before its own, the echelon form right of it.
    order : ndarray of int, shape (rows,)
        Row k was row order[k] of the matrix.
    pivots : ndarray of int, shape (rank,)
        The pivot columns, increasing: each is independent of the columns on its left.
    columns : int
    """

    words: Words
    order: NDArray[np.intp]
    pivots: NDArray[np.intp]
    columns: int

    @property
    def free(self) -> NDArray[np.intp]:
        """The other columns: any values there extend to one solution of a solvable system."""
        return np.setdiff1d(np.arange(self.columns), self.pivots)

    def solve(self, right: Bits, free: Bits | None = None) -> Bits | None:
        """The solution with given values in the free columns.

        Parameters
        ----------
        right : ndarray of uint8, shape (rows,)
            Zeros and ones.
        free : ndarray of uint8, shape (columns,), optional
            Zeros and ones; what stands in pivot columns has no effect. All zero when left out.

        Returns
        -------
        ndarray of uint8, shape (columns,), or None
            None where the system has no solution.
        """
        reduced = self._forward(right[self.order])
        if reduced[len(self.pivots) :].any():
            return None
        values = np.zeros(self.columns, dtype=np.uint8)
        if free is not None:
            values[self.free] = free[self.free]
        solution = pack(values[None])[0]
        for word, start, bits in reversed(self._blocks()):
            stop = start + len(bits)
            right_of = self.words[start:stop, word + 1 :] & solution[word + 1 :]
            parities = (reduced[start:stop] ^ _parity(np.bitwise_xor.reduce(right_of, axis=1))).tolist()
            heads, value = self.words[start:stop, word].tolist(), int(solution[word])
            for parity, head, bit in zip(parities[::-1], heads[::-1], bits[::-1], strict=True):
                known = (head & value) >> bit  # below the pivot's bit are row operations
                value |= (parity ^ (known.bit_count() & 1)) << bit
            solution[word] = value
        return unpack(solution[None], self.columns).ravel()

    def obstruction(self, right: Bits) -> Bits:
        """What is left of a right-hand side, linear in it: zero exactly where the system has a solution.

        Parameters
        ----------
        right : ndarray of uint8, shape (rows,)
            Zeros and ones.

        Returns
        -------
        ndarray of uint8, shape (rows − rank,)
        """
        return self._forward(right[self.order])[len(self.pivots) :]

    def obstructions(self, rights: Bits) -> Words:
        """`obstruction` of many right-hand sides.

        Parameters
        ----------
        rights : ndarray of uint8, shape (rows, sides)
            Zeros and ones.

        Returns
        -------
        ndarray of uint64, shape (rows − rank, ⌈sides/64⌉)
            Column s of the packed matrix belongs to side s.
        """
        reduced = pack(rights[self.order])
        for word, start, bits in self._blocks():
            _follow(reduced[start:], self.words[start:, word], bits)
        return reduced[len(self.pivots) :]

    def kernel(self) -> Bits:
        """A basis of the solutions with right-hand side zero: vector s is one in free column s, zero in the others.

        Returns
        -------
        ndarray of uint8, shape (columns − rank, columns)
        """
        free = self.free
        sums = np.zeros((len(self.pivots), -(-len(free) // WORD)), dtype=np.uint64)
        solutions = np.zeros((WORD * self.words.shape[1], sums.shape[1]), dtype=np.uint64)
        solutions[free] = pack(np.eye(len(free), dtype=np.uint8))
        for word, start, bits in reversed(self._blocks()):
            block, rows = solutions[WORD * word : WORD * (word + 1)], list(enumerate(bits))
            for bit in reversed(range(WORD)):
                if rows and rows[-1][1] == bit:
                    block[bit] = sums[start + rows.pop()[0]]
                users = np.flatnonzero(self.words[start : start + len(rows), word] >> np.uint64(bit) & np.uint64(1))
                sums[start + users] ^= block[bit]
            _add_combinations(sums[:start], self.words[:start, word], block)
        return np.ascontiguousarray(unpack(solutions, len(free))[: self.columns].T)

    def _blocks(self) -> list[tuple[int, int, list[int]]]:
        """Of each word: its number, its first pivot row and the bits of its pivots."""
        blocks = []
        for word in range(self.words.shape[1]):
            start, stop = np.searchsorted(self.pivots, [WORD * word, WORD * (word + 1)]).tolist()
            blocks.append((word, start, (self.pivots[start:stop] - WORD * word).tolist()))
        return blocks

    def _forward(self, right: Bits) -> Bits:
        for word, start, bits in self._blocks():
            stop = start + len(bits)
            heads = self.words[start:stop, word].tolist()
            value = 0
            for row, head, bit in zip(range(start, stop), heads, bits, strict=True):
                right[row] ^= (head & value).bit_count() & 1
                value |= int(right[row]) << bit
            right[stop:] ^= _parity(self.words[stop:, word] & np.uint64(value))
        return right


def _parity(words: Words) -> Bits:
    parities: Bits = np.bitwise_count(words) & np.uint8(1)
    return parities


def pack(bits: Bits) -> Words:
    """Rows of zeros and ones, 64 columns to a word: column c is bit c mod 64 of word ⌊c/64⌋."""
    rows, columns = bits.shape
    padded = np.zeros((rows, -(-columns // WORD) * 8), dtype=np.uint8)
    packed = np.packbits(bits, axis=1, bitorder="little")
    padded[:, : packed.shape[1]] = packed
    return padded.view("<u8").astype(np.uint64, copy=False)


def unpack(words: Words, columns: int) -> Bits:
    """What `pack` packed."""
    return np.unpackbits(words.astype("<u8", copy=False).view(np.uint8), axis=1, count=columns, bitorder="little")


def eliminate(words: Words, columns: int) -> Eliminated:
    """Eliminate a matrix over F₂.

    Parameters
    ----------
    words : ndarray of uint64, shape (rows, ⌈columns/64⌉)
        As `pack` makes it; overwritten.
    columns : int
        So many of the bits of a row belong to the matrix; the others are zero.

    Raises
    ------
    InputError
        If `words` is not as wide as the columns need.
    """
    rows, width = words.shape
    if width != -(-columns // WORD):
        raise InputError(f"words have {width} per row, expected {-(-columns // WORD)} for {columns} columns")
    order = np.arange(rows)
    pivots: list[int] = []
    for word in range(width):
        rank = len(pivots)
        bits = _eliminate_word(words[rank:], word, order[rank:])
        _follow(words[rank:, word + 1 :], words[rank:, word].copy(), bits)
        pivots += [WORD * word + bit for bit in bits]
    return Eliminated(words, order, np.array(pivots, dtype=np.intp), columns)


def _eliminate_word(words: Words, word: int, order: NDArray[np.intp]) -> list[int]:
    """Eliminate within one word, pivot rows first; the pivots' bits."""
    column = words[:, word].copy()
    bits: list[int] = []
    one = np.uint64(1)
    for bit in range(WORD):
        top = len(bits)
        if top == len(column):
            break
        pivot = top + int(np.argmax((column[top:] >> np.uint64(bit)) & one))
        head = int(column[pivot])
        if not head >> bit & 1:
            continue
        if pivot != top:
            for array in (column, words, order):
                array[[top, pivot]] = array[[pivot, top]]
        below = column[top + 1 :]
        below ^= ((below >> np.uint64(bit)) & one) * np.uint64(head >> (bit + 1) << (bit + 1))
        bits.append(bit)
    words[:, word] = column
    return bits


def _follow(later: Words, column: Words, bits: list[int]) -> None:
    """Apply the row operations in the pivot bits of `column` to the later words of the rows."""
    top = len(bits)
    for row, bit in enumerate(bits):
        users = row + 1 + np.flatnonzero(column[row + 1 : top] >> np.uint64(bit) & np.uint64(1))
        later[users] ^= later[row]
    sources = np.zeros((WORD, later.shape[1]), dtype=np.uint64)
    sources[bits] = later[:top]
    _add_combinations(later[top:], column[top:], sources)


def _add_combinations(targets: Words, keys: Words, sources: Words) -> None:
    """Add to each target the sum of the 64 sources that the bits of its key choose."""
    tables = []
    for first in range(0, WORD, 8):
        table = np.zeros((256, sources.shape[1]), dtype=np.uint64)
        for bit in range(8):
            half = 1 << bit
            table[half : 2 * half] = table[:half] ^ sources[first + bit]
        tables.append(table)
    for start in range(0, len(targets), _CHUNK):
        chunk, chosen = targets[start : start + _CHUNK], keys[start : start + _CHUNK]
        for group, table in enumerate(tables):
            chunk ^= table[(chosen >> np.uint64(8 * group) & np.uint64(255)).astype(np.intp)]
