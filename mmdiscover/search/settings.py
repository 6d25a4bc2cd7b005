"""Settings of one start, their defaults by format and rank, and what is refused before any work starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral, Real
from sys import float_info
from typing import TYPE_CHECKING, Any

from mmdiscover.core.format import scheme_name
from mmdiscover.core.tensor import require_memory
from mmdiscover.errors import InputError
from mmdiscover.search.symmetry import check_symmetry

if TYPE_CHECKING:
    from mmdiscover.core.format import Format
    from mmdiscover.search.symmetry import Symmetry

BOUND_PER_PRODUCT = 6.6
"""Default c divided by the rank: radii at which exact fits were found lay at 5.7 to 7.7 times the rank."""
LARGEST_START_SCALE = 1e3
MOST_ITERATIONS = 10**6


@dataclass(frozen=True)
class SearchSettings:
    """Settings of one start.

    Parameters
    ----------
    bound : float or None
        Squared radius c of the ball ‖θ‖² ≤ c; None for the default of the format and rank.
    start_scale : float
        Standard deviation of the entries of the random start, before it is pulled onto the ball.
    max_iterations : int
    symmetry : Transposition, Sandwich or None
        Look only for schemes with this symmetry.

    Raises
    ------
    InputError
        If a setting is out of range.
    """

    bound: float | None = None
    start_scale: float = 0.5
    max_iterations: int = 1000
    symmetry: Symmetry | None = None

    def __post_init__(self) -> None:
        if self.bound is not None and not _within(self.bound, Real, float_info.max):
            raise InputError(f"bound is {self.bound!r}, expected a positive number")
        if not _within(self.start_scale, Real, LARGEST_START_SCALE):
            raise InputError(
                f"start scale is {self.start_scale!r}, expected a positive number up to {LARGEST_START_SCALE:g}"
            )
        if not _within(self.max_iterations, Integral, MOST_ITERATIONS):
            raise InputError(
                f"iteration limit is {self.max_iterations!r}, expected an integer from 1 to {MOST_ITERATIONS}"
            )


def _within(value: Any, kind: type, largest: float) -> bool:
    """Whether `value`, which may be anything, is a positive number of a kind and not too large."""
    return isinstance(value, kind) and 0 < float(value) <= largest  # type: ignore[arg-type]


def smallest_bound(fmt: Format) -> float:
    """A squared norm that no exact fit of ⟨n,m,p⟩ can undercut: 3(nmp)^⅔.

    The spectral norm of T is 1, so its nuclear norm is at least ⟨T,T⟩ = nmp, and Σ_q ‖u_q‖‖v_q‖‖w_q‖ ≥ nmp for every
    scheme. By the inequality of means ‖θ‖² ≥ 3 Σ_q (‖u_q‖‖v_q‖‖w_q‖)^⅔ ≥ 3 (Σ_q ‖u_q‖‖v_q‖‖w_q‖)^⅔.
    """
    return float(3 * fmt.classical_rank ** (2 / 3))


def complete_settings(fmt: Format, rank: int, settings: SearchSettings) -> SearchSettings:
    """Fill in what depends on format and rank, and refuse what cannot work.

    Parameters
    ----------
    fmt : Format
    rank : int
    settings : SearchSettings

    Returns
    -------
    SearchSettings
        With a bound.

    Raises
    ------
    InputError
        If no scheme can have this rank, no exact fit lies within the bound, or the format has no such symmetry.
    CapacityError
        If the linear systems would not fit in memory.
    """
    name = scheme_name(fmt, rank)
    if rank < fmt.flattening_rank:
        raise InputError(f"{name}: no scheme of {fmt} has fewer than {fmt.flattening_rank} products, got rank {rank}")
    small, middle, _ = sorted(fmt.shape)
    cells = fmt.shape[0] * fmt.shape[1] * fmt.shape[2]
    unknowns = (small + middle) * rank
    require_memory(8 * (2 * unknowns**2 + 4 * cells), f"the search for {name}")
    if settings.symmetry is not None:
        check_symmetry(fmt, rank, settings.symmetry)
    if settings.bound is None:
        return replace(settings, bound=max(BOUND_PER_PRODUCT * rank, 2 * smallest_bound(fmt)))
    if settings.bound < smallest_bound(fmt):
        raise InputError(
            f"bound is {settings.bound:g}, expected at least {smallest_bound(fmt):.4g}: "
            f"no exact fit of {fmt} has a smaller squared norm"
        )
    return settings
