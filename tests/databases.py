"""Empty databases of both kinds: fixtures that tests/conftest.py hands to all tests.

The PostgreSQL server is that of MMDISCOVER_TEST_POSTGRES, an address of an account that may create databases. Without
it a private one is started when the first test asks for it, shared by all workers of pytest-xdist.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import URL, create_engine, make_url

import results_db
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = "MMDISCOVER_TEST_POSTGRES"
_FOLDER = "MMDISCOVER_TEST_POSTGRES_FOLDER"
_numbers = count()


def prepare(config: pytest.Config) -> None:
    """Say where the private server will be; workers inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="mmdiscover-postgres-")


def clean_up(config: pytest.Config) -> None:
    """End the private server, if there is one."""
    if hasattr(config, "workerinput") or _FOLDER not in os.environ:
        return
    folder = Path(os.environ.pop(_FOLDER))
    if (folder / "url").exists():
        postgres.stop(folder / "server")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> URL:
    """Address of a running server. An address that was given must work; without any PostgreSQL the test is skipped."""
    given = os.environ.get(SERVER)
    if given:
        return make_url(given)
    if postgres.binaries() is None:
        pytest.skip(f"PostgreSQL is not installed, and {SERVER} names no server")
    folder = Path(os.environ[_FOLDER])
    address = folder / "url"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            if os.geteuid() == 0:
                folder.chmod(0o711)  # the server runs as another user
            address.write_text(postgres.start(folder / "server"))
    return make_url(address.read_text())


def execute(server: URL, *statements: str) -> None:
    """Run statements that belong to no transaction."""
    engine = create_engine(server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _address(server: URL, name: str) -> str:
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def _postgres_template(postgres_server: URL) -> Iterator[str]:
    """A database with the newest schema: to copy it is faster than to migrate."""
    name = f"mmdiscover_template_{os.getpid()}"
    execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE template0")
    results_db.open_database(_address(postgres_server, name)).close()
    yield name
    execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest, postgres_server: URL) -> Iterator[str]:
    """Address of an own PostgreSQL database: without tables for tests marked `without_tables`, else with all."""
    with _database(request, postgres_server) as url:
        yield url


@pytest.fixture
def second_postgres_url(request: pytest.FixtureRequest, postgres_server: URL) -> Iterator[str]:
    """Address of another one."""
    with _database(request, postgres_server) as url:
        yield url


@contextmanager
def _database(request: pytest.FixtureRequest, server: URL) -> Iterator[str]:
    template = "template0"
    if not request.node.get_closest_marker("without_tables"):
        template = request.getfixturevalue("_postgres_template")
    name = f"mmdiscover_test_{os.getpid()}_{next(_numbers)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _address(server, name)
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Tests that use `database_url` run on both kinds; those that name the fixture `path` are about SQLite files."""
    if "database_url" in metafunc.fixturenames:
        kinds = ["sqlite"] if "path" in metafunc.fixturenames else ["sqlite", "postgresql"]
        metafunc.parametrize("database_url", kinds, indirect=True)


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema: to copy it is faster than to migrate."""
    path = tmp_path_factory.mktemp("template") / "results.db"
    results_db.open_database(str(path)).close()
    return path


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an own database without rows, and without tables for tests marked `without_tables`."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    path = tmp_path / "results.db"
    if not request.node.get_closest_marker("without_tables"):
        shutil.copy(request.getfixturevalue("_sqlite_template"), path)
    return str(path)
