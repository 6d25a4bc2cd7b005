"""Whether compiled code is there to be used."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from mmdiscover.search import compilation, compile_kernels, kernels_compiled

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = f"py{sys.version_info.major}{sys.version_info.minor}"


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for compiled code, empty yet; the source was modified at second 1000."""
    source, folder = tmp_path / "kernels.py", tmp_path / "kept"
    source.touch()
    os.utime(source, (1000, 1000))
    folder.mkdir()
    iterate = SimpleNamespace(stats=SimpleNamespace(cache_path=str(folder)))
    monkeypatch.setattr(compilation, "kernels", SimpleNamespace(iterate=iterate, __file__=str(source)))
    return folder


@pytest.mark.parametrize(
    ("name", "second", "compiled"),
    [
        (f"kernels.iterate-99.{PYTHON}.nbi", 1001, True),
        (f"kernels.iterate-99.{PYTHON}.nbi", 999, False),
        (f"kernels.iterate-99.{PYTHON}.1.nbc", 1001, False),
        ("kernels.iterate-99.py27.nbi", 1001, False),
        (f"kernels.solve-99.{PYTHON}.nbi", 1001, False),
    ],
)
def test_what_counts_as_compiled(kept: Path, name: str, second: int, compiled: bool) -> None:
    assert not kernels_compiled()
    path = kept / name
    path.touch()
    os.utime(path, (second, second))
    assert kernels_compiled() == compiled


def test_where_nothing_can_be_kept_there_is_nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    iterate = SimpleNamespace(stats=SimpleNamespace(cache_path=None))
    monkeypatch.setattr(compilation, "kernels", SimpleNamespace(iterate=iterate, __file__="kernels.py"))
    assert kernels_compiled()


def test_compiling_leaves_compiled_code() -> None:
    compile_kernels()
    assert kernels_compiled()
