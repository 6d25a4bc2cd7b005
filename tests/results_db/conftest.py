"""Open databases of both kinds."""

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
    """The file of the SQLite database."""
    return tmp_path / "results.db"


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with results_db.open_database(database_url) as database:
        yield database
