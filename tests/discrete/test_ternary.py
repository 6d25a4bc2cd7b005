"""Ternary schemes from schemes modulo 2: the orbit is kept, signs are exact over Z, sparser is never worse."""

from __future__ import annotations

from itertools import product as combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.core.format import Format
from mmdiscover.core.metrics import additions, nonzeros
from mmdiscover.core.orbits import orbit_class
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.discrete import ternary
from mmdiscover.discrete.formats import extend, sandwiched
from mmdiscover.discrete.lifting import LiftStatus, lift_signs
from mmdiscover.discrete.settings import WalkSettings, WalkStatus
from mmdiscover.discrete.ternary import TernarySettings, fewest_additions, find_ternary, lift_of_orbit, sparse
from mmdiscover.discrete.walk import walk
from mmdiscover.errors import InputError
from tests.discrete.test_lifting import modulo_2, not_liftable
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from collections.abc import Callable

KNOWN = [
    strassen(),
    winograd(),
    laderman(),
    classical(Format(2, 3, 2)),
    classical(Format(1, 3, 1)),
    extend(strassen(), 1),
]
# Any member of an orbit modulo 2.
MEMBERS = st.builds(
    lambda scheme, number: sandwiched(modulo_2(scheme), np.random.default_rng(number)),
    st.sampled_from(KNOWN),
    st.integers(0, 2**32 - 1),
)
SEEDS = st.integers(0, 2**32 - 1)
FEW = TernarySettings(tries=4, flips=200)


def seed(number: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(number)


def expanded(scheme: Scheme) -> list[int]:
    """Σ u⊗v⊗w less the tensor of matrix multiplication, by the definition and in Python's integers."""
    n, m, p = scheme.format.sizes
    u, v, w = ([[int(x) for x in row] for row in factor] for factor in scheme.arrays)
    errors = []
    for (i, j), (k, l), (s, t) in combinations(*(list(np.ndindex(*shape)) for shape in ((n, m), (m, p), (p, n)))):
        terms = zip(u[i * m + j], v[k * p + l], w[s * n + t], strict=True)
        errors.append(sum(x * y * z for x, y, z in terms) - (j == k and l == s and t == i))
    return errors


def check_ternary(scheme: Scheme | None, rank: int) -> Scheme:
    assert scheme is not None
    assert (scheme.modulus, scheme.ring, scheme.rank) == (0, Ring.ZT, rank)
    assert {int(x) for factor in scheme.arrays for x in factor.ravel()} <= {-1, 0, 1}
    assert not any(expanded(scheme))
    return scheme


@given(MEMBERS, SEEDS)
def test_sparse_stays_in_the_orbit(scheme: Scheme, number: int) -> None:
    result = sparse(scheme, np.random.default_rng(number))
    assert (result.format, result.rank, result.modulus) == (scheme.format, scheme.rank, 2)
    assert not any(error % 2 for error in expanded(result))
    assert orbit_class(result) == orbit_class(scheme)
    assert nonzeros(result) <= nonzeros(scheme)
    assert result == sparse(scheme, np.random.default_rng(number))
    for other in one_addition_away(result):
        assert nonzeros(other) >= nonzeros(result)


def one_addition_away(scheme: Scheme) -> list[Scheme]:
    """P = 1 + e_ij acts on the rows of one factor and its inverse on the columns of another."""
    schemes = []
    for dimension, size in enumerate(scheme.format.sizes):
        for i, j in combinations(range(size), repeat=2):
            if i != j:
                cubes = [
                    factor.astype(int).reshape(*shape, -1)
                    for factor, shape in zip(scheme.arrays, scheme.format.matrix_shapes, strict=True)
                ]
                matrix = np.eye(size, dtype=int)
                matrix[i, j] = 1
                cubes[dimension] = np.einsum("ab,bcq->acq", matrix, cubes[dimension]) % 2
                cubes[dimension - 1] = np.einsum("abq,bc->acq", cubes[dimension - 1], matrix) % 2
                u, v, w = (cube.reshape(-1, scheme.rank) for cube in cubes)
                schemes.append(Scheme(scheme.format, u, v, w, 2))
    return schemes


def test_sparse_finds_the_sparse_ones() -> None:
    # 36 ones are the fewest of ⟨2,2,2:7⟩.
    for number in range(20):
        rng = np.random.default_rng(number)
        assert nonzeros(sparse(sandwiched(modulo_2(winograd()), rng), rng)) == 36


@given(MEMBERS, SEEDS)
def test_signs(scheme: Scheme, number: int) -> None:
    rng = np.random.default_rng(number)
    for one in (scheme, sparse(scheme, rng)):
        signed = lift_signs(one, 4, rng)
        if signed is not None:
            assert modulo_2(check_ternary(signed, scheme.rank)) == one


def test_signs_that_exist_are_found() -> None:
    rng = np.random.default_rng(0)
    for scheme in KNOWN:
        assert modulo_2(check_ternary(lift_signs(modulo_2(scheme), 64, rng), scheme.rank)) == modulo_2(scheme)
    assert lift_signs(modulo_2(strassen()), 0, rng) is None
    assert lift_signs(not_liftable(), 10, rng) is None


def test_signs_after_the_first() -> None:
    # Four equal products more vanish modulo 4, whatever their signs, over Z for two of each sign.
    u, v, w = (np.hstack([factor, factor[:, [0] * 4]]) for factor in modulo_2(strassen()).arrays)
    longer, rng = Scheme(Format(2, 2, 2), u, v, w, 2), np.random.default_rng(0)
    assert lift_signs(longer, 1, rng) is None
    check_ternary(lift_signs(longer, 100, rng), 11)


@settings(max_examples=20)
@given(MEMBERS, SEEDS)
def test_ternary_schemes_are_exact(scheme: Scheme, number: int) -> None:
    found = check_ternary(find_ternary(scheme, FEW, seed(number)), scheme.rank)
    fewest = check_ternary(fewest_additions(scheme, FEW, seed(number)), scheme.rank)
    assert additions(fewest) <= additions(found)
    assert found == find_ternary(scheme, FEW, seed(number))
    assert fewest == fewest_additions(scheme, FEW, seed(number))


def test_schemes_come_from_the_seed() -> None:
    start = sandwiched(modulo_2(laderman()), np.random.default_rng(0))
    for search in (find_ternary, fewest_additions):
        found = [search(start, FEW, seed(number)) for number in range(5)]
        assert found == [search(start, FEW, seed(number)) for number in range(5)]
        assert any(one != found[0] for one in found)


def test_more_tries_are_fewer_additions() -> None:
    start = sandwiched(modulo_2(laderman()), np.random.default_rng(0))
    counts = []
    for tries in (1, 10, 100):
        best = check_ternary(fewest_additions(start, TernarySettings(tries=tries), seed(0)), 23)
        counts.append(additions(best))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_neighbours_of_a_scheme_that_does_not_lift() -> None:
    # Its own orbit lifts no more than it does, so that only a walk can help.
    start = not_liftable()
    one = TernarySettings(tries=1)
    assert find_ternary(start, one, seed(0)) is None
    assert fewest_additions(start, one, seed(0)) is None
    alone = lift_of_orbit(start, seed(0), one)
    assert (alone.status, alone.scheme.modulus) == (LiftStatus.NOT_LIFTABLE, 2)
    lifted = lift_of_orbit(start, seed(0))
    assert (lifted.status, lifted.reason, lifted.steps) == (LiftStatus.LIFTED, "", 2)
    check_ternary(lifted.scheme, 23)
    assert lift_of_orbit(start, seed(0)) == lifted


def test_without_a_ternary_one_the_orbit_is_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ternary, "find_ternary", lambda *_: None)
    start = sandwiched(modulo_2(laderman()), np.random.default_rng(1))
    lifted = lift_of_orbit(start, seed(0))
    assert (lifted.status, lifted.scheme.modulus, lifted.scheme.rank) == (LiftStatus.LIFTED, 0, 23)
    assert orbit_class(modulo_2(lifted.scheme)) == orbit_class(start)
    assert nonzeros(modulo_2(lifted.scheme)) < nonzeros(start)


@pytest.mark.parametrize(("name", "rank"), [("3x3x3", 23), ("3x3x4", 29)])
def test_walks_modulo_2_become_ternary(name: str, rank: int) -> None:
    # Not each of them: some parts of the flip graph modulo 2 have no ternary schemes, or none nearby.
    walks = WalkSettings(Ring.Z2, flips=10_000_000, stage_flips=100_000)
    for number in range(6, 12):
        walked = walk(Format.parse(name), rank, walks, seed(number))
        if walked.status is WalkStatus.EXACT:
            assert walked.scheme is not None
            lifted = lift_of_orbit(walked.scheme, seed(number))
            if lifted.status is LiftStatus.LIFTED:
                check_ternary(lifted.scheme, rank)
                return
    pytest.fail("no walk has led to a ternary scheme")


def wrong() -> Scheme:
    u, v, w = strassen().arrays
    return Scheme(Format(2, 2, 2), u[:, :6], v[:, :6], w[:, :6], 2)


@pytest.mark.parametrize("search", [find_ternary, fewest_additions])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (strassen, "scheme 2x2x2:7 has modulus 0, expected one modulo 2"),
        (wrong, "start: [0-9]+ Brent equations do not hold over Z2"),
    ],
)
def test_schemes_that_are_refused(search: Callable[..., Any], make: Callable[[], Scheme], message: str) -> None:
    with pytest.raises(InputError, match=message):
        search(make(), FEW, seed(0))
    with pytest.raises(InputError, match=message):
        lift_of_orbit(make(), seed(0))


@pytest.mark.parametrize("name", ["tries", "flips", "signs"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "2", None])
def test_settings_that_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"{name} is {value!r}, expected an integer >= 1"):
        TernarySettings(**{name: value})
    allowed: dict[str, Any] = {name: 1}
    assert getattr(TernarySettings(**allowed), name) == 1
