"""The best known ranks, as published."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

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


@lru_cache(maxsize=1)
def _table() -> Mapping[Format, Mapping[Ring, int]]:
    text = (files("mmdiscover.core") / "data" / "known_ranks.json").read_text(encoding="utf-8")
    return {
        # Border ranks stand beside the rings: they belong to approximate schemes.
        Format.parse(name): {ring: ranks[ring] for ring in Ring if ring in ranks}
        for name, ranks in json.loads(text).items()
        if not name.startswith("_")
    }
