"""JSON from anywhere: exact numbers only, no key twice, and what all kinds of scheme objects have in common."""

from __future__ import annotations

import json
import reprlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from mmdiscover.core.exact import MAX_DIGITS
from mmdiscover.core.format import Format
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class _Inexact:
    """A JSON number that is not an integer of reasonable length: harmless in a key that is passed over."""

    text: str

    def __repr__(self) -> str:
        return self.text


def load_json(text: str) -> Any:
    """The value that a JSON text stands for; numbers that are no integers become values that are no numbers.

    Raises
    ------
    InputError
        If it is not JSON, or an object has a key twice.
    """
    if not text.strip():
        raise InputError("is empty, expected a scheme")
    try:
        return json.loads(
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


def load_object(text: str) -> dict[str, Any]:
    """The object that a JSON text stands for.

    Raises
    ------
    InputError
        As `load_json`; also if it is another value.
    """
    return require_object(load_json(text))


def require_object(value: Any) -> dict[str, Any]:
    """The same value.

    Raises
    ------
    InputError
        If it is no object.
    """
    if not isinstance(value, dict):
        raise InputError(f"is {reprlib.repr(value)}, expected a JSON object")
    return value


def require_keys(document: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Check that no key is missing.

    Raises
    ------
    InputError
        Naming the first that is.
    """
    for key in keys:
        if key not in document:
            raise InputError(f"key {key!r} is missing, expected {', '.join(keys)}")


def sizes_and_rank(document: Mapping[str, Any], sizes_key: str, rank_key: str) -> tuple[Format, int]:
    """Format and rank as they are declared.

    Raises
    ------
    InputError
        If they are no sizes and no rank.
    """
    sizes, rank = document[sizes_key], document[rank_key]
    if not isinstance(sizes, list) or len(sizes) != 3 or not all(map(_is_size, sizes)):
        raise InputError(f"{sizes_key} is {reprlib.repr(sizes)}, expected three sizes, integers >= 1")
    if not _is_size(rank):
        raise InputError(f"{rank_key} is {reprlib.repr(rank)}, expected the rank, an integer >= 1")
    return Format(*sizes), rank


def _refuse_constant(constant: str) -> NoReturn:
    raise InputError(f"{constant} is not a number, expected exact ones")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise InputError(f"key {reprlib.repr(twice)} is there twice, expected once")
    return result


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
