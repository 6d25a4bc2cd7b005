"""The history of the schema leads to the models."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from results_db import migrations, models, schema

if TYPE_CHECKING:
    from results_db import Database

METADATA = models.Base.metadata
FOLDER = Path(migrations.__file__).parent


def test_the_migrations_make_what_the_models_say(db: Database) -> None:
    with db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
        # What alembic does not compare.
        checks = {
            (table.name, constraint["name"], *re.findall("'(.*?)'", constraint["sqltext"]))
            for table in METADATA.sorted_tables
            for constraint in context.dialect.get_check_constraints(connection, table.name)
        }
    assert checks == {
        ("campaigns", "ck_campaigns_state", "running", "finished", "stopped"),
        ("trials", "ck_trials_state", "claimed", "finished"),
        ("fits", "ck_fits_state", "open", "refined"),
    }


def test_the_comparison_notices_a_difference(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(METADATA.tables["schemes"].c.found_at, "nullable", True)
    with db.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) != []


def test_the_known_revisions_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", "results_db:migrations")
    script = ScriptDirectory.from_config(config)
    assert [revision.revision for revision in script.walk_revisions()][::-1] == list(schema.REVISIONS)
    assert script.get_current_head() == schema.HEAD


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_migrations_import_nothing_of_the_application(path: Path) -> None:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    assert {name.partition(".")[0] for name in names} <= {"alembic", "sqlalchemy", "json", "uuid"}
