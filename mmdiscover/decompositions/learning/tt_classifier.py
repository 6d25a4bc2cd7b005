"""Classification and regression by functions whose weights are a tensor train, fitted by two-core sweeps."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from mmdiscover.decompositions.arguments import as_real_array, frozen
from mmdiscover.decompositions.learning.dmrg import Sweeps, SweepSettings
from mmdiscover.decompositions.learning.features import apply_features, trigonometric_features
from mmdiscover.decompositions.learning.losses import SquaredLoss, indicators, log_softmax, share_of_equal
from mmdiscover.decompositions.learning.tt_function import TTFunction
from mmdiscover.decompositions.norms import check_scale
from mmdiscover.decompositions.outcome import Ending, Fitted, NotConvergedWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.learning.features import FeatureMap
    from mmdiscover.decompositions.learning.losses import Loss
    from mmdiscover.decompositions.outcome import Progress

ModelT = TypeVar("ModelT")

ZERO = 1e-12
"""An objective below this share of the first one cannot be told from zero."""


@dataclass(frozen=True, eq=False, repr=False)
class TTClassifier:
    """Chooses the class whose output of a function is largest.

    Parameters
    ----------
    function : TTFunction
        One output for each class.
    classes : ndarray, shape (k,)
        Labels, in the order of the outputs.
    """

    function: TTFunction
    classes: NDArray[np.generic]

    def __post_init__(self) -> None:
        classes = np.asarray(self.classes)
        if classes.shape != (self.function.outputs,):
            raise ValueError(f"classes has shape {classes.shape}, expected {(self.function.outputs,)}")
        object.__setattr__(self, "classes", frozen(classes))

    def __repr__(self) -> str:
        return f"TTClassifier(function={self.function!r})"

    def decision_values(self, inputs: ArrayLike) -> Array:
        """The outputs of the function, shape (m, k)."""
        return self.function(inputs)

    def predict(self, inputs: ArrayLike) -> NDArray[np.generic]:
        """Labels, shape (m,)."""
        labels: NDArray[np.generic] = self.classes[self.decision_values(inputs).argmax(axis=1)]
        return labels

    def predict_proba(self, inputs: ArrayLike) -> Array:
        """Softmax of the outputs, shape (m, k): probabilities when the loss of the fit was cross-entropy."""
        return np.exp(log_softmax(self.decision_values(inputs)))

    def accuracy(self, inputs: ArrayLike, labels: ArrayLike) -> float:
        """Share of samples whose label is predicted."""
        return share_of_equal(self.predict(inputs), labels)


@dataclass(frozen=True)
class SweptFit(Fitted[ModelT], Generic[ModelT]):
    """The end of a fit by sweeps; the history is the objective of the merged core at the left end of the train.

    Parameters
    ----------
    ranks : tuple of tuple of int
        After each sweep, between neighbouring inputs.
    scores : ndarray, shape (sweeps,)
        After each sweep on the samples of the fit: accuracy of a classifier, root mean square error of a regression.
    singular_values : tuple of ndarray
        Those kept between neighbouring inputs in the last sweep.
    """

    ranks: tuple[tuple[int, ...], ...]
    scores: NDArray[np.float64]
    singular_values: tuple[Array, ...]


def fit_tt_classifier(
    inputs: ArrayLike,
    labels: ArrayLike,
    settings: SweepSettings | None = None,
    *,
    loss: Loss | None = None,
    feature_map: FeatureMap = trigonometric_features,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> SweptFit[TTClassifier]:
    """Learn to classify by a tensor train of features (Stoudenmire, Schwab, NeurIPS 2016, arXiv:1605.05775).

    Parameters
    ----------
    inputs : array_like, shape (m, n)
        n ≥ 2, for the trigonometric features best between 0 and 1. Float32 is fitted in float32. Neighbouring columns
        are neighbours in the train.
    labels : array_like, shape (m,)
        Of any type that can be sorted, at least two different ones.
    settings : SweepSettings, optional
    loss : Loss, optional
        `CrossEntropyLoss` or, when left out, `SquaredLoss` against the indicator of the class.
    feature_map : FeatureMap
    seed : int, SeedSequence or Generator
        Of the start.
    progress : Progress, optional
        Called after every sweep.

    Returns
    -------
    SweptFit[TTClassifier]

    Raises
    ------
    ValueError
        If inputs and labels do not meet, there are fewer than two inputs or classes, or an input is not finite.

    Examples
    --------
    The parity of three bits, which no linear function tells:

    >>> import numpy as np
    >>> bits = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    >>> fitted = fit_tt_classifier(bits, bits.sum(1) % 2, SweepSettings(max_rank=2, l2=1e-6))
    >>> fitted.model.accuracy(bits, bits.sum(1) % 2)
    1.0
    """
    features = apply_features(feature_map, inputs)
    classes, places, targets = indicators(labels, len(features))
    sweeps = Sweeps(features, targets, loss or SquaredLoss(), settings, seed=seed)

    def accuracy(values: Array) -> float:
        return float(np.mean(values.argmax(axis=1) == places))

    return _run(
        sweeps,
        settings or SweepSettings(),
        accuracy,
        lambda: TTClassifier(TTFunction(sweeps.weights(), feature_map), classes),
        progress,
    )


def fit_tt_regressor(
    inputs: ArrayLike,
    targets: ArrayLike,
    settings: SweepSettings | None = None,
    *,
    feature_map: FeatureMap = trigonometric_features,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> SweptFit[TTFunction]:
    """Fit a tensor train of features to real targets by least squares.

    Parameters
    ----------
    inputs : array_like, shape (m, n)
        As for `fit_tt_classifier`.
    targets : array_like, shape (m,) or (m, k)
        Best of size about 1, which the l2 of the settings is meant for.
    settings : SweepSettings, optional
    feature_map : FeatureMap
    seed : int, SeedSequence or Generator
    progress : Progress, optional

    Returns
    -------
    SweptFit[TTFunction]
        The function has k outputs, one for targets of shape (m,).

    Raises
    ------
    ValueError
        If inputs and targets do not meet, there are fewer than two inputs, or an entry is not finite.
    """
    features = apply_features(feature_map, inputs)
    expected = as_real_array("targets", targets)
    if expected.ndim > 2 or len(expected) != len(features):
        raise ValueError(f"targets has shape {expected.shape}, expected ({len(features)},) or ({len(features)}, k)")
    check_scale("targets", expected)
    columns = expected.reshape(len(expected), -1)
    sweeps = Sweeps(features, columns, SquaredLoss(), settings, seed=seed)

    def error(values: Array) -> float:
        return float(np.sqrt(np.mean((values - columns) ** 2)))

    return _run(sweeps, settings or SweepSettings(), error, lambda: TTFunction(sweeps.weights(), feature_map), progress)


def _run(
    sweeps: Sweeps,
    settings: SweepSettings,
    score: Callable[[Array], float],
    model: Callable[[], ModelT],
    progress: Progress | None,
) -> SweptFit[ModelT]:
    history, ranks, scores = [sweeps.objective()], [], []
    status = Ending.ITERATION_LIMIT
    for iteration in range(1, settings.max_sweeps + 1):
        sweeps.sweep()
        history.append(sweeps.objective())
        ranks.append(sweeps.ranks)
        scores.append(score(sweeps.values()))
        if progress is not None and progress(iteration, history[-1]):
            status = Ending.STOPPED
            break
        if abs(history[-1] - history[-2]) <= settings.tolerance * history[-2] or history[-1] <= ZERO * history[0]:
            status = Ending.CONVERGED
            break
    if status is Ending.ITERATION_LIMIT:
        warnings.warn(
            f"two-core sweeps ended without converging ({status}) after {settings.max_sweeps} sweeps, objective "
            f"{history[-1]:.3g}: raise max_sweeps or tolerance, or l2",
            NotConvergedWarning,
            stacklevel=3,
        )
    return SweptFit(
        model(),
        status,
        np.array(history),
        tuple(ranks),
        np.array(scores),
        tuple(frozen(values) for values in sweeps.singular_values),
    )
