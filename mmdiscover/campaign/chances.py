"""Which walks there are for a format and rank, and how likely they are to succeed before anything is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.campaign.learning import Candidate
from mmdiscover.campaign.walks import Begin, Objective, WalkChoice
from mmdiscover.core.records import best_known_rank
from mmdiscover.core.ring import Ring
from mmdiscover.discrete.settings import MOST_ENTRIES, WalkSettings
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.campaign.learning import Pins
    from mmdiscover.core.format import Format

# Flips of one trial: a second's worth for 3x3x3, more for larger formats, less than a minute for all.
_FLIPS_OF_27 = 10_000_000
_LEAST_FLIPS, _MOST_FLIPS = 1_000_000, 300_000_000
# Expected rates relative to that of a numerical search with usual settings, see `Candidate`.
_LIKELY, _UNHEARD_OF, _UNKNOWN = 20.0, 0.3, 10.0
_LIFTED, _DIRECT = 0.7, 0.2
"""A scheme modulo 2 need not lift; walks with signs are slower and meet more dead ends, so that lifting is faster."""
_STAGES = 40
"""This part of its flips a fresh walk spends at each format on the way."""
_FRESH_UP_TO = 48
"""Classical rank up to which one trial is enough for a walk from nothing; beyond it, walks go on where others ended."""
_CYCLIC_FROM = 5
"""Square formats from this size on: best ranks of theirs were found by symmetric walks."""


def walkable(fmt: Format) -> bool:
    """Whether the factors of a format fit the words of a walk."""
    return max(fmt.shape) <= MOST_ENTRIES


def default_flips(fmt: Format) -> int:
    """Flips of one trial."""
    scaled = round(_FLIPS_OF_27 * (fmt.classical_rank / 27) ** 2)
    return min(max(scaled, _LEAST_FLIPS), _MOST_FLIPS)


def walk_candidates(fmt: Format, rank: int, pins: Pins, ring: Ring | None) -> tuple[Candidate, ...]:
    """The walks that there are to choose from.

    Parameters
    ----------
    fmt : Format
    rank : int
    pins : Pins
    ring : Ring or None
        Z2 for schemes modulo 2; None for characteristic zero: walks with entries −1, 0, 1, and walks modulo 2 whose
        schemes are lifted.

    Raises
    ------
    InputError
        If what is pinned cannot work.
    """
    square = fmt.n == fmt.m == fmt.p
    if pins.cyclic and not square:
        raise InputError(f"cyclic walks need a square format such as 3x3x3, got {fmt}")
    flips = default_flips(fmt) if pins.flips is None else pins.flips
    if pins.objective is Objective.ADDITIONS:
        return (Candidate(WalkChoice(WalkSettings(ring=Ring.Z2, flips=flips), Begin.AT_RANK), 1.0),)
    symmetries = (False, True) if square and pins.cyclic is None else (bool(pins.cyclic),)
    rings = (Ring.Z2,) if ring is Ring.Z2 else (Ring.ZT, Ring.Z2)
    fresh = min(1.0, _FRESH_UP_TO / fmt.classical_rank) ** 3
    found = []
    for one in rings:
        chance = _chance(fmt, rank, one, lifted=ring is None)
        for cyclic in symmetries:
            symmetric = 0.5 if cyclic and len(symmetries) > 1 and fmt.n < _CYCLIC_FROM else 1.0
            walk = WalkSettings(ring=one, cyclic=cyclic, flips=flips, stage_flips=flips // _STAGES)
            found.append(Candidate(WalkChoice(walk), chance * (symmetric if cyclic else fresh)))
            if not cyclic:
                found.append(Candidate(WalkChoice(walk, Begin.KNOWN), chance))
    return tuple(found)


def _chance(fmt: Format, rank: int, ring: Ring, *, lifted: bool) -> float:
    """By the ranks on record: a walk leads through one ring, numbers through none."""
    wanted = Ring.Z if lifted and ring is Ring.Z2 else ring
    known = best_known_rank(fmt, wanted)
    share = 1.0
    if lifted:
        share = _LIFTED if ring is Ring.Z2 else _DIRECT
    if known is None:
        return share * _UNKNOWN
    return share * (_LIKELY if rank >= known else _UNHEARD_OF)


def lower_bound(fmt: Format) -> tuple[int, str]:
    """A number of products that no scheme of a format can undercut, and whose result that is.

    Modulo 2 and in characteristic zero: the ranks of the flattenings; ⌈7n/2⌉ for ⟨2,2,n⟩ (Hopcroft and Kerr, SIAM J.
    Appl. Math. 20, 1971, modulo 2; in characteristic zero n = 2, 3, 4 only); 2mn + 2n − m − 2 for ⟨n,m,n⟩, m ≥ n ≥ 3
    (Bläser, J. Complexity 19, 2003).
    """
    bounds = [(fmt.flattening_rank, "the flattenings of the tensor")]
    small, middle, large = sorted(fmt.sizes)
    if (small, middle) == (2, 2) and large <= 4:
        bounds.append(((7 * large + 1) // 2, "Hopcroft and Kerr"))
    if small == middle >= 3:
        bounds.append((2 * small * large + 2 * small - large - 2, "Bläser"))
    return max(bounds)
