"""Completion: the tensor of low rank that agrees with some observed entries, by alternating least squares over them.

The work of a sweep is proportional to the number of observed entries; the tensor is never formed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.arguments import check_count, check_number
from mmdiscover.decompositions.fitting.forms import layout
from mmdiscover.decompositions.fitting.losses import ObservedEntries
from mmdiscover.decompositions.fitting.minimize import Problem
from mmdiscover.decompositions.fitting.starts import StartsSettings, best_of_starts, spectral_bases
from mmdiscover.decompositions.sparse import SparseTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.decompositions.arguments import Seed
    from mmdiscover.decompositions.cp.tensor import CPTensor
    from mmdiscover.decompositions.fitting.forms import FormName
    from mmdiscover.decompositions.outcome import Fitted, Progress
    from mmdiscover.decompositions.tt.tensor_train import TensorTrain
    from mmdiscover.decompositions.tucker.tensor import TuckerTensor


def complete_cp(
    observed: SparseTensor,
    rank: int,
    *,
    ridge: float = 0.0,
    settings: StartsSettings | None = None,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Fitted[CPTensor]:
    """A CP tensor that agrees with observed entries.

    Minimises Σ (W_c − t_c)² + ridge · Σ ‖Aₙ‖² over the observed cells c. Each row of a factor is a least-squares
    problem with R unknowns. Half of the starts lie in the subspaces that `spectral_bases` finds, the others are random.

    Parameters
    ----------
    observed : SparseTensor
        Real; `SparseTensor.from_dense(tensor, mask)` makes it of a tensor with gaps.
    rank : int
    ridge : float
        0 for data without noise. A slice without any observed entry becomes zero when it is positive.
    settings : StartsSettings, optional
        Its ridge is not used.
    seed : int, SeedSequence or Generator
    progress : Progress, optional
        Iterations are counted from each start.

    Returns
    -------
    Fitted[CPTensor]
        Of the start with the least objective. Converged: the objective is at most ``settings.goal`` of Σ t_c², or a
        sweep lowered it by a share of less than ``settings.tolerance`` (which may be at a local minimum).

    Raises
    ------
    ValueError
        If it has more free numbers than there are observed entries, or a slice has none, and ridge is 0.

    Examples
    --------
    >>> from mmdiscover.decompositions.cp.tensor import random_cp
    >>> truth = random_cp((12, 12, 12), 2, seed=1)
    >>> cells = np.random.default_rng(2).permutation(12**3)[:400]
    >>> indices = np.stack(np.unravel_index(cells, truth.shape), axis=1)
    >>> fitted = complete_cp(SparseTensor(indices, truth.entries(indices), truth.shape), 2)
    >>> bool(np.abs(fitted.model.to_full() - truth.to_full()).max() < 1e-6)
    True
    """
    return _complete("cp", observed, rank, _with(settings, ridge), seed, progress)


def complete_tucker(
    observed: SparseTensor,
    ranks: int | Sequence[int],
    *,
    ridge: float = 0.0,
    settings: StartsSettings | None = None,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Fitted[TuckerTensor]:
    """A Tucker tensor that agrees with observed entries; otherwise as `complete_cp`.

    A sweep costs O(m (R₁⋯R_N)²) for the core, so it is for multilinear ranks whose product is at most a few hundred.

    Parameters
    ----------
    observed : SparseTensor
    ranks : int or sequence of int
        (R₁, …, R_N), none larger than the product of the others.
    ridge, settings, seed, progress
        See `complete_cp`.
    """
    return _complete("tucker", observed, ranks, _with(settings, ridge), seed, progress)


def complete_tt(
    observed: SparseTensor,
    ranks: int | Sequence[int],
    *,
    ridge: float = 0.0,
    settings: StartsSettings | None = None,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Fitted[TensorTrain]:
    """A tensor train that agrees with observed entries; otherwise as `complete_cp`.

    Each slice of a core is a least-squares problem with Rₖ₋₁Rₖ unknowns (Grasedyck, Kluge, Krämer: Variants of
    alternating least squares tensor completion in the tensor train format, SIAM J. Sci. Comput. 37, 2015).

    Parameters
    ----------
    observed : SparseTensor
    ranks : int or sequence of int
        (R₁, …, R_{N−1}); a single number is lowered where the sizes do not allow it.
    ridge, settings, seed, progress
        See `complete_cp`.
    """
    return _complete("tt", observed, ranks, _with(settings, ridge), seed, progress)


def complete_matrix(
    observed: SparseTensor,
    rank: int,
    *,
    ridge: float = 0.0,
    settings: StartsSettings | None = None,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Fitted[CPTensor]:
    """A matrix A Bᵀ of a rank that agrees with observed entries: `complete_cp` of order 2.

    With a ridge λ and a rank that is large enough, the minimum is that of Σ (W_c − t_c)² + 2λ ‖W‖_* (nuclear norm).

    Parameters
    ----------
    observed : SparseTensor
        Of order 2.
    rank : int
        At most the smaller size.
    ridge, settings, seed, progress
        See `complete_cp`.

    Returns
    -------
    Fitted[CPTensor]
        With factors A and B.
    """
    if ObservedEntries(observed).observed.order != 2:
        raise ValueError(f"observed has {observed.order} modes (shape {observed.shape}), expected 2")
    check_count("rank", rank, 1, min(observed.shape))
    return _complete("cp", observed, rank, _with(settings, ridge), seed, progress)


def split_entries(observed: SparseTensor, share: float = 0.1, *, seed: Seed = 0) -> tuple[SparseTensor, SparseTensor]:
    """Observed entries in two parts, at random: to fit, and to be held out.

    Parameters
    ----------
    observed : SparseTensor
    share : float
        That is held out, above 0 and below 1; at least one entry goes to each part.
    seed : int, SeedSequence or Generator
    """
    count = len(ObservedEntries(observed).observed.values)
    if not 0 < share < 1 or count < 2:
        raise ValueError(f"share is {share!r} of {count} entries, expected above 0 and below 1 of at least 2")
    held = min(max(1, round(share * count)), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    parts = [np.sort(order[held:]), np.sort(order[:held])]
    fit, rest = (SparseTensor(observed.indices[part], observed.values[part], observed.shape) for part in parts)
    return fit, rest


def held_out_error(model: CPTensor | TuckerTensor | TensorTrain, held_out: SparseTensor) -> float:
    """‖W − T‖ / ‖T‖ over entries that were not fitted; what a rank or a ridge is chosen by.

    Raises
    ------
    ValueError
        If the shapes differ, or all held-out values are zero.
    """
    if model.shape != held_out.shape:
        raise ValueError(f"model has shape {model.shape}, expected {held_out.shape} as held_out")
    norm = held_out.norm()
    if norm == 0:
        raise ValueError("held_out has zeros only, expected another value to measure errors by")
    return float(np.linalg.norm(model.entries(held_out.indices) - held_out.values)) / norm


def _with(settings: StartsSettings | None, ridge: float) -> StartsSettings:
    return replace(settings or StartsSettings(), ridge=check_number("ridge", ridge))


def _complete(
    name: FormName,
    observed: SparseTensor,
    rank: int | Sequence[int],
    settings: StartsSettings,
    seed: Seed,
    progress: Progress | None,
) -> Fitted[Any]:
    loss = ObservedEntries(observed)
    form, shapes, free = layout(name, loss.shape, rank, "rank" if name == "cp" else "ranks")
    if not observed.values.any():
        raise ValueError("observed has zeros only, expected another value")
    if not settings.ridge:
        if free > len(observed.values):
            raise ValueError(
                f"rank is too large: tensors of these ranks have {free} free numbers, expected at most the "
                f"{len(observed.values)} observed entries, or ridge > 0"
            )
        for mode, length in enumerate(observed.shape):
            counts = np.bincount(observed.indices[:, mode], minlength=length)
            if not counts.all():
                raise ValueError(
                    f"observed has no entry with index {int(np.argmin(counts))} of mode {mode}, expected one in every "
                    "slice, or ridge > 0, which makes such slices zero"
                )
    problem = Problem(loss, form, settings.ridge)
    bases = spectral_bases(observed)
    size = float(np.sqrt(np.mean(np.square(observed.values))))
    return best_of_starts(problem, shapes, size, settings, np.random.default_rng(seed), progress, bases)
