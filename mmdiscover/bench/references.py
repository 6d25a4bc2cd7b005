"""Other programs that minimise ‖T − ⟦A,B,C⟧‖²: SciPy's `least_squares`, and TensorLy's `parafac` where installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple

LEAST_SQUARES, PARAFAC = "least_squares", "parafac"


def has_parafac() -> bool:
    """Whether TensorLy is installed."""
    return find_spec("tensorly") is not None


def model(factors: Triple) -> Array:
    """⟦A,B,C⟧."""
    a, b, c = factors
    products = (a[:, None] * b).reshape(-1, a.shape[1])
    result: Array = (products @ c.T).reshape(len(a), len(b), len(c))
    return result


def jacobian(factors: Triple) -> Array:
    """Derivative of the flattened model by A, B and C, each row by row: shape (IJK, (I+J+K)R)."""
    a, b, c = factors
    rank = a.shape[1]
    shape = len(a), len(b), len(c)
    out = np.zeros((*shape, sum(shape), rank))
    for i in range(shape[0]):
        out[i, :, :, i] = b[:, None] * c
    for j in range(shape[1]):
        out[:, j, :, shape[0] + j] = a[:, None] * c
    for k in range(shape[2]):
        out[:, :, k, shape[0] + shape[1] + k] = a[:, None] * b
    return out.reshape(-1, sum(shape) * rank)


def run_least_squares(tensor: Array, start: Triple, steps: int) -> tuple[Triple, int]:
    """Run the trust region method of SciPy on the dense Jacobian; its other method needs as many equations as unknowns.

    Returns
    -------
    three ndarrays
        Where it ended: after so many steps, or where tolerances too small for an earlier end were met.
    int
        Steps tried.
    """
    shape = tensor.shape
    ends = np.cumsum([factor.size for factor in start])

    def factors(theta: Array) -> Triple:
        a, b, c = (part.reshape(rows, -1) for part, rows in zip(np.split(theta, ends[:2]), shape, strict=True))
        return a, b, c

    def residual(theta: Array) -> Array:
        return (model(factors(theta)) - tensor).ravel()

    def derivative(theta: Array) -> Array:
        return jacobian(factors(theta))

    result = least_squares(
        residual,
        np.concatenate([factor.ravel() for factor in start]),
        jac=derivative,
        max_nfev=steps + 1,
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-11,
    )
    return factors(result.x), result.nfev - 1


def run_parafac(tensor: Array, start: Triple, sweeps: int) -> Triple | None:
    """Run sweeps of TensorLy's alternating least squares; None when a system was singular."""
    from tensorly.cp_tensor import CPTensor
    from tensorly.decomposition import parafac

    initial = CPTensor((np.ones(start[0].shape[1]), [factor.copy() for factor in start]))
    try:
        _, (a, b, c) = parafac(tensor, start[0].shape[1], n_iter_max=sweeps, init=initial, tol=0)
    except np.linalg.LinAlgError:
        return None
    return a, b, c
