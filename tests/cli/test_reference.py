"""Help, documentation and the command line agree."""

from __future__ import annotations

import re

import pytest

from mmdiscover.cli.main import app
from mmdiscover.core.ring import Ring
from mmdiscover.export import LANGUAGES
from mmdiscover.interop import EXPORT_FORMATS
from mmdiscover.refine import Criterion
from results_db.models import FitState
from results_db.queries import SORTS
from tests.cli.reference import PATH, commands, help_text, render

COMMANDS = dict(commands())


def test_the_reference_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == render(), "run: python -m tests.cli.reference"


def test_the_commands_are_those_agreed_on() -> None:
    assert set(COMMANDS) == {
        (),
        ("discover",),
        ("campaign",),
        ("campaign", "run"),
        ("campaign", "resume"),
        ("campaign", "status"),
        ("campaign", "list"),
        ("campaign", "stop"),
        ("refine",),
        ("fits",),
        ("fits", "list"),
        ("fits", "show"),
        ("verify",),
        ("export",),
        ("schemes",),
        ("schemes", "list"),
        ("schemes", "show"),
        ("schemes", "export"),
        ("schemes", "import"),
        ("report",),
        ("report", "additions"),
        ("report", "ranks"),
        ("report", "settings"),
        ("report", "walks"),
        ("bench",),
        ("bench", "export"),
        ("bench", "flips"),
        ("bench", "lm"),
        ("bench", "verify"),
        ("db",),
        ("db", "upgrade"),
        ("db", "check"),
        ("db", "stats"),
        ("db", "merge"),
        ("db", "export"),
        ("db", "import"),
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_help(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    assert all(getattr(parameter, "help", None) for parameter in command.params)


@pytest.mark.parametrize(
    "path", [path for path, command in COMMANDS.items() if not hasattr(command, "commands")], ids=" ".join
)
def test_every_command_takes_a_database_and_prints_json(path: tuple[str, ...]) -> None:
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    assert ("--db" in options) == (path[0] != "bench")
    # What these two print is a file.
    assert ("--json" in options) == (path not in {("export",), ("schemes", "export")})


@pytest.mark.parametrize(
    ("path", "option", "choices"),
    [
        (("discover",), "--preference", tuple(Criterion)),
        (("refine",), "--preference", tuple(Criterion)),
        (("fits", "list"), "--state", tuple(FitState)),
        (("schemes", "list"), "--sort", SORTS),
        (("schemes", "list"), "--ring", tuple(Ring)),
        (("schemes", "export"), "--format", tuple(EXPORT_FORMATS)),
        (("export",), "--to", tuple(LANGUAGES)),
    ],
)
def test_help_names_all_choices(path: tuple[str, ...], option: str, choices: tuple[str, ...]) -> None:
    (parameter,) = [parameter for parameter in COMMANDS[path].params if option in parameter.opts]
    assert set(choices) <= set(re.findall(r"[\w-]+", parameter.help))


def test_help_is_plain_text() -> None:
    assert help_text(()).startswith("Usage: mmdiscover")
    assert app.rich_markup_mode is None
