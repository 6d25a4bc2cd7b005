"""The Brent check: against the definition, where floats and 64-bit integers fail, and for every wrong entry."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.errors import InputError
from mmdiscover.verify import BrentReport, check_brent
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import arbitrary_schemes, exact_numbers, invertible, known_schemes, rationals
from tests.verify.oracle import violated_equations

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONE = Format(1, 1, 1)


def row(*entries: Any) -> NDArray[Any]:
    return np.array([entries], dtype=object)


def modulo_two(scheme: Scheme) -> Scheme:
    return Scheme(scheme.format, scheme.u, scheme.v, scheme.w, modulus=2)


def changed(scheme: Scheme, factor: int, index: int, value: Any) -> Scheme:
    arrays = [x.copy() for x in scheme.arrays]
    arrays[factor].ravel()[index] = value
    return scheme.with_arrays(scheme.format, arrays)


@pytest.mark.parametrize("scheme", [strassen(), winograd(), laderman()], ids=["strassen", "winograd", "laderman"])
def test_known_schemes_hold(scheme: Scheme) -> None:
    a, b, c = scheme.format.shape
    assert check_brent(scheme) == BrentReport(a * b * c, 0, None)
    assert check_brent(scheme).holds
    assert check_brent(modulo_two(scheme)).holds


@pytest.mark.parametrize("text", ["1x1x1", "1x2x3", "3x1x2", "2x3x1", "4x3x2"])
def test_the_classical_algorithm_holds(text: str) -> None:
    scheme = classical(Format.parse(text))
    assert check_brent(scheme).holds
    assert violated_equations(scheme) == []


@given(
    st.one_of(
        arbitrary_schemes(),
        arbitrary_schemes(st.integers(0, 1), modulus=2),
        arbitrary_schemes(st.sampled_from([0, 1, -1, 2**40, -(2**53) - 1, Fraction(1, 2**40), Fraction(10**40, 3)])),
    )
)
def test_violations_are_counted_as_the_definition_says(scheme: Scheme) -> None:
    report = check_brent(scheme)
    violated = violated_equations(scheme)
    assert report.violated == len(violated)
    assert report.holds == (not violated)
    assert (report.first is None) == (not violated)


@settings(max_examples=20)
@given(st.sampled_from([strassen(), winograd(), classical(Format(2, 1, 3))]), st.data())
def test_valid_rational_and_gaussian_schemes_hold(scheme: Scheme, data: st.DataObject) -> None:
    entries = data.draw(st.sampled_from([rationals, exact_numbers]))
    p, q, s = (data.draw(invertible(size, entries)) for size in scheme.format.sizes)
    image = sandwich(scheme, p, q, s)
    assert check_brent(image).holds
    assert violated_equations(image) == []


@given(known_schemes, st.data())
def test_one_wrong_entry_anywhere_is_noticed(scheme: Scheme, data: st.DataObject) -> None:
    factor = data.draw(st.integers(0, 2))
    index = data.draw(st.integers(0, scheme.arrays[factor].size - 1))
    old = scheme.arrays[factor].ravel()[index]
    tiny = Fraction(1, 2**60)
    new = data.draw(st.one_of(exact_numbers, st.sampled_from([old + tiny, old - tiny, -old, 2**70])))
    assert check_brent(changed(scheme, factor, index, new)).holds == (new == old)


@given(known_schemes, st.data())
def test_one_wrong_entry_modulo_two_is_noticed(scheme: Scheme, data: st.DataObject) -> None:
    factor = data.draw(st.integers(0, 2))
    index = data.draw(st.integers(0, scheme.arrays[factor].size - 1))
    new = 1 - scheme.arrays[factor].ravel()[index] % 2
    assert not check_brent(modulo_two(changed(scheme, factor, index, new))).holds


def test_the_first_violation_is_put_into_words() -> None:
    fmt = Format(2, 3, 4)
    # Row-major: u[4] is a2,2, v[7] is b2,4, w[7] is c2,4 (entry (4,2) of C transposed).
    missing = next(q for q in range(24) if classical(fmt).u[4, q] and classical(fmt).v[7, q])
    report = check_brent(changed(classical(fmt), 2, 7 * 24 + missing, 0))
    assert report == BrentReport(6 * 12 * 8, 1, "the coefficient of a2,2 · b2,4 in c2,4 is not 1")
    report = check_brent(changed(classical(fmt), 2, 6 * 24 + missing, 1))
    assert report == BrentReport(6 * 12 * 8, 1, "the coefficient of a2,2 · b2,4 in c1,4 is not 0")


def test_the_first_of_several_violations_is_named() -> None:
    zero = np.zeros((4, 1), dtype=int)
    report = check_brent(Scheme(Format(2, 2, 2), zero, zero, zero))
    assert report.violated == 8
    assert report.first == "the coefficient of a1,1 · b1,1 in c1,1 is not 1"


# One equation Σ_q u_q v_q w_q = 1 is enough to show what the arithmetic can hold.
LARGE = [2**40, 2**53 + 1, 2**63, 10**60, 10**400]


@pytest.mark.parametrize("large", LARGE, ids=["2**40", "2**53+1", "2**63", "10**60", "10**400"])
def test_large_terms_that_cancel(large: int) -> None:
    for unit, holds in ((1, True), (0, False), (2, False), (-1, False)):
        for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
            u, v, w = (x[:, order] for x in (row(large, -large, 1), row(large, large, 1), row(1, 1, unit)))
            assert check_brent(Scheme(ONE, u, v, w)).holds is holds


@pytest.mark.parametrize("large", LARGE, ids=["2**40", "2**53+1", "2**63", "10**60", "10**400"])
def test_large_gaussian_terms_that_cancel(large: int) -> None:
    z = Gaussian(Fraction(large), Fraction(1, large))
    for unit, holds in ((1, True), (0, False), (Gaussian(Fraction(1), Fraction(1, large**3)), False)):
        scheme = Scheme(ONE, row(z, z, 1), row(z, z, 1), row(z, -z, unit))
        assert check_brent(scheme).holds is holds


@pytest.mark.parametrize("large", LARGE, ids=["2**40", "2**53+1", "2**63", "10**60", "10**400"])
def test_large_imaginary_terms_that_cancel(large: int) -> None:
    z, i = Gaussian(Fraction(0), Fraction(large)), Gaussian(Fraction(0), Fraction(1))
    for unit, holds in ((-1, True), (-2, False), (1, False)):
        scheme = Scheme(ONE, row(z, z, i), row(z, z, i), row(1, -1, unit))
        assert check_brent(scheme).holds is holds
        assert check_brent(Scheme(ONE, row(z, -z, i), row(i, i, i), row(i, i, unit))).holds is holds


@pytest.mark.parametrize("large", LARGE, ids=["2**40", "2**53+1", "2**63", "10**60", "10**400"])
def test_large_denominators(large: int) -> None:
    for share, holds in ((Fraction(1, large), True), (Fraction(1, large + 1), False), (Fraction(2, large), False)):
        assert check_brent(Scheme(ONE, row(1), row(large), row(share))).holds is holds
        assert check_brent(Scheme(ONE, row(share), row(1), row(large))).holds is holds
    # Small numerators over large denominators: clearing them makes the right side large, not the left.
    assert not check_brent(Scheme(ONE, row(Fraction(1, large)), row(1), row(1))).holds


def test_sums_just_around_the_bound_of_floats() -> None:
    for exponent in range(50, 56):
        for delta in (-1, 0, 1):
            size = 2**exponent + delta
            assert check_brent(Scheme(ONE, row(size, 1 - size), row(1, 1), row(1, 1))).holds
            assert not check_brent(Scheme(ONE, row(size, 2 - size), row(1, 1), row(1, 1))).holds
            assert not check_brent(Scheme(ONE, row(size, -size), row(1, 1), row(1, 1))).holds
            # 2⁵³ and 2⁵³ + 1 are the same float.
            assert not check_brent(Scheme(ONE, row(Fraction(size + 1, size)), row(1), row(1))).holds


@pytest.mark.parametrize("seed", range(10))
def test_many_products_whose_sum_passes_the_bound(seed: int) -> None:
    # Each entry is below 2⁵³, sums of a few are not.
    sizes = [int(x) for x in np.random.default_rng(seed).integers(2**51, 2**52, size=12)]
    ones = np.ones((1, 25), dtype=int)
    for total in (0, 1, 2):
        u = row(*sizes, total, *(-size for size in sizes))
        assert check_brent(Scheme(ONE, u, ones, ones)).holds == (total == 1)
        u = row(*sizes, *(1 - size for size in sizes), total - 12)
        assert check_brent(Scheme(ONE, u, ones, ones)).holds == (total == 1)


def test_huge_entries_times_zero() -> None:
    assert not check_brent(Scheme(ONE, row(0), row(10**400), row(1))).holds
    assert check_brent(Scheme(ONE, row(0, 1), row(10**400, 1), row(0, 1))).holds


def test_real_and_imaginary_parts_are_both_checked() -> None:
    i = Gaussian(Fraction(0), Fraction(1))
    half = Gaussian(Fraction(1, 2), Fraction(1, 2))
    assert check_brent(Scheme(ONE, row(i), row(i), row(-1))).holds
    assert check_brent(Scheme(ONE, row(half), row(half), row(Gaussian(Fraction(0), Fraction(-2))))).holds
    for u, v, w in ((i, 1, 1), (i, i, 1), (half, half, 2), (half, 2, 1), (half, half, i)):
        report = check_brent(Scheme(ONE, row(u), row(v), row(w)))
        assert report == BrentReport(1, 1, "the coefficient of a1,1 · b1,1 in c1,1 is not 1")


def test_a_scheme_valid_only_modulo_two() -> None:
    scheme = strassen().with_arrays(Format(2, 2, 2), [np.abs(x) for x in strassen().arrays])
    assert not check_brent(scheme).holds
    assert check_brent(modulo_two(scheme)).holds
    assert check_brent(scheme).violated == len(violated_equations(scheme))


def test_even_numbers_vanish_modulo_two() -> None:
    assert check_brent(Scheme(ONE, row(3, 2), row(1, 1), row(5, 1), modulus=2)).holds
    assert not check_brent(Scheme(ONE, row(1, 1), row(1, 1), row(1, 1), modulus=2)).holds


@example(factor=0)
@given(st.integers(0, 2))
def test_a_missing_product_is_noticed(factor: int) -> None:
    arrays = [x.copy() for x in laderman().arrays]
    arrays[factor][:, 22] = 0
    assert check_brent(laderman().with_arrays(Format(3, 3, 3), arrays)).violated == 1


def test_denominators_that_no_honest_scheme_has_are_refused() -> None:
    primes = [10**60 + 2 * k + 1 for k in range(60)]
    u = row(*(Fraction(1, prime) for prime in primes))
    ones = np.ones((1, 60), dtype=int)
    with pytest.raises(InputError, match=r"the common denominator has [\d,]+ bits, expected at most 10,000"):
        check_brent(Scheme(ONE, u, ones, ones))


def test_mixed_kinds_of_factors() -> None:
    i = Gaussian(Fraction(0), Fraction(1))
    for u, v, w in ((2, Fraction(1, 2), 1), (1, i, -i), (2**62, Fraction(1, 2**62), 1), (2**70, 1, Fraction(1, 2**70))):
        assert check_brent(Scheme(ONE, row(u), row(v), row(w))).holds
        assert not check_brent(Scheme(ONE, row(u), row(v), row(w * 2))).holds
        assert not check_brent(Scheme(ONE, row(u, 1), row(v, 0), row(w, 2**70))).violated


def test_scaled_schemes_hold() -> None:
    scales = np.array([Fraction(q + 1, 7 - q) for q in range(7)], dtype=object)
    assert check_brent(rescale(strassen(), scales, -scales)).holds


def test_a_large_wrong_scheme_costs_one_row() -> None:
    fmt = Format(8, 8, 8)
    u, v, w = (np.ones((64, 512), dtype=int) for _ in range(3))
    report = check_brent(Scheme(fmt, u, v, w))
    assert (report.holds, report.equations, report.violated) == (False, 64 * 64, 64 * 64)
