"""Settings: what is refused, what is filled in, and the smallest bound."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.search import SearchSettings, complete_settings, smallest_bound
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import formats

SQUARE = Format(2, 2, 2)


@pytest.mark.parametrize("bound", [0.0, -1.0, nan, inf])
def test_a_bound_is_a_positive_number(bound: float) -> None:
    with pytest.raises(InputError, match=f"bound is {bound}, expected a positive number"):
        SearchSettings(bound=bound)


@pytest.mark.parametrize("scale", [0.0, -1.0, nan, inf, 1e9])
def test_a_start_scale_is_a_positive_number(scale: float) -> None:
    with pytest.raises(InputError, match=rf"start scale is {scale}, expected a positive number"):
        SearchSettings(start_scale=scale)


@pytest.mark.parametrize("limit", [0, -5, 2.5, 10**6 + 1])
def test_an_iteration_limit_is_a_number_of_iterations(limit: int) -> None:
    with pytest.raises(InputError, match=f"iteration limit is {limit}, expected an integer from 1 to 1000000"):
        SearchSettings(max_iterations=limit)
    assert SearchSettings(max_iterations=1).max_iterations == 1


@given(formats)
def test_ranks_below_the_flattening_rank_are_refused(fmt: Format) -> None:
    least = fmt.flattening_rank
    with pytest.raises(InputError, match=f"{fmt}:{least - 1}: no scheme of {fmt} has fewer than {least} products"):
        complete_settings(fmt, least - 1, SearchSettings())
    assert complete_settings(fmt, least, SearchSettings()).bound is not None


def test_bounds_without_any_exact_fit_are_refused() -> None:
    least = smallest_bound(SQUARE)
    with pytest.raises(InputError, match=r"bound is 11\.9, expected at least 12: no exact fit of 2x2x2"):
        complete_settings(SQUARE, 7, SearchSettings(bound=11.9))
    assert complete_settings(SQUARE, 7, SearchSettings(bound=least)).bound == least


@pytest.mark.parametrize("bound", [None, 1e5])
def test_what_does_not_fit_in_memory_is_refused(bound: float | None) -> None:
    with pytest.raises(CapacityError, match="the search for 4x4x4:100000000 needs"):
        complete_settings(Format(4, 4, 4), 10**8, SearchSettings(bound=bound))


def test_the_memory_of_the_tensor_counts_too() -> None:
    fmt = Format(900, 900, 900)
    with pytest.raises(CapacityError):
        complete_settings(fmt, fmt.flattening_rank, SearchSettings())


def test_a_given_bound_is_kept() -> None:
    settings = SearchSettings(bound=50.0, start_scale=0.7, max_iterations=9)
    assert complete_settings(SQUARE, 7, settings) == settings


@given(formats, st.integers(0, 9))
def test_the_default_bound_leaves_room(fmt: Format, more: int) -> None:
    rank = fmt.flattening_rank + more
    settings = complete_settings(fmt, rank, SearchSettings(start_scale=0.7, max_iterations=9))
    assert settings.bound is not None
    assert settings.bound >= max(6 * rank, 1.5 * smallest_bound(fmt))
    assert (settings.start_scale, settings.max_iterations) == (0.7, 9)


def balanced_norm(factors: Factors) -> float:
    """‖θ‖² after every term has got three vectors of the same length."""
    lengths = [np.linalg.norm(factor, axis=0) for factor in factors.arrays]
    return float(3 * np.sum(np.cbrt(lengths[0] * lengths[1] * lengths[2]) ** 2))


@pytest.mark.parametrize("scheme", [strassen(), winograd(), laderman()], ids=["strassen", "winograd", "laderman"])
def test_known_schemes_lie_above_the_smallest_bound(scheme: object) -> None:
    assert isinstance(scheme, type(strassen()))
    factors = Factors(scheme.format, *(factor.astype(float) for factor in scheme.arrays))
    assert smallest_bound(scheme.format) < balanced_norm(factors)


@given(formats)
def test_classical_schemes_lie_above_the_smallest_bound(fmt: Format) -> None:
    factors = Factors(fmt, *(factor.astype(float) for factor in classical(fmt).arrays))
    assert 0 < smallest_bound(fmt) <= balanced_norm(factors) * (1 + 1e-12)


def test_the_smallest_bound_by_hand() -> None:
    assert smallest_bound(Format(1, 1, 1)) == pytest.approx(3.0)
    assert smallest_bound(SQUARE) == pytest.approx(12.0)
    assert smallest_bound(Format(3, 3, 3)) == pytest.approx(27.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bound": "5"}, "bound is '5', expected a positive number"),
        ({"start_scale": "1"}, "start scale is '1', expected a positive number"),
        ({"max_iterations": "1"}, "iteration limit is '1', expected an integer"),
    ],
)
def test_what_is_no_number_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SearchSettings(**settings)


def test_numbers_of_numpy_will_do() -> None:
    settings = SearchSettings(bound=np.float64(40.0), max_iterations=np.int64(5))  # type: ignore[arg-type]
    assert settings == SearchSettings(bound=40.0, max_iterations=5)
