"""Sparse factors in the same orbit: minimise an ℓ₁-like measure over sandwiching matrices P, Q, S.

Two minimisers: the paper's, three partial Nelder–Mead minimisations over matrices of determinant 1 repeated until they
converge (Tichavský, Phan, Cichocki, arXiv:1603.01372, step 2), and a quasi-Newton method on a smoothed measure over all
three matrices at once. The pipeline uses the second: it ends as low in a small part of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.symmetry import sandwich

if TYPE_CHECKING:
    from mmdiscover.core.factors import Factors
    from mmdiscover.decompositions.gauss_newton import Array

_WIDTHS = (0.5, 0.2, 0.05, 0.01)
_CONDITION_WEIGHT = 1e-3
_TINY = 1e-200


def sparsity_measure(factors: Factors) -> float:
    """Σ_q (‖u_q‖₁ ‖v_q‖₁ ‖w_q‖₁)^⅓: small for sparse products, and blind to scaling within a product."""
    norms = [np.abs(factor).sum(axis=0) for factor in factors.arrays]
    return float(np.cbrt(norms[0] * norms[1] * norms[2]).sum())


def balance(factors: Factors) -> Factors:
    """Scale within the products so that ‖u_q‖₁ = ‖v_q‖₁ = ‖w_q‖₁; products with a zero vector become zero."""
    norms = [np.abs(factor).sum(axis=0) for factor in factors.arrays]
    common = np.cbrt(norms[0] * norms[1] * norms[2])
    scales = [np.divide(common, norm, out=np.zeros_like(norm), where=norm > 0) for norm in norms]
    return factors.with_arrays(factors.format, [x * scale for x, scale in zip(factors.arrays, scales, strict=True)])


def sparsify(factors: Factors, rng: np.random.Generator, restarts: int = 2) -> Factors:
    """Sandwich `factors` to few large entries, by BFGS on a smoothed measure from several random rotations.

    A penalty on ‖P‖²‖P⁻¹‖² (Q, S alike) keeps the matrices well-conditioned: without it the minimiser may run towards
    singular ones, and the accuracy of the fit is lost.

    Parameters
    ----------
    factors : Factors
    rng : numpy.random.Generator
        Draws the rotations.
    restarts : int
        The best of so many minimisations is taken.

    Returns
    -------
    Factors
        In the orbit of `factors`, balanced.
    """
    # Deferred: it takes a quarter of a second to import, and walks never need it.
    from scipy.optimize import minimize

    best: tuple[float, Array] | None = None
    for _ in range(restarts):
        point = np.concatenate([_rotation(size, rng).ravel() for size in factors.format.sizes])
        value = np.inf
        for width in _WIDTHS:
            result = minimize(
                _smoothed_measure, point, args=(factors, width), jac=True, method="BFGS", options={"maxiter": 150}
            )
            value, point = float(result.fun), result.x
        if best is None or value < best[0]:
            best = value, point
    assert best is not None
    return balance(sandwich(factors, *_split(best[1], factors.format.sizes)))


def _rotation(size: int, rng: np.random.Generator) -> Array:
    q, _ = np.linalg.qr(rng.standard_normal((size, size)))
    return q


def _split(vector: Array, sizes: tuple[int, ...]) -> list[Array]:
    pieces = np.split(vector, np.cumsum([size * size for size in sizes])[:-1])
    return [piece.reshape(size, size) for piece, size in zip(pieces, sizes, strict=True)]


def _smoothed_measure(vector: Array, factors: Factors, width: float) -> tuple[float, Array]:
    """The measure with |x| replaced by √(x² + (width·s)²), s the root mean square of the vector, and its gradient."""
    matrices = _split(vector, factors.format.sizes)
    try:
        inverses = [np.linalg.inv(matrix) for matrix in matrices]
    except np.linalg.LinAlgError:
        return np.inf, np.zeros_like(vector)
    images, norms, slopes = [], [], []
    for mode, (factor, shape) in enumerate(zip(factors.arrays, factors.format.matrix_shapes, strict=True)):
        image = matrices[mode] @ factor.T.reshape(-1, *shape) @ inverses[(mode + 1) % 3]
        mean_square = (image * image).mean(axis=(1, 2), keepdims=True) + _TINY  # vectors may be zero
        smooth = np.sqrt(image * image + width**2 * mean_square)
        # The root mean square depends on every entry of the vector.
        through_mean = width**2 / image[0].size * (1 / smooth).sum(axis=(1, 2), keepdims=True)
        images.append(image)
        norms.append(smooth.sum(axis=(1, 2)))
        slopes.append(image / smooth + image * through_mean)
    terms = np.cbrt(norms[0] * norms[1] * norms[2])
    value = float(terms.sum())
    slopes = [(terms / (3 * norm))[:, None, None] * slope for norm, slope in zip(norms, slopes, strict=True)]
    gradient = []
    for mode, (matrix, inverse) in enumerate(zip(matrices, inverses, strict=True)):
        # P acts on one factor from the left and, inverted, on the factor before it from the right.
        before = mode - 1
        left = np.einsum("qij,qkj->ik", slopes[mode], images[mode])
        right = np.einsum("qji,qjk->ik", images[before], slopes[before])
        size, inverse_size = float((matrix**2).sum()), float((inverse**2).sum())
        value += _CONDITION_WEIGHT * size * inverse_size
        penalty = 2 * matrix * inverse_size - 2 * size * inverse.T @ inverse @ inverse.T
        gradient.append(((left - right) @ inverse.T + _CONDITION_WEIGHT * penalty).ravel())
    return value, np.concatenate(gradient)


def sparsify_nelder_mead(factors: Factors, sweeps: int = 20, tolerance: float = 1e-4) -> Factors:
    """The paper's sparsification: Nelder–Mead over P, then Q, then S of determinant 1, until a sweep gains nothing.

    Parameters
    ----------
    factors : Factors
    sweeps : int
        Most rounds of three minimisations.
    tolerance : float
        Relative gain of a sweep below which it ends.

    Returns
    -------
    Factors
        In the orbit of `factors`, balanced.
    """
    from scipy.optimize import minimize

    value = sparsity_measure(factors)
    for _ in range(sweeps):
        for mode, size in enumerate(factors.format.sizes):
            identity = [np.eye(other) for other in factors.format.sizes]

            def image(
                vector: Array,
                mode: int = mode,
                size: int = size,
                identity: list[Array] = identity,
                at: Factors = factors,
            ) -> Factors | None:
                matrix = vector.reshape(size, size)
                determinant = np.linalg.det(matrix)
                if abs(determinant) < 1e-3:
                    return None
                matrices = list(identity)
                matrices[mode] = matrix / abs(determinant) ** (1 / size)
                return sandwich(at, *matrices)

            def measure(vector: Array) -> float:
                candidate = image(vector)
                return np.inf if candidate is None else sparsity_measure(candidate)

            result = minimize(
                measure, np.eye(size).ravel(), method="Nelder-Mead", options={"maxfev": 400 * size, "adaptive": True}
            )
            candidate = image(result.x)
            if candidate is not None and sparsity_measure(candidate) < sparsity_measure(factors):
                factors = candidate
        reached = sparsity_measure(factors)
        if reached > (1 - tolerance) * value:
            break
        value = reached
    return balance(factors)
