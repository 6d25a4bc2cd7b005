"""Fewest additions over an orbit."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmdiscover.core import metrics
from mmdiscover.core.format import Format
from mmdiscover.core.orbits import orbit_class
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import Scheme, canonical_form
from mmdiscover.core.symmetry import cyclic_shift, permute, rescale, sandwich, symmetric_images
from mmdiscover.errors import InputError
from mmdiscover.export import annealing
from mmdiscover.export.exchange import exchanged
from mmdiscover.export.frames import ternary_member
from mmdiscover.export.linear_map import LinearMap
from mmdiscover.export.program import additions, program_of, prove
from mmdiscover.export.reduction import EFFORTS, Effort, fewest_additions
from mmdiscover.export.sharing import share_subexpressions
from mmdiscover.verify import check_brent
from tests.export.samples import SAMPLES, gaussian, modulo_2, padded, rational, rectangular
from tests.schemes import classical, laderman, strassen, winograd

SHORT = Effort(walks=2, steps=1000, runs=20)


def elementary(size: int, i: int, j: int, sign: int) -> np.ndarray[tuple[int, int], np.dtype[np.int_]]:
    matrix = np.eye(size, dtype=int)
    matrix[i, j] = sign
    return matrix


def members() -> list[Scheme]:
    """Strassen's scheme after one or two elementary sandwiches, where that is ternary."""
    found = [strassen()]
    one = np.eye(2, dtype=int)
    for i, sign in product((0, 1), (1, -1)):
        move = elementary(2, i, 1 - i, sign)
        found += [sandwich(strassen(), *matrices) for matrices in ((move, one, one), (one, move, move), (move,) * 3)]
    return [member for member in found if member.ring is Ring.ZT]


@pytest.mark.parametrize("member", [*members()[:6], winograd(), *symmetric_images(strassen())[1:4], padded()])
def test_every_member_of_strassens_orbit_leads_to_15(member: Scheme) -> None:
    best = fewest_additions(member, SHORT)
    assert best.additions == additions(best.program) == 15
    assert orbit_class(best.scheme) == orbit_class(strassen())
    assert prove(best.program, best.scheme) is best.program


@pytest.mark.parametrize("name", SAMPLES)
def test_the_result_is_a_proved_program_of_a_valid_scheme(name: str) -> None:
    scheme = SAMPLES[name]()
    best = fewest_additions(scheme, SHORT)
    assert check_brent(best.scheme).holds
    assert prove(best.program, best.scheme) is best.program
    assert best.scheme.format == scheme.format
    assert best.additions <= metrics.additions(scheme)


@settings(max_examples=4, deadline=None)
@given(st.data())
def test_never_more_than_naive_on_laderman_and_its_neighbours(data: st.DataObject) -> None:
    moves = [
        elementary(3, i, (i + shift) % 3, sign)
        for i, shift, sign in data.draw(
            st.tuples(*[st.tuples(st.integers(0, 2), st.integers(1, 2), st.sampled_from([-1, 1]))] * 3)
        )
    ]
    scheme = sandwich(laderman(), *moves)
    flips = data.draw(st.sampled_from([0.0, 0.5]))
    best = fewest_additions(scheme, Effort(walks=1, steps=200, runs=3, flips=flips), seed=data.draw(st.integers(0, 9)))
    assert best.additions <= metrics.additions(scheme)
    assert prove(best.program, best.scheme) is best.program
    assert check_brent(best.scheme).holds
    assert flips or orbit_class(best.scheme) == orbit_class(scheme)


def with_a_column() -> Scheme:
    """⟨2,2,3:11⟩: Winograd's, and two classical products for each entry of a third column."""
    u, v, w = winograd().arrays
    column = classical(Format(2, 2, 1))
    wide_v, wide_w = np.zeros((2, 3, 11), dtype=int), np.zeros((3, 2, 11), dtype=int)
    wide_v[:, :2, :7], wide_w[:2, :, :7] = v.reshape(2, 2, 7), w.reshape(2, 2, 7)
    wide_v[:, 2:, 7:], wide_w[2:, :, 7:] = column.v.reshape(2, 1, 4), column.w.reshape(1, 2, 4)
    wide_u = np.concatenate([u, column.u], axis=1)
    return Scheme(Format(2, 2, 3), wide_u, wide_v.reshape(6, 11), wide_w.reshape(6, 11))


@pytest.mark.parametrize("flips", [0.0, 0.3])
def test_a_stirred_scheme_is_found_again(flips: float) -> None:
    scheme = with_a_column()
    stirred = sandwich(scheme, np.eye(2, dtype=int), elementary(2, 0, 1, 1), elementary(3, 0, 2, 1))
    assert [fewest_additions(each, EFFORTS["quick"]).additions for each in (scheme, stirred)] == [17, 24]
    assert fewest_additions(stirred, Effort(walks=2, steps=3000, runs=20, flips=flips)).additions == 17


def test_flips_alone_can_save() -> None:
    # a11 b12 + (a11) b22 …: each pair of classical products flipped once costs an addition more in B, and one in C.
    u, v, w = (factor.copy() for factor in classical(Format(2, 2, 2)).arrays)
    for q, s in ((0, 1), (2, 3), (4, 5), (6, 7)):
        assert np.array_equal(u[:, q], u[:, s])
        v[:, q] += v[:, s]
        w[:, s] -= w[:, q]
    flipped = Scheme(Format(2, 2, 2), u, v, w)
    assert metrics.additions(flipped) == 12
    cost, best = annealing.walk(
        packed(flipped), np.array([2, 2, 2]), 2000, (1.0, 0.2), (1.0, 1, 0.0), np.array([1], dtype=np.uint64)
    )
    assert cost == metrics.additions(Scheme(Format(2, 2, 2), *best.astype(int))) == 4


def test_orders_of_a_format_differ_by_the_entries_of_the_product() -> None:
    found = {
        image.format.p * image.format.n: fewest_additions(image, SHORT).additions
        for image in symmetric_images(rectangular())
    }
    assert found == {8: 26, 4: 30}


def test_a_seed_and_an_effort_decide_the_result() -> None:
    first, again = (fewest_additions(laderman(), SHORT, seed=3) for _ in range(2))
    assert first == again
    words = np.array([[5], [5], [6]], dtype=np.uint64)
    walks = [
        annealing.walk(packed(strassen()), np.array([2, 2, 2]), 300, (1.0, 0.2), (0.3, 1, 0.0), word)[1]
        for word in words
    ]
    assert np.array_equal(walks[0], walks[1])
    assert not np.array_equal(walks[0], walks[2])


def packed(scheme: Scheme) -> np.ndarray[tuple[int, int, int], np.dtype[np.int8]]:
    return np.array([factor.astype(np.int8) for factor in scheme.arrays])


def test_what_the_walk_counts_is_what_the_program_has() -> None:
    cost, best = annealing.walk(
        packed(strassen()), np.array([2, 2, 2]), 500, (1.0, 0.2), (0.0, 1, 0.0), np.array([1], dtype=np.uint64)
    )
    member = Scheme(Format(2, 2, 2), *best.astype(int))
    assert cost == additions(share_subexpressions(program_of(member))) == 15


def test_an_outlook_chooses_what_leaves_more_to_share() -> None:
    # Each of the pairs in x+y+z, x+y, y+z … occurs twice at first; the kernel's count must agree with its own forms.
    generator = np.random.default_rng(1)
    for outlook in (0.0, 0.5):
        matrix = generator.integers(-1, 2, (12, 6)).astype(np.int8)
        cost, forms, pairs = annealing.best_pairs(matrix, 4, outlook, np.array([2], dtype=np.uint64))
        made = [pair for pair in pairs if pair[2]]
        values = list(np.eye(6, dtype=int))
        for x, y, sign in made:
            values.append(values[x] + sign * values[y])
        assert np.array_equal(forms[:, : len(values)].astype(int) @ np.array(values), matrix)
        assert cost == len(made) + metrics.additions_of_forms(np.count_nonzero(forms, axis=1))


@pytest.mark.parametrize("scheme", [rational(), gaussian()])
def test_other_coefficients_in_strassens_orbit_lead_to_15_too(scheme: Scheme) -> None:
    best = fewest_additions(scheme, SHORT)
    assert best.additions == 15
    assert best.scheme.ring is Ring.ZT
    assert check_brent(best.scheme).holds
    quick = fewest_additions(scheme, EFFORTS["quick"])
    assert (quick.scheme, quick.program) == (scheme, share_subexpressions(program_of(scheme)))


def test_scaling_within_products_does_not_matter() -> None:
    doubled = rescale(classical(Format(2, 2, 2)), np.full(8, 2), np.ones(8, dtype=int))
    assert ternary_member(doubled, 0, 0) == canonical_form(classical(Format(2, 2, 2)))


def test_other_coefficients_without_frames_are_shared_as_they_stand() -> None:
    one = np.eye(2, dtype=int)
    stretched = sandwich(classical(Format(2, 2, 2)), elementary(2, 0, 1, 2), one, one)
    for scheme in (modulo_2(), stretched):
        best = fewest_additions(scheme, SHORT)
        assert best.scheme == scheme
        assert best.program == share_subexpressions(program_of(scheme))


@pytest.mark.parametrize(
    ("options", "named"),
    [({"walks": -1}, "walks"), ({"flips": 1.5}, "flips"), ({"runs": 0}, "runs"), ({"heat": (1.0, 0.0)}, "heat")],
)
def test_efforts_that_make_no_sense_are_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=f"^{named} is"):
        Effort(**options)


def test_what_is_no_scheme_is_refused() -> None:
    u, v, w = strassen().arrays
    with pytest.raises(InputError, match="2x2x2:7 is no valid scheme"):
        fewest_additions(Scheme(Format(2, 2, 2), u, v, -w))


def test_a_permuted_scheme_has_the_format_asked_for() -> None:
    scheme = cyclic_shift(rectangular())
    assert fewest_additions(permute(scheme, Format(4, 2, 2)), SHORT).scheme.format == Format(4, 2, 2)


def test_terms_may_cancel() -> None:
    # x+y, x+y+z, x+y+z+t, and y+z+t: the last is the one before less x, which no sharing of pairs finds.
    matrix = [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 1]]
    naive = LinearMap(4, [], [{node: value for node, value in enumerate(row) if value} for row in matrix])
    seed = np.array([1], dtype=np.uint64)
    shared, _, _ = annealing.best_pairs(np.array(matrix, dtype=np.int8), 50, 0.3, seed.copy())
    found = exchanged(naive, 2000, seed)
    assert (naive.cost, shared, found.cost) == (8, 5, 4)
    assert expanded(found) == matrix


@settings(max_examples=30, deadline=None)
@given(arrays(np.int8, st.tuples(st.integers(1, 8), st.integers(1, 6)), elements=st.integers(-1, 1)))
def test_exchanges_keep_the_map_and_never_cost(matrix: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> None:
    naive = LinearMap(
        matrix.shape[1], [], [{node: int(value) for node, value in enumerate(row) if value} for row in matrix]
    )
    found = exchanged(naive, 50, np.array([1], dtype=np.uint64))
    assert expanded(found) == matrix.tolist()
    assert found.cost <= naive.cost


def test_a_map_of_many_inputs_is_left_alone() -> None:
    wide = LinearMap(16, [], [dict.fromkeys(range(16), 1), dict.fromkeys(range(15), 1)])
    assert exchanged(wide, 10, np.array([1], dtype=np.uint64)) is wide


def expanded(shared: LinearMap) -> list[list[int]]:
    """The matrix."""
    values = list(np.eye(shared.inputs, dtype=int).astype(object))
    for vector in (*shared.temporaries, *shared.outputs):
        values.append(sum((value * values[node] for node, value in vector.items()), 0 * values[0]))
    return [[int(x) for x in row] for row in values[len(values) - len(shared.outputs) :]]
