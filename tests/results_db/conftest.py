"""A real SQLite file for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import results_db

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from results_db import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with results_db.open_database(str(path)) as database:
        yield database
