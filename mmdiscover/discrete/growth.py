"""Schemes to begin with that grow: one of a small format is reduced, extended by classical products, reduced again.

From the classical algorithm of a large format most walks lose themselves among schemes without reductions before they
have found the first; a small one is reduced within thousands of flips, and what is added later meets a reduced rest.
Y. Arai, Y. Ichikawa and K. Hukushima (arXiv:2312.16960) let formats grow in this way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.discrete.formats import classical, extend

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.discrete.settings import Walked, WalkSettings

    Walker = Callable[[Format, int, WalkSettings, np.random.SeedSequence, Scheme | None], Walked]

_SMALLEST = 2


def growth_path(fmt: Format, rng: np.random.Generator) -> list[tuple[Format, int]]:
    """Formats on a random way to `fmt`, each with the dimension that grows next.

    Parameters
    ----------
    fmt : Format
    rng : numpy.random.Generator

    Returns
    -------
    list of (Format, int)
        From sizes of at most 2 to one step before `fmt`; empty where no size is above 2.
    """
    first = [min(size, _SMALLEST) for size in fmt.sizes]
    steps = [k for k in range(3) for _ in range(fmt.sizes[k] - first[k])]
    rng.shuffle(steps)
    path = []
    for dimension in steps:
        path.append((Format(*first), dimension))
        first[dimension] += 1
    return path


def grown(fmt: Format, settings: WalkSettings, seed: np.random.SeedSequence, walk: Walker) -> tuple[Scheme | None, int]:
    """A scheme of the format, grown from a small one, and the flips that it took.

    Parameters
    ----------
    fmt : Format
    settings : WalkSettings
        `stage_flips` are done at every format on the way, but fewer where that would be more than half of `flips`.
    seed : numpy.random.SeedSequence
    walk : callable
        `mmdiscover.discrete.walk.walk_from`.

    Returns
    -------
    Scheme or None
        The classical algorithm where there is nothing to grow from or no flip to spare; None where a walk on the way
        ended inconsistent.
    int
        Flips.
    """
    modulus = 0 if settings.ring is Ring.ZT else 2
    for_path, *seeds = seed.spawn(1 + sum(fmt.sizes))
    path = growth_path(fmt, np.random.default_rng(for_path))
    flips = min(settings.stage_flips, settings.flips // (2 * max(1, len(path))))
    if not path or not flips:
        return classical(fmt, modulus), 0
    scheme, spent = classical(path[0][0], modulus), 0
    for (stage, dimension), for_stage in zip(path, seeds, strict=False):
        walked = walk(stage, 1, replace(settings, flips=flips), for_stage, scheme)
        spent += walked.flips
        if walked.scheme is None:
            return None, spent
        scheme = extend(walked.scheme, dimension)
    return scheme, spent
