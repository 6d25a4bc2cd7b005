"""The usual queries on a large database: here on a small one, where what they read is what counts."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from experiments.database_scale.__main__ import main, usual_queries
from experiments.database_scale.fill import fill
from mmdiscover.errors import DatabaseError
from results_db import open_database, queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from results_db import Database

SETTINGS = {"seed": 1, "schemes": 3000, "trials": 480, "factor_bytes": 10, "repeats": 1}
TEXT = "\n".join(f"{name} = {value}" for name, value in SETTINGS.items())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with open_database(str(tmp_path_factory.mktemp("scale") / "results.db")) as db:
        fill(db, SETTINGS)
        yield db


def test_the_rows_are_those_of_a_sound_database(filled: Database) -> None:
    tables = queries.stats(filled).tables
    assert (tables["schemes"], tables["trials"], tables["discoveries"], tables["fits"]) == (3000, 480, 3000, 120)
    targets = queries.campaign_summary(filled, 1).targets
    assert sum(target.fits for target in targets) == 120
    assert sum(target.exact for target in targets) == sum(target.distinct for target in targets) == 40
    dangling = [row for row in queries.check_references(filled) if "certificate" not in str(row.reason)]
    assert dangling == []


@pytest.mark.parametrize("number", range(17))
def test_no_query_reads_a_whole_table(filled: Database, number: int) -> None:
    usual = usual_queries(filled)
    assert len(usual) == 17
    statements: list[tuple[str, Any]] = []
    with filled.read() as connection:
        engine = connection.engine
    listener = lambda *call: statements.append((call[2], call[3]))  # noqa: E731
    event.listen(engine, "before_cursor_execute", listener)
    with suppress(DatabaseError):  # the factors are none
        assert list(usual.values())[number]()
    event.remove(engine, "before_cursor_execute", listener)
    with filled.read() as connection:
        for statement, parameters in statements[1:]:  # after BEGIN
            plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            scans = [line for line in plan if line.partition("SCAN ")[2].partition(" ")[0] in LARGE]
            # In the order of an index, until enough rows are found.
            first_rows = "LIMIT" in statement and not any("TEMP B-TREE" in line for line in plan)
            assert all(first_rows and " USING " in line for line in scans), plan


LARGE = {"schemes", "trials", "discoveries", "fits"}


def test_the_report_tells_medians_and_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, report = tmp_path / "settings.toml", tmp_path / "report.md"
    settings.write_text(TEXT)
    main([str(report), "--settings", str(settings), "--folder", str(tmp_path)])
    text = report.read_text()
    assert "3,000 schemes and a campaign of 480 trials" in text
    assert "| query | SQLite |" in text
    assert text.count(" | ") >= 18
    assert TEXT in text
    assert "filled in" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.md", "settings.toml"]
