"""Ranks modulo a prime, against sympy; numbers modulo a prime."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from sympy.polys.matrices import DomainMatrix

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.modular import PRIME, centred, rank_modulo, residues
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from tests.schemes import strassen

ONE = Format(1, 1, 1)
PRIMES = (8388593, 8388581, 8388473)


@given(st.sampled_from([2, 3, PRIME]), st.integers(0, 2**32 - 1))
def test_rank_agrees_with_sympy(prime: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns, inner = rng.integers(0, 9, 3)
    matrix = rng.integers(-2, 3, (rows, inner)) @ rng.integers(-2, 3, (inner, columns))
    field = sympy.GF(prime)
    expected = DomainMatrix([[field(x) for x in row] for row in matrix.tolist()], matrix.shape, field).rank()
    assert rank_modulo(centred(matrix.astype(float), prime), prime) == expected


@pytest.mark.parametrize("prime", [2, PRIME])
@pytest.mark.parametrize(("rows", "columns", "rank"), [(700, 300, 300), (300, 700, 290), (600, 600, 257), (5, 600, 0)])
def test_rank_of_matrices_of_many_blocks(prime: int, rows: int, columns: int, rank: int) -> None:
    rng = np.random.default_rng(7)
    half = prime // 2
    # The identity keeps the factors' rank; every other number is as large as it may be.
    left, right = rng.integers(-half, half + 1, (rows, rank)), rng.integers(-half, half + 1, (rank, columns))
    left[rng.permutation(rows)[:rank]] = right[:, rng.permutation(columns)[:rank]] = np.eye(rank, dtype=int)
    assert rank_modulo(centred((left @ right % prime).astype(float), prime), prime) == rank


def test_sums_of_the_largest_products_are_exact() -> None:
    # The later rows are combinations of the others by 1025·h², an odd number beyond 2⁵³ if it were summed in one go.
    size, h = 1025, PRIME // 2 - 1
    matrix = np.eye(2 * size)
    matrix[size:, :size] = matrix[:size, size:] = h
    matrix[size:, size:] = centred(np.array(float(size * h * h % PRIME)), PRIME)
    assert h % 2 == 1
    assert rank_modulo(matrix, PRIME) == size


def test_numbers_are_centred_exactly_up_to_2_to_the_53() -> None:
    values = np.array([2**53, 2**53 - 1, -(2**53), PRIME * (2**30 - 1), PRIME // 2, PRIME // 2 + 1, -PRIME, 0.0])
    remainders = centred(values, PRIME)
    assert [int(x) % PRIME for x in remainders] == [int(x) % PRIME for x in values]
    assert np.abs(remainders).max() <= PRIME / 2 + 1
    assert list(remainders[[3, 6, 7]]) == [0, 0, 0]


def test_arithmetic_is_that_of_the_numbers() -> None:
    third = Fraction(1, 3)
    scheme = Scheme(ONE, [[-1]], np.array([[third]]), np.array([[Gaussian(third, Fraction(-2))]], dtype=object))
    (u, v, w), prime = residues(scheme)
    assert prime == PRIME
    assert (u[0, 0], 3 * v[0, 0] % prime) == (prime - 1, 1)
    # w = 1/3 − 2i, so (w − 1/3)² = −4.
    assert (int(w[0, 0]) - int(v[0, 0])) ** 2 % prime == prime - 4


def test_modulo_two_nothing_is_reduced() -> None:
    factors, prime = residues(Scheme(Format(2, 2, 2), *strassen().arrays, modulus=2))
    assert prime == 2
    assert all(set(factor.ravel()) == {0, 1} for factor in factors)


def test_another_prime_is_taken_where_one_divides_a_denominator() -> None:
    for count, expected in enumerate(PRIMES):
        divisor = int(np.prod([1, *PRIMES[:count]], dtype=object))
        (u, *_), prime = residues(Scheme(ONE, np.array([[Fraction(2, divisor)]], dtype=object), [[1]], [[1]]))
        assert prime == expected
        assert int(u[0, 0]) * divisor % prime == 2
    worst = Fraction(1, int(np.prod(PRIMES, dtype=object)))
    with pytest.raises(InputError, match="the denominators of 1x1x1:1 are divisible by 8388593, 8388581, 8388473"):
        residues(Scheme(ONE, [[1]], [[1]], np.array([[Gaussian(Fraction(1), worst)]], dtype=object)))


@pytest.mark.parametrize("prime", PRIMES)
def test_the_primes_are_primes_with_a_root_of_minus_one(prime: int) -> None:
    assert prime < 2**23
    assert all(prime % divisor for divisor in range(2, int(prime**0.5) + 1))
    assert prime % 4 == 1
