"""A database and targets for runs with scripted kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmdiscover.campaign.plan import Budget, Target, plan_target
from mmdiscover.campaign.runner import Plan
from mmdiscover.core.format import Format
from results_db import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from results_db import Database


@pytest.fixture
def target() -> Target:
    return plan_target(Format(2, 2, 2), 7)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(str(tmp_path / "results.db")) as database:
        yield database


@pytest.fixture
def plan(target: Target) -> Plan:
    """At most 12 starts in this process."""
    return Plan(target, seed=5, workers=1, budget=Budget(starts=12))
