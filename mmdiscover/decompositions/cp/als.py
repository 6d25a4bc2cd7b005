"""CP decomposition by alternating least squares."""

from __future__ import annotations

from functools import reduce
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import get_lapack_funcs

from mmdiscover.decompositions.arguments import as_array, check_count, check_kind, check_number
from mmdiscover.decompositions.cp.tensor import CPTensor, normal
from mmdiscover.decompositions.dimension_tree import visit_modes
from mmdiscover.decompositions.norms import cancelled, norm_of, standing_still
from mmdiscover.decompositions.outcome import Ending, finish
from mmdiscover.decompositions.products import khatri_rao_unchecked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.outcome import Fitted, Progress


def cp_als(
    tensor: ArrayLike,
    rank: int,
    *,
    start: CPTensor | None = None,
    seed: Seed = 0,
    max_iterations: int = 500,
    tolerance: float = 1e-8,
    progress: Progress | None = None,
) -> Fitted[CPTensor]:
    """Minimise ‖T − ⟦A₁, …, A_N⟧‖ by one factor after the other, Aₙ ← T₍ₙ₎ [(A_N ⊙ … ⊙ A₁)ᵀ]⁺.

    The Gram matrix of the Khatri–Rao product is solved with; where it is nearly singular, its pseudo-inverse is used.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
        Real or complex, in single or double precision, N ≥ 2.
    rank : int
    start : CPTensor, optional
        Random when left out.
    seed : int, SeedSequence or Generator
        Of the random start.
    max_iterations : int
        Sweeps over all modes.
    tolerance : float
        Converged when the relative error changes by less than this in a sweep, or is less than this; 16 units of
        rounding at least, unless it is 0.
    progress : Progress, optional

    Returns
    -------
    Fitted[CPTensor]
        Columns normalised, terms in the order of their weights; the history is the relative error ‖T − X‖ / ‖T‖.

    Raises
    ------
    ValueError
        If the tensor is zero, an argument is out of range, or the start does not fit.
    """
    array = as_array("tensor", tensor, least_order=2)
    check_count("max_iterations", max_iterations, 0)
    check_number("tolerance", tolerance)
    size = norm_of("tensor", array)
    tolerance = standing_still(tolerance, array.dtype)
    factors = list(cp_start(array.shape, array.dtype, size, rank, start, seed).absorbed())
    order = array.ndim
    # The transposed Gram matrices (A ⊙ …)ᵀ conj(A ⊙ …) meet in the normal equations.
    grams = [factor.T @ factor.conj() for factor in factors]
    last: list[Array] = [np.empty(0)]

    def contract(partial: Array, modes: range, dropped: range) -> Array:
        chosen = [factors[mode].conj() for mode in dropped]
        if len(modes) == order:
            return _contract_tensor(partial, chosen, at_end=dropped[-1] == modes[-1])
        return _contract_partial(partial, chosen, at_end=dropped[-1] == modes[-1])

    def update(contracted: Array, mode: int) -> None:
        right = contracted.reshape(array.shape[mode], rank)
        gram = reduce(np.multiply, (grams[other] for other in range(order) if other != mode))
        factors[mode] = solve_gram(gram, right)
        grams[mode] = factors[mode].T @ factors[mode].conj()
        if mode == order - 1:
            last[0] = right

    history, status = [_relative_error(array, factors, grams, None, size)], Ending.ITERATION_LIMIT
    for iteration in range(1, max_iterations + 1):
        visit_modes(array, range(order), contract, update)
        history.append(_relative_error(array, factors, grams, last[0], size))
        if progress is not None and progress(iteration, history[-1]):
            status = Ending.STOPPED
            break
        if history[-1] < tolerance or abs(history[-2] - history[-1]) < tolerance:
            status = Ending.CONVERGED
            break
    advice = "try more iterations, another seed, another rank, or cp_lm, which copes with collinear factors"
    return finish(CPTensor(tuple(factors)).normalized(), status, history, "cp_als", advice)


def cp_start(
    shape: tuple[int, ...], dtype: np.dtype[Any], norm: float, rank: int, start: CPTensor | None, seed: Seed
) -> CPTensor:
    """The start that was given, checked, or a random one of about the shape, type and norm of a tensor."""
    check_count("rank", rank)
    if start is not None:
        check_kind("start", start, CPTensor)
        if start.shape != shape or start.rank != rank:
            raise ValueError(f"start has shape {start.shape} and rank {start.rank}, expected {shape} and rank {rank}")
        return start
    rng = np.random.default_rng(seed)
    # The mean of ‖⟦A₁, …, A_N⟧‖² over standard normal factors is R∏d.
    scale = (norm / sqrt(rank * prod(shape))) ** (1 / len(shape)) or 1.0
    factors = (normal(rng, (size, rank), dtype) * dtype.type(scale) for size in shape)
    return CPTensor(tuple(factors))


def solve_gram(gram: Array, right: Array) -> Array:
    """X with X·G = B for a Hermitian G ≥ 0 of order R; the least one where G is nearly singular.

    Parameters
    ----------
    gram : ndarray, shape (R, R)
    right : ndarray, shape (m, R)

    Returns
    -------
    ndarray, shape (m, R)
    """
    potrf, potrs, pocon = get_lapack_funcs(("potrf", "potrs", "pocon"), (gram, right))  # type: ignore[misc]
    epsilon = np.finfo(gram.dtype).eps
    factor, failed = potrf(gram, lower=True)
    if not failed:
        conditioned, _ = pocon(factor, np.linalg.norm(gram, 1), uplo="L")
        if conditioned > 10 * len(gram) * epsilon:
            # X G = B is Gᵀ Xᵀ = Bᵀ, and Gᵀ = conj(G).
            solution, _ = potrs(factor, right.T.conj(), lower=True)
            return np.asarray(solution.T.conj())
    values, vectors = np.linalg.eigh(gram)
    kept = values > len(gram) * epsilon * max(values[-1], np.finfo(gram.dtype).tiny)
    basis = vectors[:, kept]
    return np.asarray(((right @ basis) / values[kept]) @ basis.conj().T)


def _contract_tensor(tensor: Array, factors: list[Array], *, at_end: bool) -> Array:
    """One matrix product with the Khatri–Rao product of the modes at one end; the columns go last."""
    columns, dropped = khatri_rao_unchecked(factors), prod(len(factor) for factor in factors)
    if at_end:
        return tensor.reshape(-1, dropped) @ columns
    return tensor.reshape(dropped, -1).T @ columns


def _contract_partial(partial: Array, factors: list[Array], *, at_end: bool) -> Array:
    """Column by column; `partial` has the remaining modes row by row, then R columns."""
    columns = khatri_rao_unchecked(factors)
    dropped, rank = columns.shape
    if at_end:
        return np.asarray(np.einsum("ijr,jr->ir", partial.reshape(-1, dropped, rank), columns))
    return np.asarray(np.einsum("jr,jir->ir", columns, partial.reshape(dropped, -1, rank)))


def _relative_error(tensor: Array, factors: list[Array], grams: list[Array], last: Array | None, size: float) -> float:
    """‖T − X‖ / ‖T‖; `last` is the contraction that the last mode was updated from."""
    if last is not None:
        square = size**2 - 2 * np.vdot(factors[-1], last).real + float(np.sum(reduce(np.multiply, grams)).real)
        if square > cancelled(tensor.dtype) * size**2:
            return float(np.sqrt(square)) / size
    return float(np.linalg.norm(tensor - CPTensor(tuple(factors)).to_full())) / size
