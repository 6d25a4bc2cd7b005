"""What a rule makes of histories, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.stopping.run import effect, histories_of, stopped_at

FALLING = 2.0 ** -np.arange(80.0)
PASSING = np.concatenate([np.full(10, 1.0), FALLING[1:]])
STUCK = np.full(101, 1.0)


def test_where_a_rule_stops() -> None:
    assert stopped_at(FALLING, 5, 0.02) == 79
    assert stopped_at(PASSING, 5, 0.02) == 5
    assert stopped_at(PASSING, 20, 0.02) == len(PASSING) - 1
    assert stopped_at(STUCK, 20, 0.02) == 20


def test_what_a_rule_costs_and_saves() -> None:
    patient, impatient = (effect([FALLING, PASSING, STUCK], window, 0.02) for window in (20, 5))
    whole = (79 + 88 + 100) / 2
    assert (patient.given_up, patient.fits) == (0, 2)
    assert patient.iterations_per_fit == (79 + 88 + 20) / 2
    assert patient.relative == pytest.approx(patient.iterations_per_fit / whole)
    assert (impatient.given_up, impatient.fits) == (1, 2)
    assert impatient.iterations_per_fit == 79 + 5 + 5


def test_starts_go_on_to_their_end() -> None:
    histories = histories_of("2x2x2:7", 1, 4, 60)
    assert len(histories) == 4
    assert all(len(history) == 61 or history[-1] <= 1e-26 for history in histories)
