"""Tucker decomposition by higher-order orthogonal iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_count, check_kind, check_number, check_ranks
from mmdiscover.decompositions.dimension_tree import visit_modes
from mmdiscover.decompositions.matrices import left_singular_vectors
from mmdiscover.decompositions.norms import cancelled, norm_of, standing_still
from mmdiscover.decompositions.outcome import Ending, finish
from mmdiscover.decompositions.products import mode_product_unchecked
from mmdiscover.decompositions.tucker.hosvd import project, st_hosvd
from mmdiscover.decompositions.tucker.tensor import TuckerTensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.outcome import Fitted, Progress


def hooi(
    tensor: ArrayLike,
    ranks: int | Sequence[int],
    *,
    start: TuckerTensor | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
) -> Fitted[TuckerTensor]:
    """Minimise ‖T − G ×₁ U₁ … ×_N U_N‖ by one factor after the other.

    Each factor becomes the leading left singular vectors of the tensor projected on all others (De Lathauwer, De Moor,
    Vandewalle, SIAM J. Matrix Anal. Appl. 21 (2000)). The error never rises.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
        Real or complex, in single or double precision, N ≥ 2.
    ranks : int or sequence of int
        (R₁, …, R_N); one number stands for all modes.
    start : TuckerTensor, optional
        With at most these ranks and orthonormal columns, of which the core is taken anew; that of `st_hosvd` when left
        out.
    max_iterations : int
    tolerance : float
        Converged when the relative error changes by less than this in an iteration; 16 units of rounding at least,
        unless it is 0.
    progress : Progress, optional

    Returns
    -------
    Fitted[TuckerTensor]
        The history is the relative error ‖T − X‖ / ‖T‖.

    Raises
    ------
    ValueError
        If the tensor is zero, a rank is below 1 or above its size, or the start does not fit.
    """
    array = np.ascontiguousarray(as_array("tensor", tensor, least_order=2))
    limits = check_ranks("ranks", ranks, array.shape)
    check_count("max_iterations", max_iterations, 0)
    check_number("tolerance", tolerance)
    size = norm_of("tensor", array)
    tolerance = standing_still(tolerance, array.dtype)
    begin = _start(array, limits, start)
    factors = list(begin.factors)
    core = [project(array, factors)]

    def contract(partial: Array, modes: range, dropped: range) -> Array:  # noqa: ARG001 # every mode stays in place
        for mode in dropped:
            partial = mode_product_unchecked(partial, factors[mode].conj().T, mode)
        return partial

    def update(contracted: Array, mode: int) -> None:
        factors[mode], _ = left_singular_vectors(contracted, mode, limits[mode])
        if mode == array.ndim - 1:
            core[0] = mode_product_unchecked(contracted, factors[mode].conj().T, mode)

    history, status = [_relative_error(array, core[0], factors, size)], Ending.ITERATION_LIMIT
    for iteration in range(1, max_iterations + 1):
        visit_modes(array, range(array.ndim), contract, update)
        history.append(_relative_error(array, core[0], factors, size))
        if progress is not None and progress(iteration, history[-1]):
            status = Ending.STOPPED
            break
        if abs(history[-2] - history[-1]) < tolerance:
            status = Ending.CONVERGED
            break
    model = TuckerTensor(core[0], tuple(factors))
    return finish(model, status, history, "hooi", "try more iterations or a larger tolerance")


def _start(array: Array, ranks: tuple[int, ...], start: TuckerTensor | None) -> TuckerTensor:
    if start is None:
        return st_hosvd(array, ranks)
    check_kind("start", start, TuckerTensor)
    if start.shape != array.shape or any(own > rank for own, rank in zip(start.ranks, ranks, strict=True)):
        raise ValueError(
            f"start has shape {start.shape} and ranks {start.ranks}, "
            f"expected {array.shape} and ranks of at most {ranks}"
        )
    for mode, factor in enumerate(start.factors):
        if not np.allclose(factor.conj().T @ factor, np.eye(factor.shape[1]), atol=1e-4):
            raise ValueError(f"start.factors[{mode}] has columns that are not orthonormal, expected orthonormal ones")
    return start


def _relative_error(array: Array, core: Array, factors: list[Array], size: float) -> float:
    """‖T − X‖ / ‖T‖, by ‖T‖² − ‖G‖² unless too many digits have cancelled."""
    square = size**2 - float(np.linalg.norm(core)) ** 2
    if square > cancelled(array.dtype) * size**2:
        return float(np.sqrt(square)) / size
    return float(np.linalg.norm(array - TuckerTensor(core, tuple(factors)).to_full())) / size
