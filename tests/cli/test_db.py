"""`mmdiscover db …`."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import results_db
from results_db import schema

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import CommandLine

RELEASED = Path(__file__).parents[1] / "results_db" / "released"


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_an_older_database_asks_for_its_upgrade_and_gets_it(cli: CommandLine, folder: Path) -> None:
    old = gzip.decompress((RELEASED / "mmdiscover_0003.db.gz").read_bytes())
    (folder / "mmdiscover.db").write_bytes(old)
    cli("schemes", "list").assert_refused("older schema mmdiscover_0003", "run `mmdiscover db upgrade`")
    assert cli("db", "upgrade", "--json").document == {"old": "mmdiscover_0003", "new": schema.HEAD}
    assert cli("db", "upgrade").out == f"schema {schema.HEAD} is the newest, nothing to do\n"
    assert len(cli("schemes", "list", "--json").document) == 11
    checked = cli("db", "check", "--json")
    assert (checked.code, checked.document) == (0, {"ok": True, "checked": 11, "damaged": [], "storage": []})


def test_progress_is_told_on_standard_error(cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.cli.db.counting._PAUSE", 0)
    (folder / "mmdiscover.db").write_bytes(gzip.decompress((RELEASED / "mmdiscover_0003.db.gz").read_bytes()))
    assert cli("db", "upgrade").err == "labelling schemes: 11 of 11\n"
    lines = cli("db", "check").err.splitlines()
    assert lines[0].startswith("checking rows: 1 of ")
    assert lines[-1].split(" of ")[0].endswith(lines[-1].split(" of ")[1])


def test_a_newer_database_says_what_to_do(cli: CommandLine, filled: Path) -> None:
    execute(filled, "UPDATE alembic_version SET version_num = 'mmdiscover_9999'")
    for command in (("db", "upgrade"), ("db", "check"), ("schemes", "list")):
        cli(*command).assert_refused("has schema 'mmdiscover_9999'", "run `pip install --upgrade mmdiscover`")


def test_damaged_rows_are_named_and_the_exit_code_is_1(cli: CommandLine, filled: Path) -> None:
    execute(filled, "UPDATE schemes SET factors = replace(factors, '-1', '1') WHERE id = 2")
    execute(filled, "DELETE FROM certificates WHERE scheme_id = 3")
    execute(filled, "UPDATE discoveries SET scheme_id = 99 WHERE id = 1")
    result = cli("db", "check")
    assert result.code == 1
    lines = result.out.splitlines()
    assert lines[0].startswith("schemes 2: ")
    assert set(lines[1:3]) == {
        "discoveries 1: scheme_id points to a missing row of schemes",
        "schemes 3: it has no certificate",
    }
    assert lines[-1] == "3 schemes verified, 3 damaged rows"
    document = cli("db", "check", "--json").document
    assert [(row["table"], row["id"]) for row in document["damaged"]] == [
        ("schemes", 2),
        ("discoveries", 1),
        ("schemes", 3),
    ]
    assert "equation" in document["damaged"][0]["reason"]


def test_a_file_with_damaged_pages_is_reported(cli: CommandLine, filled: Path) -> None:
    content = bytearray(filled.read_bytes())
    start = content.find(b'{"u":') // 4096 * 4096
    content[start : start + 4096] = b"\xff" * 4096
    filled.write_bytes(content)
    result = cli("db", "check", "--json")
    assert result.code == 1
    assert result.document["storage"] != []


def test_databases_are_merged(cli: CommandLine, filled: Path, folder: Path) -> None:
    other = folder / "other.db"
    results_db.open_database(str(other)).close()
    first = cli("db", "merge", filled, "--db", other, "--json")
    assert first.code == 0
    assert first.document["added"]["schemes"] == 3
    assert first.document["left_out"] == []
    assert set(cli("db", "merge", filled, "--db", other, "--json").document["added"].values()) == {0}
    assert "schemes" in cli("db", "merge", filled, "--db", "new.db").out
    assert set(cli("db", "merge", filled, "--json").document["added"].values()) == {0}
    cli("db", "merge", "missing.db").assert_refused("missing.db does not exist")


def test_what_is_damaged_in_the_other_database_is_left_out(cli: CommandLine, filled: Path) -> None:
    execute(filled, "UPDATE schemes SET factors = replace(factors, '-1', '1') WHERE id = 2")
    result = cli("db", "merge", filled, "--db", "new.db")
    assert result.code == 1
    assert "left out: schemes 2: 2x2x2:7 is not verified: " in result.out
    assert [row["id"] for row in cli("schemes", "list", "--db", "new.db", "--json").document] == [1, 2]


def test_everything_goes_out_and_in_again(cli: CommandLine, filled: Path, folder: Path) -> None:
    assert cli("db", "export", "files", "--json").document["written"]["schemes"] == 3
    # The schemes are scheme files as any.
    verified = cli("verify", *sorted((folder / "files").glob("schemes/*/*.json")), "--json")
    assert (verified.code, len(verified.document)) == (0, 3)
    for expected in (3, 0):
        assert cli("db", "import", "files", "--db", "new.db", "--json").document["added"]["schemes"] == expected
    hashes = [
        [row["hash"] for row in cli("schemes", "list", "--db", one, "--json").document] for one in (filled, "new.db")
    ]
    assert hashes[0] == hashes[1]
    cli("db", "export", "files").assert_refused("folder files is not empty")
    shutil.rmtree(folder / "files")
    cli("db", "import", "files").assert_refused("no complete export", "mmdiscover db export")


def test_passwords_are_never_printed(cli: CommandLine, postgres_url: str) -> None:
    server = postgres_url.rpartition("@")[2]
    for url in (
        f"postgresql+psycopg://tester:quite-secret@{server}",
        f"postgresql+psycopg://tester@{server}?password=quite-secret",
        "postgresql://tester:quite-secret@host.invalid/name",
    ):
        for command in (("db", "check"), ("db", "upgrade"), ("schemes", "list"), ("discover", "2x2x2:7")):
            result = cli(*command, "--db", url)
            result.assert_refused("database postgresql")
            assert "quite-secret" not in result.err


def test_schemes_are_listed_by_campaign_and_date(cli: CommandLine, folder: Path) -> None:
    (folder / "mmdiscover.db").write_bytes(gzip.decompress((RELEASED / "mmdiscover_0003.db.gz").read_bytes()))
    cli("db", "upgrade")
    (day,) = {row["found_at"][:10] for row in cli("schemes", "list", "--json").document}
    listed = cli("schemes", "list", "--campaign", "discover-2", "--since", day, "--until", day, "--json").document
    assert [row["format"] for row in listed] == ["3x2x2"]
    assert cli("schemes", "list", "--until", "2026-01-01", "--json").document == []
    assert cli("schemes", "list", "--since", "2999-12-31", "--json").document == []
    cli("schemes", "list", "--campaign", "mine").assert_refused("campaign 'mine' is not in database")
    cli("schemes", "list", "--since", "yesterday").assert_refused("date 'yesterday', expected one such as 2026-01-31")
    cli("schemes", "list", "--until", "9999-12-31").assert_refused("date '9999-12-31'")
    cli("schemes", "list", "--rank", "9" * 20).assert_refused(f"rank is {'9' * 20}, expected 0 to 2147483647")
