"""Schemes that a transposition leaves unchanged: the problem in other bases, and the fits it gives back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import FreeAction, PairSymmetry
from mmdiscover.errors import InputError
from mmdiscover.search import (
    EXACT_RESIDUAL,
    Fit,
    Sandwich,
    SearchSettings,
    Symmetry,
    Transposition,
    complete_settings,
    parse_symmetry,
    run_start,
    smallest_bound,
    symmetry_name,
)
from mmdiscover.search.start import random_start
from mmdiscover.search.symmetry import check_symmetry, check_transposition, symmetric_problem, transposable
from tests.decompositions.dense import model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Stack = NDArray[np.float64]

FORMATS = ["1x1x1", "2x2x2", "3x2x3", "2x3x3", "3x3x2", "1x4x1", "2x1x1", "3x3x3", "1x2x1"]


def shift_of(fmt: Format) -> int:
    """How often the first dimension goes last until first and last are equal."""
    n, m, p = fmt.sizes
    return 0 if n == p else 1 if m == n else 2


def middle(fmt: Format) -> int:
    """The dimension that the form belongs to."""
    return fmt.sizes[(shift_of(fmt) + 1) % 3]


def forms(fmt: Format) -> list[int | None]:
    """Every form that exists."""
    return [*range(middle(fmt) + 1), *([None] if middle(fmt) % 2 == 0 else [])]


CASES = [(fmt, negative) for fmt in map(Format.parse, FORMATS) for negative in forms(fmt)]


@pytest.mark.parametrize(("fmt", "negative"), CASES, ids=str)
def test_the_tensor_has_the_symmetry_in_the_new_bases(fmt: Format, negative: int | None) -> None:
    problem = symmetric_problem(fmt, 4, Transposition(2, negative))
    rows, columns, slices = problem.tensor.shape
    n = fmt.sizes[shift_of(fmt)]
    assert (rows, columns, slices) == (n * middle(fmt), n * middle(fmt), n * n)
    assert isinstance(problem.symmetry, PairSymmetry)
    assert problem.symmetry.fixed == 2
    assert problem.symmetry.even == (n * (n + 1) // 2 if negative is not None else n * (n - 1) // 2)
    signs = np.where(np.arange(slices) < problem.symmetry.even, 1.0, -1.0)
    np.testing.assert_allclose(problem.tensor.transpose(1, 0, 2) * signs, problem.tensor, atol=1e-15)
    assert np.sum(problem.tensor**2) == pytest.approx(fmt.classical_rank)
    for basis in problem.bases:
        np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=1e-15)


@pytest.mark.parametrize(("fmt", "negative"), CASES, ids=str)
def test_factors_go_back_to_the_bases_of_the_format(fmt: Format, negative: int | None) -> None:
    problem = symmetric_problem(fmt, 4, Transposition(2, negative))
    for seed in range(3):
        found = random_start(problem.tensor.shape, 4, 1.0, np.random.default_rng(seed))
        factors = problem.factors(found)
        assert [factor.shape for factor in factors] == [(rows, 4) for rows in fmt.shape]
        assert sum(np.sum(x**2) for x in factors) == pytest.approx(sum(np.sum(x**2) for x in found))
        # A change of orthonormal bases keeps the distance to any model, so it maps the one tensor to the other.
        distance = np.sum((model(found) - problem.tensor) ** 2)
        assert np.sum((model(factors) - matmul_tensor(fmt)) ** 2) == pytest.approx(distance)


@pytest.mark.parametrize(
    "forms", [(1, 0, 0), (1, 2, 3), (None, 0, 1), (2, 1, None), (None, 3, None), (0, 1, 4)], ids=str
)
def test_a_sandwiching_leaves_the_tensor_as_it_is(forms: Sequence[int | None]) -> None:
    fmt = Format(2, 3, 4)
    first, second, third = forms
    problem = symmetric_problem(fmt, 6, Sandwich((first, second, third)))
    assert isinstance(problem.symmetry, FreeAction)
    np.testing.assert_array_equal(problem.tensor, matmul_tensor(fmt))
    mapped = np.einsum("abc,xa,yb,zc->xyz", problem.tensor, *problem.symmetry.images)
    np.testing.assert_array_equal(mapped, problem.tensor)
    found = random_start(fmt.shape, 6, 1.0, np.random.default_rng(0))
    for factor, same, image in zip(found, problem.factors(found), problem.symmetry.images, strict=True):
        np.testing.assert_array_equal(factor, same)
        assert image.shape == (len(factor), len(factor))


def run(name: str, rank: int, symmetry: Symmetry, seed: int) -> Fit:
    settings = SearchSettings(symmetry=symmetry)
    return run_start(Format.parse(name), rank, settings, np.random.SeedSequence(seed))


def matrices(fit: Fit, shift: int) -> list[Stack]:
    """Stacks of all U_q, V_q and W_q after cyclic shifts."""
    shapes = fit.factors.format.matrix_shapes
    arrays = [factor.T.reshape(-1, *shape) for factor, shape in zip(fit.factors.arrays, shapes, strict=True)]
    return [arrays[(k + shift) % 3] for k in range(3)]


def form(size: int, negative: int | None) -> Stack:
    if negative is not None:
        return np.diag([1.0] * (size - negative) + [-1.0] * negative)
    alternating = np.zeros((size, size))
    for i in range(0, size, 2):
        alternating[i, i + 1], alternating[i + 1, i] = 1.0, -1.0
    return alternating


def transposed(stacks: list[Stack], symmetry: Transposition) -> list[Stack]:
    """(U, V, W) → (VᵀF, F⁻¹Uᵀ, Wᵀ) of all products of ⟨n,m,n⟩."""
    u, v, w = stacks
    f = form(u.shape[2], symmetry.negative)
    return [v.transpose(0, 2, 1) @ f, np.linalg.inv(f) @ u.transpose(0, 2, 1), w.transpose(0, 2, 1)]


def sandwiched(stacks: list[Stack], symmetry: Sandwich) -> list[Stack]:
    """(U, V, W) → (P U Q⁻¹, Q V S⁻¹, S W P⁻¹) of all products."""
    p, q, s = (form(stack.shape[1], negative) for stack, negative in zip(stacks, symmetry.forms, strict=True))
    u, v, w = stacks
    return [p @ u @ np.linalg.inv(q), q @ v @ np.linalg.inv(s), s @ w @ np.linalg.inv(p)]


def partners(fit: Fit) -> list[int]:
    """Which product each one is mapped to by the symmetry that was asked for."""
    symmetry = fit.settings.symmetry
    if isinstance(symmetry, Transposition):
        stacks = matrices(fit, shift_of(fit.factors.format))
        images = transposed(stacks, symmetry)
    else:
        assert symmetry is not None
        stacks = matrices(fit, 0)
        images = sandwiched(stacks, symmetry)
    products, mapped = (
        np.einsum("rab,rcd,ref->rabcdef", *triple).reshape(fit.factors.rank, -1) for triple in (stacks, images)
    )
    distances = np.linalg.norm(products[:, None] - mapped, axis=2)
    assert distances.min(axis=1).max() < 1e-12
    return [int(q) for q in distances.argmin(axis=1)]


@pytest.mark.parametrize(
    ("name", "rank", "symmetry", "seeds"),
    [
        ("2x2x2", 7, Transposition(3, 1), range(4)),
        ("2x2x2", 7, Transposition(1), range(4)),
        ("2x2x2", 8, Transposition(4, 0), range(4)),
        ("2x2x2", 8, Transposition(0), range(4)),
        ("3x2x3", 15, Transposition(5, 1), range(10)),
        ("2x3x3", 15, Transposition(5, 1), range(10)),
        ("3x3x2", 15, Transposition(5, 1), range(10)),
        ("3x2x3", 15, Transposition(3), range(6)),
        ("2x3x3", 15, Transposition(3), range(6)),
        ("3x3x2", 15, Transposition(3), range(6)),
        ("3x3x3", 23, Transposition(7, 1), range(1, 2)),
        ("2x2x2", 8, Sandwich((1, 1, 1)), range(6)),
        ("2x2x2", 8, Sandwich((None, 1, 0)), range(6)),
        ("2x2x3", 12, Sandwich((None, 1, 1)), range(6)),
    ],
    ids=str,
)
def test_exact_fits_have_the_symmetry(name: str, rank: int, symmetry: Symmetry, seeds: range) -> None:
    exact = [fit for fit in (run(name, rank, symmetry, seed) for seed in seeds) if fit.exact]
    assert exact
    for fit in exact[:3]:
        assert fit.factors.residual() <= 2 * EXACT_RESIDUAL
        assert fit.settings.symmetry == symmetry
        found = partners(fit)
        assert sorted(found) == list(range(rank))
        kept = symmetry.fixed if isinstance(symmetry, Transposition) else 0
        assert sum(q == partner for q, partner in enumerate(found)) == kept


def test_the_seed_alone_decides() -> None:
    first, second, third = (run("3x2x3", 15, Transposition(3), seed) for seed in (2, 2, 3))
    assert all(np.array_equal(x, y) for x, y in zip(first.factors.arrays, second.factors.arrays, strict=True))
    assert replace(first, factors=second.factors) == second
    assert not np.allclose(first.factors.u, third.factors.u)


def test_the_settings_reach_the_symmetric_start() -> None:
    fmt, transposition = Format(2, 2, 2), Transposition(1)
    settings = SearchSettings(bound=14.0, start_scale=0.01, max_iterations=2, symmetry=transposition)
    fit = run_start(fmt, 7, settings, np.random.SeedSequence(0))
    assert fit.settings == complete_settings(fmt, 7, settings) == settings
    assert fit.iterations == 2
    small = run_start(fmt, 7, replace(settings, max_iterations=1), np.random.SeedSequence(0))
    large = run_start(fmt, 7, replace(settings, max_iterations=1, start_scale=0.5), np.random.SeedSequence(0))
    assert small.squared_norm < 1 < large.squared_norm <= 14.0 * (1 + 1e-12)


def test_defaults_are_filled_in_beside_a_symmetry() -> None:
    settings = complete_settings(Format(3, 2, 3), 15, SearchSettings(symmetry=Transposition(3)))
    assert settings.symmetry == Transposition(3, None)
    assert settings.bound is not None
    assert settings.bound > smallest_bound(Format(3, 2, 3))
    assert SearchSettings().symmetry is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_turned_until_its_ends_are_equal(name: str) -> None:
    fmt = Format.parse(name)
    found = transposable(fmt)
    assert found is not None
    shift, turned = found
    assert shift in range(3)
    sizes = fmt.sizes[shift:] + fmt.sizes[:shift]
    assert turned.sizes == sizes
    assert sizes[0] == sizes[2]
    assert transposable(Format(2, 3, 4)) is None


@pytest.mark.parametrize(
    ("name", "rank", "symmetry", "message"),
    [
        ("2x3x4", 24, Transposition(2, 0), "transposition of 2x3x4: expected a format with two equal dimensions"),
        ("3x3x3", 23, Transposition(1), "of 3x3x3: the alternating form needs an even dimension, got 3"),
        ("2x3x2", 11, Transposition(1), "needs an even dimension, got 3"),
        ("3x3x1", 9, Transposition(1), "needs an even dimension, got 1"),
        ("2x2x2", 7, Transposition(1, 3), "of 2x2x2: 3 negative entries, expected 0 to 2"),
        ("2x2x2", 7, Transposition(1, -1), "-1 negative entries, expected 0 to 2"),
        ("2x2x3", 11, Transposition(1, 4), "4 negative entries, expected 0 to 3"),
        ("2x2x2", 7, Transposition(2, 1), "of 2x2x2: 2 of 7 products fixed, expected an even number of others"),
        ("2x2x2", 7, Transposition(9, 1), "9 of 7 products fixed"),
        ("2x2x2", 7, Transposition(-1, 1), "-1 of 7 products fixed"),
        ("2x2x2", 7, Sandwich((1, 1, 1)), "sandwich of 2x2x2: rank 7, expected an even one for pairs of products"),
        ("2x3x4", 20, Sandwich((3, 0, 0)), "sandwich of 2x3x4: 3 negative entries, expected 0 to 2"),
        ("2x3x4", 20, Sandwich((0, 4, 0)), "4 negative entries, expected 0 to 3"),
        ("2x3x4", 20, Sandwich((0, 0, -1)), "-1 negative entries, expected 0 to 4"),
        ("2x3x4", 20, Sandwich((None, None, 0)), "the alternating form needs an even dimension, got 3"),
        ("2x3x4", 20, Sandwich((0, 0)), "sandwich of 2x3x4: 2 forms, expected 3"),  # type: ignore[arg-type]
    ],
)
def test_symmetries_that_cannot_be(name: str, rank: int, symmetry: Symmetry, message: str) -> None:
    fmt = Format.parse(name)
    for refuse in (check_symmetry, symmetric_problem):
        with pytest.raises(InputError, match=message):
            refuse(fmt, rank, symmetry)
    settings = SearchSettings(symmetry=symmetry)
    with pytest.raises(InputError, match=message):
        complete_settings(fmt, rank, settings)
    with pytest.raises(InputError, match=message):
        run_start(fmt, rank, settings, np.random.SeedSequence(0))


@pytest.mark.parametrize("name", ["2x2x3", "2x3x2", "3x2x2"])
def test_the_form_belongs_to_the_dimension_that_stands_alone(name: str) -> None:
    fmt = Format.parse(name)
    shift, turned = check_transposition(fmt, 11, Transposition(11, 3))
    assert (shift, turned) == (shift_of(fmt), Format(2, 3, 2))


def test_forms_of_a_sandwich_belong_to_the_dimensions_in_ascending_order() -> None:
    settings = SearchSettings(symmetry=Sandwich((None, 1, None)))
    for dimensions in ((2, 3, 4), (3, 4, 2), (4, 2, 3), (4, 3, 2)):
        fmt = Format(*dimensions)
        fits = [run_start(fmt, 20, settings, np.random.SeedSequence(5, spawn_key=(k,))) for k in range(6)]
        assert any(fit.exact for fit in fits), dimensions


@pytest.mark.parametrize("forms", [(0, 0, 0), (2, 0, 4), (2, 3, 4)])
def test_a_sandwich_that_moves_nothing_is_refused(forms: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="map every product to itself"):
        complete_settings(Format(3, 2, 4), 20, SearchSettings(symmetry=Sandwich(forms)))


def test_what_is_no_symmetry_is_refused() -> None:
    with pytest.raises(InputError, match="symmetry is 'foo', expected a Transposition or a Sandwich"):
        complete_settings(Format(2, 2, 2), 7, SearchSettings(symmetry="foo"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "symmetry"),
    [
        ("none", None),
        ("alternating:0", Transposition(0)),
        ("alternating:12", Transposition(12)),
        ("diagonal-0:3", Transposition(3, 0)),
        ("diagonal-10:3", Transposition(3, 10)),
        ("sandwich:a,1,a", Sandwich((None, 1, None))),
        ("sandwich:0,12,a", Sandwich((0, 12, None))),
    ],
)
def test_symmetries(text: str, symmetry: Symmetry | None) -> None:
    assert parse_symmetry(text) == symmetry
    assert symmetry_name(symmetry) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "None",
            "alternating",
            "alternating:",
            "alternating:-1",
            "diagonal:3",
            "diagonal-1",
            "diagonal-x:3",
            "1:3",
        ),
        *("diagonal-1:3 ", "sandwich:a,1", "sandwich:a,1,a,1", "sandwich:a,-1,a", "alternating:٣"),
        "alternating:" + "9" * 99,
    ],
)
def test_nonsense_symmetries(text: str) -> None:
    with pytest.raises(InputError, match="expected none, alternating:F, diagonal-K:F or sandwich:A,B,C"):
        parse_symmetry(text)
