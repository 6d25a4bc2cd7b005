"""Exponents, and the operations that are measured."""

from __future__ import annotations

import pytest

from experiments.tt_scaling.run import Curve, draw, measure

SETTINGS = {"seed": 1, "orders": [2, 4], "size": 2, "rank": 2, "repetitions": 1}


def test_exponents_are_slopes_of_logarithms() -> None:
    curve = Curve("dot", (10, 100, 1000), (2e-3, 2e-3 * 10**1.5, 2.0))
    assert curve.exponent == pytest.approx(1.5)


def test_all_operations_are_measured_at_all_orders() -> None:
    curves = measure(SETTINGS)
    assert [curve.name for curve in curves] == ["dot", "add", "Hadamard", "matvec", "rounding"]
    assert all(len(curve.seconds) == 2 for curve in curves)


def test_the_picture_shows_every_curve() -> None:
    [panel] = draw([Curve("dot", (10, 100), (1e-3, 1e-2)), Curve("add", (10, 100), (1e-3, 2e-2))]).axes
    assert len(panel.lines) == 4
    assert [text.get_text() for text in panel.texts] == ["dot  $N^{1.00}$", "add  $N^{1.30}$"]
