"""Symmetries of the matrix multiplication tensor, acting on float factors and on exact schemes alike.

Three kinds keep a scheme a scheme: sandwiching, (U_q, V_q, W_q) → (P U_q Q⁻¹, Q V_q S⁻¹, S W_q P⁻¹) on the coefficient
matrices; scaling within a product and reordering of the products; and S₃, which permutes the format: the cyclic shift
tr(ABC) = tr(BCA), and transposition tr(ABC) = tr(CᵀBᵀAᵀ), which reverses the order of the factors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mmdiscover.core.exact import inverse, reciprocal
from mmdiscover.core.factors import Factors
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[Any]

T = TypeVar("T", Factors, Scheme)


def sandwich(value: T, p: Matrix, q: Matrix, s: Matrix) -> T:
    """Apply U_q → P U_q Q⁻¹, V_q → Q V_q S⁻¹, W_q → S W_q P⁻¹.

    Parameters
    ----------
    value : Factors or Scheme
        Of format ⟨n,m,p⟩.
    p, q, s : ndarray, shapes (n, n), (m, m), (p, p)
        Invertible; float for `Factors`, exact (object or integer) for a `Scheme`.

    Returns
    -------
    Factors or Scheme
        The same type and format; an exact fit stays one.

    Raises
    ------
    InputError
        If a matrix has the wrong shape or is singular.
    """
    left = []
    for name, size, matrix in zip("pqs", value.format.sizes, (p, q, s), strict=True):
        array = np.asarray(matrix)
        if array.shape != (size, size):
            raise InputError(f"matrix {name} has shape {array.shape}, expected ({size}, {size})")
        left.append(array.astype(object) if isinstance(value, Scheme) else array.astype(float))
    right = [_inverse(name, matrix, value) for name, matrix in zip("pqs", left, strict=True)]
    # vec(L X R) = (L ⊗ Rᵀ) vec(X) for row-major vec.
    arrays = [np.kron(left[k], right[(k + 1) % 3].T) @ factor for k, factor in enumerate(value.arrays)]
    return value.with_arrays(value.format, arrays)


def _inverse(name: str, matrix: Matrix, value: T) -> Matrix:
    if isinstance(value, Scheme):
        return inverse(matrix, value.modulus)
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        raise InputError(f"matrix {name} is singular, expected an invertible one") from None


def rescale(value: T, alpha: Matrix, beta: Matrix) -> T:
    """Scale within the products: (u_q, v_q, w_q) → (α_q u_q, β_q v_q, w_q/(α_q β_q)).

    Parameters
    ----------
    value : Factors or Scheme
    alpha, beta : ndarray, shape (r,)
        Exact (integers or object) for a `Scheme`, which must have characteristic zero.

    Raises
    ------
    InputError
        If a scale is zero.
    """
    if isinstance(value, Scheme):
        # Python integers: those of NumPy would wrap around in the product of the scales.
        alpha, beta = np.asarray(alpha).astype(object), np.asarray(beta).astype(object)
    scale = np.asarray(alpha) * np.asarray(beta)
    if not scale.all():
        raise InputError("a product is scaled by 0, expected nonzero scales")
    exact = isinstance(value, Scheme)
    inverse_scale = np.array([reciprocal(x) for x in scale], dtype=object) if exact else 1 / scale
    u, v, w = value.arrays
    return value.with_arrays(value.format, [u * alpha, v * beta, w * inverse_scale])


def reorder(value: T, order: Sequence[int]) -> T:
    """Take the products in another order: product `order[q]` becomes product q.

    Raises
    ------
    InputError
        If `order` is not a permutation of 0 … r−1.
    """
    if sorted(order) != list(range(value.rank)):
        raise InputError(f"order is {list(order)!r}, expected a permutation of 0 … {value.rank - 1}")
    return value.with_arrays(value.format, [factor[:, list(order)] for factor in value.arrays])


def cyclic_shift(value: T) -> T:
    """⟨n,m,p⟩ → ⟨m,p,n⟩ by tr(ABC) = tr(BCA): the factors (U, V, W) become (V, W, U)."""
    n, m, p = value.format.sizes
    u, v, w = value.arrays
    return value.with_arrays(Format(m, p, n), [v, w, u])


def transpose(value: T) -> T:
    """⟨n,m,p⟩ → ⟨p,m,n⟩ by (AB)ᵀ = BᵀAᵀ: (U_q, V_q, W_q) becomes (V_qᵀ, U_qᵀ, W_qᵀ)."""
    n, m, p = value.format.sizes
    flipped = [
        factor.reshape(*shape, -1).transpose(1, 0, 2).reshape(factor.shape)
        for factor, shape in zip(value.arrays, value.format.matrix_shapes, strict=True)
    ]
    u, v, w = flipped
    return value.with_arrays(Format(p, m, n), [v, u, w])


def symmetric_images(value: T) -> tuple[T, ...]:
    """All six images under S₃, the value itself first."""
    images = []
    for start in (value, transpose(value)):
        shifted = cyclic_shift(start)
        images += [start, shifted, cyclic_shift(shifted)]
    return tuple(images)


def permute(value: T, fmt: Format) -> T:
    """The image of `value` in another order of its format.

    Raises
    ------
    InputError
        If `fmt` has other sizes.
    """
    for image in symmetric_images(value):
        if image.format == fmt:
            return image
    raise InputError(f"format {fmt} is not an order of {value.format}")
