"""The damping rule, by hand."""

from __future__ import annotations

import pytest

from mmdiscover.decompositions.damping import Damping


@pytest.mark.parametrize(
    ("gain", "factor"),
    [(0.0, 2.0), (0.25, 1.125), (0.5, 1.0), (0.75, 0.875), (1.0, 1 / 3), (5.0, 1 / 3)],
)
def test_accepted_steps_lower_it_by_the_gain(gain: float, factor: float) -> None:
    damping = Damping(3.0)
    damping.accept(gain)
    assert damping.value == pytest.approx(3.0 * factor)


def test_another_smallest_factor() -> None:
    damping = Damping(2.0, smallest_factor=0.1)
    damping.accept(1.0)
    assert damping.value == pytest.approx(0.2)


def test_rejected_steps_raise_it_faster_and_faster() -> None:
    damping = Damping(1.0)
    values = []
    for _ in range(4):
        damping.reject()
        values.append(damping.value)
    assert values == [2.0, 8.0, 64.0, 1024.0]


def test_an_accepted_step_starts_the_growth_anew() -> None:
    damping = Damping(1.0)
    damping.reject()
    damping.reject()
    damping.accept(0.5)
    damping.reject()
    assert damping.value == 16.0


def test_it_stays_positive() -> None:
    assert Damping(0.0).value == Damping.SMALLEST
    damping = Damping(2 * Damping.SMALLEST)
    damping.accept(1.0)
    assert damping.value == Damping.SMALLEST


@pytest.mark.parametrize(("first", "largest"), [(1e-6, 1.0), (1.0, 1.0), (1e9, 1e9)])
def test_exhausted_beyond_the_largest(first: float, largest: float) -> None:
    damping = Damping(first)
    damping.value = largest * Damping.LARGEST
    assert not damping.exhausted
    damping.reject()
    assert damping.exhausted
