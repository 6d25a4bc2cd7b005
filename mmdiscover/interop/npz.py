"""Schemes as NumPy archives: own ones, AlphaTensor's, and those with factors U, V, W; none of them is unpickled.

Own archives hold ``format`` (n, m, p), ``rank``, ``ring``, ``u`` (nm×r), ``v`` (mp×r) and ``w`` (pn×r, for Cᵀ).

AlphaTensor's (google-deepmind/alphatensor) hold one entry ``n,m,p`` per scheme, the three factors, W for Cᵀ: stacked
into one array where n = m = p, else an array of objects, which NumPy pickles.

The third kind (josephine-situ/fast-matmul-search) holds ``U``, ``V`` and ``W``, W for C and not for Cᵀ.
"""

from __future__ import annotations

import re
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, cast

import numpy as np

from mmdiscover.core.exact import MAX_DIGITS, format_exact, parse_exact
from mmdiscover.core.format import Format
from mmdiscover.core.rows import scheme_rows
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.archives import unpack
from mmdiscover.interop.native import checked_ring, declared_ring, modulus_of
from mmdiscover.interop.npy import MAX_ENTRIES, parse_npy
from mmdiscover.interop.parsed import Parsed, any_ring, format_of_heights
from mmdiscover.interop.pickled import pickled_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from mmdiscover.core.exact import Exact

_OWN = ("format", "rank", "ring", "u", "v", "w")
_FACTORS = ("U", "V", "W")
_SIZES = re.compile(r"([1-9]\d{0,3}),([1-9]\d{0,3}),([1-9]\d{0,3})", re.ASCII)


def write_npz(scheme: Scheme) -> bytes:
    """Write a scheme as an own ``.npz`` archive.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    bytes
        Arrays ``format`` (n, m, p), ``rank``, ``ring``, and ``u`` (nm×r), ``v`` (mp×r), ``w`` (pn×r, for Cᵀ) with one
        column per product: int64, or exact strings such as ``"1/2"`` in all three when an entry is no 64-bit integer.
        Readable with ``allow_pickle=False``.

    Raises
    ------
    InputError
        If an entry is too long to be read again.
    """
    u, v, w = [factor.astype(np.int64) for factor in scheme.arrays] if _integral(scheme) else _as_text(scheme)
    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        format=np.array(scheme.format.sizes),
        rank=np.array(scheme.rank),
        ring=np.array(scheme.ring.value),
        u=u,
        v=v,
        w=w,
    )
    return buffer.getvalue()


def write_alphatensor(scheme: Scheme) -> bytes:
    """Write a scheme as AlphaTensor's readers expect it: one entry ``n,m,p``, a pickle unless n = m = p.

    Parameters
    ----------
    scheme : Scheme
        A scheme modulo 2 is written with entries 0 and 1; the file does not say that it is one.

    Raises
    ------
    InputError
        If an entry is neither a 64-bit integer nor a float.
    """
    if _integral(scheme):
        factors = [factor.astype(np.int64) for factor in scheme.arrays]
    else:
        factors = [np.array([_as_float(entry) for entry in x.ravel()]).reshape(x.shape) for x in scheme.arrays]
    if len(set(scheme.format.sizes)) == 1:
        value = np.stack(factors)
    else:
        value = np.empty(3, dtype=object)
        for position, factor in enumerate(factors):
            value[position] = factor
    buffer = BytesIO()
    arrays: dict[str, Any] = {",".join(map(str, scheme.format.sizes)): value}
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def parse_npz(content: bytes) -> list[Parsed]:
    """Read the schemes of an ``.npz`` archive of one of the three kinds.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    list of Parsed
        With AlphaTensor's keys as labels.

    Raises
    ------
    InputError
        If it is no such archive.
    """
    members = unpack(content, ".npy")
    if set(_OWN) <= set(members):
        return [Parsed((_own(members),))]
    if set(_FACTORS) <= set(members):
        u, v, w = (_matrix(name, members[name]) for name in _FACTORS)
        fmt = format_of_heights(len(u), len(v), len(w))
        transposed = w.reshape(fmt.n, fmt.p, -1).swapaxes(0, 1).reshape(w.shape)
        return [Parsed((Scheme(fmt, u, v, transposed),))]
    if any(map(_SIZES.fullmatch, members)):
        return _entries(members)
    raise InputError(
        f"holds arrays named {', '.join(map(ascii, members))[:80]}, expected {', '.join(_OWN)}, or U, V and W, or "
        'names such as "2,3,4"'
    )


def _own(members: Mapping[str, bytes]) -> Scheme:
    sizes, rank, ring = (_array(name, members[name]) for name in _OWN[:3])
    if sizes.shape != (3,) or sizes.dtype.kind != "i":
        raise InputError(f"format has shape {sizes.shape} and type {sizes.dtype}, expected three sizes")
    fmt = Format(*(int(size) for size in sizes))
    over = declared_ring(str(ring))
    u, v, w = (_matrix(name, members[name]) for name in _OWN[3:])
    if rank.shape != () or rank.dtype.kind != "i" or int(rank) != u.shape[1]:
        raise InputError(f"rank is {str(rank)[:40]}, but u has {u.shape[1]} columns")
    return checked_ring(Scheme(fmt, u, v, w, modulus_of(over)), over)


def _entries(members: Mapping[str, bytes]) -> list[Parsed]:
    found, left = [], MAX_ENTRIES
    for key, content in members.items():
        found.append(_entry(key, content))
        left -= sum(factor.size for scheme in found[-1].readings[:1] for factor in scheme.arrays)
        if left < 0:
            raise InputError(f"holds schemes of more than {MAX_ENTRIES:,} entries together")
    return found


def _entry(key: str, content: bytes) -> Parsed:
    """One scheme of AlphaTensor's archives."""
    try:
        return Parsed(_readings(key, content), label=key)
    except InputError as error:
        return Parsed((), f"{ascii(key)[:40]} {error}", key)


def _readings(key: str, content: bytes) -> tuple[Scheme, ...]:
    sizes = _SIZES.fullmatch(key)
    if sizes is None:
        raise InputError('is no scheme, expected a name such as "2,3,4"')
    npy = parse_npy(content)
    factors = pickled_arrays(npy.data) if npy.pickled else list(np.atleast_1d(npy.array()))
    if len(factors) != 3:
        raise InputError(f"holds {len(factors)} arrays, expected three factors")
    u, v, w = (_exact(name, factor) for name, factor in zip("uvw", factors, strict=True))
    return any_ring(Format(*map(int, sizes.groups())), u, v, w)


def _array(name: str, content: bytes) -> NDArray[Any]:
    try:
        return parse_npy(content).array()
    except InputError as error:
        raise InputError(f"{name} {error}") from None


def _matrix(name: str, content: bytes) -> NDArray[Any]:
    array = _exact(name, _array(name, content))
    if array.ndim != 2:
        raise InputError(f"{name} has shape {array.shape}, expected a matrix")
    return array


def _exact(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers, none of them a float."""
    if array.dtype.kind in "iu":
        return array
    # Most entries are the same few numbers.
    values, places = np.unique(array, return_inverse=True)
    if array.dtype.kind == "U":
        numbers = [parse_exact(str(entry)) for entry in values]
    elif not np.isfinite(array).all():
        raise InputError(f"{name} has entries that are not finite, expected numbers")
    elif (abs(array.astype(float)) < 2**53).all() and (np.rint(array) == array).all():
        return array.astype(np.int64)
    else:
        numbers = [_ratio(name, float(entry)) for entry in values]
    return np.array(numbers, dtype=object)[places].reshape(array.shape)


def _ratio(name: str, value: float) -> Exact:
    result = Fraction(value)
    if len(str(result)) > MAX_DIGITS:
        raise InputError(f"{name} has the entry {value!r}, expected exact numbers of at most {MAX_DIGITS} characters")
    return result


def _integral(scheme: Scheme) -> bool:
    return all(
        isinstance(entry, int) and -(2**63) <= entry < 2**63 for factor in scheme.arrays for entry in factor.ravel()
    )


def _as_float(entry: Exact) -> float:
    try:
        value = float(cast("float", entry))
        if Fraction(value) == entry:
            return value
    except (TypeError, OverflowError):  # a complex one, or a large one
        pass
    raise InputError(f"entry {format_exact(entry)[:40]} is no float, which this file format needs")


def _as_text(scheme: Scheme) -> list[NDArray[Any]]:
    return [np.array([list(map(str, row)) for row in rows]).T for rows in scheme_rows(scheme).values()]
