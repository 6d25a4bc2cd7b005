"""When the search is compiled, and when that is said."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from mmdiscover.search import compilation, compile_kernels

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source of the kernels, in a folder of its own, modified at second 1000."""
    path = tmp_path / "kernels.py"
    path.touch()
    os.utime(path, (1000, 1000))
    (tmp_path / "__pycache__").mkdir()
    monkeypatch.setattr(compilation, "find_spec", lambda _: SimpleNamespace(origin=str(path)))
    return path


def keep(source: Path, name: str, second: int) -> None:
    path = source.parent / "__pycache__" / name
    path.touch()
    os.utime(path, (second, second))


def told() -> list[str]:
    notes: list[str] = []
    compile_kernels(notes.append)
    return notes


def test_nothing_is_kept_yet(source: Path) -> None:
    assert source.exists()
    assert told() == ["compiling the search; this takes about 20 s, once"]


def test_what_is_kept_is_used(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(source, "kernels.iterate-99.py311.nbi", 1001)
    monkeypatch.setattr("mmdiscover.decompositions.fit_cp", None)
    assert told() == []


@pytest.mark.parametrize(
    ("name", "second"), [("kernels.iterate-99.py311.nbi", 999), ("kernels.iterate-99.py311.1.nbc", 1001)]
)
def test_what_is_older_than_the_source_or_not_complete_is_not_used(source: Path, name: str, second: int) -> None:
    keep(source, name, second)
    assert len(told()) == 1


def test_nobody_needs_to_be_told(source: Path) -> None:
    assert source.exists()
    compile_kernels()
