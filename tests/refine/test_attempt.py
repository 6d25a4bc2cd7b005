"""One attempt: its stages one by one, what each takes up from the one before, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions.gauss_newton import flatten, unflatten
from mmdiscover.refine import attempt as module
from mmdiscover.refine.attempt import attempt
from mmdiscover.refine.attract import attract
from mmdiscover.refine.rationalize import FixedPoint
from mmdiscover.refine.scaling import rescale_to_ones
from mmdiscover.refine.trace import RefineStatus
from mmdiscover.verify import check_brent
from tests.refine.fits import floats, found, regauged
from tests.schemes import strassen

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mmdiscover.decompositions.gauss_newton import Array

STAGES = ["sparsify", "attract to 0", "fix zeros", "attract to ±1", "fix one by one"]


def run(fit: Factors, number: int = 0, seed: int = 0) -> tuple[RefineStatus, str, FixedPoint]:
    return attempt(fit, number, np.random.default_rng(seed))


def factors_of(vector: Array, fmt: Format) -> Factors:
    return Factors(fmt, *unflatten(vector, fmt.shape))


def point_of(factors: Factors) -> FixedPoint:
    return FixedPoint(matmul_tensor(factors.format), flatten(factors.arrays))


def end_at(monkeypatch: pytest.MonkeyPatch, status: RefineStatus) -> list[tuple[Array, NDArray[np.bool_]]]:
    """Replace the last stage; returns the points that came there."""
    reached = []

    def judge(point: FixedPoint, _: np.random.Generator) -> tuple[RefineStatus, str]:
        reached.append((point.vector.copy(), point.free.copy()))
        return status, "because"

    monkeypatch.setattr(module, "rationalize", judge)
    return reached


# All stages


@pytest.mark.parametrize("name", ["1x1x1:1", "1x1x1:2", "1x2x3:6", "2x2x2:7", "2x2x2:9"])
@pytest.mark.parametrize("number", [0, 3])
def test_small_formats_become_exact(name: str, number: int) -> None:
    fit = found(name, 0)
    status, reason, point = run(fit, number)
    assert (status, reason) == (RefineStatus.EXACT, "every entry is fixed")
    assert check_brent(Scheme(fit.format, *unflatten(point.fractions, fit.format.shape))).holds


def test_the_trace_of_an_attempt() -> None:
    # Strassen's algorithm in another gauge: 48 of its 84 entries are zero.
    _, _, point = run(regauged(strassen(), 0))
    assert [stage.name for stage in point.stages] == STAGES
    assert [stage.zeros for stage in point.stages] == [0, 0, 48, 48, 48]
    assert [stage.fixed for stage in point.stages[:3]] == [0, 0, 48]
    assert 48 + 18 <= point.stages[3].fixed <= point.stages[4].fixed == 84
    assert [stage.fixed + stage.free for stage in point.stages] == [84] * 5
    # Only movement leaves the exact fits.
    assert 1e-16 < point.stages[1].residual < 1e-4
    for stage in point.stages[:1] + point.stages[2:]:
        assert stage.residual < 1e-20


def test_the_generator_decides_every_random_choice() -> None:
    fit = found("2x2x2:7", 0)
    ends = [run(fit, number=4, seed=seed)[2] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(ends[0].vector, ends[1].vector)
    assert ends[0].stages == ends[1].stages
    assert ends[0].stages[0].residual != ends[2].stages[0].residual


def test_the_fit_is_not_changed() -> None:
    fit = found("2x2x2:7", 0)
    kept = [factor.copy() for factor in fit.arrays]
    run(fit)
    assert all(np.array_equal(x, y) for x, y in zip(fit.arrays, kept, strict=True))


# What differs from attempt to attempt


def test_later_attempts_begin_farther_away(monkeypatch: pytest.MonkeyPatch) -> None:
    distances: list[float] = []

    def watched(fit: Factors, distance: float, _: np.random.Generator) -> Factors:
        distances.append(distance)
        return fit

    monkeypatch.setattr(module, "_wander", watched)
    monkeypatch.setattr(module, "_fix_zeros", lambda *_: False)
    for number in range(6):
        run(found("2x2x2:7", 0), number)
    assert distances == pytest.approx([0.2, 0.4, 0.6])


def test_what_wandering_finds_is_what_is_refined(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = found("2x2x2:7", 0), found("2x2x2:7", 1)
    monkeypatch.setattr(module, "_wander", lambda *_: second)
    one, other = (run(fit, number=3)[2] for fit in (first, second))
    np.testing.assert_array_equal(one.vector, other.vector)


def test_attempts_draw_to_zero_with_and_without_care_and_with_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def watched(_: Array, point: Array, __: NDArray[np.bool_], attraction: Any, weights: Array) -> Array:
        drawn.append((attraction, weights))
        return point

    monkeypatch.setattr(module, "attract", watched)
    monkeypatch.setattr(module, "_fix_zeros", lambda *_: False)
    for number in range(6):
        run(found("2x2x2:7", 0), number)
    assert {(attraction.grid, attraction.exponent) for attraction, _ in drawn} == {((0.0,), 1.0)}
    assert [attraction.looseness for attraction, _ in drawn] == [1e-3, 1e-5] * 3
    np.testing.assert_array_equal([weights for _, weights in drawn[::3]], 1.0)
    spreads = [np.std(np.log(weights)) for _, weights in drawn]
    assert spreads[1::3] == pytest.approx([0.5, 0.5], rel=0.3)
    assert spreads[2::3] == pytest.approx([1.0, 1.0], rel=0.3)
    assert drawn[1][1].shape == (84,)


# Wandering


def test_wandering_leads_to_another_exact_fit() -> None:
    fit = found("2x2x2:7", 0)
    near, far = (module._wander(fit, distance, np.random.default_rng(0)) for distance in (0.01, 0.2))
    for other in (near, far):
        assert other.residual() < 1e-20
    near_distance, far_distance = (
        float(np.linalg.norm(flatten(other.arrays) - flatten(fit.arrays))) for other in (near, far)
    )
    # 23 directions, each of a standard deviation of a hundredth of the root mean square of the entries.
    expected = 0.01 * np.sqrt(fit.squared_norm() / 84 * 23)
    assert 0.5 * expected < near_distance < 1.5 * expected
    assert far_distance > 5 * near_distance
    again = module._wander(fit, 0.2, np.random.default_rng(0))
    assert np.array_equal(again.u, far.u)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_it_steps_along_the_exact_fits(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    scales = np.full(7, scale)
    fit = rescale(found("2x2x2:7", 0), scales, scales)
    stepped: list[Array] = []
    monkeypatch.setattr(FixedPoint, "move", lambda _, vector: stepped.append(vector))
    module._wander(fit, 1e-3, np.random.default_rng(0))
    size = 1e-3 * np.sqrt(fit.squared_norm() / 84)
    assert np.linalg.norm(stepped[0] - flatten(fit.arrays)) == pytest.approx(size * np.sqrt(23), rel=0.5)
    # Of the second order in the step; across them φ would be of the order of its square.
    assert factors_of(stepped[0], fit.format).residual() < 1e-3 * 84 * size**2


def test_where_the_way_back_is_not_found_the_fit_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = found("2x2x2:7", 0)
    monkeypatch.setattr(FixedPoint, "fix", lambda *_: False)
    same = module._wander(fit, 0.2, np.random.default_rng(0))
    assert all(np.array_equal(x, y) for x, y in zip(same.arrays, fit.arrays, strict=True))


# Zeros


def sheared() -> Factors:
    """Strassen's algorithm with small entries in place of some zeros, and products of other sizes."""
    p = np.eye(2)
    p[0, 1] = 5e-3
    u, v, w = sandwich(floats(strassen()), p, np.eye(2), np.eye(2)).arrays
    return Factors(Format(2, 2, 2), 8 * u, v, w / 8)


def test_small_entries_are_fixed_to_zero_in_batches() -> None:
    # Only relative to the largest of their vector is said what small is.
    sparse = sheared()
    point = point_of(sparse)
    assert module._fix_zeros(point, sparse)
    assert point.resolves == 3
    assert np.count_nonzero(~point.free) == np.count_nonzero(flatten(floats(strassen()).arrays) == 0) == 48
    np.testing.assert_array_equal(point.vector[~point.free], 0.0)
    assert factors_of(point.vector, sparse.format).residual() < 1e-20


def test_the_smallest_entries_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = sheared()
    point = point_of(sparse)
    u, v, w = (np.ones((4, 1)) * np.abs(factor).max(axis=0) for factor in sparse.arrays)
    scale = flatten((u, v, w))
    batches: list[Array] = []

    def watched(indices: NDArray[np.intp], values: Array) -> bool:
        np.testing.assert_array_equal(values, 0.0)
        batches.append(np.abs(point.vector[indices]) / scale[indices])
        return False

    monkeypatch.setattr(point, "fix_nearest", watched)
    assert not module._fix_zeros(point, sparse)
    assert [len(batch) for batch in batches] == [40, 48, 48]
    for batch, largest in zip(batches, (1e-3, 2e-2, 1e-1), strict=True):
        assert batch.max() <= largest
        assert (np.diff(batch) >= 0).all()
    assert batches[1].max() > 1e-3


def test_one_batch_that_holds_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    sparse = sheared()
    point = point_of(sparse)
    for held in ([True, False, False], [False, True, False], [False, False, True]):
        answers = iter(held)
        monkeypatch.setattr(point, "fix_nearest", lambda *_, answers=answers: next(answers))
        assert module._fix_zeros(point, sparse)


def test_entries_of_a_zero_vector_are_fixed() -> None:
    sparse = Factors(Format(1, 1, 1), [[1.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]])
    point = point_of(sparse)
    assert module._fix_zeros(point, sparse)
    assert point.free.tolist() == [True, False] * 3


def test_without_small_entries_the_fit_becomes_exact_again() -> None:
    sparse = Factors(Format(1, 1, 1), [[1.0]], [[1.0]], [[1.0 + 1e-5]])
    point = point_of(sparse)
    assert module._fix_zeros(point, sparse)
    assert point.free.all()
    assert factors_of(point.vector, sparse.format).residual() < 1e-22


def test_a_fit_without_zeros_that_hold_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = found("2x2x2:7", 0)
    monkeypatch.setattr(FixedPoint, "fix", lambda *_: False)
    assert not module._fix_zeros(point_of(fit), fit)
    status, reason, point = run(fit)
    assert (status, reason) == (RefineStatus.LOST, "the fit was lost on the way to a sparse one")
    assert [stage.name for stage in point.stages] == STAGES[:3]
    assert (point.stages[2].fixed, point.stages[2].residual) == (0, point.stages[1].residual)


# From stage to stage


@dataclass
class Watched:
    """A stage that is still itself, and what went in and came out."""

    stage: Callable[..., Any]
    calls: list[tuple[tuple[Any, ...], Any]] = field(default_factory=list)

    def __call__(self, *arguments: Any) -> Any:
        # What is changed in place later must not change here.
        kept = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in arguments)
        result = self.stage(*arguments)
        self.calls.append((kept, result))
        return result


def test_every_stage_takes_up_what_the_one_before_left(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = found("2x2x2:7", 0)
    names = ("sparsify", "attract", "_fix_zeros", "rescale_to_ones")
    stages = {name: Watched(getattr(module, name)) for name in names}
    for name, stage in stages.items():
        monkeypatch.setattr(module, name, stage)
    reached = end_at(monkeypatch, RefineStatus.IRRATIONAL)
    status, reason, point = run(fit)
    assert (status, reason) == (RefineStatus.IRRATIONAL, "because")
    ((start, _), sparsified) = stages["sparsify"].calls[0]
    assert start is fit
    to_zero, to_ones = stages["attract"].calls
    np.testing.assert_array_equal(to_zero[0][1], flatten(sparsified.arrays))
    assert to_zero[0][2].all()
    (_, sparse), held = stages["_fix_zeros"].calls[0]
    assert held
    # It is the point moved to zeros, balanced: the products are the same.
    model, moved = (
        np.einsum("ar,br,cr->rabc", *arrays) for arrays in (sparse.arrays, unflatten(to_zero[1], (4, 4, 4)))
    )
    np.testing.assert_allclose(model, moved, atol=1e-12)
    lengths = [np.abs(factor).sum(axis=0) for factor in sparse.arrays]
    np.testing.assert_allclose(lengths[1:], [lengths[0]] * 2)
    ((zeroed,), scaled) = stages["rescale_to_ones"].calls[0]
    assert np.count_nonzero(flatten(zeroed.arrays) == 0) == 48
    np.testing.assert_array_equal(to_ones[0][1], flatten(scaled.arrays))
    assert np.count_nonzero(~to_ones[0][2]) == 48
    assert (to_ones[0][3].grid, to_ones[0][3].exponent) == ((-1.0, 1.0), 0.5)
    # Most of Strassen's entries are ±1 by now.
    ((vector, free),) = reached
    np.testing.assert_array_equal(vector[~to_ones[0][2]], 0.0)
    assert np.count_nonzero(~free & (np.abs(vector) == 1)) >= 18
    last = factors_of(vector, fit.format)
    residuals = [factors.residual() for factors in (sparsified, sparse, zeroed, last, last)]
    assert [stage.residual for stage in point.stages] == pytest.approx(residuals, rel=1e-6, abs=1e-22)
    fixed = [stage.fixed for stage in point.stages]
    assert fixed == [0, 0, 48, *[np.count_nonzero(~free)] * 2]


def test_a_lost_fit_ends_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise AssertionError("there is nothing left to work with")

    monkeypatch.setattr(module, "_fix_zeros", lambda *_: False)
    for name in ("rescale_to_ones", "rationalize"):
        monkeypatch.setattr(module, name, unreachable)
    status, _, point = run(found("2x2x2:7", 0))
    assert status is RefineStatus.LOST
    assert point.stages[-1].name == "fix zeros"


def test_without_a_way_back_from_ones_entries_are_fixed_from_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled = Watched(rescale_to_ones)
    monkeypatch.setattr(module, "rescale_to_ones", scaled)
    monkeypatch.setattr(FixedPoint, "move", lambda *_: False)
    monkeypatch.setattr(FixedPoint, "snap", lambda *_: False)
    reached = end_at(monkeypatch, RefineStatus.STUCK)
    run(found("2x2x2:7", 0))
    ((vector, free),) = reached
    np.testing.assert_array_equal(vector, flatten(scaled.calls[0][1].arrays))
    assert np.count_nonzero(~free) == 48


def test_what_is_near_ones_is_fixed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tolerances: list[float] = []
    monkeypatch.setattr(FixedPoint, "snap", lambda _, tolerance: tolerances.append(tolerance))
    end_at(monkeypatch, RefineStatus.STUCK)
    run(found("2x2x2:7", 0))
    assert tolerances == sorted(tolerances)
    assert len(tolerances) >= 2
    assert tolerances[0] > 0
    assert tolerances[-1] < 0.1


def test_where_nothing_is_free_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    def fix_all(point: FixedPoint, _: Factors) -> bool:
        point.free = np.zeros(len(point.vector), dtype=bool)
        return True

    moves = Watched(attract)
    monkeypatch.setattr(module, "attract", moves)
    monkeypatch.setattr(module, "_fix_zeros", fix_all)
    end_at(monkeypatch, RefineStatus.EXACT)
    run(floats(strassen()))
    assert len(moves.calls) == 1
