"""Fixtures and settings that all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import scipy.linalg  # noqa: F401  # its BLAS must be there when the number of threads is set
from hypothesis import settings
from threadpoolctl import threadpool_limits

from tests import databases
from tests.databases import (  # noqa: F401  # fixtures
    _postgres_template,
    _sqlite_template,
    database_url,
    postgres_server,
    postgres_url,
    second_postgres_url,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# No deadlines: a loaded machine is slow, not wrong.
settings.register_profile("local", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "local"))

_PUBLISHED = Path(__file__).resolve().parents[1].parent / "shared" / "published"


def pytest_configure(config: pytest.Config) -> None:
    databases.prepare(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    databases.clean_up(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    databases.parametrize(metafunc)


@pytest.fixture(scope="session")
def published() -> Path:
    """Folder of published scheme files, where this machine has one beside the repository."""
    if not _PUBLISHED.is_dir():
        pytest.skip("no published scheme files beside the repository")
    return _PUBLISHED


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """One BLAS thread: more make the small systems of these tests up to thirty times slower on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> None:
    """Processes in the background may ignore signals, and so would every process that these tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
