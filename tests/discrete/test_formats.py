"""Moves between formats against the tensors of their schemes, summed up in exact numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as combinations_of
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.metrics import nonzeros
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, content_hash
from mmdiscover.core.symmetry import permute, sandwich
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.discrete.formats import (
    best_projection,
    classical,
    extend,
    merge,
    product,
    project,
    resized,
    sandwiched,
)
from mmdiscover.errors import InputError
from mmdiscover.verify.brent import check_brent
from tests.schemes import laderman, strassen, winograd
from tests.strategies import arbitrary_schemes, exact_numbers, invertible, rationals

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSIONS = st.integers(0, 2)
AXES = ((0, 5), (1, 2), (3, 4))
"""Which axes of the tensor, as one of six axes n, m, m, p, p, n, belong to a dimension."""


def modulo_2(scheme: Scheme) -> Scheme:
    return Scheme(scheme.format, *scheme.arrays, modulus=2)


def six_axes(scheme: Scheme) -> NDArray[Any]:
    """The sum of the products, as an array of six axes."""
    total = np.zeros(scheme.format.shape, dtype=int).astype(object)
    for u, v, w in zip(*(factor.T for factor in scheme.arrays), strict=True):
        total += u[:, None, None] * v[None, :, None] * w[None, None, :]
    shape = [size for pair in scheme.format.matrix_shapes for size in pair]
    return (total % 2 if scheme.modulus else total).reshape(shape)


anything = st.one_of(
    arbitrary_schemes(st.integers(-1, 1)),
    arbitrary_schemes(st.integers(-3, 3)),
    arbitrary_schemes(exact_numbers),
    arbitrary_schemes(st.integers(0, 1), modulus=2),
)


@st.composite
def valid_schemes(draw: st.DrawFn) -> Scheme:
    """Strassen's, Winograd's, Laderman's or a classical scheme in a random basis, over Z, Q or modulo 2."""
    sizes = st.integers(1, 3)
    scheme = draw(
        st.one_of(
            st.sampled_from([strassen(), winograd(), laderman()]), st.builds(Format, sizes, sizes, sizes).map(classical)
        )
    )
    kind = draw(st.sampled_from(["ternary", "rational", "modulo 2"]))
    if kind == "rational":
        return sandwich(scheme, *(draw(invertible(size, rationals)) for size in scheme.format.sizes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return sandwiched(modulo_2(scheme) if kind == "modulo 2" else scheme, rng)


@given(st.builds(Format, *[st.integers(1, 4)] * 3), st.sampled_from([0, 2]))
def test_the_classical_scheme_sums_to_the_tensor(fmt: Format, modulus: int) -> None:
    scheme = classical(fmt, modulus)
    assert (scheme.rank, scheme.modulus) == (fmt.classical_rank, modulus)
    assert np.array_equal(six_axes(scheme).reshape(fmt.shape), matmul_tensor(fmt))


@given(anything, DIMENSIONS, st.data())
def test_a_projection_has_the_tensor_without_an_index(scheme: Scheme, dimension: int, data: st.DataObject) -> None:
    size = scheme.format.sizes[dimension]
    scheme = extend(scheme, dimension) if size == 1 else scheme
    index = data.draw(st.integers(0, max(size, 2) - 1))
    expected = six_axes(scheme)
    for axis in AXES[dimension]:
        expected = np.delete(expected, index, axis=axis)
    projected = project(scheme, dimension, index)
    assert projected.format == resized(scheme.format, dimension, max(size, 2) - 1)
    assert np.array_equal(six_axes(projected), expected)
    assert projected.rank <= scheme.rank


@given(anything, DIMENSIONS, st.data())
def test_a_merge_has_both_tensors_as_blocks(first: Scheme, dimension: int, data: st.DataObject) -> None:
    fmt = resized(first.format, dimension, data.draw(st.integers(1, 3)))
    entries = st.lists(st.integers(-1, 1), min_size=sum(fmt.shape), max_size=sum(fmt.shape))
    column = np.array(data.draw(entries), dtype=object)[:, None]
    u, v, w = np.split(column, np.cumsum(fmt.shape)[:-1])
    second = Scheme(fmt, u, v, w, first.modulus)
    merged = merge(first, second, dimension)
    size = first.format.sizes[dimension]
    assert merged.format == resized(fmt, dimension, size + fmt.sizes[dimension])
    one, other = (slice(0, size), slice(size, None))
    blocks = [(one, one, six_axes(first)), (other, other, six_axes(second)), (one, other, 0), (other, one, 0)]
    for rows, columns, block in blocks:
        place: list[slice] = [slice(None)] * 6
        place[AXES[dimension][0]], place[AXES[dimension][1]] = rows, columns
        assert np.all(six_axes(merged)[tuple(place)] == block)


@given(anything, anything)
@settings(max_examples=20)
def test_a_product_has_the_kronecker_product_of_the_tensors(first: Scheme, second: Scheme) -> None:
    if first.modulus != second.modulus:
        with pytest.raises(InputError, match="moduli"):
            product(first, second)
        return
    both = product(first, second)
    expected = six_axes(first)
    for axis, size in enumerate(expected.shape):
        assert both.format.matrix_shapes[axis // 2][axis % 2] == size * six_axes(second).shape[axis]
    # NumPy's Kronecker product of arrays: index i1·n2 + i2 on every axis.
    expected = np.kron(expected, six_axes(second))
    assert np.array_equal(six_axes(both), expected % 2 if both.modulus else expected)
    assert both.rank <= first.rank * second.rank


@given(valid_schemes(), DIMENSIONS)
@settings(max_examples=25)
def test_what_is_added_can_be_left_out_again(scheme: Scheme, dimension: int) -> None:
    larger = extend(scheme, dimension)
    size = scheme.format.sizes[dimension]
    assert larger.rank == scheme.rank + scheme.format.classical_rank // size
    assert larger.ring == scheme.ring
    assert check_brent(larger).holds
    back = project(larger, dimension, size)
    assert back == scheme


@given(valid_schemes(), DIMENSIONS)
@settings(max_examples=25)
def test_the_best_projection_is_a_scheme_of_no_larger_rank_or_ring(scheme: Scheme, dimension: int) -> None:
    size = scheme.format.sizes[dimension]
    if size > 1:
        best = best_projection(scheme, dimension)
        assert best.format == resized(scheme.format, dimension, size - 1)
        assert check_brent(best).holds
        assert scheme.ring.contains(best.ring)
        assert best.rank <= min(project(scheme, dimension, index).rank for index in range(size))


@pytest.mark.parametrize("dimension", range(3))
@pytest.mark.parametrize("modulus", [0, 2])
def test_the_best_projection_finds_the_basis(dimension: int, modulus: int) -> None:
    # What was added in one basis is found in any other: leaving out single rows of such a scheme gains little.
    larger = extend(Scheme(Format(3, 3, 3), *laderman().arrays, modulus=modulus), dimension)
    gains = []
    for seed in range(4):
        hidden = sandwiched(larger, np.random.default_rng(seed))
        best = best_projection(hidden, dimension)
        assert best.rank <= 23
        assert check_brent(best).holds
        gains.append(min(project(hidden, dimension, index).rank for index in range(4)) - best.rank)
    assert max(gains) > 0


def test_a_projection_of_ternary_products_is_ternary() -> None:
    # With few vectors x and z, of which many pairs would lead to fractions.
    rng, fmt = np.random.default_rng(0), Format(3, 2, 2)
    gains = 0
    for _ in range(30):
        x, z, v = rng.integers(-1, 2, (3, 3)), rng.integers(-1, 2, (3, 3)), rng.integers(-1, 2, (4, 6))
        u = [np.outer(x[rng.integers(3)], rng.integers(-1, 2, 2)).ravel() for _ in range(6)]
        w = [np.outer(rng.integers(-1, 2, 2), z[rng.integers(3)]).ravel() for _ in range(6)]
        scheme = Scheme(fmt, np.transpose(u), v, np.transpose(w))
        best = best_projection(scheme, 0)
        assert best.ring == Ring.ZT
        gains += best.rank < min(project(scheme, 0, index).rank for index in range(3))
    assert gains > 0


@pytest.mark.parametrize("modulus", [0, 2])
def test_one_vector_is_enough_for_a_projection(modulus: int) -> None:
    # No U_q has rank one, all W_q but one are y (1, 1): with x a unit vector they vanish.
    fmt, one = Format(2, 2, 2), [1, 0, 0, 1]
    rows = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]])
    scheme = Scheme(fmt, np.transpose([one] * 4), np.eye(4, dtype=int), rows.T, modulus)
    assert project(scheme, 0, 0).rank == project(scheme, 0, 1).rank == 3
    assert best_projection(scheme, 0).rank == 1


def test_factors_that_are_zero_everywhere() -> None:
    zero = Scheme(Format(2, 1, 1), [[0, 0], [0, 0]], [[1, 1]], [[1, 0], [0, 0]])
    assert best_projection(zero, 0).rank == 1
    assert sandwiched(zero, np.random.default_rng(0)).rank == 2


def test_the_best_projection_over_fractions() -> None:
    rng = np.random.default_rng(1)
    basis = [np.tril(rng.integers(1, 4, (size, size))).astype(object) for size in (4, 3, 3)]
    hidden = sandwich(extend(laderman(), 0), *basis)
    assert hidden.ring == Ring.Q
    assert best_projection(hidden, 0).rank <= 23
    assert check_brent(best_projection(hidden, 0)).holds


def test_ranks() -> None:
    squared = product(strassen(), winograd())
    assert squared.name == "4x4x4:49"
    assert squared.ring == Ring.ZT
    assert check_brent(squared).holds
    joined = merge(permute(classical(Format(1, 2, 2)), Format(2, 2, 1)), strassen(), 2)
    assert joined.name == "2x2x3:11"
    assert best_projection(laderman(), 0).rank <= 16
    assert best_projection(product(squared, strassen()), 1).rank < 343


def split(scheme: Scheme, *shares: tuple[Any, Any, Any]) -> Scheme:
    """Its first product several times, each factor multiplied by a share."""
    arrays = []
    for k, factor in enumerate(scheme.arrays):
        parts = np.stack([factor[:, 0] * share[k] for share in shares], axis=1)
        arrays.append(np.concatenate([parts, factor[:, 1:]], axis=1))
    return scheme.with_arrays(scheme.format, arrays)


def tidied(scheme: Scheme) -> Scheme:
    return product(scheme, classical(Format(1, 1, 1), scheme.modulus))


@pytest.mark.parametrize("k", range(3))
@pytest.mark.parametrize(
    "shares",
    [
        [(1, -1, 1), (2, 1, 1)],
        [(3, 1, -3), (2, -5, -1)],
        [(Fraction(1, 2), 1, 1), (1, 1, Fraction(1, 2))],
        [(Gaussian(Fraction(0), Fraction(1)), 1, 1), (1 - Gaussian(Fraction(0), Fraction(1)), 1, 1)],
        [(1, 1, 2), (1, 1, 2), (-3, 1, 1)],
        [(1, 1, 1), (0, 1, 1)],
    ],
)
def test_parallel_products_become_one(k: int, shares: list[tuple[Any, Any, Any]]) -> None:
    whole = laderman()
    more = split(whole, *(share[k:] + share[:k] for share in shares))
    less = tidied(more)
    assert more.rank == 22 + len(shares)
    assert less.rank == 23
    assert check_brent(more).holds
    assert check_brent(less).holds
    assert more.ring.contains(less.ring)


def test_products_that_cancel_go_both() -> None:
    twice = merge(strassen(), strassen(), 0)
    extra = split(twice, (1, 1, 1), (1, 1, 1), (1, -1, 1))
    assert (extra.rank, tidied(extra).rank) == (16, 14)
    ones = Scheme(Format(1, 1, 1), [[1, 1]], [[1, -1]], [[1, 1]])
    assert tidied(ones) == Scheme(Format(1, 1, 1), [[0]], [[0]], [[0]])


def test_a_sum_that_leads_to_another_joins_again() -> None:
    # Products 1 and 2 agree in u and v; with w joined, what comes out agrees with product 3 in u and w.
    fmt = Format(1, 2, 2)
    u = [[1, 1, 1], [0, 0, 0]]
    v = [[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    w = [[1, 0, 1], [0, 1, 1]]
    assert tidied(Scheme(fmt, u, v, w)) == Scheme(fmt, [[1], [0]], [[1], [1], [0], [0]], [[1], [1]])


def test_ternary_schemes_stay_ternary() -> None:
    fmt = Format(1, 1, 2)
    u, v, w = [[1, 1, -1]], [[1, 1, 1], [1, 1, 1]], [[1, 1, 1], [0, -1, 1]]
    ternary = tidied(Scheme(fmt, u, v, w))
    assert ternary.ring == Ring.ZT
    assert ternary.rank == 2  # the sum of the first two has a 2, that of the first and the third has none
    assert np.array_equal(six_axes(ternary), six_axes(Scheme(fmt, u, v, w)))
    assert tidied(Scheme(fmt, [[2, 2, -2]], v, w)).rank == 1
    assert tidied(Scheme(fmt, u, v, w, 2)).rank == 1


@pytest.mark.parametrize("big", [100, 2**12, 2**18, -(2**40), 10**30])
def test_large_integers_stay_exact(big: int) -> None:
    scheme = Scheme(Format(1, 1, 1), [[big, 2 * big]], [[big, big]], [[1, big]])
    assert tidied(scheme).rank == 1
    assert six_axes(product(scheme, scheme)).item() == six_axes(scheme).item() ** 2
    scaled = sandwich(
        strassen(), np.array([[big, 0], [0, 1]], dtype=object), np.eye(2, dtype=int), np.eye(2, dtype=int)
    )
    assert check_brent(best_projection(scaled, 1)).holds
    assert check_brent(product(scaled, scaled)).holds


@given(valid_schemes(), st.integers(0, 2**32))
@settings(max_examples=30)
def test_a_sandwich_keeps_scheme_rank_and_ring(scheme: Scheme, seed: int) -> None:
    other = sandwiched(scheme, np.random.default_rng(seed))
    assert (other.format, other.rank, other.modulus) == (scheme.format, scheme.rank, scheme.modulus)
    assert check_brent(other).holds
    assert scheme.ring.contains(other.ring)
    assert other == sandwiched(scheme, np.random.default_rng(seed))


def test_sandwiches_modulo_2_reach_the_whole_orbit() -> None:
    scheme, rng = modulo_2(strassen()), np.random.default_rng(5)
    matrices = [np.array(entries).reshape(2, 2) for entries in np.ndindex(2, 2, 2, 2)]
    group = [matrix for matrix in matrices if (matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]) % 2]
    orbit = {content_hash(sandwich(scheme, *basis)) for basis in combinations_of(group, repeat=3)}
    assert len(group) == 6
    assert {content_hash(sandwiched(scheme, rng)) for _ in range(20 * len(orbit))} == orbit


def test_sandwiches_over_the_integers_lead_far() -> None:
    rng = np.random.default_rng(5)
    found = [sandwiched(laderman(), rng) for _ in range(50)]
    assert len({content_hash(scheme) for scheme in found}) == 50
    assert len({nonzeros(scheme) for scheme in found}) > 20  # signed permutations alone keep that number
    assert {scheme.ring for scheme in found} == {Ring.ZT}


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"dimension is 3, expected 0, 1 or 2"):
        project(strassen(), 3, 0)
    with pytest.raises(InputError, match=r"dimension is -1"):
        extend(strassen(), -1)
    with pytest.raises(InputError, match=r"dimension is 3"):
        merge(strassen(), strassen(), 3)
    for index in (-1, 2):
        with pytest.raises(InputError, match=rf"index {index} of dimension 1, expected 0 … 1 for 2x2x2"):
            project(strassen(), 1, index)
    with pytest.raises(InputError, match="dimension 0 of 1x2x2 has size 1"):
        project(classical(Format(1, 2, 2)), 0, 0)
    with pytest.raises(InputError, match="dimension 0 of 1x2x2 has size 1"):
        best_projection(classical(Format(1, 2, 2)), 0)
    with pytest.raises(InputError, match="2x2x2 and 2x3x2 cannot be joined along dimension 0"):
        merge(strassen(), classical(Format(2, 3, 2)), 0)
    with pytest.raises(InputError, match="moduli 0 and 2"):
        merge(strassen(), classical(Format(2, 2, 2), 2), 0)
    with pytest.raises(InputError, match="modulus is 3"):
        classical(Format(2, 2, 2), 3)
