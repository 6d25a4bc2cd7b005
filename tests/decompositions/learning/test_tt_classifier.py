import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from experiments.digits.data import digits
from mmdiscover.decompositions.learning.dmrg import SweepSettings
from mmdiscover.decompositions.learning.features import affine_features, apply_features
from mmdiscover.decompositions.learning.losses import CrossEntropyLoss
from mmdiscover.decompositions.learning.tt_classifier import TTClassifier, fit_tt_classifier, fit_tt_regressor
from mmdiscover.decompositions.learning.tt_function import TTFunction
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.tt.tensor_train import random_tt
from tests.decompositions.learning.differences import Array

BITS = np.array(list(np.ndindex(2, 2, 2, 2, 2, 2)), dtype=float)


def test_digits_are_learnt_by_one_sweep() -> None:
    train, test, train_labels, test_labels = digits(0)
    settings = SweepSettings(max_rank=12, max_sweeps=1, tolerance=1.0)
    fitted = fit_tt_classifier(train, train_labels, settings)
    assert fitted.model.accuracy(test, test_labels) >= 0.94
    assert fitted.scores[-1] == fitted.model.accuracy(train, train_labels) >= 0.97


def test_parity_is_learnt_where_no_linear_function_can() -> None:
    parity = BITS.sum(axis=1) % 2
    names = np.where(parity == 1, "odd", "even")
    for loss in (None, CrossEntropyLoss()):
        fitted = fit_tt_classifier(BITS, names, SweepSettings(max_rank=2, l2=1e-5, tolerance=0.2), loss=loss)
        assert fitted.model.accuracy(BITS, names) == 1.0
        assert list(fitted.model.classes) == ["even", "odd"]
        assert max(fitted.ranks[-1]) <= 2
    assert LogisticRegression().fit(BITS, names).score(BITS, names) < 0.7


def test_probabilities_follow_the_frequencies_of_the_classes() -> None:
    # Samples of each of the 16 cells in known proportions: cross-entropy is least at those.
    cells = np.array(list(np.ndindex(2, 2, 2, 2)), dtype=float)
    odds = 1 + cells @ [1, 2, 3, 4] + 6 * cells[:, 0] * cells[:, 3]
    inputs, labels = np.repeat(cells, 40, axis=0), np.concatenate([np.arange(40) < 2 * odd for odd in odds])
    settings = SweepSettings(max_rank=4, l2=0.0, steps=40, tolerance=1e-5, max_sweeps=30)
    model = fit_tt_classifier(inputs, labels, settings, loss=CrossEntropyLoss(), feature_map=affine_features).model
    np.testing.assert_allclose(model.predict_proba(cells)[:, 1], 2 * odds / 40, atol=1e-2)


def planted(m: int) -> tuple[TTFunction, Array, Array]:
    function = TTFunction(random_tt((2, 2, 2, 2, 2, 2, 2), 2, seed=4), affine_features)
    inputs = np.random.default_rng(m).uniform(-1, 1, (m, 6))
    return function, inputs, function(inputs)


def test_regression_finds_a_planted_train_and_its_ranks() -> None:
    _, inputs, targets = planted(400)
    scale = float(targets.std())
    settings = SweepSettings(max_rank=8, cutoff=1e-4, l2=0.0, steps=60, tolerance=1e-3, max_sweeps=20)
    fitted = fit_tt_regressor(inputs, targets / scale, settings, feature_map=affine_features)
    assert fitted.converged
    _, fresh, expected = planted(100)
    np.testing.assert_allclose(fitted.model(fresh), expected / scale, atol=1e-4)
    # With two outputs the ranks of the planted train are at most 2 between inputs.
    assert max(fitted.ranks[-1]) == 2
    assert fitted.scores[-1] < 1e-5


def test_the_penalty_shrinks_the_function() -> None:
    _, inputs, targets = planted(100)
    sizes = []
    for l2 in (1e-4, 1.0, 100.0):
        model = fit_tt_regressor(inputs, targets[:, 0], SweepSettings(max_rank=4, l2=l2, tolerance=0.2)).model
        assert model.outputs == 1
        sizes.append(np.linalg.norm(model(inputs)))
    assert sizes[0] > sizes[1] > sizes[2]


def test_the_same_seed_gives_the_same_fit() -> None:
    _, inputs, targets = planted(60)
    settings = SweepSettings(max_rank=2, max_sweeps=2, tolerance=1.0)
    one, same, other = (fit_tt_regressor(inputs, targets, settings, seed=seed).history for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_history_is_the_loss_plus_the_penalty_and_inputs_are_unchanged() -> None:
    _, inputs, targets = planted(60)
    kept = inputs.copy(), targets.copy()
    fitted = fit_tt_regressor(inputs, targets, SweepSettings(l2=0.0, max_sweeps=3, tolerance=0.5))
    assert fitted.history[0] == pytest.approx(0.5 * np.mean(np.sum(targets**2, axis=1)))
    residual = fitted.model(inputs) - targets
    assert fitted.objective == pytest.approx(0.5 * np.mean(np.sum(residual**2, axis=1)), rel=1e-6, abs=1e-12)
    np.testing.assert_array_equal(inputs, kept[0])
    np.testing.assert_array_equal(targets, kept[1])


def test_progress_is_told_and_can_stop() -> None:
    _, inputs, targets = planted(60)
    heard = []

    def progress(iteration: int, objective: float) -> bool:
        heard.append((iteration, objective))
        return iteration == 2

    fitted = fit_tt_regressor(inputs, targets, SweepSettings(max_rank=1, tolerance=0.0), progress=progress)
    assert fitted.status is Ending.STOPPED
    assert [objective for _, objective in heard] == list(fitted.history[1:])


def test_the_iteration_limit_warns() -> None:
    _, inputs, targets = planted(60)
    with pytest.warns(NotConvergedWarning, match="after 1 sweeps"):
        fitted = fit_tt_regressor(inputs, targets, SweepSettings(max_rank=1, max_sweeps=1, tolerance=0.0))
    assert fitted.status is Ending.ITERATION_LIMIT


def test_targets_that_are_zero_are_fitted_exactly() -> None:
    fitted = fit_tt_regressor(BITS, np.zeros(64))
    assert fitted.converged
    assert not fitted.model(BITS).any()


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"labels has shape \(3,\), expected \(64,\)"):
        fit_tt_classifier(BITS, [0, 1, 2])
    with pytest.raises(ValueError, match="labels has 1 NaN entries"):
        fit_tt_classifier(BITS, [np.nan, *range(63)])
    with pytest.raises(ValueError, match="labels has 1 class, expected at least 2"):
        fit_tt_classifier(BITS, np.zeros(64))
    with pytest.raises(ValueError, match="inputs have 1 columns, expected at least 2"):
        fit_tt_regressor(BITS[:, :1], np.zeros(64))
    with pytest.raises(ValueError, match=r"targets has shape \(3,\)"):
        fit_tt_regressor(BITS, np.zeros(3))
    with pytest.raises(ValueError, match="inputs has 1 NaN"):
        fit_tt_regressor([[0.0, np.inf]], [1.0])
    with pytest.raises(ValueError, match="max_rank is 0"):
        SweepSettings(max_rank=0)
    with pytest.raises(ValueError, match=r"classes has shape \(2,\), expected \(3,\)"):
        TTClassifier(TTFunction(random_tt((3, 2, 2), 1)), np.arange(2))
    with pytest.raises(ValueError, match="inputs is complex"):
        apply_features(affine_features, [[1j, 0]])


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_squares_out_of_range_are_refused(size: float) -> None:
    with pytest.raises(ValueError, match="targets has the norm"):
        fit_tt_regressor(BITS, size * (BITS[:, 0] + 1.0))
    if size > 1:
        with pytest.raises(ValueError, match=r"feature_map\(inputs\) has the norm"):
            fit_tt_classifier(size * BITS, BITS[:, 0], feature_map=affine_features)


def test_labels_of_two_types_are_refused() -> None:
    labels = np.array([None, "b"], dtype=object)[BITS[:, 0].astype(int)]
    with pytest.raises(ValueError, match="labels cannot be sorted, expected names of classes of one type"):
        fit_tt_classifier(BITS, labels)


def test_weights_must_be_a_train() -> None:
    with pytest.raises(ValueError, match="weights is a ndarray, expected a TensorTrain"):
        TTFunction(np.ones((2, 2)))  # type: ignore[arg-type]
