from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmdiscover.errors import ExportError
from mmdiscover.export import LANGUAGES, check, emit_checked
from mmdiscover.export.program import program_of
from mmdiscover.export.sharing import share_subexpressions
from mmdiscover.export.writing import Facts
from tests.export.samples import sample


def emitted(name: str) -> str:
    """Not checked."""
    verified = sample(name)
    return LANGUAGES["numba"].emit(share_subexpressions(program_of(verified.scheme)), Facts.of(verified))


def run(code: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(code, "emitted", "exec"), space)
    return space


def test_compiled_sums_of_every_dtype() -> None:
    multiply = run(emitted("strassen"))["multiply"]
    generator = np.random.default_rng(1)
    for dtype in ("uint8", "float32", "complex128"):
        a, b = generator.integers(0, 9, (16, 17)).astype(dtype), generator.integers(0, 9, (19, 17)).astype(dtype).T
        found = multiply(a, b, cutoff=1)
        assert found.dtype == dtype
        assert np.array_equal(found, a @ b)


def test_every_sum_is_one_call() -> None:
    code = emitted("laderman")
    step = code.partition("def _step")[2]
    assert " + " not in step
    for count in range(1, 20):
        assert (f"def _sum{count}(" in code) == (f"_sum{count}(" in code)


def test_a_scheme_with_few_kernels_is_run_compiled() -> None:
    assert emit_checked(sample("winograd"), "numba").note == ""
    wrong = emitted("winograd").replace("njit(void(block,", "njit(void(block, block,", 1)
    with pytest.raises(ExportError, match="cannot be run"):
        check.check_numba(wrong, sample("winograd").scheme)


def test_a_scheme_with_many_kernels_says_that_it_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_FEW_KERNELS", 1)
    assert "but uncompiled: it has 2 functions" in emit_checked(sample("strassen"), "numba").note


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_sum(1, a11, -1, a21)", "_sum(1, a11, 1, a21)"),
        ("_fill(c12, 1, m1, 1, m3)", "_fill(c12, 1, m1, 1, m2)"),
        ("c[n:] = a[n:] @ b", "c[n:] = 0"),
        ("k1 * x1[i, j] + k2 * x2[i, j]", "k1 * x1[i, j] - k2 * x2[i, j]"),
    ],
)
def test_broken_code_is_refused(old: str, new: str) -> None:
    code = emitted("strassen")
    assert old in code
    with pytest.raises(ExportError, match="numba code for 2x2x2:7"):
        check.check_numba(code.replace(old, new, 1), sample("strassen").scheme)


@pytest.mark.parametrize(("name", "dtype"), [("strassen", object), ("rational", int), ("modulo 2", float)])
def test_dtypes_that_cannot_hold_the_result_are_refused(name: str, dtype: Any) -> None:
    with pytest.raises(TypeError, match="expected"):
        run(emitted(name))["multiply"](np.ones((2, 2), dtype), np.ones((2, 2), dtype))
