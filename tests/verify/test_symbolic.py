"""The symbolic proof agrees with the Brent equations, and says what is wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import sandwich
from mmdiscover.verify import check_brent
from mmdiscover.verify.symbolic import check_symbolic
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import arbitrary_schemes, exact_numbers, formats, invertible


def scalar(u: Any, v: Any, w: Any, modulus: int = 0) -> Scheme:
    u, v, w = (np.array([[x]], dtype=object) for x in (u, v, w))
    return Scheme(Format(1, 1, 1), u, v, w, modulus)


@pytest.mark.parametrize("scheme", [strassen(), winograd(), laderman()], ids=["strassen", "winograd", "laderman"])
def test_known_schemes_hold(scheme: Scheme) -> None:
    assert check_symbolic(scheme) is None
    assert check_symbolic(Scheme(scheme.format, scheme.u, scheme.v, scheme.w, modulus=2)) is None


@given(st.one_of(arbitrary_schemes(), arbitrary_schemes(st.integers(0, 1), modulus=2)))
def test_wrong_schemes_are_wrong_in_both_proofs(scheme: Scheme) -> None:
    assert (check_symbolic(scheme) is None) == check_brent(scheme).holds


# Sympy takes its time: the sizes are small, and Laderman's scheme is proved above.
small_schemes = st.one_of(
    st.sampled_from([strassen(), winograd()]),
    formats.filter(lambda fmt: fmt.classical_rank <= 12).map(classical),
)


@settings(max_examples=20)
@given(small_schemes, st.data())
def test_right_and_nearly_right_schemes_are_judged_alike(scheme: Scheme, data: st.DataObject) -> None:
    p, q, s = (data.draw(invertible(size, exact_numbers)) for size in scheme.format.sizes)
    image = sandwich(scheme, p, q, s)
    assert check_symbolic(image) is None
    arrays = [factor.copy() for factor in image.arrays]
    factor = data.draw(st.sampled_from(arrays))
    index = data.draw(st.integers(0, factor.size - 1))
    factor.ravel()[index] = data.draw(exact_numbers)
    damaged = image.with_arrays(image.format, arrays)
    assert (check_symbolic(damaged) is None) == check_brent(damaged).holds


def test_the_entry_that_differs_is_named() -> None:
    arrays = [factor.copy() for factor in classical(Format(1, 2, 2)).arrays]
    arrays[2][1, 3] = Fraction(1, 2)
    message = check_symbolic(classical(Format(1, 2, 2)).with_arrays(Format(1, 2, 2), arrays))
    assert message == "c1,2 expands to a0_0*b0_1 + 1/2*a0_1*b1_1, expected a0_0*b0_1 + a0_1*b1_1"


def test_long_expansions_are_shortened() -> None:
    arrays = [factor.copy() for factor in classical(Format(1, 9, 1)).arrays]
    arrays[0] = arrays[0] + 12345678901234567890
    message = check_symbolic(classical(Format(1, 9, 1)).with_arrays(Format(1, 9, 1), arrays))
    assert message is not None
    assert len(message) < 300
    assert "…" in message


def test_arithmetic_is_exact_at_any_size() -> None:
    huge = 10**400
    assert check_symbolic(scalar(huge, huge, Fraction(1, huge**2))) is None
    assert check_symbolic(scalar(huge, huge, Fraction(1, huge**2 + 1))) is not None
    assert check_symbolic(scalar(Gaussian(Fraction(huge), Fraction(1)), 1, 1)) is not None
    i = Gaussian(Fraction(0), Fraction(1))
    assert check_symbolic(scalar(i, i, -1)) is None
    assert check_symbolic(scalar(i, i, 1)) is not None


def test_modulo_two() -> None:
    assert check_symbolic(scalar(3, 1, -1, modulus=2)) is None
    assert check_symbolic(scalar(2, 1, 1, modulus=2)) is not None


def test_an_empty_form_is_zero() -> None:
    assert check_symbolic(scalar(0, 1, 1)) == "c1,1 expands to 0, expected a0_0*b0_0"
