"""The native scheme file, JSON, and the JSON of dronperminov/FastMatrixMultiplication, which has the same layout.

One object: ``format`` [n, m, p], ``rank`` r, ``ring``, and ``u``, ``v``, ``w`` with one row per product: r rows of nm,
mp and pn entries in row-major order of A, B and Cᵀ. Integers are JSON numbers, everything else exact strings:
``"1/2"``, ``"-1/2+1/2i"``. The other dialect calls the first two ``n`` and ``m``, and has ``z2`` true for a scheme
modulo 2. Further keys are passed over.
"""

from __future__ import annotations

import json
import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from mmdiscover.core.exact import MAX_DIGITS
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.rows import scheme_of_rows, scheme_rows
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmdiscover.core.scheme import Scheme

_NATIVE = ("format", "rank", "ring", "u", "v", "w")
_DIALECT = ("n", "m", "z2", "u", "v", "w")


@dataclass(frozen=True)
class _Inexact:
    """A JSON number that is not an integer of reasonable length: harmless in a key that is passed over."""

    text: str

    def __repr__(self) -> str:
        return self.text


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
        if key in _NATIVE:
            raise InputError(f"extra key {key!r} has a meaning in scheme files, expected another one")
        head[key] = value
    items = [f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in head.items()]
    for key, rows in scheme_rows(scheme).items():
        items.append(f'  "{key}": [\n    ' + ",\n    ".join(map(json.dumps, rows)) + "\n  ]")
    return "{\n" + ",\n".join(items) + "\n}\n"


def parse_native(text: str) -> Scheme:
    """Read a scheme from native JSON or its FastMatrixMultiplication dialect.

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
    document = _load(text)
    fmt, rank, ring = _declarations(document)
    scheme = scheme_of_rows(fmt, rank, document, modulus=2 if ring is Ring.Z2 else 0)
    if ring is not None and not ring.contains(scheme.ring):
        raise InputError(f"ring is {ring.value!r}, but the entries need {scheme.ring.value!r}")
    return scheme


def _load(text: str) -> dict[str, Any]:
    if not text.strip():
        raise InputError("is empty, expected a JSON scheme")
    try:
        document = json.loads(
            text,
            parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else _Inexact(digits),
            parse_float=_Inexact,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_duplicates,
        )
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise InputError("is nested too deeply, expected a JSON scheme") from None
    if not isinstance(document, dict):
        raise InputError(f"is {reprlib.repr(document)}, expected a JSON object")
    return document


def _refuse_constant(constant: str) -> NoReturn:
    raise InputError(f"{constant} is not a number, expected exact ones")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise InputError(f"key {reprlib.repr(key)} is there twice, expected once")
        result[key] = value
    return result


def _declarations(document: dict[str, Any]) -> tuple[Format, int, Ring | None]:
    """Format, rank and ring; None when the dialect promises characteristic zero but no ring."""
    keys = _DIALECT if "n" in document and "format" not in document else _NATIVE
    for key in keys:
        if key not in document:
            raise InputError(f"key {key!r} is missing, expected {', '.join(keys)}")
    sizes, rank, ring = (document[key] for key in keys[:3])
    if not isinstance(sizes, list) or len(sizes) != 3 or not all(map(_is_size, sizes)):
        raise InputError(f"{keys[0]} is {reprlib.repr(sizes)}, expected three sizes, integers >= 1")
    if not _is_size(rank):
        raise InputError(f"{keys[1]} is {reprlib.repr(rank)}, expected the rank, an integer >= 1")
    return Format(*sizes), rank, _declared_ring(ring) if keys is _NATIVE else _declared_modulus(ring)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _declared_ring(ring: Any) -> Ring:
    if not isinstance(ring, str) or ring not in list(Ring):
        raise InputError(f"ring is {reprlib.repr(ring)}, expected one of {', '.join(Ring)}")
    return Ring(ring)


def _declared_modulus(z2: Any) -> Ring | None:
    if not isinstance(z2, bool):
        raise InputError(f"z2 is {reprlib.repr(z2)}, expected true or false")
    return Ring.Z2 if z2 else None
