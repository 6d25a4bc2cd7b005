"""The public API is lazy and complete."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import mmdiscover

HEAVY = ("numba", "sympy", "sqlalchemy", "alembic", "matplotlib", "scipy", "numpy", "joblib")


def modules_loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `code` ran."""
    probe = (
        f"{code}\nimport json, sys\njson.dump(sorted({{name.partition('.')[0] for name in sys.modules}}), sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(result.stderr))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert modules_loaded_by("import mmdiscover").isdisjoint((*HEAVY, "typer", "rich"))


@pytest.mark.parametrize("option", ["--help", "--version", "discover --help"])
def test_help_loads_nothing_heavy(option: str) -> None:
    run_as_program = (
        f"import runpy, sys\nsys.argv = ['mmdiscover', *{option.split()}]\n"
        "try: runpy.run_module('mmdiscover', run_name='__main__')\nexcept SystemExit as end: assert not end.code"
    )
    loaded = modules_loaded_by(run_as_program)
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_heavy_modules_would_be_noticed() -> None:
    assert "numpy" in modules_loaded_by("import mmdiscover; mmdiscover.Scheme")


@pytest.mark.parametrize("name", mmdiscover.__all__)
def test_every_public_name_exists(name: str) -> None:
    value = getattr(mmdiscover, name)
    assert callable(value)
    assert value.__doc__
    assert name in dir(mmdiscover)


def test_the_verifier_is_reachable_under_its_own_name() -> None:
    from mmdiscover.verify import verify

    assert mmdiscover.verify_scheme is verify


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mmdiscover.nonsense  # noqa: B018
