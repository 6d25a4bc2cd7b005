"""The tensor library stands on its own: what importing it loads, and its public names."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mmdiscover import decompositions


def loaded_by(code: str) -> set[str]:
    probe = f"{code}\nimport json\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(result.stdout))


def test_importing_it_loads_nothing_heavy() -> None:
    loaded = loaded_by("import sys\nfrom mmdiscover import decompositions")
    assert loaded.isdisjoint({"numpy", "scipy", "numba", "results_db", "mmdiscover.cli"})


def test_all_of_it_loads_neither_database_nor_command_line() -> None:
    loaded = loaded_by(
        "import sys\nfrom mmdiscover import decompositions as d\nfor name in d.__all__: getattr(d, name)"
    )
    assert "mmdiscover.decompositions.cp.als" in loaded
    assert loaded.isdisjoint({"sqlalchemy", "results_db", "typer", "rich", "sympy", "matplotlib", "sklearn", "joblib"})
    assert not any(name.startswith(("mmdiscover.cli", "mmdiscover.core", "mmdiscover.search")) for name in loaded)


def test_arithmetic_of_trains_has_names_of_its_own() -> None:
    from mmdiscover.decompositions.tt import arithmetic

    assert decompositions.tt_kronecker is arithmetic.kronecker


def test_names_are_those_listed() -> None:
    assert set(decompositions.__all__) <= set(dir(decompositions))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = decompositions.nothing
