"""docs/database.md agrees with the models and the command line."""

from __future__ import annotations

import re

from results_db import schema
from tests.cli.reference import commands
from tests.results_db.picture import PATH, render

TEXT = PATH.read_text(encoding="utf-8")


def test_the_picture_shows_the_models() -> None:
    assert render(TEXT) == TEXT, "run: python -m tests.results_db.picture"


def test_the_commands_exist_with_their_options() -> None:
    known = dict(commands())
    lines = re.findall(r"^(?:MMDISCOVER_DB=\S+ )?mmdiscover (.*)$", TEXT, re.MULTILINE)
    assert len(lines) > 10
    for line in lines:
        words = line.split()
        path = tuple(words[: 2 if tuple(words[:2]) in known else 1])
        options = {option for parameter in known[path].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_the_newest_schema_is_named() -> None:
    assert f"`{schema.HEAD}`" in TEXT
