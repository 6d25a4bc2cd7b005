"""Alternating least squares from several starts, each with a ridge that falls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from mmdiscover.decompositions.arguments import check_count
from mmdiscover.decompositions.fitting.minimize import MinimizeSettings, Problem, Run, alternate
from mmdiscover.decompositions.outcome import Ending, Fitted, Progress, finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.fitting.forms import Form
    from mmdiscover.decompositions.fitting.losses import QuadraticLoss
    from mmdiscover.decompositions.sparse import SparseTensor

FIRST_RIDGE, FALL, RIDGES = 0.1, 0.5, 10
"""The ridge term of a start begins at a tenth of L(0) and is halved in each of the first sweeps."""
SCREENED = 60
"""Sweeps of each start; the best goes on after them."""
SAME = 1e-4
"""Two starts whose objectives differ by no more than this share have found the same minimum."""
ENOUGH = 4
"""So many starts must have found the best minimum: two or three may agree on one that is only local."""
LARGEST_SPECTRAL = 2000
"""Modes larger than this start at random: eigenvectors of a dense matrix of that size would take longer than a fit."""


@dataclass(frozen=True)
class StartsSettings(MinimizeSettings):
    """The same, with several starts.

    Parameters
    ----------
    starts : int
        At most so many, each for 60 sweeps (or `max_iterations` when that is less), the best until it ends by itself.
        No further start is made once one has come half the way to the goal (in powers of ten), or once the best
        minimum was found four times.
    """

    max_iterations: int = 300
    tolerance: float = 1e-5
    goal: float = 1e-20
    starts: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("starts", self.starts)


def best_of_starts(
    problem: Problem,
    shapes: Sequence[tuple[int, ...]],
    size: float,
    settings: StartsSettings,
    rng: np.random.Generator,
    progress: Progress | None,
    bases: Sequence[Array | None] | None = None,
) -> Fitted[Any]:
    """The best of several starts of alternating least squares.

    Parameters
    ----------
    problem : Problem
        Its loss is a `QuadraticLoss`, its ridge that of the end.
    shapes : sequence of tuple of int
        Of the blocks.
    size : float
        Root mean square of the entries of the tensor, roughly.
    settings : StartsSettings
    rng : Generator
    progress : Progress, optional
    bases : sequence of ndarray, shapes (dₙ, k), optional
        For each mode orthonormal columns that starts, every other one, lie in.

    Returns
    -------
    Fitted
        Status and history are those of the start that was kept.
    """
    loss: QuadraticLoss = problem.loss  # type: ignore[assignment] # as demanded
    best: Run | None = None
    screened = replace(settings, max_iterations=min(SCREENED, settings.max_iterations))
    found = 0
    for start in range(settings.starts):
        own = bases if bases and start % 2 == 0 else [None] * problem.form.order
        blocks = scaled_start(problem.form, shapes, size, rng, own)
        outcome = _one_start(problem, blocks, screened, progress)
        end, before = outcome[2][-1], np.inf if best is None else best[2][-1]
        if best is not None and abs(end - before) <= SAME * before:
            found += 1
        elif end < before:
            found = 1
        if best is None or end < before:
            best = outcome
        if found == ENOUGH or outcome[1] is Ending.STOPPED or end <= np.sqrt(settings.goal) * loss.scale:
            break
    assert best is not None
    if best[1] is Ending.ITERATION_LIMIT and settings.max_iterations > SCREENED:
        best = _continued(problem, best, settings, progress)
    advice = "raise `max_iterations` or `starts`, lower the rank, or give a `ridge`"
    return finish(problem.form.build(best[0]), best[1], best[2], "alternating least squares", advice)


def _one_start(problem: Problem, blocks: list[Array], settings: StartsSettings, progress: Progress | None) -> Run:
    """A few sweeps, each with a smaller ridge, then until convergence; the history has the objective of the end."""
    loss: QuadraticLoss = problem.loss  # type: ignore[assignment] # as demanded
    ridge = FIRST_RIDGE * loss.scale / sum(float(np.vdot(block, block)) for block in blocks)
    once, goal = replace(settings, max_iterations=1, tolerance=0.0), settings.goal * loss.scale
    history = [problem.value_and_gradients(blocks)[0]]
    for _ in range(min(RIDGES, settings.max_iterations - 1)):
        if ridge <= problem.ridge:
            break
        blocks, _, _ = alternate(replace(problem, ridge=ridge), blocks, -np.inf, once, None)
        history.append(problem.value_and_gradients(blocks)[0])
        ridge *= FALL
        if progress and progress(len(history) - 1, history[-1]):
            return blocks, Ending.STOPPED, history
        if history[-1] <= goal:
            return blocks, Ending.CONVERGED, history
    return _continued(problem, (blocks, Ending.ITERATION_LIMIT, history), settings, progress)


def _continued(problem: Problem, run: Run, settings: StartsSettings, progress: Progress | None) -> Run:
    """The iterations that are left of a start."""
    blocks, _, history = run
    done, goal = len(history) - 1, settings.goal * problem.loss.scale  # type: ignore[union-attr] # it is quadratic
    rest = replace(settings, max_iterations=settings.max_iterations - done)

    def counted(iteration: int, objective: float, /) -> bool | None:
        return progress(done + iteration, objective) if progress else None

    blocks, status, tail = alternate(problem, blocks, goal, rest, counted)
    return blocks, status, history + tail[1:]


def scaled_start(
    form: Form[Any],
    shapes: Sequence[tuple[int, ...]],
    size: float,
    rng: np.random.Generator,
    bases: Sequence[Array | None],
) -> list[Array]:
    """Random blocks, within given subspaces, whose tensor has entries of a given size.

    Parameters
    ----------
    form : Form
    shapes : sequence of tuple of int
        Of the blocks.
    size : float
        Root mean square of the entries of the tensor.
    rng : Generator
    bases : sequence of ndarray, shapes (dₙ, k), or None
        For each mode.
    """
    blocks = []
    for block, shape in enumerate(shapes):
        mode = form.mode(block)
        array = rng.standard_normal(shape)
        basis = None if mode is None else bases[mode]
        if basis is not None:
            width = min(basis.shape[1], array.size // shape[form.edges[block].index(mode)])
            kept = basis[:, :width]
            array = form.unsliced(kept @ (kept.T @ form.slices(array, block)), block, shape)
        blocks.append(array / np.linalg.norm(array) * np.sqrt(array.size))
    ones = [form.gram(blocks, 0), form.slices(blocks[0], 0)]
    norm = np.sqrt(max(float(np.einsum("ip,pq,iq->", ones[1], ones[0], ones[1])), np.finfo(float).tiny))
    root_mean_square = norm / np.sqrt(np.prod([float(length) for length in form.shape]))
    factor = (size / root_mean_square) ** (1 / len(blocks))
    return [block * factor for block in blocks]


def spectral_bases(observed: SparseTensor) -> list[Array | None]:
    """For each mode all eigenvectors, largest first, of the matricization's Gram matrix without its diagonal.

    Of the unobserved cells, taken as zero, the diagonal has noise that the other entries do not have (Montanari and
    Sun: Spectral algorithms for tensor completion, Comm. Pure Appl. Math. 71, 2018).

    Parameters
    ----------
    observed : SparseTensor

    Returns
    -------
    list of ndarray, shapes (dₙ, dₙ)
        None for a mode too large for it.
    """
    bases: list[Array | None] = []
    for mode, size in enumerate(observed.shape):
        if size > LARGEST_SPECTRAL:
            bases.append(None)
            continue
        others = np.delete(observed.indices, mode, axis=1)
        columns = np.unique(others, axis=0, return_inverse=True)[1].ravel()
        matrix = csr_array((observed.values, (observed.indices[:, mode], columns)), shape=(size, columns.max() + 1))
        gram = (matrix @ matrix.T).toarray()
        np.fill_diagonal(gram, 0.0)
        values, vectors = np.linalg.eigh(gram)
        bases.append(vectors[:, np.argsort(-np.abs(values), kind="stable")])
    return bases
