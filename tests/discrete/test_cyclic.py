"""Symmetric schemes as orbits: there and back, and random ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.discrete.cyclic import Orbits, orbits_of, random_orbits, require_square
from mmdiscover.discrete.formats import classical
from mmdiscover.errors import InputError
from mmdiscover.verify.brent import check_brent
from tests.schemes import laderman

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

squares = st.integers(1, 4).map(lambda n: Format(n, n, n))
seeds = st.integers(0, 2**32 - 1)


def scheme(fmt: Format, factors: Sequence[NDArray[np.int64]], modulus: int = 0) -> Scheme:
    u, v, w = (factor.T for factor in factors)
    return Scheme(fmt, u, v, w, modulus)


def terms(factors: Sequence[NDArray[np.int64]]) -> Counter[tuple[tuple[int, ...], ...]]:
    """The terms as tensors, so that signs may move between factors."""
    rows = zip(*(factor.tolist() for factor in factors), strict=True)
    products = (np.einsum("a,b,c->abc", *row) for row in rows)
    return Counter(tuple(map(tuple, product.reshape(len(product), -1).tolist())) for product in products)


@given(fmt=squares, rank=st.integers(1, 60), seed=seeds, ternary=st.booleans())
def test_random_orbits_are_schemes_with_the_rank_modulo_three(fmt: Format, rank: int, seed: int, ternary: bool) -> None:
    orbits = random_orbits(fmt, rank, np.random.default_rng(seed), ternary=ternary)
    factors = orbits.expanded()
    assert check_brent(scheme(fmt, factors, 0 if ternary else 2)).holds
    assert orbits.rank == len(factors[0]) == len(orbits.fixed) + 3 * len(orbits.factors[0])
    possible = {f % 3 for f in range(1, fmt.n + 1)}
    assert orbits.rank % 3 == (rank if rank % 3 in possible else fmt.n) % 3
    entries = {entry for factor in factors for entry in factor.ravel().tolist()}
    assert entries <= ({-1, 0, 1} if ternary else {0, 1})


def test_random_orbits_come_from_the_seed() -> None:
    fmt = Format(4, 4, 4)
    first, again, other = (random_orbits(fmt, 49, np.random.default_rng(seed), ternary=True) for seed in (1, 1, 2))
    assert np.array_equal(first.fixed, again.fixed)
    assert all(map(np.array_equal, first.factors, again.factors))
    assert not np.array_equal(first.fixed, other.fixed)


@given(
    fmt=squares,
    seed=seeds,
    fixed=st.integers(0, 4),
    orbits=st.integers(0, 5),
    signed=st.booleans(),
    moved=st.booleans(),
)
def test_orbits_there_and_back(fmt: Format, seed: int, fixed: int, orbits: int, signed: bool, moved: bool) -> None:
    # Few different entries, so that terms and factors occur repeatedly.
    rng = np.random.default_rng(seed)
    width = fmt.shape[0]
    pool = rng.integers(-1 if signed else 0, 2, size=(3, width))
    pool[~pool.any(axis=1), 0] = 1
    u, v, w = (pool[rng.integers(3, size=orbits)] for _ in range(3))
    made = Orbits(pool[rng.integers(3, size=fixed)], (u, v, w))
    order = rng.permutation(made.rank)
    factors = [factor[order] for factor in made.expanded()]
    if moved:  # signs within the terms, as a canonical form does, too
        signs = rng.choice([1, -1], size=(2, made.rank, 1)) if signed else np.ones((2, made.rank, 1), dtype=np.int64)
        factors = [factors[0] * signs[0], factors[1] * signs[1], factors[2] * signs[0] * signs[1]]
    found = orbits_of(fmt, factors)
    assert found.rank == made.rank
    assert terms(found.expanded()) == terms(factors)
    # u⊗u⊗u three times may be an orbit or three fixed terms.
    assert (len(found.fixed) - len(made.fixed)) % 3 == 0


@pytest.mark.parametrize("modulus", [0, 2])
def test_the_classical_algorithm_is_symmetric(modulus: int) -> None:
    fmt = Format(3, 3, 3)
    factors = [factor.astype(np.int64).T for factor in classical(fmt, modulus).arrays]
    found = orbits_of(fmt, factors)
    assert (len(found.fixed), found.rank) == (3, 27)


@pytest.mark.parametrize("seed", range(5))
def test_a_symmetric_scheme_stays_one_in_canonical_form(seed: int) -> None:
    fmt = Format(3, 3, 3)
    made = random_orbits(fmt, 23, np.random.default_rng(seed), ternary=True)
    canonical = canonical_form(scheme(fmt, made.expanded()))
    found = orbits_of(fmt, [factor.astype(np.int64).T for factor in canonical.arrays])
    assert (len(found.fixed), found.rank) == (len(made.fixed), made.rank)
    assert canonical_form(scheme(fmt, found.expanded())) == canonical


def test_what_is_not_symmetric() -> None:
    factors = [factor.astype(np.int64).T for factor in laderman().arrays]
    with pytest.raises(InputError, match="not invariant under the cyclic shift"):
        orbits_of(Format(3, 3, 3), factors)
    # Two of three.
    made = random_orbits(Format(2, 2, 2), 7, np.random.default_rng(0), ternary=True)
    with pytest.raises(InputError, match="not invariant under the cyclic shift"):
        orbits_of(Format(2, 2, 2), [factor[:-1] for factor in made.expanded()])


@pytest.mark.parametrize("fmt", [Format(2, 2, 3), Format(2, 3, 2), Format(3, 2, 2)])
def test_formats_that_are_not_square(fmt: Format) -> None:
    for refuse in (
        lambda: require_square(fmt),
        lambda: orbits_of(fmt, [np.zeros((0, width), dtype=np.int64) for width in fmt.shape]),
        lambda: random_orbits(fmt, 11, np.random.default_rng(0), ternary=True),
    ):
        with pytest.raises(InputError, match=f"format {fmt}: cyclic walks need a square format"):
            refuse()
