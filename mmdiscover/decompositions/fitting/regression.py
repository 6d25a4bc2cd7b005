"""Linear regression whose coefficients are a tensor of low rank, by alternating least squares."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.arguments import check_number
from mmdiscover.decompositions.fitting.forms import layout
from mmdiscover.decompositions.fitting.losses import LinearRegression
from mmdiscover.decompositions.fitting.minimize import Problem
from mmdiscover.decompositions.fitting.starts import StartsSettings, best_of_starts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Seed
    from mmdiscover.decompositions.fitting.forms import FormName
    from mmdiscover.decompositions.outcome import Fitted, Progress


def low_rank_regression(  # noqa: PLR0913 # the data, the model and what every iterative method takes
    inputs: ArrayLike | tuple[ArrayLike, ...],
    targets: ArrayLike,
    rank: int | Sequence[int],
    *,
    form: FormName = "cp",
    ridge: float = 0.0,
    settings: StartsSettings | None = None,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Fitted[Any]:
    """Coefficients W of low rank that minimise Σᵢ (⟨W, xᵢ⟩ − yᵢ)² + ridge · Σ ‖block‖².

    Each factor or core is the solution of a linear least-squares problem in turn (Zhou, Li, Zhu: Tensor regression with
    applications in neuroimaging data analysis, J. Amer. Stat. Assoc. 108, 2013, for CP). There is no intercept: centre
    the targets, or append a constant to the vectors of rank-one inputs.

    Parameters
    ----------
    inputs : array_like, shape (m, d₁, …, d_N), or tuple of N array_like, shapes (m, dₙ)
        Real; as a tuple xᵢ is the outer product of the rows i, and no tensor is formed.
    targets : array_like, shape (m,)
    rank : int or sequence of int
        CP rank, or Tucker or TT ranks.
    form : {"cp", "tucker", "tt"}
    ridge : float
    settings : StartsSettings, optional
        Its ridge is not used.
    seed : int, SeedSequence or Generator
    progress : Progress, optional
        Iterations are counted from each start.

    Returns
    -------
    Fitted
        With a CPTensor, TuckerTensor or TensorTrain as model, of the start with the least objective.

    Raises
    ------
    ValueError
        If W has more free numbers than there are samples and ridge is 0, or targets or inputs are all zero.

    Examples
    --------
    >>> from mmdiscover.decompositions.cp.tensor import random_cp
    >>> inputs = np.random.default_rng(0).standard_normal((90, 6, 6, 6))
    >>> truth = random_cp((6, 6, 6), 2, seed=1).to_full()
    >>> fitted = low_rank_regression(inputs, np.tensordot(inputs, truth, 3), 2)  # 90 samples, 216 coefficients
    >>> bool(np.abs(fitted.model.to_full() - truth).max() < 1e-6)
    True
    """
    loss = LinearRegression(inputs, targets)
    joined, shapes, free = layout(form, loss.shape, rank)
    settings = replace(settings or StartsSettings(), ridge=check_number("ridge", ridge))
    samples = len(loss.targets)
    if free > samples and not ridge:
        raise ValueError(
            f"rank is too large: tensors of these ranks have {free} free numbers, expected at most the {samples} "
            "samples, or ridge > 0"
        )
    if isinstance(loss.inputs, tuple):
        square = prod(float(np.mean(np.square(part))) for part in loss.inputs)
    else:
        square = float(np.mean(np.square(loss.inputs)))
    if square == 0 or loss.scale == 0:
        raise ValueError(f"{'inputs' if square == 0 else 'targets'} are all zero, expected another number")
    # What makes predictions as large as the targets when the entries of the inputs are independent.
    size = float(np.sqrt(loss.scale / samples / square / prod(loss.shape)))
    return best_of_starts(Problem(loss, joined, ridge), shapes, size, settings, np.random.default_rng(seed), progress)
