"""Schemes as the bit masks on which walks work, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete.kernels import BEST_ROWS, BLOCK, COUNTS, GROUP, MERGE_ONE, ROWS, Walker
from mmdiscover.discrete.settings import MOST_ENTRIES
from mmdiscover.errors import CapacityError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format

MOST_ROWS = 5000
_LINE = 128
"""Bytes that processors fetch together, at most."""


def words_for(fmt: Format) -> int:
    """Words of 64 bits that a factor takes.

    Raises
    ------
    CapacityError
        If a factor of the format has more than 128 entries.
    """
    largest = fmt.flattening_rank
    if largest > MOST_ENTRIES:
        raise CapacityError(
            f"format {fmt}: a factor has {largest} entries, expected at most {MOST_ENTRIES} for walks on the flip graph"
        )
    return 1 if largest <= 64 else 2


def new_walker(factors: Sequence[NDArray[np.int64]], seed: int, room: int, *, ternary: bool, cyclic: bool) -> Walker:
    """A walker that has not been entered yet.

    Parameters
    ----------
    factors : three int arrays of shapes (r, nm), (r, mp), (r, pn)
        One row per term, entries 0 and 1, or -1 to 1 for `ternary`.
    seed : int
        64 bits.
    room : int
        Rows that may come to those that there are.
    ternary, cyclic : bool
    """
    rows = len(factors[0])
    largest = max(factor.shape[1] for factor in factors)
    words = 1 if largest <= 64 else 2
    kind: type[np.unsignedinteger] = np.uint32 if largest <= 32 else np.uint64
    capacity = -(-(rows + room) // BLOCK) * BLOCK
    if capacity > MOST_ROWS:
        raise CapacityError(f"{rows} terms with room for {room} more, expected at most {MOST_ROWS} together")
    slots, planes = 3 * capacity, 2 * words if ternary else words
    values = _apart((planes, slots), kind)
    negative = _apart((capacity,), np.uint8)
    for mode, factor in enumerate(factors):
        place = slice(mode * capacity, mode * capacity + rows)
        leading = np.take_along_axis(factor, (factor != 0).argmax(axis=1)[:, None], axis=1) if rows else factor[:, :1]
        turned = leading < 0
        negative[:rows] ^= turned[:, 0].astype(np.uint8)
        for k, mask in enumerate([factor != 0, (factor < 0) ^ (turned & (factor != 0))][: planes // words]):
            values[k * words : (k + 1) * words, place] = _packed(mask, words, kind)
    counts = _apart((COUNTS,), np.int64)
    counts[ROWS], counts[BEST_ROWS], counts[MERGE_ONE] = rows, rows + 1, -1
    compared = slots if cyclic else capacity
    random = _apart((1,), np.uint64)
    random[0] = seed
    return Walker(
        values=values,
        negative=negative,
        degrees=_apart((slots,), np.int32),
        pairs=_apart((max(1, slots * (compared - 1) // 2),), np.uint32),
        places=_apart((slots, compared), np.int32),
        counts=counts,
        random=random,
        best=values.copy(),
        best_negative=negative.copy(),
        trace=np.zeros((capacity + 1, 2), dtype=np.int64),
        scratch=_apart((planes, 3), kind),
        group=np.zeros(GROUP, dtype=np.int64),
        basis=np.zeros((3, GROUP), dtype=np.uint64),
    )


def _apart(shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
    """Zeros that share no cache line with another array: walks in threads would wait for one another."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    room = np.zeros(size + 2 * _LINE, dtype=np.uint8)
    first = _LINE - room.ctypes.data % _LINE
    return room[first : first + size].view(kind).reshape(shape)


def _packed(bits: NDArray[np.bool_], words: int, kind: type[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Words of the rows of a matrix, bit j for column j, shape (words, rows)."""
    padded = np.zeros((len(bits), 64 * words), dtype=np.uint8)
    padded[:, : bits.shape[1]] = bits
    packed = np.packbits(padded, axis=1, bitorder="little").view("<u8")
    return packed.T.astype(kind)


def unpacked(
    values: NDArray[np.unsignedinteger], negative: NDArray[np.uint8], rows: int, fmt: Format, *, ternary: bool
) -> list[NDArray[np.int64]]:
    """The factors of a walker's first rows, as `new_walker` takes them; signs of terms go to the third factor."""
    planes, slots = values.shape
    words = planes // 2 if ternary else planes
    factors = []
    for mode, width in enumerate(fmt.shape):
        place = slice(mode * (slots // 3), mode * (slots // 3) + rows)
        bits = [
            np.unpackbits(
                np.ascontiguousarray(values[k : k + words, place].T.astype("<u8")).view(np.uint8),
                axis=1,
                bitorder="little",
            )[:, :width].astype(np.int64)
            for k in range(0, planes, words)
        ]
        factors.append(bits[0] - 2 * bits[1] if ternary else bits[0])
    if ternary:
        factors[2] = np.where(negative[:rows, None] == 1, -factors[2], factors[2])
    return factors


def int_factors(scheme: Scheme, *, ternary: bool) -> list[NDArray[np.int64]]:
    """Factors of a scheme with one row per term; modulo 2 unless `ternary`.

    Raises
    ------
    InputError
        If the entries do not belong to the ring.
    """
    if ternary and (scheme.modulus or str(scheme.ring) != "ZT"):
        raise InputError(f"start {scheme.name} is a scheme over {scheme.ring}, expected one over ZT")
    rows = []
    for name, factor in zip("uvw", scheme.arrays, strict=True):
        if any(getattr(entry, "denominator", 0) % 2 == 0 for entry in factor.ravel()):
            raise InputError(f"start {scheme.name}: factor {name} has entries without a residue modulo 2")
        entries = factor if ternary else _residues(factor)
        rows.append(entries.astype(np.int64).T)
    return rows


def _residues(factor: NDArray[np.object_]) -> NDArray[np.object_]:
    # With an odd denominator, numerator and fraction agree modulo 2.
    return np.frompyfunc(lambda entry: entry.numerator % 2, 1, 1)(factor)  # type: ignore[no-any-return]


def scheme_of(fmt: Format, factors: Sequence[NDArray[np.int64]], *, ternary: bool) -> Scheme:
    """The scheme of such factors."""
    u, v, w = (factor.T for factor in factors)
    return Scheme(fmt, u, v, w, 0 if ternary else 2)


def defects(fmt: Format, factors: Sequence[NDArray[np.int64]], *, ternary: bool) -> int:
    """How many Brent equations do not hold, over Z for ternary factors, else modulo 2."""
    # Exact: all sums are whole numbers far below 2^53.
    u, v, w = (factor.astype(np.float64) for factor in factors)
    sums = u.T @ (v[:, :, None] * w[:, None, :]).reshape(len(v), v.shape[1] * w.shape[1])
    n, m, p = fmt.sizes
    i, j, k = np.indices((n, m, p)).reshape(3, -1)
    sums[i * m + j, (j * p + k) * (p * n) + k * n + i] -= 1
    return int(np.count_nonzero(sums if ternary else sums % 2))
