"""Generalized CP decompositions by L-BFGS-B, with the whole gradient in every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, OptimizeResult, minimize

from mmdiscover.decompositions.arguments import check_count, check_number
from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.gcp.arguments import (
    check_loss,
    check_sparse,
    check_values,
    check_weights,
    observed,
    start_factors,
)
from mmdiscover.decompositions.gcp.objective import cells_objective, dense_objective
from mmdiscover.decompositions.outcome import Ending, Fitted, Progress, finish
from mmdiscover.decompositions.sparse import SparseTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.gcp.losses import Loss
    from mmdiscover.decompositions.gcp.objective import Objective


@dataclass(frozen=True)
class GCPSettings:
    """When L-BFGS-B ends, and how much it remembers.

    Parameters
    ----------
    max_iterations : int
        At most.
    tolerance : float
        The method has converged when an iteration lowers the objective by no more than this share of it.
    gradient_tolerance : float
        It has converged, too, when no entry of the projected gradient exceeds this share of the largest at a random
        start.
    memory : int
        Pairs of steps and gradient differences that approximate the Hessian.
    """

    max_iterations: int = 1000
    tolerance: float = 1e-9
    gradient_tolerance: float = 1e-9
    memory: int = 10

    def __post_init__(self) -> None:
        check_count("max_iterations", self.max_iterations)
        check_number("tolerance", self.tolerance)
        check_number("gradient_tolerance", self.gradient_tolerance)
        check_count("memory", self.memory)


def generalized_cp(  # noqa: PLR0913 # data, model, start and watching are four things
    tensor: ArrayLike | SparseTensor,
    rank: int,
    loss: Loss,
    *,
    weights: ArrayLike | None = None,
    start: CPTensor | None = None,
    seed: Seed = 0,
    settings: GCPSettings | None = None,
    progress: Progress | None = None,
) -> Fitted[CPTensor]:
    """The CP tensor M of a given rank with the least Σ w f(x, m) over the observed cells.

    Real data only; everything is computed in double precision. Where the loss asks for m ≥ 0, all factors are held
    nonnegative. The minimum that is found is a local one: other seeds may find others.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N), or SparseTensor
        A sparse tensor lists the observed cells; all others are **missing**. (For zeros that are not listed see
        `stochastic_generalized_cp`.)
    rank : int
        Number of terms.
    loss : Loss
        One of `gcp.losses`, or an object that has what `Loss` asks for.
    weights : array_like, optional
        ≥ 0, or a mask; of the shape of the tensor, or one for each listed cell of a sparse one. Where the weight is 0,
        a dense tensor may hold NaN.
    start : CPTensor, optional
        Random when left out: uniform entries, scaled to the data.
    seed : int, SeedSequence or Generator
        Of the random start.
    settings : GCPSettings, optional
    progress : Progress, optional

    Returns
    -------
    Fitted[CPTensor]
        The model, normalized; the history is that of the objective Σ w f(x, m).

    Raises
    ------
    ValueError
        If data are outside the domain of the loss, an observed cell holds NaN, shapes do not meet, weights are negative
        or all zero, the rank is below 1, or the objective is not finite at the start.

    Warns
    -----
    NotConvergedWarning
        If the iterations run out, or no step lowers the objective though it has not converged.

    Notes
    -----
    Hong, Kolda and Duersch, SIAM Review 62 (2020), arXiv:1808.07452.

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions.gcp.losses import Poisson
    >>> rng = np.random.default_rng(0)
    >>> truth = CPTensor(tuple(rng.uniform(0, 3, (size, 2)) for size in (10, 11, 12)))
    >>> counts = Poisson().sample(truth.to_full(), rng)
    >>> fitted = generalized_cp(counts, 2, Poisson())
    >>> fitted.converged, bool(fitted.objective < Poisson().value(counts, truth.to_full()).sum())
    (True, True)
    """
    check_loss(loss)
    check_count("rank", rank)
    settings = settings or GCPSettings()
    if isinstance(tensor, SparseTensor):
        shape = tensor.shape
        w = check_weights(weights, tensor.values.shape)
        x = check_sparse(tensor, loss)
        objective = cells_objective(tensor.indices, x, w, loss)
    else:
        shape = np.shape(tensor)
        w = check_weights(weights, shape)
        x = check_values(observed(tensor, w), loss)
        objective = dense_objective(x, w, loss)
    factors = start_factors(None, shape, rank, loss, loss.scale(x, w), seed)
    problem = _Problem(objective, [factor.shape for factor in factors], loss.lower)
    first = problem.packed(factors)
    # A start that is given may be as good as it gets, so it cannot say what a small gradient is.
    small = settings.gradient_tolerance * problem.slope(first)
    if start is not None:
        first = problem.packed(start_factors(start, shape, rank, loss, 1.0, seed))
    best, status, history = _minimize(problem, first, small, settings, progress)
    return finish(
        CPTensor(tuple(best)).normalized(),
        status,
        history,
        "generalized CP",
        "allow more iterations, a larger tolerance, another seed or a smaller rank",
    )


class _Problem:
    """The objective as a function of one vector, all entries of all factors."""

    def __init__(self, objective: Objective, shapes: Sequence[tuple[int, ...]], lower: float) -> None:
        self.lower = lower
        self._objective = objective
        self._shapes = shapes
        self._ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]

    def packed(self, matrices: Sequence[Array]) -> Array:
        """One vector from matrices of the shapes of the factors."""
        return np.concatenate([matrix.ravel() for matrix in matrices])

    def unpacked(self, vector: Array) -> list[Array]:
        """Views of the matrices in a vector."""
        return [part.reshape(shape) for part, shape in zip(np.split(vector, self._ends), self._shapes, strict=True)]

    def __call__(self, vector: Array) -> tuple[float, Array]:
        """Objective and gradient; infinite far out, where a line search may try."""
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = self._objective(self.unpacked(vector))
        return value, self.packed(gradient)

    def slope(self, vector: Array) -> float:
        """The largest entry of the projected gradient."""
        _, gradient = self(vector)
        return float(np.abs(vector - np.maximum(vector - gradient, self.lower)).max())


class _Watch:
    """Hears of every iteration: keeps the history, tells who watches, and says when it is enough."""

    def __init__(self, first: float, tolerance: float, progress: Progress | None) -> None:
        self.history = [first]
        self.tolerance = tolerance
        self.progress = progress
        self.ending: Ending | None = None

    def __call__(self, intermediate_result: OptimizeResult) -> None:
        before, now = self.history[-1], float(intermediate_result.fun)
        self.history.append(now)
        if before - now <= self.tolerance * max(abs(before), abs(now)):
            self.ending = Ending.CONVERGED
        if self.progress is not None and self.progress(len(self.history) - 1, now):
            self.ending = self.ending or Ending.STOPPED
        if self.ending is not None:
            raise StopIteration


def _minimize(
    problem: _Problem, first: Array, small: float, settings: GCPSettings, progress: Progress | None
) -> tuple[list[Array], Ending, list[float]]:
    """L-BFGS-B over all entries of all factors, until the projected gradient is small."""
    value, gradient = problem(first)
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise ValueError("the objective or its gradient is not finite at the start, expected finite numbers")
    watch = _Watch(value, settings.tolerance, progress)
    result = minimize(
        problem,
        first,
        jac=True,
        method="L-BFGS-B",
        bounds=None if problem.lower == -np.inf else Bounds(problem.lower, np.inf),
        callback=watch,
        options={
            "maxiter": settings.max_iterations,
            "maxfun": 20 * settings.max_iterations,
            "maxcor": settings.memory,
            "ftol": 0.0,  # measured against 1 where the objective is small, so the watch does it
            "gtol": small,
        },
    )
    ending = watch.ending
    if ending is None:
        ending = {0: Ending.CONVERGED, 1: Ending.ITERATION_LIMIT}.get(result.status, Ending.STALLED)
    return problem.unpacked(result.x), ending, watch.history
