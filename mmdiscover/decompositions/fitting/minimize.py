"""Minimising a loss over tensors of low rank: all blocks at once by gradients, or one block after another."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, isfinite
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import scipy.optimize

from mmdiscover.decompositions.arguments import check_count, check_number
from mmdiscover.decompositions.fitting.forms import FormT, form_of
from mmdiscover.decompositions.fitting.losses import BlockLoss, DenseLoss, QuadraticLoss, dense_gradients
from mmdiscover.decompositions.norms import frobenius_norm
from mmdiscover.decompositions.outcome import Ending, Fitted, Progress, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.fitting.forms import Form

Method = Literal["gradient", "descent", "alternating"]

INNER_ITERATIONS = 5
"""L-BFGS steps for a block whose best value is not a least-squares problem."""
STALLED_AFTER = 1e-16
"""A change of the blocks, relative to their norm, at which plain gradient descent gives up."""


@dataclass(frozen=True)
class MinimizeSettings:
    """When a minimisation ends, and what is added to the loss.

    Parameters
    ----------
    max_iterations : int
        At most so many: steps of L-BFGS or of descent, or sweeps over all blocks.
    tolerance : float
        Converged when an iteration (alternating, descent) lowers the objective by no more than this share of it; for
        L-BFGS when a step lowers it by no more than a thousandth of this share of the larger of it and the start's.
    goal : float
        A `QuadraticLoss` has converged when the objective is not above this share of L(0), the loss of the zero tensor.
    ridge : float
        The objective is L(W) + ridge · Σ ‖block‖²_F. For factors of a matrix half of the sum is the nuclear norm at its
        least (Srebro, Rennie, Jaakkola: Maximum-margin matrix factorization, NIPS 17, 2004).
    """

    max_iterations: int = 500
    tolerance: float = 1e-9
    goal: float = 1e-24
    ridge: float = 0.0

    def __post_init__(self) -> None:
        check_count("max_iterations", self.max_iterations)
        check_number("tolerance", self.tolerance)
        check_number("goal", self.goal)
        check_number("ridge", self.ridge)


def minimize_low_rank(
    loss: DenseLoss | BlockLoss,
    model_start: FormT,
    *,
    method: Method = "gradient",
    settings: MinimizeSettings | None = None,
    progress: Progress | None = None,
) -> Fitted[FormT]:
    """Lower a loss of a whole tensor W over all W of the form and rank of a start.

    Parameters
    ----------
    loss : DenseLoss or BlockLoss
        Any object with ``value_and_gradient(W)``, or one from `losses`.
    model_start : CPTensor, TuckerTensor or TensorTrain
        Real; it is not changed. The result has its shape and ranks.
    method : {"gradient", "descent", "alternating"}
        L-BFGS on the entries of all blocks; plain gradient descent on them with a step found by backtracking (Armijo);
        or one block after another: its best value when the loss is a `QuadraticLoss`, else a few steps of L-BFGS.
        L-BFGS calculates in float64, whatever the start.
    settings : MinimizeSettings, optional
    progress : Progress, optional

    Returns
    -------
    Fitted
        Its objective is the loss plus the ridge term. None of the methods can tell a local from a global minimum.

    Raises
    ------
    ValueError
        If loss and start do not have the same shape, the start has one mode only, or the loss or its gradient is not
        finite at the start.

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions.cp.tensor import random_cp
    >>> class LogCosh:
    ...     def value_and_gradient(self, tensor):
    ...         return np.log(np.cosh(tensor - 1)).sum(), np.tanh(tensor - 1)
    >>> fitted = minimize_low_rank(LogCosh(), random_cp((3, 4, 5), 1))
    >>> fitted.converged, bool(np.allclose(fitted.model.to_full(), 1, atol=1e-3))
    (True, True)
    """
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}, expected one of {get_args(Method)}")
    settings = MinimizeSettings() if settings is None else settings
    form, blocks = form_of(model_start)
    if form.order < 2:
        raise ValueError(f"model_start has shape {form.shape}, expected at least 2 modes")
    problem = Problem(loss, form, settings.ridge)
    with np.errstate(over="ignore", invalid="ignore"):
        start, gradients = problem.value_and_gradients(blocks)
    if not isfinite(start):
        raise ValueError(f"loss is {start} at model_start, expected a finite number")
    if not all(np.isfinite(gradient).all() for gradient in gradients):
        raise ValueError("loss has a gradient with NaN or infinite entries at model_start, expected finite numbers")
    run = {"gradient": quasi_newton, "descent": descend, "alternating": alternate}[method]
    goal = settings.goal * loss.scale if isinstance(loss, QuadraticLoss) else -np.inf
    status, history = Ending.CONVERGED, [start]
    if start > goal:
        blocks, status, history = run(problem, blocks, goal, settings, progress)
    advice = "raise `max_iterations`, take another start, or add a `ridge`"
    return finish(form.build(blocks), status, history, f"minimize_low_rank ({method})", advice)


@dataclass(frozen=True, eq=False)
class Problem:
    """A loss over the blocks of a form, with its ridge term.

    Raises
    ------
    ValueError
        If the loss is none, or of another shape.
    """

    loss: DenseLoss | BlockLoss
    form: Form[Any]
    ridge: float

    def __post_init__(self) -> None:
        if not isinstance(self.loss, (DenseLoss, BlockLoss)):
            raise ValueError(f"loss is a {type(self.loss).__name__}, expected an object with value_and_gradient(W)")  # noqa: TRY004
        shape = getattr(self.loss, "shape", self.form.shape)
        if tuple(shape) != self.form.shape:
            raise ValueError(f"model_start has shape {self.form.shape}, expected {tuple(shape)} as the loss")

    def value_and_gradients(self, blocks: Sequence[Array]) -> tuple[float, list[Array]]:
        """The objective and its gradients by all blocks."""
        if isinstance(self.loss, BlockLoss):
            value, gradients = self.loss.value_and_gradients(self.form, blocks)
        else:
            value, gradients = dense_gradients(self.loss, self.form, blocks)
        if self.ridge:
            gradients = [g + 2 * self.ridge * block for g, block in zip(gradients, blocks, strict=True)]
        return value + self.penalty(blocks), gradients

    def penalty(self, blocks: Sequence[Array]) -> float:
        """The ridge term."""
        return self.ridge * sum(float(np.vdot(block, block)) for block in blocks) if self.ridge else 0.0

    def block_value_and_gradient(self, blocks: Sequence[Array], block: int) -> tuple[float, Array]:
        """The objective and its gradient by one block."""
        if isinstance(self.loss, DenseLoss):
            value, dense = self.loss.value_and_gradient(self.form.full(blocks))
            gradient = self.form.pullback(blocks, block, np.asarray(dense)[None])[0]
        else:
            value, gradients = self.loss.value_and_gradients(self.form, blocks)
            gradient = gradients[block]
        return float(value) + self.penalty(blocks), gradient + 2 * self.ridge * blocks[block]


Run = tuple[list["Array"], Ending, list[float]]


def lbfgs(
    value_and_gradient: Callable[[Array], tuple[float, Array]],
    start: Array,
    first: float,
    options: Any,
    callback: Callable[[float], None] | None = None,
) -> tuple[Array, int]:
    """SciPy's L-BFGS in units in which objective and variables are about 1 at the start.

    Its criterion compares with 1 where the objective is less, and its first step has length 1 at most: without units a
    small objective would count as converged, and a large tensor would not be reached.

    Parameters
    ----------
    value_and_gradient : callable
    start : ndarray, shape (n,)
    first : float
        The objective at the start.
    options : dict
        Of `scipy.optimize.minimize`.
    callback : callable, optional
        Told the objective after every step; it may raise StopIteration.

    Returns
    -------
    tuple of ndarray, shape (n,), and int
        The end and SciPy's status.
    """
    height = abs(first) or 1.0
    length = float(np.sqrt(np.mean(np.square(start)))) or 1.0

    def in_units(vector: Array) -> tuple[float, Array]:
        value, gradient = value_and_gradient(vector * length)
        return value / height, gradient * (length / height)

    def told(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        if callback:
            callback(float(intermediate_result.fun) * height)

    result = scipy.optimize.minimize(
        in_units, start / length, jac=True, method="L-BFGS-B", callback=told, options=options
    )
    return result.x * length, int(result.status)


def quasi_newton(
    problem: Problem, blocks: list[Array], goal: float, settings: MinimizeSettings, progress: Progress | None
) -> Run:
    """L-BFGS on all blocks at once (Acar, Dunlavy, Kolda: J. Chemometrics 25, 2011, for CP)."""
    history = [problem.value_and_gradients(blocks)[0]]
    asked = False
    start = pack(blocks).astype(np.float64, copy=False)

    def value_and_gradient(vector: Array) -> tuple[float, Array]:
        value, gradients = problem.value_and_gradients(unpack(vector, blocks))
        return value, pack(gradients)

    def watch(objective: float) -> None:
        nonlocal asked
        history.append(objective)
        asked = bool(progress and progress(len(history) - 1, history[-1]))
        if asked or history[-1] <= goal:
            raise StopIteration

    # A step of L-BFGS may be short by chance: its criterion is stricter than that of a sweep.
    options = {
        "maxiter": settings.max_iterations,
        "maxfun": 20 * settings.max_iterations,
        "ftol": settings.tolerance * 1e-3,
        "gtol": 0.0,
        "maxcor": 20,
    }
    end, code = lbfgs(value_and_gradient, start, history[0], options, watch)
    if asked:
        status = Ending.STOPPED
    elif isfinite(history[-1]) and (history[-1] <= goal or code == 0):
        status = Ending.CONVERGED
    else:
        status = Ending.ITERATION_LIMIT if code == 1 else Ending.STALLED
    return unpack(end, blocks), status, history


def descend(
    problem: Problem, blocks: list[Array], goal: float, settings: MinimizeSettings, progress: Progress | None
) -> Run:
    """Plain gradient descent: all blocks take a step along their gradients at the same time."""
    value, gradients = problem.value_and_gradients(blocks)
    history = [value]
    # The first step is as long as the blocks are, whatever the units.
    slope, size = _length(gradients), _length(blocks) or 1.0
    step = size / slope if slope else 1.0
    for iteration in range(1, settings.max_iterations + 1):
        slope = _length(gradients)
        step *= 2
        while True:
            trial = [block - step * gradient for block, gradient in zip(blocks, gradients, strict=True)]
            with np.errstate(over="ignore", invalid="ignore"):
                new_value, new_gradients = problem.value_and_gradients(trial)
            if isfinite(new_value) and new_value <= value - 0.5 * (step * slope) * slope:
                break
            step /= 2
            if not step * slope >= STALLED_AFTER * size:
                return blocks, Ending.STALLED, history
        blocks, gradients, value = trial, new_gradients, new_value
        history.append(value)
        if progress and progress(iteration, value):
            return blocks, Ending.STOPPED, history
        if has_converged(history, goal, settings.tolerance):
            return blocks, Ending.CONVERGED, history
    return blocks, Ending.ITERATION_LIMIT, history


def _length(arrays: Sequence[Array]) -> float:
    """Euclidean length of all entries together, whose squares may overflow."""
    return hypot(*(frobenius_norm(array) for array in arrays))


def alternate(
    problem: Problem, blocks: list[Array], goal: float, settings: MinimizeSettings, progress: Progress | None
) -> Run:
    """One block after another, all others held; exactly where that is a least-squares problem."""
    blocks = list(blocks)
    history = [problem.value_and_gradients(blocks)[0]]
    for iteration in range(1, settings.max_iterations + 1):
        value = history[-1]
        for block in range(len(blocks)):
            if isinstance(problem.loss, QuadraticLoss):
                best = problem.loss.best_block(problem.form, blocks, block, problem.ridge)
                blocks[block], value = best
            else:
                blocks[block], value = _lowered_block(problem, blocks, block)
        if problem.ridge:
            balanced = problem.form.balanced(blocks)
            if not isinstance(problem.loss, QuadraticLoss):
                value += problem.penalty(balanced) - problem.penalty(blocks)
            blocks = balanced
        history.append(value + problem.penalty(blocks) if isinstance(problem.loss, QuadraticLoss) else value)
        if progress and progress(iteration, history[-1]):
            return blocks, Ending.STOPPED, history
        if not isfinite(history[-1]):
            return blocks, Ending.STALLED, history
        if has_converged(history, goal, settings.tolerance):
            return blocks, Ending.CONVERGED, history
    return blocks, Ending.ITERATION_LIMIT, history


def _lowered_block(problem: Problem, blocks: list[Array], block: int) -> tuple[Array, float]:
    """A few steps of L-BFGS on one block."""
    start = blocks[block].astype(np.float64, copy=False)
    first = problem.block_value_and_gradient(blocks, block)[0]

    def value_and_gradient(vector: Array) -> tuple[float, Array]:
        trial = [*blocks[:block], vector.reshape(start.shape), *blocks[block + 1 :]]
        value, gradient = problem.block_value_and_gradient(trial, block)
        return value, gradient.ravel()

    end, _ = lbfgs(value_and_gradient, start.ravel(), first, {"maxiter": INNER_ITERATIONS})
    return end.reshape(start.shape), value_and_gradient(end)[0]


def has_converged(history: Sequence[float], goal: float, tolerance: float) -> bool:
    """Whether the last iteration reached the goal or lowered the objective by no more than a share of it."""
    return history[-1] <= goal or history[-2] - history[-1] <= tolerance * abs(history[-2])


def pack(arrays: Sequence[Array]) -> Array:
    """All entries in one vector."""
    return np.concatenate([array.ravel() for array in arrays])


def unpack(vector: Array, like: Sequence[Array]) -> list[Array]:
    """The inverse of `pack`, with the shapes of given arrays."""
    ends = np.cumsum([array.size for array in like])
    return [part.reshape(array.shape) for part, array in zip(np.split(vector, ends[:-1]), like, strict=True)]
