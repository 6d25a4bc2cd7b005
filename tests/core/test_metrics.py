"""Metrics, pinned to values known by hand."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.metrics import additions, growth_factor, live_products, nonzeros
from mmdiscover.core.scheme import Scheme
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("make", "products", "entries", "sums", "growth"),
    [
        (strassen, 7, 36, 18, 12.0),
        (winograd, 7, 42, 24, 18.0),
        (laderman, 23, 153, 98, 35.0),
        (lambda: classical(Format(2, 3, 4)), 24, 72, 16, 3.0),
        (lambda: classical(Format(3, 3, 3)), 27, 81, 18, 3.0),
        (lambda: classical(Format(1, 1, 1)), 1, 3, 0, 1.0),
    ],
)
def test_known_values(make: Callable[[], Scheme], products: int, entries: int, sums: int, growth: float) -> None:
    scheme = make()
    assert (scheme.rank, nonzeros(scheme), additions(scheme)) == (products, entries, sums)
    assert growth_factor(scheme) == growth


def test_scalings_and_zero_products_cost_no_additions() -> None:
    scheme = Scheme(Format(1, 1, 1), [[2, 0]], np.array([[Fraction(1, 2), 0]]), [[1, 0]])
    assert additions(scheme) == 0
    assert nonzeros(scheme) == 3


def test_products_that_contribute_nothing_cost_nothing() -> None:
    u, v, w = (np.pad(factor.astype(int), ((0, 0), (0, 3)), constant_values=1) for factor in strassen().arrays)
    for zero, factor in enumerate((u, v, w), start=7):
        factor[:, zero] = 0
    scheme = Scheme(Format(2, 2, 2), u, v, w)
    assert list(live_products(scheme)) == [True] * 7 + [False] * 3
    assert additions(scheme) == 18


def test_growth_weighs_by_size() -> None:
    v = np.array([[4, 0], [0, Fraction(1, 2)]])
    w = np.array([[Gaussian(Fraction(3), Fraction(4)), 1]])
    scheme = Scheme(Format(1, 2, 1), [[1, 2], [0, -3]], v, w)
    assert growth_factor(scheme) == 5 * 1 * 4 + 1 * 5 * 0.5


def test_growth_of_huge_entries_is_infinite() -> None:
    huge = 10**200
    assert growth_factor(Scheme(Format(1, 1, 1), [[huge]], [[huge]], [[1]])) == inf
    assert growth_factor(Scheme(Format(1, 1, 1), [[huge]], [[huge]], [[Fraction(1, huge)]])) == 1e200
    assert growth_factor(Scheme(Format(1, 1, 1), [[Gaussian(Fraction(huge**2), Fraction(1))]], [[1]], [[1]])) == inf
