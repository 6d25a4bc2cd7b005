"""Times of products are about the products they name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from mmdiscover.bench import time_multiply
from mmdiscover.cli.main import app
from mmdiscover.errors import InputError

KEYS = {"scheme", "n", "dtype", "threads", "levels", "seconds", "matmul_seconds", "speedup", "relative_error"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_errors_are_between_none_and_the_bound(dtype: str) -> None:
    plans = [(), ("2x2x2:7",), ("2x2x2:7", "2x2x2:7")]
    cases = time_multiply(64, dtype, plans, 1, repeats=2)
    assert [(case.scheme, case.levels) for case in cases] == [
        ("matmul", 0),
        ("2x2x2:7", 1),
        ("2x2x2:7, 2x2x2:7", 2),
    ]
    epsilon = float(np.finfo(dtype).eps)
    for case in cases:
        assert 0 < case.relative_error < case.error_bound
        assert case.relative_error < 1000 * epsilon
        assert min(case.seconds, case.matmul_seconds, case.speedup) > 0
    assert cases[0].relative_error == cases[0].matmul_error
    assert [case.error_bound for case in cases] == sorted(case.error_bound for case in cases)
    # A quarter of each matrix, then a sixteenth.
    quarter = 3 * 32**2 * np.dtype(dtype).itemsize / 2**20
    assert [case.workspace_mib for case in cases] == [0, quarter, quarter * 5 / 4]


def test_the_command_prints_what_other_programs_read() -> None:
    result = CliRunner().invoke(
        app,
        ["bench", "export", "2x2x2:7", "auto", "-n", "32", "-n", "33", "--threads", "1", "--repeats", "1", "--json"],
    )
    assert result.exit_code == 0
    cases = json.loads(result.stdout)["cases"]
    assert [(case["n"], case["scheme"]) for case in cases] == [
        (32, "2x2x2:7"), (32, "matmul"), (33, "2x2x2:7"), (33, "matmul"),
    ]  # fmt: skip
    assert all(set(case) >= KEYS for case in cases)
    table = CliRunner().invoke(app, ["bench", "export", "-n", "16", "--repeats", "1"])
    assert table.exit_code == 0
    assert "speed-up" in table.stdout


def test_bad_arguments_are_named() -> None:
    with pytest.raises(InputError, match="size 0"):
        time_multiply(0, "float64", ["auto"], 1)
    with pytest.raises(InputError, match="number type 'int8', expected float32 or float64"):
        time_multiply(4, "int8", ["auto"], 1)
