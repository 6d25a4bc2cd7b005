"""Which package may import which library, and who may seal a verified scheme (rooms: see import-linter's contracts)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("mmdiscover/**/*.py"), *ROOT.glob("results_db/**/*.py")])
IMPORTERS = {
    "sqlalchemy": ("results_db",),
    "alembic": ("results_db",),
    "sympy": ("mmdiscover/verify", "mmdiscover/export"),
    "typer": ("mmdiscover/cli",),
    "click": ("mmdiscover/cli",),
    "rich": ("mmdiscover/cli",),
    "matplotlib": ("mmdiscover/report",),
    "numba": ("mmdiscover/decompositions", "mmdiscover/discrete", "mmdiscover/export", "mmdiscover/runtime"),
    "llvmlite": ("mmdiscover/decompositions",),
}


def imported_names(source: str) -> set[str]:
    """Every module and `module.name` that a source text imports, at any depth."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("library", IMPORTERS)
def test_heavy_libraries_stay_in_their_rooms(library: str) -> None:
    offenders = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(name.partition(".")[0] == library for name in imported_names(path.read_text()))
    ]
    assert [path for path in offenders if not path.startswith(tuple(f"{room}/" for room in IMPORTERS[library]))] == []


def test_what_is_compiled_stays_in_one_file_of_a_room() -> None:
    # Numba does not compile a function anew when one that it calls has changed in another file.
    files = [path for path in SOURCES if "numba" in imported_names(path.read_text())]
    assert len({path.parent for path in files}) == len(files)
    assert not any(name.startswith("mmdiscover") for path in files for name in imported_names(path.read_text()))


def test_only_verify_holds_the_seal() -> None:
    mentions = [path.relative_to(ROOT).as_posix() for path in SOURCES if "SEAL" in path.read_text()]
    assert mentions == ["mmdiscover/core/verified.py", "mmdiscover/verify/verification.py"]


def test_imports_are_found_at_any_depth() -> None:
    assert imported_names("import a.b\ndef f():\n    from c import d\n") == {"a.b", "c", "c.d"}
