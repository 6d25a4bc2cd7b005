"""Exact schemes: what they accept, and that canonical form and hash see the algorithm and not its spelling."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian, simplify
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring, smallest_ring
from mmdiscover.core.scheme import Scheme, canonical_form, content_hash
from mmdiscover.core.symmetry import reorder, rescale
from mmdiscover.errors import InputError
from mmdiscover.verify import check_brent
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import arbitrary_schemes, exact_numbers, known_schemes, nonzero_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE = Format(1, 1, 1)
HALF = Fraction(1, 2)
GAUSSIAN = Gaussian(HALF, -HALF)


def row(*entries: Any) -> NDArray[Any]:
    return np.array(entries, dtype=object)


def test_entries_are_kept_in_their_smallest_type() -> None:
    scheme = Scheme(ONE, [[Fraction(4, 2)]], [[Gaussian(Fraction(1, 2), Fraction(0))]], np.array([[3]], dtype=np.int8))
    assert [type(factor[0, 0]) for factor in scheme.arrays] == [int, Fraction, int]
    assert scheme.u[0, 0] == 2


@pytest.mark.parametrize("bad", [1.0, True, "1", None, 1j, np.float64(0.5)])
def test_entries_are_exact(bad: Any) -> None:
    with pytest.raises(InputError, match=r"factor v"):
        Scheme(ONE, [[1]], row(bad).reshape(1, 1), [[1]])


def test_the_wrong_entry_is_named() -> None:
    with pytest.raises(InputError, match=r"factor u: entry 0.5 at \(2, 1\), expected an int, Fraction or Gaussian"):
        Scheme(Format(3, 1, 1), row([1, 0], [0, 0], [0, 0.5]), [[1, 1]], [[1, 1]] * 3)
    with pytest.raises(InputError, match="factor u holds float64 entries, expected"):
        Scheme(ONE, np.ones((1, 1)), [[1]], [[1]])


def test_shapes_must_meet() -> None:
    with pytest.raises(InputError, match=r"factor w of 1x1x1 has shape \(2, 1\), expected \(1, 1\)"):
        Scheme(ONE, [[1]], [[1]], [[1], [1]])
    empty = np.zeros((1, 0), dtype=int)
    with pytest.raises(InputError, match=r"factor u of 1x1x1 has shape \(1, 0\)"):
        Scheme(ONE, empty, empty, empty)


def test_modulus() -> None:
    scheme = Scheme(ONE, [[3]], [[-1]], [[2]], modulus=2)
    assert [factor[0, 0] for factor in scheme.arrays] == [1, 1, 0]
    assert scheme.ring is Ring.Z2
    with pytest.raises(InputError, match="modulus is 3, expected 0 or 2"):
        Scheme(ONE, [[1]], [[1]], [[1]], modulus=3)
    with pytest.raises(InputError, match=r"factor v: entry 1/3 at \(0, 0\), expected an integer modulo 2"):
        Scheme(ONE, [[1]], [[Fraction(1, 3)]], [[1]], modulus=2)


def test_schemes_are_copied_and_read_only() -> None:
    u = row(1).reshape(1, 1)
    scheme = Scheme(ONE, u, [[1]], [[1]])
    u[0, 0] = 5
    assert scheme.u[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        scheme.u[0, 0] = 2


def test_name_and_rank() -> None:
    assert (strassen().name, strassen().rank) == ("2x2x2:7", 7)
    assert (laderman().name, laderman().rank) == ("3x3x3:23", 23)


def test_equality_sees_format_modulus_and_every_entry() -> None:
    assert strassen() == strassen()
    assert hash(strassen()) == hash(strassen())
    assert strassen() != winograd()
    assert Scheme(ONE, [[1]], [[1]], [[1]]) != Scheme(ONE, [[1]], [[1]], [[1]], modulus=2)
    assert classical(Format(1, 1, 2)) != classical(Format(1, 2, 1))
    assert strassen() != "strassen"


@pytest.mark.parametrize(
    ("entries", "ring"),
    [
        ((0, 1, -1), Ring.ZT),
        ((2, 1), Ring.Z),
        ((-2,), Ring.Z),
        ((HALF, 2), Ring.Q),
        ((1, GAUSSIAN, HALF), Ring.C),
        ((), Ring.ZT),
    ],
)
def test_smallest_ring(entries: tuple[Any, ...], ring: Ring) -> None:
    assert smallest_ring(entries) is ring


def test_rings_contain_each_other_in_order() -> None:
    table = {outer: "".join(inner for inner in Ring if outer.contains(inner)) for outer in Ring}
    assert table == {"ZT": "ZT", "Z": "ZTZ", "Q": "ZTZQ", "C": "ZTZQC", "Z2": "Z2"}


@st.composite
def respelled(draw: st.DrawFn, schemes: st.SearchStrategy[Scheme]) -> tuple[Scheme, Scheme]:
    """A scheme, and the same with products reordered and rescaled within."""
    scheme = draw(schemes)
    count = st.lists(nonzero_numbers, min_size=scheme.rank, max_size=scheme.rank)
    other = rescale(scheme, row(*draw(count)), row(*draw(count)))
    return scheme, reorder(other, draw(st.permutations(range(scheme.rank))))


@given(respelled(st.one_of(known_schemes, arbitrary_schemes())))
def test_canonical_form_and_hash_ignore_order_and_scale(pair: tuple[Scheme, Scheme]) -> None:
    scheme, other = pair
    assert canonical_form(scheme) == canonical_form(other)
    assert content_hash(scheme) == content_hash(other)


@given(st.one_of(known_schemes, arbitrary_schemes(), arbitrary_schemes(st.integers(0, 1), modulus=2)))
def test_canonical_form_is_the_same_algorithm(scheme: Scheme) -> None:
    canonical = canonical_form(scheme)
    assert canonical_form(canonical) == canonical
    assert content_hash(canonical) == content_hash(scheme)
    assert (tensor_of(canonical) == tensor_of(scheme)).all()


def tensor_of(scheme: Scheme) -> NDArray[Any]:
    u, v, w = scheme.arrays
    products = u[:, None, None, :] * v[None, :, None, :] * w[None, None, :, :]
    total = sum(products[..., q] for q in range(scheme.rank))
    result = np.array([simplify(x) for x in np.asarray(total).ravel()], dtype=object)
    return result % scheme.modulus if scheme.modulus else result


def test_canonical_form_of_strassen() -> None:
    canonical = canonical_form(strassen())
    assert canonical.ring is Ring.ZT
    assert check_brent(canonical).holds
    # The first nonzero entry of u and v is 1 in every product, and products stand in order.
    for factor in (canonical.u, canonical.v):
        assert all(next(x for x in column if x) == 1 for column in factor.T)
    assert canonical.u.T.tolist() == sorted(canonical.u.T.tolist(), reverse=True)
    assert content_hash(strassen()) == "34efd070bb32c19f2edd0a2a30f4da6db400f2422c51b88b09c74211b869cc46"


@given(known_schemes)
def test_ternary_schemes_stay_ternary(scheme: Scheme) -> None:
    assert canonical_form(scheme).ring is Ring.ZT


def test_scales_are_primitive() -> None:
    scheme = Scheme(
        Format(2, 1, 2), [[4], [6]], [[Fraction(2, 3)], [Fraction(-1, 3)]], row([1], [HALF], [GAUSSIAN], [0])
    )
    canonical = canonical_form(scheme)
    assert canonical.u.ravel().tolist() == [2, 3]
    assert canonical.v.ravel().tolist() == [2, -1]
    assert canonical.w.ravel().tolist() == [
        Fraction(2, 3),
        Fraction(1, 3),
        Gaussian(Fraction(1, 3), Fraction(-1, 3)),
        0,
    ]


def test_products_with_a_zero_factor_are_left_out() -> None:
    u, v, w = (np.array([x], dtype=object) for x in ([0, 1, 0], [2, 1, 0], [3, 1, 4]))
    canonical = canonical_form(Scheme(ONE, u, v, w))
    assert [factor.tolist() for factor in canonical.arrays] == [[[1]]] * 3


def test_a_scheme_of_zero_products_keeps_one() -> None:
    u, v, w = (np.array([x], dtype=object) for x in ([0, 1], [2, 0], [3, 1]))
    canonical = canonical_form(Scheme(ONE, u, v, w))
    assert [factor.tolist() for factor in canonical.arrays] == [[[0]]] * 3


def test_a_padded_scheme_is_the_scheme_itself() -> None:
    scheme = strassen()
    padded = scheme.with_arrays(scheme.format, [np.insert(factor, 3, 0, axis=1) for factor in scheme.arrays])
    assert padded.rank == 8
    assert content_hash(padded) == content_hash(strassen())


@given(st.data())
def test_one_changed_entry_changes_the_hash(data: st.DataObject) -> None:
    scheme = data.draw(known_schemes)
    arrays = [factor.copy() for factor in scheme.arrays]
    factor = data.draw(st.sampled_from(arrays))
    index = data.draw(st.integers(0, factor.size - 1))
    new = data.draw(exact_numbers.filter(lambda x: x != factor.ravel()[index]))
    factor.ravel()[index] = new
    changed = scheme.with_arrays(scheme.format, arrays)
    same_tensor = bool((tensor_of(changed) == tensor_of(scheme)).all())
    assert (content_hash(changed) == content_hash(scheme)) == same_tensor


def test_hash_tells_format_and_modulus_apart() -> None:
    forms = [Scheme(ONE, [[1]], [[1]], [[1]]), Scheme(ONE, [[1]], [[1]], [[1]], modulus=2)]
    forms += [classical(fmt) for fmt in Format(1, 2, 3).orders()]
    assert len({content_hash(form) for form in forms}) == len(forms)


def test_ragged_rows_are_no_matrix() -> None:
    with pytest.raises(InputError, match="factor v has rows of different lengths, expected a matrix"):
        Scheme(ONE, [[1]], [[1], [1, 2]], [[1]])
