import numpy as np
import pytest

from mmdiscover.decompositions.learning.dmrg import Sweeps, SweepSettings
from mmdiscover.decompositions.learning.features import trigonometric_features
from mmdiscover.decompositions.learning.losses import CrossEntropyLoss, Loss, SquaredLoss
from mmdiscover.decompositions.learning.merged import MergedCore
from mmdiscover.decompositions.learning.tt_function import TTFunction
from tests.decompositions.learning.differences import Array, differences

LOSSES = [SquaredLoss(), CrossEntropyLoss()]


def problem(loss: Loss, l2: float = 0.1) -> tuple[MergedCore, Array]:
    rng = np.random.default_rng(0)
    left, right, core = rng.standard_normal((9, 4)), rng.standard_normal((9, 6)), rng.standard_normal((4, 3, 6))
    return MergedCore(left, right, np.eye(3)[np.arange(9) % 3], loss, l2), core


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_by_the_merged_core_agrees_with_differences(loss: Loss) -> None:
    merged, core = problem(loss)
    expected = differences(lambda moved: merged.value_and_gradient(moved)[0], core)
    np.testing.assert_allclose(merged.value_and_gradient(core)[1], expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("loss", LOSSES)
def test_curvature_by_the_merged_core_agrees_with_differences(loss: Loss) -> None:
    merged, core = problem(loss)
    direction, step = np.random.default_rng(1).standard_normal(core.shape), 1e-5
    ends = [merged.value_and_gradient(core + sign * step * direction)[1] for sign in (1, -1)]
    np.testing.assert_allclose(
        merged.curvature(merged.values(core), direction)[0], (ends[0] - ends[1]) / (2 * step), atol=1e-8
    )


def test_values_of_the_merged_core_are_the_contraction() -> None:
    merged, core = problem(SquaredLoss())
    np.testing.assert_allclose(merged.values(core), np.einsum("sa,ajb,sb->sj", merged.left, core, merged.right))


def test_newton_steps_end_at_the_least_squares_solution() -> None:
    merged, core = problem(SquaredLoss())
    for _ in range(20):
        core = merged.newton_step(core, 72)
    design = np.einsum("sa,sb->sab", merged.left, merged.right).reshape(9, -1)
    exact = np.linalg.solve(design.T @ design / 9 + 0.1 * np.eye(24), design.T @ merged.targets / 9)
    np.testing.assert_allclose(core.transpose(0, 2, 1).reshape(24, 3), exact, atol=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_newton_step_lowers_the_objective_from_far_away(loss: Loss) -> None:
    merged, core = problem(loss)
    before = merged.value_and_gradient(50 * core)[0]
    assert merged.value_and_gradient(merged.newton_step(50 * core, 5))[0] < before


def swept(n: int, m: int, settings: SweepSettings, dtype: type = np.float64) -> tuple[Sweeps, Array]:
    inputs: Array = np.random.default_rng(3).random((m, n)).astype(dtype)
    targets = np.eye(2)[(inputs[:, 0] > inputs[:, -1]).astype(int)]
    sweeps = Sweeps(trigonometric_features(inputs), targets, SquaredLoss(), settings, seed=5)
    return sweeps, inputs


@pytest.mark.parametrize("n", [2, 3, 7])
def test_environments_agree_with_the_train(n: int) -> None:
    sweeps, inputs = swept(n, 40, SweepSettings(max_rank=4))
    for _ in range(2):
        sweeps.sweep()
        np.testing.assert_allclose(TTFunction(sweeps.weights())(inputs), sweeps.values(), atol=1e-10)


def test_cores_stay_orthonormal_up_to_a_number_and_ranks_are_those_chosen() -> None:
    sweeps, _ = swept(7, 60, SweepSettings(max_rank=4))
    sweeps.sweep()
    weights = sweeps.weights()
    for core in weights.cores[3:]:
        rows = core.reshape(len(core), -1)
        gram = rows @ rows.T
        np.testing.assert_allclose(gram / gram[0, 0], np.eye(len(gram)), atol=1e-10)
    assert weights.ranks[2:] == sweeps.ranks[1:]
    assert max(sweeps.ranks) == 4


def test_the_cutoff_chooses_ranks_from_singular_values() -> None:
    sweeps, _ = swept(7, 60, SweepSettings(max_rank=16, cutoff=0.1))
    loose, _ = swept(7, 60, SweepSettings(max_rank=16, cutoff=0.0))
    sweeps.sweep()
    loose.sweep()
    assert all(values[-1] > 0.1 * values[0] for values in sweeps.singular_values)
    assert all(few <= many for few, many in zip(sweeps.ranks, loose.ranks, strict=True))
    assert sum(sweeps.ranks) < sum(loose.ranks)


def test_784_inputs_neither_overflow_nor_vanish() -> None:
    sweeps, inputs = swept(784, 30, SweepSettings(max_rank=3, steps=2))
    # Of all samples, not only of those that dominate: without care most lie below 10⁻⁵.
    for environment in sweeps._right:
        assert np.quantile(np.linalg.norm(environment, axis=1), 0.25) > 0.05
    sweeps.sweep()
    np.testing.assert_allclose(TTFunction(sweeps.weights())(inputs), sweeps.values(), rtol=1e-6, atol=1e-9)
    assert sweeps.objective() < 0.4


def test_single_precision_is_kept() -> None:
    sweeps, inputs = swept(6, 40, SweepSettings(max_rank=4), np.float32)
    sweeps.sweep()
    weights = sweeps.weights()
    assert weights.dtype == np.float32
    assert TTFunction(weights)(inputs).dtype == np.float32
    double, _ = swept(6, 40, SweepSettings(max_rank=4))
    double.sweep()
    assert sweeps.objective() == pytest.approx(double.objective(), rel=0.05)
