"""Matricization and the products that decompositions are made of.

Modes are counted from 0. The columns of a matricization are ordered as in Kolda and Bader (SIAM Review 51, 2009): the
first of the remaining modes runs fastest. With it, W = ⟦A₁, …, A_N⟧ has
W₍ₙ₎ = Aₙ (A_N ⊙ … ⊙ Aₙ₊₁ ⊙ Aₙ₋₁ ⊙ … ⊙ A₁)ᵀ. In ``kronecker`` and ``khatri_rao`` the row of the last argument runs
fastest.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_mode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array


def matricize(tensor: ArrayLike, mode: int) -> Array:
    """The mode-n matricization T₍ₙ₎.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
    mode : int
        The mode whose index becomes the row.

    Returns
    -------
    ndarray, shape (dₙ, ∏ of the others)
        Column j counts the other modes with the first of them running fastest.

    Examples
    --------
    >>> import numpy as np
    >>> matricize(np.arange(8).reshape(2, 2, 2), 0)
    array([[0., 2., 1., 3.],
           [4., 6., 5., 7.]])
    """
    array = as_array("tensor", tensor)
    mode = check_mode(mode, array.ndim)
    return np.moveaxis(array, mode, 0).reshape(array.shape[mode], -1, order="F")


def dematricize(matrix: ArrayLike, mode: int, shape: Sequence[int]) -> Array:
    """The tensor of a given shape whose mode-n matricization is a matrix; the inverse of `matricize`.

    Raises
    ------
    ValueError
        If the matrix does not have the shape of that matricization.
    """
    array = as_array("matrix", matrix, 2)
    mode = check_mode(mode, len(shape))
    others = [size for other, size in enumerate(shape) if other != mode]
    if array.shape != (shape[mode], prod(others)):
        raise ValueError(
            f"matrix has shape {array.shape}, expected {(shape[mode], prod(others))} for mode {mode} of {tuple(shape)}"
        )
    return np.moveaxis(array.reshape([shape[mode], *others], order="F"), 0, mode)


def mode_product(tensor: ArrayLike, matrix: ArrayLike, mode: int) -> Array:
    """The n-mode product T ×ₙ M: every mode-n fibre is multiplied by the matrix.

    Parameters
    ----------
    tensor : array_like, shape (…, dₙ, …)
    matrix : array_like, shape (m, dₙ)
    mode : int

    Returns
    -------
    ndarray, shape (…, m, …)
    """
    array, factor = as_array("tensor", tensor), as_array("matrix", matrix, 2)
    mode = check_mode(mode, array.ndim)
    if factor.shape[1] != array.shape[mode]:
        raise ValueError(
            f"matrix has shape {factor.shape}, expected {array.shape[mode]} columns for mode {mode} of {array.shape}"
        )
    return mode_product_unchecked(array, factor, mode)


def mode_product_unchecked(tensor: Array, matrix: Array, mode: int) -> Array:
    """`mode_product` of arrays whose shapes are known to meet, without copies where the memory order allows."""
    shape = tensor.shape
    before, after = prod(shape[:mode]), prod(shape[mode + 1 :])
    new_shape = (*shape[:mode], len(matrix), *shape[mode + 1 :])
    if after == 1:
        return (tensor.reshape(before, shape[mode]) @ matrix.T).reshape(new_shape)
    result: Array = np.matmul(matrix, tensor.reshape(before, shape[mode], after)).reshape(new_shape)
    return result


def multi_mode_product(tensor: ArrayLike, matrices: Mapping[int, ArrayLike]) -> Array:
    """Several n-mode products at once, those first that make the tensor smallest.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
    matrices : mapping of mode to array_like, shape (m, dₙ)
    """
    array = as_array("tensor", tensor)
    factors = {
        check_mode(mode, array.ndim): as_array(f"matrices[{mode}]", value, 2) for mode, value in matrices.items()
    }
    if len(factors) < len(matrices):
        raise ValueError(f"matrices has the modes {tuple(matrices)}, expected each mode once")
    for mode, factor in factors.items():
        if factor.shape[1] != array.shape[mode]:
            raise ValueError(
                f"matrices[{mode}] has shape {factor.shape}, expected {array.shape[mode]} columns for {array.shape}"
            )
    for mode in sorted(factors, key=lambda mode: factors[mode].shape[0] / factors[mode].shape[1]):
        array = mode_product_unchecked(array, factors[mode], mode)
    return array


def outer(*vectors: ArrayLike) -> Array:
    """The outer product v₁ ∘ … ∘ v_N, of arrays of any order: shapes are strung together."""
    if not vectors:
        raise ValueError("vectors is empty, expected at least one array")
    arrays = [as_array(f"vectors[{index}]", vector) for index, vector in enumerate(vectors)]
    return reduce(np.multiply.outer, arrays)


def kronecker(*matrices: ArrayLike) -> Array:
    """The Kronecker product A ⊗ B ⊗ …, the rows and columns of the last running fastest.

    Parameters
    ----------
    matrices : array_like, shapes (mᵢ, nᵢ)

    Returns
    -------
    ndarray, shape (∏mᵢ, ∏nᵢ)
    """
    return reduce(np.kron, _matrices(matrices))


def khatri_rao(*matrices: ArrayLike) -> Array:
    """The Khatri–Rao product A ⊙ B ⊙ …: Kronecker products of equal columns, the row of the last running fastest.

    Parameters
    ----------
    matrices : array_like, shapes (mᵢ, R)

    Returns
    -------
    ndarray, shape (∏mᵢ, R)
    """
    arrays = _matrices(matrices)
    columns = [array.shape[1] for array in arrays]
    if len(set(columns)) > 1:
        raise ValueError(f"matrices have {columns} columns, expected the same number in each")
    return khatri_rao_unchecked(arrays)


def khatri_rao_unchecked(matrices: Sequence[Array]) -> Array:
    """`khatri_rao` of at least one matrix, all with the same number of columns."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = (result[:, None] * matrix).reshape(-1, matrix.shape[1])
    return result


def _matrices(matrices: Sequence[ArrayLike]) -> list[Array]:
    if not matrices:
        raise ValueError("matrices is empty, expected at least one")
    return [as_array(f"matrices[{index}]", matrix, 2) for index, matrix in enumerate(matrices)]


def mttkrp(tensor: ArrayLike, factors: Sequence[ArrayLike], mode: int) -> Array:
    """The matricized tensor times the Khatri–Rao product of all factors but one, which is not formed.

    T₍ₙ₎ (A_N ⊙ … ⊙ Aₙ₊₁ ⊙ Aₙ₋₁ ⊙ … ⊙ A₁), one matrix product with the tensor, then sums over what that leaves.

    Parameters
    ----------
    tensor : array_like, shape (d₁, …, d_N)
    factors : sequence of array_like, shapes (dₙ, R)
        The one of `mode` is not used, but must have its shape.
    mode : int

    Returns
    -------
    ndarray, shape (dₙ, R)
    """
    array = as_array("tensor", tensor)
    mode = check_mode(mode, array.ndim)
    arrays = check_factors("factors", factors, array.shape)
    return mttkrp_unchecked(array, arrays, mode)


def mttkrp_unchecked(tensor: Array, factors: Sequence[Array], mode: int) -> Array:
    """`mttkrp` of arrays whose shapes are known to meet."""
    shape, rank = tensor.shape, factors[0].shape[1]
    if tensor.ndim == 1:
        return np.repeat(tensor[:, None], rank, axis=1)
    # One matrix product with the whole tensor takes away a mode at its end, where no entry has to be moved.
    if mode == tensor.ndim - 1:
        rest = factors[0].T @ tensor.reshape(shape[0], -1)
        for factor in factors[1:mode]:
            rest = np.einsum("jr,rjk->rk", factor, rest.reshape(rank, len(factor), -1))
        return rest.T
    rest = tensor.reshape(-1, shape[-1]) @ factors[-1]
    for factor in reversed(factors[mode + 1 : -1]):
        rest = np.einsum("ijr,jr->ir", rest.reshape(-1, len(factor), rank), factor)
    for factor in factors[:mode]:
        rest = np.einsum("jr,jir->ir", factor, rest.reshape(len(factor), -1, rank))
    return rest


def check_factors(name: str, factors: Sequence[ArrayLike], shape: Sequence[int] | None = None) -> tuple[Array, ...]:
    """Factor matrices with one number of columns, and with the sizes of a tensor when a shape is given.

    Raises
    ------
    ValueError
        If there is none, they do not have the same number of columns, or they do not fit the shape.
    """
    arrays = tuple(as_array(f"{name}[{index}]", factor, 2) for index, factor in enumerate(factors))
    shapes = [array.shape for array in arrays]
    if not arrays:
        raise ValueError(f"{name} is empty, expected at least one matrix")
    if len({columns for _, columns in shapes}) > 1:
        raise ValueError(f"{name} have shapes {shapes}, expected the same number of columns in each")
    if shape is not None and [rows for rows, _ in shapes] != list(shape):
        expected = [(size, shapes[0][1]) for size in shape]
        raise ValueError(f"{name} have shapes {shapes}, expected {expected}")
    return arrays
