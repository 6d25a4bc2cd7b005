"""Lifting against brute force, independent elimination in Python's integers, and the exact Brent equations."""

from __future__ import annotations

from fractions import Fraction
from itertools import product as combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mmdiscover.core import tensor
from mmdiscover.core.format import Format
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.discrete import lifting
from mmdiscover.discrete.brent import brent_holds, brent_jacobian
from mmdiscover.discrete.elimination import eliminate, pack, unpack
from mmdiscover.discrete.formats import product
from mmdiscover.discrete.lifting import Lifted, LiftSettings, LiftStatus, lift, rational_residue
from mmdiscover.errors import CapacityError, InputError
from mmdiscover.verify.brent import check_brent
from tests.schemes import classical, laderman, strassen, winograd
from tests.strategies import arbitrary_schemes, known_schemes, rationals

if TYPE_CHECKING:
    from numpy.typing import NDArray

TERNARY = [
    strassen(),
    winograd(),
    laderman(),
    classical(Format(2, 3, 2)),
    product(strassen(), classical(Format(1, 2, 1))),
]

# A scheme ⟨3,3,3:23⟩ modulo 2 that does not lift, from a walk on the flip graph: columns of U, V and W as numbers
# whose binary digits are the rows.
NOT_LIFTABLE = (
    "003 11b 125 183 005 113 103 16d 140 100 1f8 15b 007 13b 123 005 140 124 095 0db 080 01b 101",
    "041 1ae 0ad 010 080 03f 051 02d 003 0c3 004 02f 049 1a9 069 089 002 16d 024 028 018 1a9 092",
    "1bd 180 0d0 1a6 01b 010 1be 012 186 1b8 082 190 041 0c0 042 0c3 036 040 082 182 186 140 008",
)


def not_liftable() -> Scheme:
    factors = [[[int(bit) for bit in f"{int(x, 16):09b}"] for x in columns.split()] for columns in NOT_LIFTABLE]
    u, v, w = (np.array(factor).T for factor in factors)
    return Scheme(Format(3, 3, 3), u, v, w, 2)


def modulo_2(scheme: Scheme) -> Scheme:
    return Scheme(scheme.format, *scheme.arrays, modulus=2)


def sandwiched(scheme: Scheme, seed: int) -> Scheme:
    """The image modulo 2 under random invertible matrices over F₂."""
    rng = np.random.default_rng(seed)

    def invertible(size: int) -> NDArray[Any]:
        matrix: NDArray[Any] = np.zeros((size, size), dtype=int)
        while not round(np.linalg.det(matrix)) % 2:
            matrix = rng.integers(0, 2, (size, size))
        return matrix

    return sandwich(modulo_2(scheme), *map(invertible, scheme.format.sizes))


def errors(fmt: Format, entries: NDArray[Any]) -> NDArray[Any]:
    """T − ⟦U, V, W⟧ of small integers, (U, V, W) row by row."""
    rank = len(entries) // sum(fmt.shape)
    u, v, w = (x.reshape(-1, rank) for x in np.split(entries, np.cumsum([rank * size for size in fmt.shape])[:2]))
    difference: NDArray[Any] = matmul_tensor(fmt).astype(int) - np.einsum("aq,bq,cq->abc", u, v, w, optimize=True)
    return difference.ravel()


def entries_of(scheme: Scheme) -> NDArray[Any]:
    return np.concatenate([factor.ravel() for factor in scheme.arrays]).astype(int)


def assert_lifts(lifted: Lifted, scheme: Scheme) -> None:
    assert lifted.status is LiftStatus.LIFTED
    assert lifted.scheme.modulus == 0
    assert check_brent(lifted.scheme).holds
    for exact, residue in zip(lifted.scheme.arrays, scheme.arrays, strict=True):
        fractions = [Fraction(x) for x in exact.ravel()]
        assert all(x.denominator % 2 for x in fractions)
        assert [x.numerator % 2 for x in fractions] == residue.ravel().tolist()


@st.composite
def systems(draw: st.DrawFn) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rows, columns = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    bits = st.lists(st.integers(0, 1), min_size=rows * (columns + 1), max_size=rows * (columns + 1))
    both = np.array(draw(bits), dtype=np.uint8).reshape(rows, columns + 1)
    return both[:, 1:], both[:, 0].copy()


@given(systems(), st.lists(st.integers(0, 1), min_size=7, max_size=7))
def test_a_system_is_solved_as_by_trying_all_vectors(
    system: tuple[NDArray[np.uint8], NDArray[np.uint8]], values: list[int]
) -> None:
    matrix, right = system
    columns = matrix.shape[1]
    solutions = [x for x in combinations((0, 1), repeat=columns) if not ((matrix @ np.array(x) + right) % 2).any()]
    eliminated = eliminate(pack(matrix), columns)
    free = np.array(values[:columns], dtype=np.uint8)
    solution = eliminated.solve(right, free)
    assert eliminated.obstruction(right).any() == (not solutions)
    if solution is None:
        assert not solutions
    else:
        assert len(solutions) == 2 ** len(eliminated.free)
        assert tuple(solution.tolist()) in solutions
        assert (solution[eliminated.free] == free[eliminated.free]).all()
    # Pivots are the columns that are independent of those on their left.
    spans = [
        len({tuple(matrix[:, :c] @ np.array(x) % 2) for x in combinations((0, 1), repeat=c)}) for c in range(columns)
    ]
    spans.append(len({tuple(matrix @ np.array(x) % 2) for x in combinations((0, 1), repeat=columns)}))
    assert eliminated.pivots.tolist() == [c for c in range(columns) if spans[c + 1] > spans[c]]


@pytest.mark.parametrize(("rows", "columns", "rank"), [(150, 200, 90), (1300, 130, 128), (64, 64, 64), (70, 129, 0)])
def test_systems_of_many_words_are_solved(rows: int, columns: int, rank: int) -> None:
    rng = np.random.default_rng(rows)
    matrix = (rng.integers(0, 2, (rows, rank)) @ rng.integers(0, 2, (rank, columns)) % 2).astype(np.uint8)
    whole = matrix.astype(int)
    eliminated = eliminate(pack(matrix), columns)
    wanted = rng.integers(0, 2, columns, dtype=np.uint8)
    solution = eliminated.solve((whole @ wanted % 2).astype(np.uint8), wanted)
    assert solution is not None
    assert (solution == wanted).all()
    kernel = eliminated.kernel()
    assert len(kernel) == columns - len(eliminated.pivots) >= columns - rank
    assert not (whole @ kernel.T % 2).any()
    assert (kernel[:, eliminated.free] == np.eye(len(kernel))).all()
    rights = rng.integers(0, 2, (rows, 70), dtype=np.uint8)
    rights[:, ::2] = whole @ rng.integers(0, 2, (columns, 35)) % 2
    obstructions = unpack(eliminated.obstructions(rights), 70)
    for right, obstruction in zip(rights.T, obstructions.T, strict=True):
        assert (eliminated.obstruction(right) == obstruction).all()
        assert (eliminated.solve(right) is None) == obstruction.any()
    assert not obstructions[:, ::2].any()


def test_words_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match="words have 1 per row, expected 2 for 65 columns"):
        eliminate(np.zeros((3, 1), dtype=np.uint64), 65)


@given(arbitrary_schemes(st.integers(0, 1), modulus=2), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_jacobian_consists_of_differences_of_the_equations(scheme: Scheme, random: Any) -> None:
    entries = entries_of(scheme)
    order = np.array(random.sample(range(len(entries)), len(entries)))
    words = brent_jacobian([factor.astype(np.uint8) for factor in scheme.arrays], order)
    differences = [
        errors(scheme.format, entries + unit) - errors(scheme.format, entries)
        for unit in np.eye(len(entries), dtype=int)
    ]
    assert (np.array(differences)[order] % 2 == unpack(words, len(entries)).T).all()


@given(known_schemes, st.data())
@settings(max_examples=15)
def test_the_exact_check_agrees_with_the_verifier(scheme: Scheme, data: st.DataObject) -> None:
    scales = st.lists(rationals.filter(bool), min_size=scheme.rank, max_size=scheme.rank)
    alpha, beta = (np.array(data.draw(scales), dtype=object) for _ in range(2))
    scheme = rescale(scheme, alpha, beta)
    assert brent_holds(scheme)
    u = scheme.u.copy()
    place = data.draw(st.integers(0, u.size - 1))
    u.ravel()[place] += data.draw(rationals)
    changed = Scheme(scheme.format, u, scheme.v, scheme.w)
    assert brent_holds(changed) == check_brent(changed).holds


@given(st.sampled_from(TERNARY), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_sandwiched_reductions_lift_to_schemes_that_reduce_to_them(ternary: Scheme, seed: int) -> None:
    scheme = sandwiched(ternary, seed)
    lifted = lift(scheme)
    assert_lifts(lifted, scheme)
    assert lifted.scheme.ring in (Ring.ZT, Ring.Z)
    assert (lifted.reason == "") == (lifted.scheme.ring is Ring.ZT)


@pytest.mark.parametrize("ternary", TERNARY, ids=["strassen", "winograd", "laderman", "classical", "product"])
def test_reductions_of_ternary_schemes_become_ternary(ternary: Scheme) -> None:
    lifted = lift(modulo_2(ternary))
    assert_lifts(lifted, modulo_2(ternary))
    assert lifted.scheme.ring is Ring.ZT
    assert lifted.steps == 2


@pytest.mark.parametrize("seed", range(3))
def test_where_signs_do_not_suffice_every_lift_modulo_4_leaves_the_support(seed: int) -> None:
    scheme = next(s for s in (sandwiched(laderman(), 1000 * seed + k) for k in range(50)) if lift(s).steps > 2)
    lifted = lift(scheme)
    assert lifted.reason == "none over ZT: every solution modulo 4 has an entry 2"
    entries = entries_of(scheme)
    support = np.flatnonzero(entries)
    assert not solvable(derivatives(scheme), errors(scheme.format, entries) // 2, support)


def derivatives(scheme: Scheme) -> list[NDArray[Any]]:
    entries = entries_of(scheme)
    base = errors(scheme.format, entries)
    return [(errors(scheme.format, entries + unit) - base) % 2 for unit in np.eye(len(entries), dtype=int)]


def solvable(columns: list[NDArray[Any]], right: NDArray[Any], allowed: NDArray[Any]) -> bool:
    """Whether columns add up to a vector modulo 2: each as one integer, reduced by their leading bits."""
    basis: dict[int, int] = {}

    def reduced(bits: NDArray[Any]) -> int:
        value = int("".join(map(str, (bits % 2).tolist())), 2)
        while value and value.bit_length() in basis:
            value ^= basis[value.bit_length()]
        return value

    for column in allowed:
        value = reduced(columns[column])
        if value:
            basis[value.bit_length()] = value
    return not reduced(right)


def test_a_scheme_that_does_not_lift_is_refused() -> None:
    scheme = not_liftable()
    lifted = lift(scheme)
    assert lifted.status is LiftStatus.NOT_LIFTABLE
    assert lifted.scheme is scheme
    assert lifted.reason == "J δ = E/2 has no solution: no scheme modulo 4 reduces to this one"
    assert lifted.steps == 1
    entries = entries_of(scheme)
    everywhere = np.arange(len(entries))
    columns, right = derivatives(scheme), errors(scheme.format, entries) // 2
    assert not solvable(columns, right, everywhere)
    assert solvable(columns, columns[0] + columns[-1], everywhere)
    sandwiches = [lift(sandwiched(scheme, seed)).status for seed in range(3)]
    assert sandwiches == [LiftStatus.NOT_LIFTABLE] * 3


@pytest.mark.parametrize("fmt", [Format(1, 1, 1), Format(1, 2, 1)], ids=str)
def test_all_tiny_schemes_are_judged_as_by_trying_all_lifts_modulo_4(fmt: Format) -> None:
    size = 2 * sum(fmt.shape)
    vectors = np.array(list(combinations((0, 1), repeat=size)))
    valid = [x for x in vectors if not (errors(fmt, x) % 2).any()]
    assert valid
    for entries in valid:
        u, v, w = (x.reshape(-1, 2) for x in np.split(entries, np.cumsum([2 * rows for rows in fmt.shape])[:2]))
        scheme = Scheme(fmt, u, v, w, 2)
        lifted = lift(scheme)
        exists = any(not (errors(fmt, entries + 2 * x) % 4).any() for x in vectors)
        assert exists == (lifted.status is not LiftStatus.NOT_LIFTABLE)
        assert_lifts(lifted, scheme)


@pytest.mark.parametrize("seed", [2, 27, 31])
def test_digits_are_chosen_anew_where_the_next_ones_do_not_exist(seed: int) -> None:
    # In the first order of the unknowns the free digits zero lead to no solution modulo 8.
    scheme = sandwiched(product(strassen(), classical(Format(1, 2, 2))), seed)
    assert_lifts(lift(scheme, LiftSettings(attempts=1)), scheme)


def test_digits_are_chosen_anew_in_later_steps() -> None:
    # Here they lead to no solution modulo 8 nor modulo 16, and what is reached then is not rational.
    scheme = sandwiched(product(strassen(), classical(Format(1, 2, 2))), 21)
    lifted = lift(scheme, LiftSettings(attempts=1, bits=12))
    assert lifted.status is LiftStatus.UNDECIDED
    assert lifted.steps == 12
    assert "of 1 attempts 1 reached 2^12" in lifted.reason
    assert_lifts(lift(scheme), scheme)


def test_other_orders_of_the_unknowns_are_tried_for_a_scheme_over_the_integers() -> None:
    scheme = sandwiched(product(winograd(), classical(Format(2, 1, 2))), 8)
    once = lift(scheme, LiftSettings(attempts=1))
    assert_lifts(once, scheme)
    assert once.scheme.ring is Ring.Q
    assert once.reason.endswith("none over Z in 1 attempts")
    first, second = (lift(scheme, rng=np.random.default_rng(5)).scheme for _ in range(2))
    assert first == second
    assert first.ring in (Ring.ZT, Ring.Z)


def without_ternary_lift() -> Scheme:
    return next(s for s in (sandwiched(laderman(), k) for k in range(50)) if lift(s).scheme.ring is Ring.Z)


def test_nothing_is_called_lifted_that_fails_the_exact_check(monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = without_ternary_lift()
    monkeypatch.setattr(lifting, "brent_holds", lambda _: False)
    assert lift(scheme, LiftSettings(attempts=2, bits=12)).status is LiftStatus.UNDECIDED


def test_of_several_schemes_over_the_rationals_the_one_with_the_simplest_entries_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scales = iter([Fraction(1, 9), Fraction(1, 3), Fraction(1, 5)])

    def scaled(*_: Any) -> tuple[Scheme, int]:
        scale = np.array([next(scales)] + 22 * [1], dtype=object)
        return rescale(laderman(), scale, np.ones(23, dtype=int)), 10

    scheme = without_ternary_lift()
    monkeypatch.setattr(lifting, "_hensel", scaled)
    lifted = lift(scheme, LiftSettings(attempts=3))
    assert {Fraction(x).denominator for factor in lifted.scheme.arrays for x in factor.ravel()} == {1, 3}


def test_what_was_tried_in_vain_is_said() -> None:
    scheme = without_ternary_lift()
    lifted = lift(scheme, LiftSettings(attempts=0))
    assert lifted.status is LiftStatus.UNDECIDED
    assert lifted.scheme is scheme
    assert "of 0 attempts" in lifted.reason


@given(st.integers(-700, 700), st.integers(0, 350).map(lambda x: 2 * x + 1), st.integers(0, 2**20 - 1))
@example(0, 1, 0)
def test_fractions_are_read_from_their_residues(numerator: int, denominator: int, other: int) -> None:
    value = Fraction(numerator, denominator)
    residue = value.numerator * pow(value.denominator, -1, 2**20) % 2**20
    assert rational_residue(residue, 2**20) == value
    read = rational_residue(other, 2**20)
    assume(read is not None)
    assert isinstance(read, int | Fraction)
    assert max(abs(read.numerator), read.denominator) ** 2 <= 2**19
    assert (read.numerator - other * read.denominator) % 2**20 == 0


def test_bad_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"scheme 2x2x2:7 has modulus 0, expected one modulo 2"):
        lift(strassen())
    w = strassen().w.copy()
    w[0, 0] = 0
    with pytest.raises(InputError, match=r"modulo 2: the Brent equation of entries 0 of A, 0 of B and 0 of Cᵀ fails"):
        lift(Scheme(Format(2, 2, 2), strassen().u, strassen().v, w, 2))
    for name, value in (("signs", -1), ("attempts", 1.5), ("bits", 64), ("bits", 1), ("attempts", True)):
        with pytest.raises(InputError, match=f"{name} of a lifting is {value}, expected an integer from"):
            LiftSettings(**{name: value})  # type: ignore[arg-type]
    monkeypatch.setattr(tensor, "physical_memory", lambda: 2**10)
    with pytest.raises(CapacityError, match="the Jacobian of 4x4x4 equations"):
        lift(modulo_2(strassen()))
