"""The search with a learner on the smallest scheme, and how results are summed up."""

from __future__ import annotations

from collections import Counter

import pytest

from experiments.learnt_settings.run import Yield, best, row, search
from mmdiscover.search import SearchSettings, Transposition


def test_a_search_ends_with_its_fits() -> None:
    found = search("2x2x2:7", 1, 3, 1.0)
    assert found.fits.total() == 3
    assert found.starts >= 3
    assert found.seconds_per_fit == pytest.approx(found.seconds / 3)


def test_a_search_ends_with_its_time() -> None:
    found = search("2x2x2:6", 1, 1, 1e-6)
    assert (found.fits.total(), found.starts) == (0, 1)
    assert found.seconds_per_fit == float("inf")


def test_a_row_sums_up_seeds() -> None:
    plain, other = SearchSettings(bound=46.2), SearchSettings(bound=42.0, symmetry=Transposition(1))
    results = [Yield(Counter({plain: 3, other: 1}), 10, 2.0), Yield(Counter({plain: 1}), 5, 4.0)]
    expected = ["2x2x2:7", 5, 15, "6.0", "2.25", "0.5 – 4", "none; c = 6.6 r (4 of 5 fits)"]
    assert row("2x2x2:7", results) == expected
    assert row("2x2x2:7", [Yield(Counter(), 9, 1.0)]) == ["2x2x2:7", 0, 9, "1.0", "no fit", "–", "–"]
    assert best(Counter(), 7) == "–"
