"""Bad input: one line that says what came and what was expected, exit code 2, the database as it was."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from mmdiscover.interop import write_native
from tests.schemes import strassen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine

NONSENSE = [
    (("discover", "0x2x2"), ("0x2x2", "sizes start at 1")),
    (("discover", "3x3"), ("'3x3'", "expected three sizes")),
    (("discover", "axbxc"), ("'axbxc'", "expected three sizes")),
    (("discover", "2x2x2:0"), ("rank '0'", "integer >= 1")),
    (("discover", "2x2x2:-7"), ("rank '-7'", "integer >= 1")),
    (("discover", "2x2x2:seven"), ("rank 'seven'", "integer >= 1")),
    (("discover", "2x2x2:3"), ("2x2x2:3", "fewer than 4 products")),
    (("discover", "999x999x999:1000000"), ("999x999x999", "GiB")),
    (("discover", "2x2x2:999999999999"), ("2x2x2:999999999999", "GiB")),
    (("discover", "999x999x999"), ("tensor of 999x999x999", "GiB")),
    (("discover", "2x2x30"), ("2x2x30", "2x2x30:R")),
    (("discover", "2x2x2:7", "--preference", "beauty"), ("unknown criterion 'beauty'", "ternary, nonzeros")),
    (("discover", "2x2x2:7", "--preference", "additions,additions"), ("names additions twice",)),
    (("discover", "2x2x2:7", "--preference", ""), ("unknown criterion ''", "ternary")),
    (("discover", "2x2x2:7", "--schemes", "0"), ("schemes is 0", "expected 1 to")),
    (("discover", "2x2x2:7", "--schemes", "two"), ("--schemes", "'two'", "expected an integer")),
    (("discover", "2x2x2:7", "--schemes", "1000000000"), ("schemes is 1000000000", "at most 10000")),
    (("refine",), ("expected either the number of a fit or --all-unrefined",)),
    (("refine", "1", "--all-unrefined"), ("expected either the number of a fit or --all-unrefined",)),
    (("refine", "first"), ("'first'", "expected an integer")),
    (("refine", "1", "--format", "2x2x2"), ("--format and --rank", "--all-unrefined")),
    (("refine", "1", "--rank", "7"), ("--format and --rank", "--all-unrefined")),
    (("refine", "99"), ("fit 99", "mmdiscover.db", "number of a stored fit")),
    (("refine", "0"), ("fit 0", "mmdiscover.db")),
    (("refine", "99999999999999999999"), ("fit 99999999999999999999", "mmdiscover.db")),
    (("refine", "--all-unrefined", "--format", "3x3"), ("'3x3'", "expected three sizes")),
    (("refine", "--all-unrefined", "--rank", "0"), ("rank is 0", "integer >= 1")),
    (("refine", "--all-unrefined", "--rank", "99999999999"), ("rank is 99999999999", "integer >= 1")),
    (("refine", "--all-unrefined", "--preference", "ternary,beauty"), ("'beauty'", "ternary, nonzeros")),
    (("refine", "--all-unrefined", "--preference", "ternary,ternary"), ("names ternary twice",)),
    (("refine", "--all-unrefined", "--attempts", "0"), ("attempts is 0", "integer >= 1")),
    (("refine", "--all-unrefined", "--attempts", "1000000000"), ("attempts is 1000000000", "at most 10000")),
    (("refine", "--all-unrefined", "--attempts", "2", "--schemes", "3"), ("schemes is 3", "expected 1 to", "2")),
    (("refine", "--all-unrefined", "--seed", "-1"), ("seed is -1", "expected an integer from 0")),
    (("refine", "--all-unrefined", "--workers", "0"), ("workers is 0", "expected 1 to")),
    (("fits",), ("Missing command", "mmdiscover fits --help")),
    (("fits", "list", "--state", "closed"), ("state 'closed'", "open, refined")),
    (("fits", "list", "--format", "3x3"), ("'3x3'", "expected three sizes")),
    (("fits", "list", "--rank", "-1"), ("rank is -1", "integer >= 1")),
    (("fits", "show", "99"), ("fit 99", "mmdiscover.db")),
    (("fits", "show", "first"), ("'first'", "expected an integer")),
    (("verify", "strasse.json"), ("strasse.json", "expected a scheme file")),
    (("verify", "strassen"), ("strassen", "expected a scheme file")),
    (("discover", "2x2x2:7", "--bound", "3"), ("bound is 3", "expected at least")),
    (("discover", "2x2x2:7", "--bound", "-1"), ("bound is -1", "positive")),
    (("discover", "2x2x2:7", "--bound", "nan"), ("bound is nan", "positive")),
    (("discover", "2x2x2:7", "--bound", "wide"), ("--bound", "'wide'", "expected a number")),
    (("discover", "2x2x2:7", "--start-scale", "0"), ("start scale is 0.0", "positive")),
    (("discover", "2x2x2:7", "--start-scale", "nan"), ("start scale is nan", "positive")),
    (("discover", "2x2x2:7", "--start-scale", "small"), ("--start-scale", "'small'", "expected a number")),
    (("discover", "2x2x2:7", "--max-iterations", "0"), ("iteration limit is 0", "integer from 1")),
    (("discover", "2x2x2:7", "--max-iterations", "2.5"), ("--max-iterations", "'2.5'", "expected an integer")),
    (("discover", "2x2x2:7", "--symmetry", "cyclic"), ("'cyclic'", "none, alternating:F, diagonal-K:F")),
    (("discover", "2x2x2:7", "--symmetry", "alternating:4"), ("4 of 7 products fixed", "even number")),
    (("discover", "2x2x2:7", "--symmetry", "diagonal-3:1"), ("3 negative entries", "0 to 2")),
    (("discover", "3x3x3:23", "--symmetry", "alternating:3"), ("even dimension", "got 3")),
    (("discover", "2x3x4:20", "--symmetry", "diagonal-1:2"), ("2x3x4", "two equal dimensions")),
    (("discover", "2x2x2:7", "--symmetry", "sandwich:a,1,a"), ("rank 7", "even one")),
    (("discover", "2x2x2:7", "--time", "0s"), ("'0s'", "60s")),
    (("discover", "2x2x2:7", "--time", "-5s"), ("'-5s'", "60s")),
    (("discover", "2x2x2:7", "--time", "soon"), ("'soon'", "60s")),
    (("discover", "2x2x2:7", "--time", "999999d"), ("three years",)),
    (("discover", "2x2x2:7", "--starts", "0"), ("starts is 0", "integer >= 1")),
    (("discover", "2x2x2:7", "--starts", "many"), ("--starts", "'many'", "expected an integer")),
    (("discover", "2x2x2:7", "--workers", "0"), ("workers is 0", "expected 1 to")),
    (("discover", "2x2x2:7", "--workers", "100000"), ("workers is 100000", "expected 1 to")),
    (("discover", "2x2x2:7", "--seed", "-1"), ("seed is -1", "expected an integer from 0")),
    (("discover", "2x2x2:7", "--strats", "3"), ("--strats", "--starts")),
    (("discover",), ("SCHEME",)),
    (("discover", "2x2x2:7", "surplus"), ("surplus",)),
    (("conquer",), ("conquer",)),
    (("schemes",), ("Missing command", "mmdiscover schemes --help")),
    (("schemes", "list", "--format", "3x3"), ("'3x3'", "expected three sizes")),
    (("schemes", "list", "--ring", "R"), ("ring 'R'", "ZT, Z, Q, C, Z2")),
    (("schemes", "list", "--sort", "beauty"), ("'beauty'", "additions")),
    (("schemes", "list", "--limit", "0"), ("limit is 0",)),
    (("schemes", "list", "--limit", "some"), ("'some'", "expected an integer")),
    (("schemes", "show", "99"), ("'99'", "mmdiscover.db")),
    (("schemes", "show", "beef"), ("'beef'", "hash")),
    (("schemes", "export", "1", "--format", "docx"), ("'docx'", "json, npz")),
    (("report", "settings", "3x3"), ("'3x3'", "expected three sizes")),
    (("report", "settings", "3x3x3:0"), ("rank '0'", "integer >= 1")),
    (("report", "additions", "--effort", "much"), ("'much'", "quick, orbit, flips, long")),
    (("export", "1", "--to", "cobol"), ("'cobol'", "python, numpy")),
    (("export", "1"), ("--to",)),
    (("export", "99", "--to", "numpy"), ("'99'",)),
    (("verify", "99"), ("'99'",)),
    (("verify", "missing.json"), ("missing.json", "cannot be read")),
    (("verify", "."), (".", "expected a scheme file")),
    (("schemes", "import", "missing.json"), ("missing.json", "cannot be read")),
]


@pytest.mark.parametrize(("arguments", "words"), NONSENSE, ids=lambda value: " ".join(value)[:50])
def test_nonsense_is_refused(
    cli: CommandLine, filled: Path, folder: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    before = filled.read_bytes()
    cli(*arguments).assert_refused(*words)
    assert filled.read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["mmdiscover.db"]


@pytest.mark.parametrize("arguments", [args for args, _ in NONSENSE], ids=lambda value: " ".join(value)[:50])
def test_nonsense_makes_no_database(cli: CommandLine, folder: Path, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).code == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("discover", "2x2x2:7", "--starts", "1"),
        ("refine", "1"),
        ("refine", "--all-unrefined"),
        ("fits", "list"),
        ("fits", "show", "1"),
        ("schemes", "list"),
        ("schemes", "show", "1"),
        ("export", "1", "--to", "text"),
        ("verify", "1"),
        ("db", "upgrade"),
        ("db", "check"),
        ("db", "stats"),
        ("report", "additions"),
        ("report", "ranks"),
        ("report", "settings"),
    ],
    ids=" ".join,
)
class TestUnusableDatabases:
    def test_a_file_that_is_none(self, cli: CommandLine, folder: Path, arguments: tuple[str, ...]) -> None:
        (folder / "garbage.txt").write_bytes(b"This is no database. " * 1000)
        cli(*arguments, "--db", "garbage.txt").assert_refused("garbage.txt", "not a database")
        assert (folder / "garbage.txt").read_bytes() == b"This is no database. " * 1000

    def test_a_newer_schema(self, cli: CommandLine, filled: Path, arguments: tuple[str, ...]) -> None:
        with sqlite3.connect(filled) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
        connection.close()
        before = filled.read_bytes()
        cli(*arguments).assert_refused("from_the_future", "mmdiscover")
        assert filled.read_bytes() == before

    def test_a_folder_that_is_not_there(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        cli(*arguments, "--db", "nowhere/results.db").assert_refused("nowhere")

    def test_an_unsupported_address(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        result = cli(*arguments, "--db", "mysql://me:secret@host/db")
        result.assert_refused("expected")
        assert "secret" not in result.err


def test_the_database_of_the_environment_is_used(
    cli: CommandLine, stored_schemes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMDISCOVER_DB", str(stored_schemes))
    assert len(cli("schemes", "list", "--json").document) == 3


def native(**changes: Any) -> str:
    return json.dumps(json.loads(write_native(strassen())) | changes)


BAD_FILES = {
    "empty": "",
    "garbage": "\x00\x01garbage",
    "no object": "[1, 2, 3]",
    "shape": native(rank=8),
    "floats": native().replace("[1, 0", "[1.0, 0", 1),
    "no number": native().replace("[1, 0", '["x", 0', 1),
    "duplicate keys": native().replace('"rank": 7', '"rank": 7, "rank": 7'),
    "missing key": json.dumps({"format": [2, 2, 2]}),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("command", [("verify",), ("schemes", "import")], ids=" ".join)
def test_malformed_files_are_refused(
    cli: CommandLine, filled: Path, folder: Path, command: tuple[str, ...], name: str
) -> None:
    (folder / "bad.json").write_text(BAD_FILES[name])
    before = filled.read_bytes()
    cli(*command, "bad.json").assert_refused("bad.json")
    assert filled.read_bytes() == before


def test_a_huge_file_is_not_read(cli: CommandLine, folder: Path) -> None:
    with (folder / "huge.json").open("wb") as file:
        file.truncate(100 * 2**20)
    cli("verify", "huge.json").assert_refused("huge.json", "104,857,600 bytes")


class TestOutputFiles:
    COMMANDS = (("export", "1", "--to", "python"), ("schemes", "export", "1"))

    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    def test_existing_ones_are_kept(
        self, cli: CommandLine, filled: Path, folder: Path, command: tuple[str, ...]
    ) -> None:
        del filled
        (folder / "mine").write_text("precious")
        cli(*command, "-o", "mine").assert_refused("mine exists", "--force")
        assert (folder / "mine").read_text() == "precious"
        assert cli(*command, "-o", "mine", "--force").code == 0
        assert (folder / "mine").read_text() != "precious"

    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    @pytest.mark.parametrize("path", [".", "nowhere/file", "/proc/file", "/dev/full", "long" * 1000])
    def test_unwritable_ones_are_refused(
        self, cli: CommandLine, filled: Path, command: tuple[str, ...], path: str
    ) -> None:
        del filled
        cli(*command, "-o", path, "--force").assert_refused(path)

    def test_a_folder_without_permission(self, cli: CommandLine, filled: Path, folder: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        (folder / "locked").mkdir(mode=0o500)
        shutil.copy(filled, folder / "copy.db")
        cli("export", "1", "--to", "text", "-o", "locked/file").assert_refused("locked/file", "Permission denied")
        cli("discover", "2x2x2:7", "--db", "locked/new.db").assert_refused("locked", "not writable")
