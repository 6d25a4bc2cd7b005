"""Settings are learnt: what there is to choose from, what is chosen, and that it pays."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from itertools import permutations
from math import exp, log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.campaign.learning import (
    BOUNDS_PER_PRODUCT,
    Learner,
    Pins,
    candidates,
    settings_from_mapping,
    symmetries_of,
)
from mmdiscover.core.format import Format, parse_scheme_name
from mmdiscover.errors import InputError
from mmdiscover.search import Sandwich, SearchSettings, Transposition
from mmdiscover.search.settings import BOUND_PER_PRODUCT, smallest_bound
from results_db.queries import Experience
from tests.campaign.fakes import numeric

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT, RANK = Format(3, 3, 3), 23
PLAIN = Pins(symmetries=(None,))
BOUNDS = len(BOUNDS_PER_PRODUCT)


def learner(pins: Pins = PLAIN) -> Learner:
    return Learner(FORMAT, RANK, candidates(FORMAT, RANK, pins))


def options(pins: Pins = PLAIN) -> list[SearchSettings]:
    return [numeric(option.settings) for option in candidates(FORMAT, RANK, pins)]


def shares(known: Learner, draws: int = 400) -> Mapping[SearchSettings, float]:
    """How often which settings are chosen."""
    rng = np.random.default_rng(0)
    chosen = [numeric(known.choose(rng)) for _ in range(draws)]
    return {settings: chosen.count(settings) / draws for settings in dict.fromkeys(chosen)}


def experience(settings: Mapping[str, object], fits: int = 3, iterations: int = 900, starts: int = 4) -> Experience:
    return Experience(str(FORMAT), RANK, settings, starts, fits, iterations, seconds=1.0)


class TestCandidates:
    def test_nothing_pinned(self) -> None:
        found = options(Pins())
        assert len(found) == len(set(found)) == BOUNDS * (1 + len(symmetries_of(FORMAT, RANK)))
        assert {settings.symmetry for settings in found} == {None, *symmetries_of(FORMAT, RANK)}
        bounds = sorted({settings.bound or 0.0 for settings in found})
        assert bounds == pytest.approx([RANK * share for share in BOUNDS_PER_PRODUCT])
        assert {(settings.start_scale, settings.max_iterations) for settings in found} == {(0.5, 1000)}

    def test_the_default_bound_is_among_them(self) -> None:
        assert BOUND_PER_PRODUCT in BOUNDS_PER_PRODUCT
        assert BOUND_PER_PRODUCT * RANK in [settings.bound for settings in options()]

    @pytest.mark.parametrize("scheme", ["1x1x1:1", "1x1x7:7", "1x5x5:25", "2x2x2:4", "2x2x2:8"])
    def test_no_bound_is_too_small_for_a_fit(self, scheme: str) -> None:
        fmt, rank = parse_scheme_name(scheme)
        assert rank is not None
        bounds = [numeric(option.settings).bound or 0.0 for option in candidates(fmt, rank, Pins())]
        assert min(bounds) > smallest_bound(fmt)

    def test_usual_bounds_are_expected_to_be_better(self) -> None:
        weights = [option.weight for option in candidates(FORMAT, RANK, PLAIN)]
        assert max(weights) <= 1
        assert weights.index(max(weights)) in (1, 2)
        assert weights[-1] == min(weights) > 0

    @pytest.mark.parametrize(
        ("pins", "number"),
        [
            (Pins(bound=150.0, symmetries=(None,)), 1),
            (Pins(bound=150.0, symmetries=(Transposition(5, 1),)), 1),
            (Pins(symmetries=(None,)), BOUNDS),
            (Pins(symmetries=(Transposition(11, 0),)), BOUNDS),
            (Pins(bound=150.0), 1 + len(symmetries_of(FORMAT, RANK))),
            (Pins(start_scale=0.25, max_iterations=50, symmetries=(None,)), BOUNDS),
        ],
    )
    def test_what_is_pinned_stays(self, pins: Pins, number: int) -> None:
        found = options(pins)
        assert len(set(found)) == number
        for settings in found:
            assert pins.bound in (None, settings.bound)
            assert pins.start_scale in (None, settings.start_scale)
            assert pins.max_iterations in (None, settings.max_iterations)
            assert pins.symmetries in (None, (settings.symmetry,))

    def test_everything_pinned_leaves_no_choice(self) -> None:
        known = learner(Pins(bound=150.0, symmetries=(None,)))
        assert shares(known) == {SearchSettings(bound=150.0): 1.0}


@pytest.mark.parametrize(
    ("scheme", "transpositions"),
    [
        ("2x2x2:7", {(1, 3), (None, 1)}),
        ("2x2x2:8", {(1, 2), (1, 4)}),
        ("2x2x3:11", {(1, 3)}),
        ("2x3x2:11", {(1, 3)}),
        ("3x2x2:11", {(1, 3)}),
        ("2x3x3:15", {(1, 5), (1, 7), (None, 3)}),
        ("3x3x3:23", {(1, 5), (1, 7)}),
        ("4x4x4:49", {(2, 9), (2, 11)}),
        ("4x4x4:48", {(2, 10), (None, 6)}),
        ("1x1x3:3", {(1, 1)}),
        ("3x1x3:9", set()),
        ("2x3x4:20", set()),
        ("3x4x5:47", set()),
        ("1x1x1:1", set()),
    ],
)
def test_likely_transpositions(scheme: str, transpositions: set[tuple[int | None, int]]) -> None:
    """Form and number of fixed products, by hand: n(n±1)/2 or next to it, so that the others make pairs."""
    fmt, rank = parse_scheme_name(scheme)
    assert rank is not None
    found = [symmetry for symmetry in symmetries_of(fmt, rank) if isinstance(symmetry, Transposition)]
    assert {(symmetry.negative, symmetry.fixed) for symmetry in found} == transpositions
    assert len(found) == len(transpositions)


@pytest.mark.parametrize(
    ("scheme", "sandwiches"),
    [
        ("2x2x2:7", set()),
        ("2x2x2:8", {(1, None, None), (None, 1, None), (None, None, 1)}),
        ("2x3x4:20", {(None, 1, None)}),
        ("5x4x2:32", {(None, None, 2)}),
        ("3x3x4:28", set()),
        ("4x4x4:48", {(2, None, None), (None, 2, None), (None, None, 2)}),
    ],
)
def test_likely_sandwiches(scheme: str, sandwiches: set[tuple[int | None, ...]]) -> None:
    """Two alternating forms, which need even dimensions, a balanced diagonal one, and all products in pairs."""
    fmt, rank = parse_scheme_name(scheme)
    assert rank is not None
    found = [symmetry for symmetry in symmetries_of(fmt, rank) if isinstance(symmetry, Sandwich)]
    assert {symmetry.forms for symmetry in found} == sandwiches
    assert len(found) == len(sandwiches)


@pytest.mark.parametrize("scheme", ["1x1x1:1", "2x2x2:7", "2x2x4:14", "2x3x4:20", "3x3x6:40", "4x4x4:48", "4x5x6:90"])
def test_likely_symmetries_can_be_searched_for(scheme: str) -> None:
    fmt, rank = parse_scheme_name(scheme)
    assert rank is not None
    found = symmetries_of(fmt, rank)
    assert len(set(found)) == len(found)
    assert {numeric(option.settings).symmetry for option in candidates(fmt, rank, Pins())} == {None, *found}


class TestLearner:
    def test_everything_is_tried_at_first(self) -> None:
        found = shares(learner(), draws=2000)
        assert set(found) == set(options())
        assert max(found, key=lambda settings: found[settings]).bound != max(s.bound or 0.0 for s in options())

    def test_what_succeeded_is_preferred(self) -> None:
        best = options()[3]
        known = learner()
        for settings in options():
            known.learn(settings, fits=40 if settings == best else 0, iterations=10_000)
        assert shares(known)[best] > 0.9

    def test_what_succeeds_with_less_work_is_preferred(self) -> None:
        known = learner()
        for settings in options():
            known.learn(settings, fits=40, iterations=20_000 if settings == options()[0] else 200_000)
        assert shares(known)[options()[0]] > 0.9

    def test_what_failed_is_not_given_up(self) -> None:
        known = learner()
        known.learn(options()[2], fits=0, iterations=2_000)
        found = shares(known, draws=5000)
        assert 0 < found[options()[2]] < shares(learner(), draws=5000)[options()[2]]

    def test_similar_bounds_teach_each_other(self) -> None:
        ascending = sorted(options(), key=lambda settings: settings.bound or 0.0)
        for taught, near, *_, far in (ascending, ascending[::-1]):
            known = learner()
            known.learn(taught, fits=50, iterations=1_000)
            found = shares(known)
            assert found[taught] > found[near] > 0.1
            assert found.get(far, 0.0) < 0.05

    def test_failures_are_shared_too(self) -> None:
        known = learner()
        known.learn(options()[0], fits=0, iterations=100_000)
        before, after = shares(learner(), draws=4000), shares(known, draws=4000)
        assert after[options()[1]] < 0.2 * before[options()[1]]
        assert after[options()[-1]] > before[options()[-1]]

    def test_bounds_that_are_no_candidates_teach_too(self) -> None:
        known = learner()
        known.learn(SearchSettings(bound=(options()[4].bound or 0.0) * 1.02), fits=50, iterations=1_000)
        assert shares(known)[options()[4]] > 0.7

    @pytest.mark.parametrize("symmetry", [None, *symmetries_of(FORMAT, RANK)])
    def test_symmetries_are_kept_apart(self, symmetry: Any) -> None:
        known = learner(Pins(bound=150.0))
        known.learn(SearchSettings(bound=150.0, symmetry=symmetry), fits=500, iterations=1_000)
        assert shares(known)[SearchSettings(bound=150.0, symmetry=symmetry)] > 0.95

    @pytest.mark.parametrize(
        "other",
        [
            {"start_scale": 0.1},
            {"max_iterations": 3},
            {"symmetry": Transposition(9, 0)},
            {"symmetry": Sandwich((None, 1, None))},
            {"bound": None},
        ],
    )
    def test_what_cannot_be_compared_teaches_nothing(self, other: dict[str, Any]) -> None:
        known = learner()
        for settings in options():
            known.learn(replace(settings, **other), fits=0, iterations=10**9)
        assert shares(known) == shares(learner())

    def test_work_is_counted_by_its_cost(self) -> None:
        # An iteration under a transposition solves a system of half the size.
        known = learner(Pins(bound=150.0))
        symmetric = symmetries_of(FORMAT, RANK)[0]
        for symmetry, iterations in ((None, 10_000), (symmetric, 20_000)):
            known.learn(SearchSettings(bound=150.0, symmetry=symmetry), fits=1000, iterations=iterations)
        found = shares(known)
        assert found[SearchSettings(bound=150.0, symmetry=symmetric)] > 0.9

    def test_the_order_of_learning_does_not_matter(self) -> None:
        class Shapes:
            """In the place of a generator: remembers what is asked of it."""

            def __init__(self) -> None:
                self.asked: list[float] = []

            def gamma(self, shape: float) -> float:
                self.asked.append(shape)
                return shape

        lessons = [(options()[0], 1, 333), (options()[1], 7, 777), (options()[3], 2, 10**6), (options()[0], 3, 12_345)]
        found = set()
        for order in permutations(lessons):
            known, rng = learner(), Shapes()
            for lesson in order:
                known.learn(*lesson)
            chosen = known.choose(rng)  # type: ignore[arg-type]
            found.add((chosen, *rng.asked))
        # To the last bit.
        assert len(found) == 1

    def test_the_history_is_as_good_as_the_starts_themselves(self) -> None:
        at_once, one_by_one = learner(), learner()
        settings = options()[1]
        history = [experience(json.loads(json.dumps(asdict(settings))), fits=3, iterations=900, starts=4)]
        assert at_once.recall(history) == 4
        for fits, iterations in ((1, 100), (0, 500), (2, 300)):
            one_by_one.learn(settings, fits, iterations)
        assert shares(at_once) == shares(one_by_one) != shares(learner())

    @pytest.mark.parametrize(
        "settings",
        [
            {"bound": 150.0, "flips": 7},
            {"path": "discrete"},
            {"bound": "wide"},
            {"bound": -1.0},
            {"bound": 150.0, "max_iterations": 0.5},
            {"bound": 150.0, "symmetry": "cyclic"},
            {"bound": 150.0, "symmetry": {"order": 3}},
            {"bound": 150.0, "symmetry": {"fixed": [1]}},
            {"bound": 150.0, "symmetry": {"forms": 3}},
            {"bound": 150.0, "symmetry": {}},
        ],
    )
    def test_unknown_settings_are_skipped(self, settings: dict[str, object]) -> None:
        known = learner()
        understood = experience(asdict(options()[0]), starts=7)
        assert known.recall([experience(settings, fits=900, starts=90), understood]) == 7
        only = learner()
        only.recall([understood])
        assert shares(known) == shares(only)


class TestSettingsFromMapping:
    @pytest.mark.parametrize(
        "symmetry", [None, Transposition(3), Transposition(5, 0), Transposition(0, 2), Sandwich((None, 1, 0))]
    )
    def test_round_trip(self, symmetry: Any) -> None:
        settings = SearchSettings(0.1 + 150.0, start_scale=1 / 3, max_iterations=77, symmetry=symmetry)
        assert settings_from_mapping(asdict(settings)) == settings
        again = settings_from_mapping(json.loads(json.dumps(asdict(settings))))
        assert again == settings
        assert hash(again) == hash(settings)

    def test_rows_without_a_symmetry_are_from_before_there_was_one(self) -> None:
        old = {"bound": 46.2, "start_scale": 0.5, "max_iterations": 1000}
        assert settings_from_mapping(old) == SearchSettings(bound=46.2)
        assert old == {"bound": 46.2, "start_scale": 0.5, "max_iterations": 1000}

    @pytest.mark.parametrize("mapping", [{"radius": 1.0}, {"bound": -1.0}, {"symmetry": 3}, {"symmetry": {"K": 1}}])
    def test_others_are_refused(self, mapping: dict[str, object]) -> None:
        with pytest.raises((TypeError, InputError)):
            settings_from_mapping(mapping)


@dataclass(frozen=True)
class Truth:
    """Shares of exact fits, highest at a bound per product and with a symmetry, a tenth of it without.

    For 2x3x4:20, all of whose candidates cost the same.
    """

    bound: float
    best: float
    symmetry: Sandwich | None = None

    def share(self, settings: SearchSettings) -> float:
        assert settings.bound is not None
        distance = log(settings.bound / 20 / self.bound) / 0.1
        return self.best * exp(-(distance**2)) * (1.0 if settings.symmetry == self.symmetry else 0.1)

    def lost(self, starts: int, seed: int, learning: bool) -> float:
        """Expected number of exact fits that the best settings would have brought more, if they were known."""
        rng = np.random.default_rng(seed)
        there = candidates(Format(2, 3, 4), 20, Pins())
        known = Learner(Format(2, 3, 4), 20, there)
        lost = 0.0
        lessons: list[tuple[SearchSettings, int, int]] = []
        for start in range(starts):
            if start in (8, 16, 32, 64, 128, 256) or start % 512 == 0:
                for lesson in lessons:
                    known.learn(*lesson)
                lessons = []
            settings = numeric(known.choose(rng) if learning else there[rng.integers(len(there))].settings)
            lost += max(self.share(numeric(option.settings)) for option in there) - self.share(settings)
            lessons.append((settings, int(rng.random() < self.share(settings)), 100))
        return lost


@pytest.mark.parametrize(
    ("truth", "starts"),
    [
        (Truth(6.2, best=0.3), 1000),
        (Truth(7.8, best=0.3), 1000),
        (Truth(6.6, best=0.3, symmetry=Sandwich((None, 1, None))), 1000),
        (Truth(7.1, best=0.02, symmetry=Sandwich((None, 1, None))), 3000),
    ],
    ids=["low bound", "high bound", "symmetric", "seldom"],
)
def test_learning_pays(truth: Truth, starts: int) -> None:
    """Less than three quarters are lost of what is lost by choosing at random."""
    learning, random = (sum(truth.lost(starts, seed, learning) for seed in range(5)) for learning in (True, False))
    assert learning < 0.75 * random
