"""The native scheme file, JSON.

One object: ``format`` [n, m, p], ``rank`` r, ``ring``, and ``u``, ``v``, ``w`` with one row per product: r rows of nm,
mp and pn entries in row-major order of A, B and Cᵀ. Integers are JSON numbers, everything else exact strings:
``"1/2"``, ``"-1/2+1/2i"``. Further keys are passed over.
"""

from __future__ import annotations

import json
import reprlib
from typing import TYPE_CHECKING, Any

from mmdiscover.core.ring import Ring
from mmdiscover.core.rows import scheme_of_rows, scheme_rows
from mmdiscover.errors import InputError
from mmdiscover.interop.json_text import load_object, require_keys, sizes_and_rank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmdiscover.core.scheme import Scheme

_KEYS = ("format", "rank", "ring", "u", "v", "w")


def write_native(scheme: Scheme, extra: Mapping[str, object] | None = None) -> str:
    """Write a scheme as native JSON, one product per line.

    Parameters
    ----------
    scheme : Scheme
    extra : mapping of str to JSON values, optional
        More about it, written before the factors; readers pass over it.

    Returns
    -------
    str
        The same for equal schemes.

    Raises
    ------
    InputError
        If a key of `extra` has a meaning in the format, or an entry is too long to be read again.
    """
    head: dict[str, object] = {"format": scheme.format.sizes, "rank": scheme.rank, "ring": scheme.ring}
    for key, value in (extra or {}).items():
        if key in _KEYS:
            raise InputError(f"extra key {key!r} has a meaning in scheme files, expected another one")
        head[key] = value
    items = [f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in head.items()]
    for key, rows in scheme_rows(scheme).items():
        items.append(f'  "{key}": [\n    ' + ",\n    ".join(map(json.dumps, rows)) + "\n  ]")
    return "{\n" + ",\n".join(items) + "\n}\n"


def parse_native(text: str) -> Scheme:
    """Read a scheme from native JSON.

    Parameters
    ----------
    text : str

    Returns
    -------
    Scheme
        Not verified.

    Raises
    ------
    InputError
        If it is not JSON, a key is missing or twice there, an entry is not exact, or declared format, rank and ring do
        not fit the factors.
    """
    return native_scheme(load_object(text))


def native_scheme(document: Mapping[str, Any]) -> Scheme:
    """As `parse_native`, from the object that the text stands for."""
    require_keys(document, _KEYS)
    fmt, rank = sizes_and_rank(document, *_KEYS[:2])
    ring = declared_ring(document["ring"])
    return checked_ring(scheme_of_rows(fmt, rank, document, modulus=modulus_of(ring)), ring)


def declared_ring(ring: object) -> Ring:
    """The ring that a file names.

    Raises
    ------
    InputError
        If it is none.
    """
    if not isinstance(ring, str) or ring not in list(Ring):
        raise InputError(f"ring is {reprlib.repr(ring)}, expected one of {', '.join(Ring)}")
    return Ring(ring)


def modulus_of(ring: Ring) -> int:
    """Modulus of schemes over this ring."""
    return 2 if ring is Ring.Z2 else 0


def checked_ring(scheme: Scheme, ring: Ring) -> Scheme:
    """The same scheme.

    Raises
    ------
    InputError
        If its entries are not of this ring.
    """
    if not ring.contains(scheme.ring):
        raise InputError(f"ring is {ring.value!r}, but the entries need {scheme.ring.value!r}")
    return scheme
