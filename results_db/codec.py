"""How values are kept: factors of schemes as JSON text, factors of fits as bytes, settings as JSON, times in UTC."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mmdiscover.core import metrics, orbits
from mmdiscover.core.factors import Factors
from mmdiscover.core.ring import Ring
from mmdiscover.core.rows import scheme_of_rows, scheme_rows
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme

MOST_PRODUCTS = 400
"""Rank up to which schemes are labelled: the time grows with its cube."""
MOST_UNKNOWNS = 2500
"""Entries of U, V and W up to which the dimensions of the family are computed: the time grows with their cube."""

_FLOAT = np.dtype("<f8")


def scheme_text(scheme: Scheme) -> str:
    """The factors as JSON, ``{"u": […], "v": […], "w": […]}`` with one row per product, as in a scheme file.

    Raises
    ------
    InputError
        If an entry is longer than what is read back.
    """
    return json.dumps(scheme_rows(scheme), separators=(",", ":"))


def scheme_from_text(fmt: Format, rank: int, ring: str, text: str) -> Scheme:
    """The inverse of `scheme_text`.

    Raises
    ------
    InputError
        If `text` is not JSON of that kind, or not of this format and rank.
    """
    try:
        return scheme_of_rows(fmt, rank, json.loads(text), modulus=2 if ring == Ring.Z2 else 0)
    except InputError as error:
        raise InputError(f"the stored factors are malformed: {error}") from None
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise InputError(f"the stored factors cannot be read: {type(error).__name__}: {error}") from None


def scheme_metrics(scheme: Scheme) -> dict[str, Any]:
    """What the table of schemes tells about a scheme, by column."""
    with np.errstate(over="ignore", invalid="ignore"):
        growth = metrics.growth_factor(scheme)
    return {
        "ring": str(scheme.ring),
        "nonzeros": metrics.nonzeros(scheme),
        "additions": metrics.additions(scheme),
        "growth_factor": finite(growth),
        **orbit_columns(scheme),
    }


def orbit_columns(scheme: Scheme) -> dict[str, str | int | None]:
    """Label of the orbit and dimensions of the family, by column; None where they cannot be computed in a few seconds.

    Schemes with different labels are not equivalent; those with the same label probably are.
    """
    label, family = None, None
    # Denominators that hold all primes at hand.
    with contextlib.suppress(InputError):
        if scheme.rank <= MOST_PRODUCTS:
            label = orbits.orbit_class(scheme)
        if sum(factor.size for factor in scheme.arrays) <= MOST_UNKNOWNS:
            family = orbits.family_dimension(scheme)
    return {
        "orbit_class": label,
        "null_space": None if family is None else family.null_space,
        "orbit_dimension": None if family is None else family.orbit,
    }


def fit_bytes(factor: NDArray[np.float64]) -> bytes:
    """Float factors as little-endian float64, row-major."""
    return factor.astype(_FLOAT).tobytes()


def fit_from_bytes(fmt: Format, rank: int, factors: tuple[bytes, bytes, bytes]) -> Factors:
    """The inverse of `fit_bytes` for all three factors.

    Raises
    ------
    InputError
        If the lengths do not meet format and rank, or an entry is not finite.
    """
    arrays = []
    for name, rows, data in zip("uvw", fmt.shape, factors, strict=True):
        if len(data) != rows * rank * _FLOAT.itemsize:
            raise InputError(
                f"factor {name} has {len(data)} bytes, expected {rows * rank * _FLOAT.itemsize} for {fmt}:{rank}"
            )
        arrays.append(np.frombuffer(data, dtype=_FLOAT).reshape(rows, rank))
    u, v, w = arrays
    return Factors(fmt, u, v, w)


def plain_json(name: str, value: Mapping[str, object]) -> dict[str, Any]:
    """`value` as JSON would give it back: NumPy numbers become numbers, tuples lists.

    Raises
    ------
    InputError
        If it holds something JSON cannot, such as NaN.
    """
    try:
        return cast("dict[str, Any]", json.loads(json.dumps(dict(value), default=_plain, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} cannot be stored: {error}") from None


def settings_text(settings: Mapping[str, object]) -> str:
    """Plain settings as JSON text in one form: equal settings give equal texts."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def settings_from_text(text: str) -> dict[str, Any]:
    """The inverse of `settings_text`.

    Raises
    ------
    InputError
        If `text` is not a JSON object.
    """
    try:
        settings = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"the stored settings cannot be read: {type(error).__name__}: {error}") from None
    if not isinstance(settings, dict):
        raise InputError(f"the stored settings are {text[:40]!r}, expected a JSON object")
    return settings


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is not a JSON value")


def finite(value: float | None) -> float | None:
    """`value` as a Python float, or None when it is not finite: neither SQLite nor JSON keeps NaN."""
    return None if value is None or not math.isfinite(value) else float(value)


def plain_text(text: str | None) -> str | None:
    """`text` with what no database stores (undecodable bytes of a file name, NUL) written out."""
    return None if text is None else text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()


def utc(moment: datetime) -> datetime:
    """`moment` in UTC; SQLite gives moments in UTC without saying so."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    return utc(moment).isoformat()
