"""Ternary schemes from schemes modulo 2: sparse ones of the same orbit and others of the rank are tried for signs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.metrics import nonzeros
from mmdiscover.core.ring import Ring
from mmdiscover.discrete.formats import cubes_of, scheme_of_cubes
from mmdiscover.discrete.lifting import Lifted, LiftSettings, LiftStatus, lift, lift_signs
from mmdiscover.discrete.settings import WalkSettings, WalkStatus, require_integer
from mmdiscover.discrete.walk import Walk
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

    Array = NDArray[np.int64]

_PLUS_AFTER = 50
"""Flips per pair without a reduction: few, for the walk is to get around at its rank rather than below."""
_TRIES_FOR_FEW = 1000
"""Schemes among which the one with the fewest additions is looked for: ten seconds' worth for 4x4x4."""
_DESCENTS, _KICKS = 6, 4
"""Descents to few ones, and random additions before each but the first."""


@dataclass(frozen=True)
class TernarySettings:
    """How long to look.

    Parameters
    ----------
    tries : int
        Schemes of the same rank that are tried.
    flips : int
        Between two of them.
    signs : int
        Solutions modulo 4 that are tried for each.
    """

    tries: int = 60
    flips: int = 2_000
    signs: int = 4

    def __post_init__(self) -> None:
        for name in ("tries", "flips", "signs"):
            require_integer(name, getattr(self, name), 1)


def find_ternary(scheme: Scheme, settings: TernarySettings, seed: np.random.SeedSequence) -> Scheme | None:
    """Walk among schemes modulo 2 of the same rank until one is the reduction of a ternary one with the same support.

    Parameters
    ----------
    scheme : Scheme
        Modulo 2.
    settings : TernarySettings
    seed : numpy.random.SeedSequence

    Returns
    -------
    Scheme or None
        Over ZT, of the same rank or a lower one, its Brent equations checked exactly; None if there was none.

    Raises
    ------
    InputError
        If it is no scheme modulo 2 or does not satisfy the Brent equations.
    """
    rng, neighbours = _neighbours(scheme, settings, seed)
    lifted = (lift_signs(one, settings.signs, rng) for one in neighbours)
    return next((one for one in lifted if one is not None), None)


def fewest_additions(scheme: Scheme, settings: TernarySettings, seed: np.random.SeedSequence) -> Scheme | None:
    """As `find_ternary`, but of all that are tried the scheme with the fewest additions.

    Few nonzeros are few additions: signs are looked for only where a scheme modulo 2 has fewer ones than the best.
    """
    rng, neighbours = _neighbours(scheme, settings, seed)
    best, ones = None, sum(scheme.format.shape) * scheme.rank + 1
    # The scheme itself may have signs where a sparser one of its orbit has none.
    for one in chain([scheme], neighbours):
        count = nonzeros(one)
        if count < ones:
            lifted = lift_signs(one, settings.signs, rng)
            if lifted is not None:
                best, ones = lifted, count
    return best


def _neighbours(
    scheme: Scheme, settings: TernarySettings, seed: np.random.SeedSequence
) -> tuple[np.random.Generator, Iterator[Scheme]]:
    """Sparse schemes modulo 2 of the same rank or a lower one, along a walk; and the generator that draws them."""
    if scheme.modulus != 2:
        raise InputError(f"scheme {scheme.name} has modulus {scheme.modulus}, expected one modulo 2")
    for_walk, for_choice = seed.spawn(2)
    rng = np.random.default_rng(for_choice)
    flips = settings.flips * settings.tries
    walk = Walk(scheme.format, 1, WalkSettings(Ring.Z2, flips=flips, plus_after=_PLUS_AFTER), for_walk, scheme)

    def schemes() -> Iterator[Scheme]:
        present = scheme
        for _ in range(settings.tries):
            yield sparse(present, rng)
            if walk.advance(settings.flips) is WalkStatus.INCONSISTENT:
                return
            if walk.current_rank <= present.rank:
                present = walk.current_scheme()

    return rng, schemes()


def sparse(scheme: Scheme, rng: np.random.Generator) -> Scheme:
    """A scheme modulo 2 with few ones, of the same orbit under sandwiching.

    From a random member of the orbit down: adding one row (column) to another, of the additions that leave the fewest
    ones, until none leaves fewer; the best of a few descents.

    Parameters
    ----------
    scheme : Scheme
        Modulo 2.
    rng : numpy.random.Generator
    """
    best = _descended(cubes_of(scheme))
    for _ in range(_DESCENTS):
        cubes = [cube.copy() for cube in best]
        for _ in range(_KICKS):
            dimension = int(rng.integers(3))
            size = len(cubes[dimension])
            if size > 1:
                i, j = rng.choice(size, 2, replace=False)
                _add(cubes, dimension, int(i), int(j))
        cubes = _descended(cubes)
        if sum(cube.sum() for cube in cubes) < sum(cube.sum() for cube in best):
            best = cubes
    return scheme_of_cubes(scheme.format, best, 2)


def _add(cubes: list[Array], dimension: int, i: int, j: int) -> None:
    """Row i += row j where the dimension counts rows, and column j −= column i where it counts columns."""
    cubes[dimension][i] ^= cubes[dimension][j]
    cubes[dimension - 1][:, j] ^= cubes[dimension - 1][:, i]


def _descended(cubes: list[Array]) -> list[Array]:
    while True:
        best, where = 0, (0, 0, 0)
        for dimension in range(3):
            rows = cubes[dimension].reshape(len(cubes[dimension]), -1)
            columns = np.moveaxis(cubes[dimension - 1], 1, 0).reshape(len(rows), -1)
            # |x ^ y| = |x| + |y| − 2|x & y|
            change = (
                rows.sum(axis=1)[None, :] + columns.sum(axis=1)[:, None] - 2 * (rows @ rows.T + columns @ columns.T)
            )
            np.fill_diagonal(change, 0)
            i, j = np.unravel_index(change.argmin(), change.shape)
            if change[i, j] < best:
                best, where = int(change[i, j]), (dimension, int(i), int(j))
        if best == 0:
            return cubes
        _add(cubes, *where)


def lift_of_orbit(scheme: Scheme, seed: np.random.SeedSequence, settings: TernarySettings | None = None) -> Lifted:
    """Lift a scheme modulo 2 or one like it: to a ternary one of its rank if there is one, else to one over Z or Q.

    Parameters
    ----------
    scheme : Scheme
        Modulo 2.
    seed : numpy.random.SeedSequence
    settings : TernarySettings, optional

    Returns
    -------
    Lifted
        See `mmdiscover.discrete.lifting.lift`.
    """
    for_ternary, for_lift = seed.spawn(2)
    ternary = find_ternary(scheme, settings or TernarySettings(), for_ternary)
    if ternary is not None:
        return Lifted(LiftStatus.LIFTED, ternary, "", 2)
    rng = np.random.default_rng(for_lift)
    return lift(sparse(scheme, rng), LiftSettings(signs=0), rng)


def lift_to_few_additions(
    scheme: Scheme, seed: np.random.SeedSequence, settings: TernarySettings | None = None
) -> Lifted:
    """As `lift_of_orbit`, but to the ternary scheme with the fewest additions that is found, and to no other one."""
    settings = settings or TernarySettings(tries=_TRIES_FOR_FEW)
    ternary = fewest_additions(scheme, settings, seed)
    if ternary is not None:
        return Lifted(LiftStatus.LIFTED, ternary, "", 2)
    reason = f"of {settings.tries} schemes of its rank none is found to be the remainder of a ternary one"
    return Lifted(LiftStatus.UNDECIDED, scheme, reason, 2)
