from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.export import export_code
from tests.export.samples import sample

INTEGER_SAMPLES = ["strassen", "winograd", "laderman", "2x2x4", "2x4x2", "classical 1x1x1", "classical 3x1x2", "padded"]
SIZES = st.tuples(*[st.integers(0, 14)] * 3)


@cache
def space_of(name: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(export_code(sample(name), "numpy"), name, "exec"), space)
    return space


def multiply(name: str, *arguments: Any, **options: Any) -> Any:
    return space_of(name)["multiply"](*arguments, **options)


@given(
    name=st.sampled_from(INTEGER_SAMPLES),
    sizes=SIZES,
    dtype=st.sampled_from(["int8", "uint8", "int32", "int64", "uint64", "object"]),
    cutoff=st.integers(0, 5),
    seed=st.integers(0, 99),
)
def test_integers_agree_with_matmul_overflow_included(
    name: str, sizes: tuple[int, int, int], dtype: str, cutoff: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    a, b = (generator.integers(0, 100, shape).astype(dtype) for shape in (sizes[:2], sizes[1:]))
    found = multiply(name, a, b, cutoff=cutoff)
    assert found.dtype == np.dtype(dtype)
    assert np.array_equal(found, a @ b)


@given(
    name=st.sampled_from([*INTEGER_SAMPLES, "rational", "gaussian"]),
    sizes=SIZES,
    dtypes=st.tuples(*[st.sampled_from(["float32", "float64", "complex64", "complex128"])] * 2),
    seed=st.integers(0, 99),
)
def test_floats_agree_with_matmul(name: str, sizes: tuple[int, int, int], dtypes: tuple[str, str], seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = (
        generator.normal(size=shape).astype(dtype) for shape, dtype in zip((sizes[:2], sizes[1:]), dtypes, strict=True)
    )
    found = multiply(name, a, b, cutoff=1)
    expected = np.result_type(a, b)
    assert found.dtype == (np.result_type(expected, np.complex64) if name == "gaussian" else expected)
    single = {"float32", "complex64"} & set(dtypes)
    np.testing.assert_allclose(found, a @ b, atol=1e-2 if single else 1e-9)


@given(sizes=SIZES, seed=st.integers(0, 99))
def test_fractions_stay_exact_in_object_arrays(sizes: tuple[int, int, int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = (generator.integers(-9, 10, shape).astype(object) * Fraction(1, 7) for shape in (sizes[:2], sizes[1:]))
    found = multiply("rational", a, b, cutoff=0)
    assert found.dtype == object
    assert (found == a @ b).all()


def test_long_doubles_keep_their_digits() -> None:
    a, b = np.random.default_rng(0).random((2, 4, 4)).astype(np.longdouble)
    error = np.abs(multiply("rational", a, b, cutoff=0) - a @ b).max()
    assert error < 1000 * np.finfo(np.longdouble).eps


def test_modulo_2() -> None:
    a, b = np.random.default_rng(0).integers(0, 2, (2, 9, 9))
    found = multiply("modulo 2", a, b, cutoff=0)
    assert np.array_equal(found % 2, a @ b % 2)
    assert not np.array_equal(found, a @ b)


def test_the_cut_off_decides_how_deep_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    space = space_of("strassen")
    step, sizes = space["_step"], []

    def counted(a: Any, b: Any, c: Any, cutoff: int) -> None:
        sizes.append(len(a))
        step(a, b, c, cutoff)

    monkeypatch.setitem(space, "_step", counted)
    a = np.eye(8)
    for cutoff, expected in [(8, []), (7, [8]), (4, [8]), (3, [8] + 7 * [4]), (0, [8] + 7 * ([4] + 7 * [2]))]:
        sizes.clear()
        space["multiply"](a, a, cutoff=cutoff)
        assert sizes == expected


def test_views_and_lists_are_taken_and_left_alone() -> None:
    a, b = np.arange(80).reshape(8, 10)[::-2, ::2], np.arange(50).reshape(10, 5).T[:, ::2]
    before = a.copy(), b.copy()
    assert np.array_equal(multiply("strassen", a, b, cutoff=0), a @ b)
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
    assert multiply("strassen", [[1, 2], [3, 4]], [[5, 6], [7, 8]], cutoff=0).tolist() == [[19, 22], [43, 50]]


def test_nan_comes_through() -> None:
    a = np.eye(4)
    a[0, 0] = np.nan
    assert np.isnan(multiply("strassen", a, np.eye(4), cutoff=0)).any()


@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((4,), (4, 4)), ((2, 2, 2), (2, 2))])
def test_shapes_that_do_not_meet_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="expected"):
        multiply("strassen", np.ones(shapes[0]), np.ones(shapes[1]))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("strassen", bool), ("strassen", "U1"), ("rational", int), ("gaussian", int), ("modulo 2", float)],
)
def test_dtypes_that_cannot_hold_the_result_are_refused(name: str, dtype: Any) -> None:
    with pytest.raises(TypeError, match="expected"):
        multiply(name, np.ones((2, 2)).astype(dtype), np.ones((2, 2)).astype(dtype))
