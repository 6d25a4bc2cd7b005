"""Settings of the search, learnt from what they brought.

Exact fits come at random, at a rate per unit of work that depends on the settings and on the format. The rate of each
candidate has a gamma distribution, which starts from a prior and is narrowed by every start, also by starts with
similar settings. Each new start draws a rate for every candidate and takes the largest (Thompson, Biometrika 25, 1933):
what is promising or hardly known is tried often, what has failed is tried seldom, but never not at all.

Walks on the flip graph are candidates like the others. Work is counted in iterations times what an iteration costs by
its size, and in flips, not in seconds, so that seed and history decide what is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log
from typing import TYPE_CHECKING

from mmdiscover.campaign.reduced import ReducedStart, reduced_start_from_mapping
from mmdiscover.campaign.walks import Objective, WalkChoice, walk_choice_from_mapping
from mmdiscover.search import Sandwich, SearchSettings, Transposition, complete_settings
from mmdiscover.search.settings import BOUND_PER_PRODUCT
from mmdiscover.search.symmetry import transposable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    import numpy as np

    from mmdiscover.core.format import Format
    from mmdiscover.search import Symmetry
    from results_db.queries import Experience

    Settings: TypeAlias = SearchSettings | ReducedStart | WalkChoice

BOUNDS_PER_PRODUCT = (5.8, 6.2, 6.6, 7.2, 7.9, 8.7)
"""Candidates for c divided by the rank; reports/radius.md shows how many fits they bring."""
_USUAL_BOUND = 6.4
_BOUND_SPREAD = 0.15
# Small schemes are found without a symmetry, and then need fractions more seldom.
_RANK_FOR_SYMMETRY = 40
# Settings are similar when the logarithms of c differ by less than this.
_REACH = 0.06
_PRIOR_FITS = 0.5
_PRIOR_WORK = 2.0
_ITERATIONS_PER_UNIT = 100
# Roughly fitted to iterations of 66 to 609 unknowns, measured with and without symmetry.
_COST_OF_SQUARE = 400.0
_COST_OF_TWO_PARTS = 4e6
# Seconds per unit of `_system_cost`, and per flip: what makes iterations and flips comparable.
_SECONDS_PER_COST = 3e-11
_SECONDS_PER_FLIP = 1e-7


@dataclass(frozen=True)
class Pins:
    """Settings that are not to be learnt.

    Parameters
    ----------
    bound, start_scale, max_iterations : optional
        As in `SearchSettings`.
    symmetries : tuple, optional
        The symmetries to choose from, None among them for no symmetry; left out, all that are likely.
    flips : int, optional
        Of one walk.
    cyclic : bool, optional
        Whether walks lead through cyclically symmetric schemes only.
    objective : Objective
    """

    bound: float | None = None
    start_scale: float | None = None
    max_iterations: int | None = None
    symmetries: tuple[Symmetry | None, ...] | None = None
    flips: int | None = None
    cyclic: bool | None = None
    objective: Objective = Objective.RANK

    @property
    def numeric(self) -> bool:
        """Whether settings of the numerical search are among them."""
        return any(one is not None for one in (self.bound, self.start_scale, self.max_iterations, self.symmetries))

    @property
    def discrete(self) -> bool:
        """Whether settings of walks are among them."""
        return self.flips is not None or self.cyclic is not None or self.objective is Objective.ADDITIONS


@dataclass(frozen=True)
class Candidate:
    """Settings that may be chosen.

    Parameters
    ----------
    settings : SearchSettings, ReducedStart or WalkChoice
        Complete.
    weight : float
        Expected rate of fits, relative to the others, before anything is known.
    """

    settings: Settings
    weight: float


def candidates(fmt: Format, rank: int, pins: Pins) -> tuple[Candidate, ...]:
    """What there is to choose from for a format and rank.

    Raises
    ------
    InputError
        If no scheme can have this rank, or what is pinned cannot work.
    CapacityError
        If searching would not fit in memory.
    """
    base = SearchSettings(bound=pins.bound)
    if pins.start_scale is not None:
        base = replace(base, start_scale=pins.start_scale)
    if pins.max_iterations is not None:
        base = replace(base, max_iterations=pins.max_iterations)
    symmetries = pins.symmetries or (None, *symmetries_of(fmt, rank))
    default = complete_settings(fmt, rank, base).bound
    assert default is not None
    scale = default / BOUND_PER_PRODUCT
    bounds = [default] if pins.bound is not None else [scale * share for share in BOUNDS_PER_PRODUCT]
    symmetric = min(1.0, (rank / _RANK_FOR_SYMMETRY) ** 2)

    def weight(bound: float, symmetry: Symmetry | None) -> float:
        usual = 0.0 if pins.bound is not None else log(bound / scale / _USUAL_BOUND) / _BOUND_SPREAD
        return exp(-0.5 * usual**2) * (1.0 if symmetry is None else symmetric)

    return tuple(
        Candidate(complete_settings(fmt, rank, replace(base, bound=bound, symmetry=symmetry)), weight(bound, symmetry))
        for symmetry in symmetries
        for bound in bounds
    )


def symmetries_of(fmt: Format, rank: int) -> list[Symmetry]:
    """Symmetries that schemes of a format and rank are likely to have; reports/learnt_settings.md says what was tried.

    Under a transposition, the third factors of fixed products are symmetric matrices (diagonal form) or alternating
    ones (alternating form); schemes were found where the number of fixed products is the dimension of these, or next to
    it with the diagonal form, and that form as balanced as can be. Under a sandwich, two forms were alternating and the
    third one diagonal and balanced.
    """
    symmetries: list[Symmetry] = []
    found = transposable(fmt)
    if found is not None:
        n, m = found[1].n, found[1].m
        forms: list[tuple[int | None, int, int]] = [(m // 2, n * (n + 1) // 2, 1)] if m > 1 else []
        if m % 2 == 0:
            forms.append((None, n * (n - 1) // 2, 0))
        symmetries += [
            Transposition(fixed, negative)
            for negative, dimension, width in forms
            for fixed in range(dimension - width, dimension + width + 1)
            if 0 <= fixed <= rank and (rank - fixed) % 2 == 0
        ]
    dimensions = sorted((fmt.n, fmt.m, fmt.p))
    for diagonal in range(3):
        even = all(dimensions[k] % 2 == 0 for k in range(3) if k != diagonal)
        if even and rank % 2 == 0:
            small, middle, large = (dimensions[k] // 2 if k == diagonal else None for k in range(3))
            symmetries.append(Sandwich((small, middle, large)))
    return symmetries


class Learner:
    """Chooses settings, and remembers what they brought.

    Parameters
    ----------
    fmt : Format
    rank : int
    options : tuple of Candidate
    """

    def __init__(self, fmt: Format, rank: int, options: tuple[Candidate, ...]) -> None:
        self._format, self._rank = fmt, rank
        self._options = options
        self._known: dict[Settings, tuple[int, int]] = {}
        self._rates: list[tuple[float, float]] | None = None

    def choose(self, rng: np.random.Generator) -> Settings:
        """Settings for the next start."""
        if self._rates is None:
            self._rates = [self._rate(option) for option in self._options]
        drawn = [rng.gamma(shape) / work for shape, work in self._rates]
        return self._options[max(range(len(drawn)), key=drawn.__getitem__)].settings

    def learn(self, settings: Settings, fits: int, iterations: int) -> None:
        """Take in what starts with these settings brought.

        Parameters
        ----------
        settings : SearchSettings, ReducedStart or WalkChoice
            Complete.
        fits : int
            Exact fits, or walks that succeeded.
        iterations : int
            Or flips, of all the starts together.
        """
        known_fits, known_iterations = self._known.get(settings, (0, 0))
        self._known[settings] = known_fits + fits, known_iterations + iterations
        self._rates = None

    def recall(self, history: Iterable[Experience]) -> int:
        """Take in what was learnt before; returns the number of starts that say something."""
        starts = 0
        for known in history:
            try:
                settings = settings_from_mapping(known.settings)
                self.learn(settings, known.fits, known.iterations)
            except (TypeError, ValueError, LookupError):
                continue  # of another version or method
            if any(_likeness(option.settings, settings) for option in self._options):
                starts += known.starts
        return starts

    def _rate(self, option: Candidate) -> tuple[float, float]:
        """Shape and scale of the gamma distribution of its rate."""
        shape, work = _PRIOR_FITS * option.weight, _PRIOR_WORK
        # In an order of its own: in which order trials end must not decide, not even by rounding.
        for settings, (fits, iterations) in sorted(self._known.items(), key=repr):
            likeness = _likeness(option.settings, settings)
            shape += likeness * fits
            work += likeness * self._work(settings, iterations)
        return shape, work

    def _work(self, settings: Settings, iterations: int) -> float:
        """In units of some iterations without symmetry."""
        if not isinstance(settings, WalkChoice):
            search = settings.search if isinstance(settings, ReducedStart) else settings
            return iterations / _ITERATIONS_PER_UNIT * self._relative_cost(search)
        small, middle, _ = sorted(self._format.shape)
        unit = _ITERATIONS_PER_UNIT * _SECONDS_PER_COST * _system_cost((small + middle) * self._rank)
        return iterations * _SECONDS_PER_FLIP / unit

    def _relative_cost(self, settings: SearchSettings) -> float:
        """Cost of an iteration divided by that without symmetry."""
        small, middle, _ = sorted(self._format.shape)
        found = transposable(self._format)
        if not isinstance(settings.symmetry, Transposition) or found is None:
            return 1.0
        symmetric = _system_cost(found[1].n * found[1].m * self._rank) + _COST_OF_TWO_PARTS
        return symmetric / _system_cost((small + middle) * self._rank)


def _system_cost(size: int) -> float:
    """Time of an iteration by the size of its system, in units of its cube: lower orders count in small systems."""
    return size**3 + _COST_OF_SQUARE * size**2


def settings_from_mapping(mapping: Mapping[str, object]) -> Settings:
    """The settings written as a mapping by `dataclasses.asdict`.

    Raises
    ------
    TypeError, ValueError, LookupError
        If they are not such settings.
    """
    if "walk" in mapping:
        return walk_choice_from_mapping(mapping)
    if "noise" in mapping:
        return reduced_start_from_mapping(mapping)
    known = dict(mapping)
    if known.get("symmetry") is not None:
        known["symmetry"] = symmetry_from_mapping(known["symmetry"])
    return SearchSettings(**known)  # type: ignore[arg-type]


def symmetry_from_mapping(mapping: object) -> Symmetry:
    """The symmetry written as a mapping by `dataclasses.asdict`.

    Raises
    ------
    TypeError, ValueError
        If it is no such symmetry.
    """
    if not isinstance(mapping, dict):
        raise TypeError(f"symmetry is {mapping!r}, expected a mapping or null")
    forms = mapping.get("forms")
    return Transposition(**mapping) if forms is None else Sandwich(tuple(forms))


def _likeness(one: Settings, other: Settings) -> float:
    """How far the rate of one tells that of the other, 0 to 1."""
    if not isinstance(one, SearchSettings) or not isinstance(other, SearchSettings):
        return float(one == other)
    if one.bound is None or other.bound is None or replace(one, bound=other.bound) != other:
        return 0.0
    return exp(-0.5 * (log(one.bound / other.bound) / _REACH) ** 2)
