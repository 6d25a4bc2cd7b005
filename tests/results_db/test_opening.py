"""Which files are opened, made, migrated, and which are refused and left alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import OperationalError

import results_db
from mmdiscover.errors import DatabaseError
from results_db import queries, repository, schema
from results_db.database import Database
from results_db.failures import reason
from results_db.location import parse_location
from tests.results_db.samples import schemes

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def refusal(url: str, *, create: bool = True) -> str:
    with pytest.raises(DatabaseError) as caught:
        results_db.open_database(url, create=create)
    message = str(caught.value)
    assert message.isprintable()  # one line
    return message


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_new_file_gets_the_newest_schema_and_keeps_what_is_stored(path: Path) -> None:
    with results_db.open_database(f"sqlite:///{path}") as db:
        repository.store_scheme(db, schemes()["strassen"], source_kind="import")
    for url in (str(path), f"sqlite:///{path}", f"sqlite+pysqlite:///{path}"):
        with results_db.open_database(url, create=False) as db:
            assert [row.scheme for row in queries.list_schemes(db)] == ["2x2x2:7"]
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing is left beside it


def test_connections_check_references_and_write_ahead(path: Path) -> None:
    with results_db.open_database(str(path)) as db, db.read() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        ]
    assert pragmas == ["wal", 1, 1, 500]


def test_an_empty_file_is_filled_by_writers_only(path: Path) -> None:
    path.touch()
    assert refusal(str(path), create=False) == f"database {path} is empty, expected an existing results database"
    assert path.read_bytes() == b""
    results_db.open_database(str(path)).close()
    results_db.open_database(str(path), create=False).close()


def test_a_missing_file_is_not_made_by_readers(path: Path) -> None:
    message = f"database {path} does not exist, expected an existing results database (mmdiscover discover makes one)"
    assert refusal(str(path), create=False) == message
    with pytest.raises(DatabaseError, match="does not exist"):
        results_db.upgrade(str(path))
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".", "is a directory, expected a file such as"),
        ("missing/results.db", "there is no folder"),
        ("text.db/results.db", "there is no folder"),
        ("text.db", "is not a database: the file begins with b'not a da', expected"),
        ("short.db", "is not a database: the file begins with b'x', expected"),
        ("cut.db", "is not a database: the file begins with b'SQLite f', expected"),
        ("n" * 300, "cannot be read: File name too long"),
        ("nul\0.db", "embedded null"),
        ("line\nbreak/results.db", "there is no folder"),
    ],
)
def test_what_is_not_a_database_is_refused_and_left_alone(tmp_path: Path, name: str, reason: str) -> None:
    files = {"text.db": b"not a database", "short.db": b"x", "cut.db": b"SQLite format"}
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    for create in (True, False):
        assert reason in refusal(f"{tmp_path}/{name}", create=create) or not create
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == files


def test_devices_and_unwritable_folders_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not a regular file" in refusal("/dev/null")
    # The superuser may write anywhere but here.
    assert "unable to open database file" in refusal("/proc/results.db")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert refusal(str(path)) == f"database {path} cannot be made: folder {path.parent} is not writable"


def test_a_damaged_database_is_refused(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 40)
    content = path.read_bytes()
    assert str(path) in refusal(str(path))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "url",
    [
        "postgres://user:secret@host/name",
        "postgresql://user:very@secret@host/name",
        "postgresql://user:secret",
        "postgresql://user:secret@host:port/name",
        "postgresql:/user:secret@host/name",
        "postgresql+asyncpg://user:secret@host/name?password=secret",
        "mysql://user:secret@host/name",
        "sqlite:secret.db",
        "sqlite+aiosqlite:///secret.db",
        "sqlite:///secret.db?mode=ro&uri=true",
        "nonsense://secret",
    ],
)
def test_addresses_that_are_not_supported_are_not_repeated(url: str) -> None:
    message = refusal(url)
    assert "is not a supported address, expected a file such as results.db, sqlite:///FILE or postgresql" in message
    assert message.startswith(f"database {url.partition(':')[0]}:")
    assert "secret" not in message


@pytest.mark.parametrize("url", ["", " ", "sqlite://", "sqlite:///", "sqlite:///:memory:", ":memory:"])
def test_a_database_has_a_file(url: str) -> None:
    assert "names no file, expected a file such as" in refusal(url)


def test_passwords_are_hidden() -> None:
    location = parse_location("postgresql+psycopg://user:se%40cret@host:5432/name?password=secret")
    assert location.shown == "postgresql+psycopg://user:***@host:5432/name"
    assert location.url.password == "se@cret"
    assert location.secrets == {"se@cret", "secret"}


def test_drivers_do_not_tell_passwords() -> None:
    error = OperationalError("SELECT 1", {}, Exception("cannot connect\nwith user:secret@host"))
    assert reason(error, {"secret"}, 1.0) == "cannot connect"
    assert reason(ValueError("user:secret@host"), {"secret"}, 1.0) == "user:***@host"
    assert reason(ValueError(), (), 1.0) == "ValueError"


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_missing_driver_is_named(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_location(f"{scheme}://host/name").url.drivername == "postgresql+psycopg"
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert refusal(f"{scheme}://user:secret@host/name") == (
        f"database {scheme}://user:***@host/name needs a driver that is not installed: "
        "pip install 'mmdiscover[postgres]'"
    )


def test_the_driver_that_messages_name_can_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [extra.partition(">")[0] for extra in project["optional-dependencies"]["postgres"]] == ["psycopg[binary]"]


def test_the_address_is_shown_without_password(path: Path) -> None:
    db = Database(parse_location(str(path)))
    assert db.url == f"sqlite:///{path}"
    assert db.name == str(path)
    assert repr(db) == f"Database('sqlite:///{path}')"


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    results_db.open_database(str(path)).close()
    execute(path, "UPDATE alembic_version SET version_num = 'mmdiscover_9999'")
    content = path.read_bytes()
    expected = f"has schema 'mmdiscover_9999', expected {schema.HEAD} or older: it was made by a newer version"
    assert expected in refusal(str(path))
    assert expected in refusal(str(path), create=False)
    with pytest.raises(DatabaseError, match="pip install --upgrade mmdiscover"):
        results_db.upgrade(str(path))
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("opening", [results_db.open_database, results_db.upgrade])
def test_the_schema_is_asked_for_again_once_nobody_else_can_change_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, opening: Callable[[str], object]
) -> None:
    def another_process_is_faster(_: Database) -> None:
        execute(path, "CREATE TABLE alembic_version AS SELECT 'mmdiscover_9999' AS version_num")

    path.touch()
    monkeypatch.setattr(Database, "use_write_ahead_log", another_process_is_faster)
    with pytest.raises(DatabaseError, match="made by a newer version"):
        opening(str(path))


def test_an_older_schema_asks_for_the_upgrade(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results_db.open_database(str(path)).close()
    content = path.read_bytes()
    older = schema.HEAD
    monkeypatch.setattr(schema, "REVISIONS", (older, "mmdiscover_next"))
    monkeypatch.setattr(schema, "HEAD", "mmdiscover_next")
    message = refusal(str(path))
    assert f"has the older schema {older}, expected mmdiscover_next: run `mmdiscover db upgrade`" in message
    assert path.read_bytes() == content


@pytest.mark.parametrize("statement", ["CREATE TABLE bookmarks (id)", "CREATE TABLE alembic_version (version_num)"])
def test_the_database_of_another_program_is_left_alone(path: Path, statement: str) -> None:
    execute(path, statement)
    content = path.read_bytes()
    assert "belongs to another program (it has a table" in refusal(str(path))
    with pytest.raises(DatabaseError, match="belongs to another program"):
        results_db.upgrade(str(path))
    assert path.read_bytes() == content


def test_upgrade_fills_an_empty_file_and_leaves_the_newest_schema(path: Path) -> None:
    path.touch()
    assert results_db.upgrade(str(path)) == (None, schema.HEAD)
    content = path.read_bytes()
    assert results_db.upgrade(str(path)) == (schema.HEAD, schema.HEAD)
    assert path.read_bytes() == content


def test_opening_an_existing_database_loads_no_alembic(path: Path) -> None:
    results_db.open_database(str(path)).close()
    program = (
        "import sys, results_db; heavy = {'alembic', 'sqlalchemy.orm', 'numpy', 'sympy'};"
        "print(heavy & set(sys.modules)); results_db.open_database(sys.argv[1]).close();"
        "print('alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n") == ["set()", "False", ""]
