"""Whitening: the second moment turns components that are linearly independent into orthonormal ones.

Anandkumar, Ge, Hsu, Kakade and Telgarsky, Tensor decompositions for learning latent variable models, JMLR 15 (2014),
arXiv:1210.7559.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, eigsh

from mmdiscover.decompositions.arguments import as_real_array, check_count, frozen
from mmdiscover.decompositions.latent.components import Components
from mmdiscover.decompositions.latent.tensor_power import PowerSettings, SymmetricDecomposition, tensor_power
from mmdiscover.decompositions.outcome import Fitted
from mmdiscover.decompositions.products import mode_product_unchecked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array, Seed


_NEEDED = "the components must be linearly independent (no centre or topic a combination of the others)"


class WeakSignalWarning(UserWarning):
    """A second moment has fewer eigenvalues that stand out of the rest than components are asked for."""


@dataclass(frozen=True, eq=False)
class Whitening:
    """W and B from M₂ = U diag(s) Uᵀ: W = U diag(s)^(−1/2) with Wᵀ M₂ W = I, and B = U diag(s)^(1/2) with Bᵀ W = I.

    With M₂ = Σ wᵢ μᵢ ∘ μᵢ, the vectors vᵢ = √wᵢ Wᵀμᵢ are orthonormal and M₃(W, W, W) = Σ vᵢ ∘ vᵢ ∘ vᵢ / √wᵢ.

    Parameters
    ----------
    whitener : ndarray, shape (d, k)
        W.
    unwhitener : ndarray, shape (d, k)
        B.
    """

    whitener: Array
    unwhitener: Array

    def whiten(self, third_moment: ArrayLike) -> Array:
        """M₃(W, W, W), shape (k, k, k), of M₃ of shape (d, d, d)."""
        tensor = as_real_array("third_moment", third_moment, 3)
        size = len(self.whitener)
        if tensor.shape != (size,) * 3:
            raise ValueError(f"third_moment has shape {tensor.shape}, expected {(size,) * 3}")
        for mode in range(3):
            tensor = mode_product_unchecked(tensor, self.whitener.T, mode)
        return tensor

    def unwhiten(self, decomposition: SymmetricDecomposition) -> Components:
        """The components μᵢ = λᵢ B vᵢ with wᵢ = 1/λᵢ², from the eigenpairs of the whitened third moment.

        Raises
        ------
        ValueError
            If an eigenvalue is not positive: the third moment then has fewer components than the second.
        """
        eigenvalues = decomposition.eigenvalues
        # Components of probability w have eigenvalue 1/√w ≥ 1.
        if eigenvalues.min() < 1e-6:
            raise ValueError(
                f"the whitened third moment has the eigenvalue {eigenvalues.min():.3g}, expected at least about 1: "
                f"the third moment has fewer components than the second; {_NEEDED}, and the samples many enough"
            )
        return Components((self.unwhitener @ (decomposition.vectors * eigenvalues)).T, eigenvalues**-2.0)


def whitening(second_moment: ArrayLike | LinearOperator, components: int) -> Whitening:
    """Whitening from the largest eigenvalues of a second moment.

    Parameters
    ----------
    second_moment : array_like or LinearOperator, shape (d, d)
        M₂, symmetric. Of a linear operator, products with vectors are enough (Lanczos iterations).
    components : int
        Rank k, at most d (less than d − 1 for a linear operator).

    Raises
    ------
    ValueError
        If it is not symmetric, or fewer than k eigenvalues are positive: the components must be linearly independent.

    Warns
    -----
    WeakSignalWarning
        If the k-th eigenvalue is less than twice the size of any of the others, which would be zero in exact moments.
    """
    if isinstance(second_moment, LinearOperator):
        size = second_moment.shape[0]
        check_count("components", components, 1, size - 2)
        # A fixed starting vector makes the result reproducible.
        start = np.random.default_rng(0).standard_normal(size)
        values, vectors = eigsh(second_moment, components + 1, which="LA", v0=start)
    else:
        matrix = as_real_array("second_moment", second_moment, 2)
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"second_moment has shape {matrix.shape}, expected a square")
        difference = np.abs(matrix - matrix.T).max()
        if difference > np.sqrt(np.finfo(matrix.dtype).eps) * np.abs(matrix).max():
            raise ValueError(f"second_moment differs from its transpose by {difference:.3g}, expected a symmetric one")
        check_count("components", components, 1, len(matrix))
        values, vectors = scipy.linalg.eigh(matrix)
    kept, others = values[-components:], values[:-components]
    _check_rank(kept, others)
    roots, directions = np.sqrt(kept[::-1]), vectors[:, -components:][:, ::-1]
    return Whitening(frozen(directions / roots), frozen(directions * roots))


def _check_rank(kept: Array, others: Array) -> None:
    if kept[0] <= 1e3 * np.finfo(kept.dtype).eps * kept[-1]:
        positive = int(np.sum(kept > 1e3 * np.finfo(kept.dtype).eps * abs(kept[-1])))
        raise ValueError(f"second_moment has {positive} positive eigenvalues, expected {len(kept)}: {_NEEDED}")
    noise = float(np.abs(others).max(initial=0.0))
    if kept[0] < 2 * noise:
        warnings.warn(
            f"eigenvalue {len(kept)} of the second moment is {kept[0]:.3g}, and one of {noise:.3g} in size is taken "
            f"for noise: {_NEEDED}, and the samples many enough to show it; try more samples or fewer components",
            WeakSignalWarning,
            stacklevel=4,
        )


def components_from_moments(
    second_moment: ArrayLike,
    third_moment: ArrayLike,
    components: int,
    *,
    settings: PowerSettings | None = None,
    seed: Seed = 0,
) -> Fitted[Components]:
    """Vectors and weights from M₂ = Σ wᵢ μᵢ ∘ μᵢ and M₃ = Σ wᵢ μᵢ ∘ μᵢ ∘ μᵢ: whitening, power method, un-whitening.

    Parameters
    ----------
    second_moment : array_like, shape (d, d)
    third_moment : array_like, shape (d, d, d)
    components : int
        Number k, at most d.
    settings : PowerSettings
    seed : int, SeedSequence or Generator

    Returns
    -------
    Fitted[Components]
        Status and history are those of `tensor_power` on the whitened third moment. The weights are not normalized.

    Raises
    ------
    ValueError
        As of `whitening` and `tensor_power`.

    Examples
    --------
    >>> import numpy as np
    >>> truth = Components(np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]), np.array([0.4, 0.6]))
    >>> found = components_from_moments(truth.second_moment(), truth.third_moment(), 2).model
    >>> found.vectors.round(10) + 0.0, found.weights.round(10)
    (array([[1., 2., 0.],
           [0., 1., 1.]]), array([0.4, 0.6]))
    """
    white = whitening(second_moment, components)
    fitted = tensor_power(white.whiten(third_moment), components, settings=settings, seed=seed)
    return Fitted(white.unwhiten(fitted.model), fitted.status, fitted.history)
