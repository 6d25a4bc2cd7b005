"""The robust tensor power method: eigenvectors of a symmetric tensor of order three, one after the other.

Algorithm 1 of Anandkumar, Ge, Hsu, Kakade and Telgarsky, Tensor decompositions for learning latent variable models,
JMLR 15 (2014), arXiv:1210.7559.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mmdiscover.decompositions.arguments import as_real_array, check_count, check_number, frozen
from mmdiscover.decompositions.norms import check_scale
from mmdiscover.decompositions.outcome import Ending, Fitted, Progress, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array, Seed

ImplicitTensor: TypeAlias = "Callable[[Array], ArrayLike]"
"""v ↦ T(I, v, v) = Σⱼₗ Tᵢⱼₗ vⱼ vₗ for a symmetric tensor."""

_NOT_SYMMETRIC = "tensor differs by {:.3g} when modes are exchanged, expected a symmetric one"


@dataclass(frozen=True)
class PowerSettings:
    """How long the power method looks for each eigenvector.

    Parameters
    ----------
    starts : int
        Random starting vectors for each eigenvector.
    iterations : int
        Power iterations at most from each start, and again from the best of them.
    tolerance : float
        Iterations end when a unit vector moves by no more; at least a few units of rounding are allowed.
    """

    starts: int = 20
    iterations: int = 100
    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        check_count("starts", self.starts)
        check_count("iterations", self.iterations)
        check_number("tolerance", self.tolerance)


@dataclass(frozen=True, eq=False)
class SymmetricDecomposition:
    """Σᵢ λᵢ vᵢ ∘ vᵢ ∘ vᵢ with vectors of length one.

    Parameters
    ----------
    eigenvalues : array_like, shape (k,)
    vectors : array_like, shape (d, k)
        In columns.

    Raises
    ------
    ValueError
        If there are not as many eigenvalues as vectors, or an entry is not finite.
    """

    eigenvalues: Array
    vectors: Array

    def __post_init__(self) -> None:
        eigenvalues = as_real_array("eigenvalues", self.eigenvalues, 1)
        vectors = as_real_array("vectors", self.vectors, 2)
        if vectors.shape[1] != len(eigenvalues):
            raise ValueError(f"vectors has {vectors.shape[1]} columns, expected {len(eigenvalues)} as eigenvalues")
        object.__setattr__(self, "eigenvalues", frozen(eigenvalues))
        object.__setattr__(self, "vectors", frozen(vectors))

    def to_full(self) -> Array:
        """The tensor with all its entries, shape (d, d, d)."""
        size = len(self.vectors)
        squares = (self.vectors[:, None] * self.vectors).reshape(size**2, -1)
        full: Array = ((self.vectors * self.eigenvalues) @ squares.T).reshape(size, size, size)
        return full


def tensor_power(
    tensor: ArrayLike | ImplicitTensor,
    components: int,
    *,
    size: int | None = None,
    settings: PowerSettings | None = None,
    seed: Seed = 0,
    progress: Progress | None = None,
) -> Fitted[SymmetricDecomposition]:
    """Eigenvalues and eigenvectors of a symmetric tensor that is orthogonally decomposable, or nearly.

    For each eigenpair: power iterations v ← T(I, v, v)/‖T(I, v, v)‖ from several random starts, more from the one
    with the largest T(v, v, v), which is the eigenvalue; then λ v ∘ v ∘ v is taken away (deflation). Where
    T = Σ λᵢ vᵢ ∘ vᵢ ∘ vᵢ with orthonormal vᵢ, convergence is quadratic, and a perturbation of norm ε moves
    eigenpairs by O(ε) (Theorem 5.1 of arXiv:1210.7559). Signs are chosen so that eigenvalues are not negative (where
    the iteration converges), as an odd order allows; they come in the order in which they were found, mostly
    descending. An eigenvalue of zero (of rounding size) says that fewer components were there.

    Parameters
    ----------
    tensor : array_like, shape (d, d, d), or callable
        Real, symmetric; ``float32`` stays ``float32``. A callable maps v of shape (d,) to T(I, v, v) of shape (d,).
    components : int
        Number k of eigenpairs, at most d.
    size : int, optional
        The size d, needed with a callable only.
    settings : PowerSettings
    seed : int, SeedSequence or Generator
    progress : Progress, optional
        Called after each eigenpair.

    Returns
    -------
    Fitted[SymmetricDecomposition]
        Each entry of its history is the norm of what is left of the tensor after so many components: the Frobenius
        norm of an array; for a callable, the root mean square length of T(I, v, v) over as many fixed random unit
        vectors as there are starts. The model has fewer components if `progress` stopped it.

    Raises
    ------
    ValueError
        If the tensor is not cubic or not symmetric (a callable is probed with random vectors), or there are more
        components than its size.

    Examples
    --------
    >>> import numpy as np
    >>> fitted = tensor_power(np.einsum("i,ij,ik,il->jkl", [2.0, 1.0], *[np.eye(2)] * 3), 2)
    >>> fitted.model.eigenvalues.round(12), bool(fitted.objective < 1e-12)
    (array([2., 1.]), True)
    """
    settings = settings or PowerSettings()
    rng = np.random.default_rng(seed)
    operator = _Implicit(tensor, size, settings.starts, rng) if callable(tensor) else _Dense(tensor, size)
    check_count("components", components, 1, operator.size)
    found = _Deflated(operator)
    history = [operator.norm_without(found)]
    status = Ending.CONVERGED
    for index in range(components):
        if not found.add_next(rng, settings):
            status = Ending.ITERATION_LIMIT
        history.append(operator.norm_without(found))
        if progress is not None and progress(index + 1, history[-1]):
            if index + 1 < components:
                status = Ending.STOPPED
            break
    advice = "more iterations or starts; or the tensor is far from an orthogonal decomposition with so many components"
    return finish(found.model(), status, history, "tensor power method", advice)


class _Deflated:
    """A tensor less the components found so far."""

    def __init__(self, operator: _Dense | _Implicit) -> None:
        self.operator = operator
        self.eigenvalues: Array = np.zeros(0, dtype=operator.dtype)
        self.vectors: Array = np.zeros((0, operator.size), dtype=operator.dtype)

    def model(self) -> SymmetricDecomposition:
        return SymmetricDecomposition(self.eigenvalues, self.vectors.T)

    def __call__(self, rows: Array) -> Array:
        """R(I, v, v) for each row v."""
        images: Array = self.operator(rows) - ((rows @ self.vectors.T) ** 2 * self.eigenvalues) @ self.vectors
        return images

    def add_next(self, rng: np.random.Generator, settings: PowerSettings) -> bool:
        """Find one more eigenpair; whether the iteration converged."""
        starts = _random_unit_rows(rng, settings.starts, self.operator)
        rows, _ = self._iterate(starts, settings)
        best = np.argmax(np.einsum("ij,ij->i", rows, self(rows)))
        rows, converged = self._iterate(rows[best : best + 1], settings)
        self.eigenvalues = np.append(self.eigenvalues, np.vdot(rows, self(rows))).astype(rows.dtype)
        self.vectors = np.concatenate([self.vectors, rows])
        return converged

    def _iterate(self, rows: Array, settings: PowerSettings) -> tuple[Array, bool]:
        """Power iterations for each row until all stand still."""
        rounding = 8 * float(np.finfo(rows.dtype).eps) * self.operator.size
        # What is shorter comes of rounding: the components that were there have all been taken away.
        nothing = rounding * float(max(self.eigenvalues, default=0))
        rows, moving = rows.copy(), np.arange(len(rows))
        for _ in range(settings.iterations):
            images = self(rows[moving])
            lengths = np.linalg.norm(images, axis=1)
            moving, images, lengths = (part[lengths > nothing] for part in (moving, images, lengths))
            images /= lengths[:, None]
            moves = np.linalg.norm(images - rows[moving], axis=1)
            rows[moving] = images
            moving = moving[moves > max(settings.tolerance, rounding)]
            if len(moving) == 0:
                return rows, True
        return rows, False


class _Dense:
    def __init__(self, tensor: ArrayLike, size: int | None) -> None:
        self.tensor = as_real_array("tensor", tensor, 3)
        self.size = len(self.tensor)
        if self.tensor.shape != (self.size,) * 3:
            raise ValueError(f"tensor has shape {self.tensor.shape}, expected three equal sizes")
        if size not in {None, self.size}:
            raise ValueError(f"size is {size}, expected {self.size}, that of the tensor, or nothing")
        self.dtype = self.tensor.dtype
        check_scale("tensor", self.tensor)
        allowed = np.sqrt(np.finfo(self.dtype).eps) * np.abs(self.tensor).max()
        for modes in ((1, 0, 2), (0, 2, 1)):
            difference = np.abs(self.tensor - self.tensor.transpose(modes)).max()
            if difference > allowed:
                raise ValueError(_NOT_SYMMETRIC.format(difference))

    def __call__(self, rows: Array) -> Array:
        squares = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
        images: Array = squares @ self.tensor.reshape(-1, self.size)
        return images

    def norm_without(self, found: _Deflated) -> float:
        return float(np.linalg.norm(self.tensor - found.model().to_full() if len(found.eigenvalues) else self.tensor))


class _Implicit:
    def __init__(self, image: ImplicitTensor, size: int | None, probes: int, rng: np.random.Generator) -> None:
        if size is None:
            raise ValueError("size is None, expected the size of the tensor, as a callable does not tell it")
        self.image = image
        self.size = check_count("size", size)
        self.dtype = np.dtype(np.float64)
        self.probes = _random_unit_rows(rng, probes, self)
        self._check_symmetry(*_random_unit_rows(rng, 2, self))

    def __call__(self, rows: Array) -> Array:
        images = np.empty(rows.shape)
        for row, image in zip(rows, images, strict=True):
            value = as_real_array("tensor(v)", self.image(row), 1)
            if len(value) != self.size:
                raise ValueError(f"tensor(v) has {len(value)} entries, expected {self.size}")
            image[:] = value
        return images

    def _check_symmetry(self, v: Array, w: Array) -> None:
        """Compare T(w, v, v) with T(v, w, v), where 4 T(I, v, w) = T(I, v + w, v + w) − T(I, v − w, v − w)."""
        at_v, at_sum, at_difference = self(np.stack([v, v + w, v - w]))
        difference = abs(w @ at_v - v @ (at_sum - at_difference) / 4)
        allowed = np.sqrt(np.finfo(self.dtype).eps) * max(np.linalg.norm(at_v), np.linalg.norm(at_sum))
        if difference > allowed:
            raise ValueError(_NOT_SYMMETRIC.format(difference))

    def norm_without(self, found: _Deflated) -> float:
        return float(np.sqrt(np.mean(np.sum(found(self.probes) ** 2, axis=1))))


def _random_unit_rows(rng: np.random.Generator, count: int, operator: _Dense | _Implicit) -> Array:
    rows = rng.standard_normal((count, operator.size))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    return rows.astype(operator.dtype)
