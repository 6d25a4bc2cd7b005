"""`mmdiscover export`: every language, the help that lists them, and what is said beside the code."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from mmdiscover.export.catalogue import DESCRIPTIONS
from tests.cli.reference import help_text

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("language", DESCRIPTIONS)
def test_every_language_is_written(cli: CommandLine, folder: Path, language: str) -> None:
    printed = cli("export", "1", "--to", language)
    assert printed.code == 0
    assert "2x2x2:7" in printed.out
    assert cli("export", "1", "--to", language, "-o", "code").code == 0
    assert (folder / "code").read_text(encoding="utf-8") == printed.out
    cli("export", "1", "--to", language, "-o", "code").assert_refused("exists", "--force")


def test_help_lists_every_language_with_its_description() -> None:
    text = re.sub(r"\s+", " ", help_text(("export",)))
    for name, description in DESCRIPTIONS.items():
        assert f"{name}: {description}" in text


@pytest.mark.usefixtures("filled")
def test_what_was_not_compiled_is_said_on_standard_error(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with_compiler = cli("export", "1", "--to", "c")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    without = cli("export", "1", "--to", "c")
    assert (without.code, without.out) == (0, with_compiler.out)
    assert "was not run, as there is no working cc or gcc or clang" in without.err


def test_an_unknown_language_is_refused_before_the_database_is_opened(cli: CommandLine) -> None:
    cli("export", "1", "--to", "cobol").assert_refused("cobol", ", ".join(DESCRIPTIONS))


@pytest.mark.usefixtures("filled")
def test_effort_finds_fewer_additions(cli: CommandLine) -> None:
    assert "additions  18" in cli("export", "1", "--to", "python").out
    assert "additions  15" in cli("export", "1", "--to", "python", "--effort", "orbit").out
    cli("export", "1", "--to", "python", "--effort", "much").assert_refused("much", "quick, orbit, flips, long")
