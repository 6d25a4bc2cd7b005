"""The best known ranks and counts of additions, as published."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Mapping

VALID_OVER: Mapping[Ring, tuple[Ring, ...]] = {
    Ring.ZT: (Ring.ZT,),
    Ring.Z: (Ring.ZT, Ring.Z),
    Ring.Q: (Ring.ZT, Ring.Z, Ring.Q),
    Ring.C: (Ring.ZT, Ring.Z, Ring.Q, Ring.C),
    Ring.Z2: (Ring.ZT, Ring.Z, Ring.Z2),
}
"""Which schemes are also schemes over a ring: integers can be taken as fractions, or modulo 2."""


def best_known_rank(fmt: Format, ring: Ring | None = None) -> int | None:
    """The least rank that is known for a format.

    Parameters
    ----------
    fmt : Format
        In any order.
    ring : Ring, optional
        Where the coefficients live; None: the rational numbers.

    Returns
    -------
    int or None
        None for a format that the table does not list.
    """
    if 1 in fmt.sizes:
        return fmt.classical_rank  # a matrix times a vector: the largest flattening has that rank
    known = _table().get(fmt.sorted(), {})
    return min((known[part] for part in VALID_OVER[ring or Ring.Q] if part in known), default=None)


def fewest_known_additions(fmt: Format, rank: int) -> int | None:
    """The fewest additions, without sharing of subexpressions, that are known for a ternary scheme.

    Parameters
    ----------
    fmt : Format
        In any order.
    rank : int

    Returns
    -------
    int or None
        None where the table has no such format and rank.
    """
    return _known_additions("naive", fmt, rank)


def fewest_known_shared_additions(fmt: Format, rank: int) -> int | None:
    """The fewest additions after sharing of subexpressions that are published for a ternary scheme.

    Parameters and result are those of `fewest_known_additions`.
    """
    return _known_additions("reduced", fmt, rank)


def _known_additions(kind: str, fmt: Format, rank: int) -> int | None:
    known = _additions().get(fmt.sorted(), {})
    return known[kind] if known.get("rank") == rank else None


@lru_cache(maxsize=1)
def _table() -> Mapping[Format, Mapping[Ring, int]]:
    return {
        # Border ranks stand beside the rings: they belong to approximate schemes.
        fmt: {ring: ranks[ring] for ring in Ring if ring in ranks}
        for fmt, ranks in _data("known_ranks.json").items()
    }


@lru_cache(maxsize=1)
def _additions() -> Mapping[Format, Mapping[str, int]]:
    return _data("known_additions.json")


def _data(name: str) -> dict[Format, Any]:
    text = (files("mmdiscover.core") / "data" / name).read_text(encoding="utf-8")
    return {Format.parse(key): value for key, value in json.loads(text).items() if not key.startswith("_")}
