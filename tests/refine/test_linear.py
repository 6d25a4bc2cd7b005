"""The exact solution of the rest: planted ones, by hand, and for known schemes in random rational gauges."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import unflatten
from mmdiscover.refine import linear as module
from mmdiscover.refine.linear import solve_linear_rest
from mmdiscover.verify import check_brent
from tests.schemes import classical, strassen, winograd
from tests.strategies import invertible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

ONE = np.ones((1, 1, 1))


def solve(
    tensor: NDArray[np.float64],
    entries: Sequence[Any] | NDArray[np.object_],
    free: Sequence[int],
    wanted: Sequence[Any] | None = None,
) -> list[Fraction] | None:
    """Solve for the entries at `free`; what stands there is taken away, and 0 is wanted unless said otherwise."""
    fixed = np.array(entries, dtype=object)
    mask = np.zeros(len(fixed), dtype=bool)
    mask[list(free)] = True
    fixed[mask] = None
    return solve_linear_rest(tensor, fixed, mask, [Fraction(value) for value in wanted or [0] * len(free)])


def entries_of(scheme: Scheme) -> NDArray[np.object_]:
    return np.concatenate([factor.ravel() for factor in scheme.arrays])


def with_entries(scheme: Scheme, free: Sequence[int], values: Sequence[Fraction]) -> Scheme:
    """`scheme` with other entries at `free`."""
    entries = entries_of(scheme)
    entries[list(free)] = values
    return scheme.with_arrays(scheme.format, unflatten(entries, scheme.format.shape))


# Known schemes


@pytest.mark.parametrize("mode", range(3))
def test_two_factors_of_strassen_determine_the_third(mode: int) -> None:
    entries = entries_of(strassen())
    free = range(28 * mode, 28 * (mode + 1))
    solved = solve(matmul_tensor(Format(2, 2, 2)), entries, free, [Fraction(1, 3)] * 28)
    assert solved == entries[free].tolist()


@st.composite
def partly_known(draw: st.DrawFn) -> tuple[Scheme, list[int]]:
    """A valid scheme with rational entries, and entries of at most one vector of each product."""
    scheme = draw(
        st.sampled_from([strassen(), winograd(), classical(Format(2, 1, 2)), classical(Format(1, 2, 3))]),
    )
    # Entries are simple: whether equations depend on each other is decided in floating point.
    numbers = st.sampled_from([Fraction(-1, 2), -1, 0, 1])
    scheme = sandwich(scheme, *(draw(invertible(size, numbers)) for size in scheme.format.sizes))
    scales = st.sampled_from([Fraction(3, 7), Fraction(-5, 3), Fraction(1, 11), Fraction(2)])
    alpha, beta = (np.array(draw(st.lists(scales, min_size=scheme.rank, max_size=scheme.rank))) for _ in range(2))
    starts = np.cumsum([0, *scheme.format.shape])
    free = []
    for product in range(scheme.rank):
        mode = draw(st.integers(0, 2))
        rows = draw(st.sets(st.integers(int(starts[mode]), int(starts[mode + 1]) - 1)))
        free += [row * scheme.rank + product for row in rows]
    return rescale(scheme, alpha, beta), sorted(free)


@settings(max_examples=30)
@given(partly_known().filter(lambda drawn: drawn[1]), st.data())
def test_what_comes_out_solves_the_brent_equations(drawn: tuple[Scheme, list[int]], data: st.DataObject) -> None:
    scheme, free = drawn
    tensor = matmul_tensor(scheme.format)
    wanted = data.draw(
        st.lists(st.fractions(-2, 2, max_denominator=50), min_size=len(free), max_size=len(free)), label="wanted"
    )
    solved = solve(tensor, entries_of(scheme), free, wanted)
    assert solved is not None
    assert check_brent(with_entries(scheme, free, solved)).holds
    # Where there are several solutions one is as good as another, but a wanted one is taken.
    assert solve(tensor, entries_of(scheme), free, solved) == solved
    true = entries_of(scheme)[free].tolist()
    assert solve(tensor, entries_of(scheme), free, true) == true


# By hand


def test_what_the_equations_leave_open_gets_what_is_wanted() -> None:
    # u₁ + 3 u₂ + 5 u₃ = 1: two of the three are what is wanted.
    entries = [0, 0, 0, 1, 3, 5, 1, 1, 1]
    wanted = [Fraction(1, 7), Fraction(2, 7), Fraction(5, 7)]
    solved = solve(ONE, entries, [0, 1, 2], wanted)
    assert solved is not None
    assert solved[0] + 3 * solved[1] + 5 * solved[2] == 1
    assert sum(x == y for x, y in zip(solved, wanted, strict=True)) == 2
    wanted = [Fraction(-5), Fraction(2), Fraction(0)]
    assert solve(ONE, entries, [0, 1, 2], wanted) == wanted


def test_free_vectors_may_belong_to_different_modes() -> None:
    # u₁·2·2 + 3·v₂·3 = 1, and v₂ is fixed or not.
    entries = [Fraction(1, 4), 3, 2, 0, 2, 3]
    assert solve(ONE, entries, [0]) == [Fraction(1, 4)]
    assert solve(ONE, entries, [0, 3], [Fraction(5, 2), -1]) == [Fraction(5, 2), -1]


@pytest.mark.parametrize("free", [[0, 2], [0, 4], [2, 4], [0, 2, 4], [0, 1, 2]])
def test_a_product_with_two_free_vectors_is_not_linear(free: list[int]) -> None:
    # 1·1·0 + 1·1·1 = 1: u is 0 and 1, v is 2 and 3, w is 4 and 5.
    assert solve(ONE, [1, 1, 1, 1, 0, 1], free, [1] * len(free)) is None


def test_entries_of_one_vector_are_solved_for_together() -> None:
    tensor = np.array([1.0, 2.0, -3.0]).reshape(3, 1, 1)
    assert solve(tensor, [0, 0, 0, 2, 5], [0, 1, 2]) == [Fraction(1, 10), Fraction(1, 5), Fraction(-3, 10)]


def test_equations_that_contradict_each_other() -> None:
    # u·w₁ = 1 and u·w₂ = 1, where w₂ differs by less than floating point can tell.
    tensor = np.ones((1, 1, 2))
    assert solve(tensor, [0, 1, Fraction(2, 3), Fraction(2, 3)], [0]) == [Fraction(3, 2)]
    assert solve(tensor, [0, 1, Fraction(2, 3), 2], [0]) is None
    assert solve(tensor, [0, 1, Fraction(2, 3), Fraction(2, 3) + Fraction(1, 10**30)], [0]) is None


def test_denominators_may_be_large() -> None:
    assert solve(ONE, [0, 1009, 1], [0]) == [Fraction(1, 1009)]
    large = Fraction(10**25 + 13, 3)
    assert solve(ONE, [large, 0, Fraction(7, 11)], [1]) == [1 / (large * Fraction(7, 11))]
    # Two unknowns, of which floating point finds each to sixteen digits only.
    tensor = np.ones((2, 1, 1)) * np.array([[[1.0]], [[4.0]]])
    entries: list[Any] = [Fraction(1, 1009), Fraction(2, 3), 5, Fraction(1, 997), 0, 0, 1, 1]
    solved = solve(tensor, entries, [4, 5])
    assert solved is not None
    assert entries[0] * solved[0] + entries[1] * solved[1] == 1
    assert entries[2] * solved[0] + entries[3] * solved[1] == 4


def test_entries_without_influence_get_what_is_wanted() -> None:
    # 2·½·1 + u₂·0·0: every coefficient is zero, and the equation holds or not.
    assert solve(ONE, [2, 0, Fraction(1, 2), 0, 1, 0], [1], [Fraction(1, 9)]) == [Fraction(1, 9)]
    assert solve(ONE, [2, 0, Fraction(1, 3), 0, 1, 0], [1], [Fraction(1, 9)]) is None


def test_nothing_to_solve_for() -> None:
    assert solve(ONE, [1, 1, 1], []) is None


def test_too_many_unknowns_are_not_tried() -> None:
    scheme = classical(Format(3, 3, 3))
    entries = entries_of(scheme)
    free = list(range(len(entries) - 200, len(entries)))
    assert solve(matmul_tensor(scheme.format), entries, free) == entries[free].tolist()
    assert solve(matmul_tensor(scheme.format), entries, [free[0] - 1, *free]) is None


def test_given_values_are_not_changed() -> None:
    fixed = np.array([None, Fraction(2), Fraction(1)], dtype=object)
    free, wanted = np.array([True, False, False]), [Fraction(3)]
    assert solve_linear_rest(ONE, fixed, free, wanted) == [Fraction(1, 2)]
    assert list(fixed) == [None, 2, 1]
    assert list(free) == [True, False, False]
    assert wanted == [3]


def test_where_floats_choose_wrongly_there_is_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(matrix: NDArray[np.float64], **_: object) -> tuple[None, NDArray[np.float64], NDArray[np.intp]]:
        return None, np.eye(*matrix.shape), np.arange(matrix.shape[1])

    monkeypatch.setattr(module, "qr", careless)
    # u₁ + u₂ = 1 twice.
    tensor = np.ones((1, 1, 2))
    assert solve(tensor, [0, 0, 1, 1, 1, 1, 1, 1], [0, 1]) is None
