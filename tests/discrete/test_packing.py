"""Factors as bit masks, there and back; which schemes belong to a ring; the check of the Brent equations."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete import kernels
from mmdiscover.discrete.packing import defects, int_factors, new_walker, scheme_of, unpacked, words_for
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.verify.brent import check_brent
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Widest factors of 4 to 128 entries: around one word of 32, one of 64 and two of 64 bits.
FORMATS = ["1x1x4", "2x4x8", "4x8x1", "3x11x2", "1x1x33", "7x9x1", "1x8x8", "8x1x8", "5x13x1", "2x8x9", "1x1x128"]
factors_of = st.builds(
    lambda fmt, rows, seed: arbitrary(Format.parse(fmt), rows, seed),
    st.sampled_from(FORMATS),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)


def arbitrary(fmt: Format, rows: int, seed: int) -> tuple[Format, list[NDArray[np.int64]]]:
    rng = np.random.default_rng(seed)
    return fmt, [rng.choice([-1, 0, 1], p=[0.2, 0.6, 0.2], size=(rows, width)) for width in fmt.shape]


@given(made=factors_of, ternary=st.booleans(), cyclic=st.booleans(), room=st.integers(0, 20))
def test_there_and_back(made: tuple[Format, list[NDArray[np.int64]]], ternary: bool, cyclic: bool, room: int) -> None:
    fmt, factors = made
    if not ternary:
        factors = [abs(factor) for factor in factors]
    rows, widest = len(factors[0]), max(fmt.shape)
    walker = new_walker(factors, 7, room, ternary=ternary, cyclic=cyclic)
    assert walker.values.dtype == (np.uint32 if widest <= 32 else np.uint64)
    assert walker.values.shape[0] == words_for(fmt) * (2 if ternary else 1)
    assert walker.negative.shape[0] >= rows + room
    assert walker.values.shape[1] == 3 * walker.negative.shape[0]
    assert (walker.counts[kernels.ROWS], walker.random.tolist()) == (rows, [7])
    back = unpacked(walker.values, walker.negative, rows, fmt, ternary=ternary)
    for q in range(rows):
        outer = [np.einsum("a,b,c->abc", *(factor[q] for factor in some)) for some in (factors, back)]
        assert np.array_equal(*outer)
    for mode, factor in enumerate(factors):
        assert np.array_equal(abs(back[mode]), abs(factor))
        if mode < 2:
            assert all(next((entry for entry in row if entry), 1) == 1 for row in back[mode].tolist())


@given(made=factors_of, ternary=st.booleans())
def test_bits_by_their_definition(made: tuple[Format, list[NDArray[np.int64]]], ternary: bool) -> None:
    fmt, factors = made
    if not ternary:
        factors = [abs(factor) for factor in factors]
    walker = new_walker(factors, 0, 0, ternary=ternary, cyclic=False)
    words, capacity = words_for(fmt), walker.negative.shape[0]
    bits = 32 if walker.values.dtype == np.uint32 else 64
    for q in range(len(factors[0])):
        sign = 1
        for mode, factor in enumerate(factors):
            entries = factor[q].tolist()
            lead = next((entry for entry in entries if entry), 1)
            sign *= lead
            planes = [sum(1 << j for j, entry in enumerate(entries) if entry)]
            planes += [sum(1 << j for j, entry in enumerate(entries) if entry == -lead)] if ternary else []
            expected = [plane >> (bits * k) & (2**bits - 1) for plane in planes for k in range(words)]
            assert walker.values[:, mode * capacity + q].tolist() == expected
        assert walker.negative[q] == (sign < 0)


@pytest.mark.parametrize(("fmt", "words"), [("2x2x2", 1), ("8x8x8", 1), ("1x5x13", 2), ("8x16x8", 2), ("16x8x1", 2)])
def test_words(fmt: str, words: int) -> None:
    assert words_for(Format.parse(fmt)) == words


@pytest.mark.parametrize("fmt", ["1x1x129", "129x1x1", "12x12x12", "3x43x3"])
def test_formats_that_are_too_large(fmt: str) -> None:
    with pytest.raises(CapacityError, match=rf"format {fmt}: .* expected at most 128 for walks on the flip graph"):
        words_for(Format.parse(fmt))


def test_too_many_terms() -> None:
    factors = [np.ones((3, 4), dtype=np.int64)] * 3
    with pytest.raises(CapacityError, match="3 terms with room for 5000 more, expected at most 5000 together"):
        new_walker(factors, 0, 5000, ternary=True, cyclic=False)


def scaled(scheme: Scheme, factor: object) -> Scheme:
    """Each u times a number, each w divided by it."""
    inverse = Fraction(1) / factor if isinstance(factor, int | Fraction) else Gaussian(Fraction(0), Fraction(-1))
    u, v, w = scheme.arrays
    return Scheme(scheme.format, u * factor, v, w * inverse)


def test_entries_of_the_rings() -> None:
    for ternary in (True, False):
        factors = int_factors(strassen(), ternary=ternary)
        assert [factor.shape for factor in factors] == [(7, 4)] * 3
        again = scheme_of(Format(2, 2, 2), factors, ternary=ternary)
        assert again == Scheme(Format(2, 2, 2), *strassen().arrays, modulus=0 if ternary else 2)
    thirds = scaled(strassen(), Fraction(1, 3))
    assert all(map(np.array_equal, int_factors(thirds, ternary=False), int_factors(strassen(), ternary=False)))


@pytest.mark.parametrize(
    ("scheme", "ring"),
    [
        (Scheme(Format(2, 2, 2), *strassen().arrays, modulus=2), "Z2"),
        (scaled(strassen(), Fraction(1, 3)), "Q"),
        (scaled(strassen(), 2), "Q"),
        (scaled(strassen(), Gaussian(Fraction(0), Fraction(1))), "C"),
    ],
)
def test_other_rings_than_zt(scheme: Scheme, ring: str) -> None:
    with pytest.raises(InputError, match=f"start 2x2x2:7 is a scheme over {ring}, expected one over ZT"):
        int_factors(scheme, ternary=True)


@pytest.mark.parametrize(
    ("scheme", "factor"),
    [
        (scaled(strassen(), Fraction(1, 2)), "u"),
        (scaled(strassen(), 2), "w"),
        (scaled(strassen(), Gaussian(Fraction(0), Fraction(1))), "u"),
    ],
)
def test_entries_without_a_residue(scheme: Scheme, factor: str) -> None:
    message = f"start 2x2x2:7: factor {factor} has entries without a residue modulo 2"
    with pytest.raises(InputError, match=message):
        int_factors(scheme, ternary=False)


@given(
    scheme=st.sampled_from(
        [strassen(), winograd(), laderman(), classical(Format(2, 3, 4)), classical(Format(1, 2, 1))]
    ),
    ternary=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    wrong=st.integers(0, 3),
)
def test_defects_against_the_verifier(scheme: Scheme, ternary: bool, seed: int, wrong: int) -> None:
    rng = np.random.default_rng(seed)
    factors = int_factors(scheme, ternary=ternary)
    for _ in range(wrong):
        factor = factors[int(rng.integers(3))]
        place = tuple(int(rng.integers(size)) for size in factor.shape)
        factor[place] = rng.integers(-1 if ternary else 0, 2)
    made = scheme_of(scheme.format, factors, ternary=ternary)
    found = defects(scheme.format, factors, ternary=ternary)
    assert found == check_brent(made).violated
