"""Sums and products of tensor trains and of matrices in tensor-train form; all costs are linear in N.

After Oseledets (SIAM J. Sci. Comput. 33, 2295–2317, 2011), section 4. Ranks of sums add up and those of products
multiply; `rounding.tt_round` brings them down again. The type of a result is the wider of the arguments' types.
"""

from __future__ import annotations

from itertools import accumulate
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.tt.chain import LOG_2, check_chain, representable_exp, scaled, times_power_of_two
from mmdiscover.decompositions.tt.matrix import TTMatrix
from mmdiscover.decompositions.tt.tensor_train import TensorTrain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.tt.chain import Chain, ChainT


_LOG_SMALLEST = log(np.finfo(np.float64).tiny)

_FEW = 2000
"""Entries up to which a product by broadcasting is faster than one that lays out its arguments first."""

_LARGE = 2**19
"""Entries from which on a result gets one piece of memory; NumPy asks for large pages from 4 MiB on."""


def add(u: ChainT, v: ChainT) -> ChainT:
    """The sum u + v, with ranks Rₖ + R′ₖ.

    Parameters
    ----------
    u, v : TensorTrain or TTMatrix
        Of the same shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _check_same_sizes(u, v)
    if u.order == 1:
        return type(u).trusted([u.cores[0] + v.cores[0]])
    dtype = np.result_type(u.dtype, v.dtype)
    cores = [np.concatenate([u.cores[0], v.cores[0]], axis=-1)]
    for a, b in zip(u.cores[1:-1], v.cores[1:-1], strict=True):
        block = np.zeros((len(a) + len(b), *a.shape[1:-1], a.shape[-1] + b.shape[-1]), dtype)
        block[: len(a), ..., : a.shape[-1]] = a
        block[len(a) :, ..., a.shape[-1] :] = b
        cores.append(block)
    cores.append(np.concatenate([u.cores[-1], v.cores[-1]]))
    return type(u).trusted(cores)


def subtract(u: ChainT, v: ChainT) -> ChainT:
    """The difference u − v, with ranks Rₖ + R′ₖ; see `add`."""
    return add(u, scale(v, -1.0))


def scale(u: ChainT, factor: complex) -> ChainT:
    """A number times u, multiplied into the first core.

    Raises
    ------
    ValueError
        If the number is NaN or infinite.
    OverflowError
        If an entry of the first core becomes too large for a floating-point number.
    """
    if not np.isfinite(factor):
        raise ValueError(f"factor is {factor!r}, expected a finite number")
    # A NumPy number would widen float32; a Python number does not.
    number = complex(factor) if np.iscomplexobj(factor) else float(factor.real)
    with np.errstate(over="ignore"):
        first = u.cores[0] * number
    if not np.isfinite(first).all():
        raise OverflowError(f"factor is {factor!r}, which makes entries of the first core too large for {first.dtype}")
    return type(u).trusted([first, *(core.astype(first.dtype, copy=False) for core in u.cores[1:])])


def hadamard(u: ChainT, v: ChainT) -> ChainT:
    """The entry-by-entry product u ∗ v, with ranks RₖR′ₖ.

    Parameters
    ----------
    u, v : TensorTrain or TTMatrix
        Of the same shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    _check_same_sizes(u, v)
    pairs = list(zip(u.cores, v.cores, strict=True))
    places: Sequence[Array | None] = [None] * len(pairs)
    if u.parameters * v.parameters >= _LARGE:
        places = _memory([len(a) * b.size * a.shape[-1] for a, b in pairs], np.result_type(u.dtype, v.dtype))
    return type(u).trusted([_products_of_slices(a, b, place) for (a, b), place in zip(pairs, places, strict=True)])


def _products_of_slices(a: Array, b: Array, place: Array | None) -> Array:
    """The core with slices a[:, i, :] ⊗ b[:, i, :]."""
    shape = (len(a) * len(b), *a.shape[1:-1], a.shape[-1] * b.shape[-1])
    if a.size * b.size < _FEW * a.shape[1]:
        product = a.reshape(len(a), 1, -1, a.shape[-1], 1) * b.reshape(1, len(b), -1, 1, b.shape[-1])
    else:
        # Both are brought to the length of the result's rows first, so that the product runs over long stretches of
        # memory.
        wide_a = a.repeat(b.shape[-1]).reshape(len(a), 1, -1)
        wide_b = b.reshape(-1, b.shape[-1]).repeat(a.shape[-1], axis=0).reshape(len(b), -1)
        product = np.multiply(wide_a, wide_b, out=None if place is None else place.reshape(len(a), len(b), -1))
    core: Array = product.reshape(shape)
    return core


def _memory(sizes: list[int], dtype: DTypeLike) -> Sequence[Array | None]:
    """Places for cores of so many entries in one piece of memory; none where they are few.

    The system hands out a large piece several times faster than many small ones.
    """
    total = sum(sizes)
    if total < _LARGE:
        return [None] * len(sizes)
    memory = np.empty(total, dtype)
    return [memory[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


def inner(u: ChainT, v: ChainT) -> Any:
    """The inner product ⟨u, v⟩ = Σ conj(u)·v in O(N d R³) operations, without forming either.

    Parameters
    ----------
    u, v : TensorTrain or TTMatrix
        Of the same shape; for matrices it is that of Frobenius.

    Returns
    -------
    float or complex
        Rounded to zero where it is too small for a floating-point number; `scaled_inner` has it.

    Raises
    ------
    ValueError
        If the shapes differ.
    OverflowError
        If it is too large for a floating-point number; `scaled_inner` has it.
    """
    mantissa, exponent = scaled_inner(u, v)
    size = abs(mantissa)
    if size == 0 or log(size) + exponent * LOG_2 < _LOG_SMALLEST:
        return 0 * mantissa
    representable_exp(log(size) + exponent * LOG_2, "the size of the inner product", "scaled_inner")
    return times_power_of_two(np.asarray(mantissa), exponent).item()


def scaled_inner(u: ChainT, v: ChainT) -> tuple[Any, int]:
    """The inner product ⟨u, v⟩ as x·2ᵉ: the number x and the integer e.

    For trains of many cores, whose inner product may be no floating-point number; see `inner`.
    """
    _check_same_sizes(u, v)
    left, exponent = np.ones((1, 1), dtype=u.dtype), 0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for a, b in zip(u.cores, v.cores, strict=True):
            product = _taken_in(left, a, b)
            if not 1e-16 < np.vdot(product, product).real < 1e16:
                # The product of two entries may be no floating-point number where each of them is one.
                (own, own_shift), (other, other_shift) = scaled(a), scaled(b)
                product, shift = scaled(_taken_in(left, own, other))
                exponent += own_shift + other_shift + shift
            left = product
    return left.item(), exponent


def _taken_in(left: Array, a: Array, b: Array) -> Array:
    """What lies left of a bond in an inner product, one core of each later."""
    grown = (left @ b.reshape(len(b), -1)).reshape(-1, b.shape[-1])
    product: Array = a.reshape(-1, a.shape[-1]).conj().T @ grown
    return product


def matvec(matrix: TTMatrix, vector: TensorTrain) -> TensorTrain:
    """The product A·x with ranks RₖR′ₖ.

    Parameters
    ----------
    matrix : TTMatrix
        Of column shape (n₁, …, n_N).
    vector : TensorTrain
        Of shape (n₁, …, n_N).

    Returns
    -------
    TensorTrain
        Of shape (m₁, …, m_N), the matrix's row shape.

    Raises
    ------
    ValueError
        If the shapes do not meet.
    """
    if matrix.column_shape != vector.shape:
        raise ValueError(f"vector has shape {vector.shape}, expected {matrix.column_shape} as the columns of matrix")
    pairs = list(zip(matrix.cores, vector.cores, strict=True))
    places = _memory(
        [len(x) * x.shape[2] * a.size // a.shape[2] for a, x in pairs], np.result_type(matrix.dtype, vector.dtype)
    )
    cores = []
    for (a, x), place in zip(pairs, places, strict=True):
        out = None if place is None else place.reshape(len(a), len(x), -1, x.shape[2])
        cores.append(np.matmul(_slices(a), x, out=out).reshape(len(a) * len(x), a.shape[1], -1))
    return TensorTrain.trusted(cores)


def matmat(left: TTMatrix, right: TTMatrix) -> TTMatrix:
    """The product A·B with ranks RₖR′ₖ.

    Parameters
    ----------
    left, right : TTMatrix
        Of row and column shapes m × n and n × p.

    Raises
    ------
    ValueError
        If the shapes do not meet.
    """
    if left.column_shape != right.row_shape:
        raise ValueError(
            f"right has row shape {right.row_shape}, expected {left.column_shape} as the column shape of left"
        )
    cores = []
    for a, b in zip(left.cores, right.cores, strict=True):
        # The columns of B are taken along with its ranks on the right, then brought before those of A.
        product = np.matmul(_slices(a), b.reshape(*b.shape[:2], -1))
        split = product.reshape(-1, a.shape[1], a.shape[3], *b.shape[2:]).swapaxes(2, 3)
        cores.append(split.reshape(*split.shape[:3], -1))
    return TTMatrix.trusted(cores)


def _slices(a: Array) -> Array:
    """A core with columns in the last place, shape (R, 1, m·S, n).

    Its products with slices x[q], shape (n, T), are in the order of the result's core: row and column of ranks outside.
    """
    return a.transpose(0, 1, 3, 2).reshape(len(a), 1, -1, a.shape[2])


def kronecker(u: ChainT, v: ChainT) -> ChainT:
    """The Kronecker product u ⊗ v: the cores of v behind those of u, tied by a rank of 1.

    Parameters
    ----------
    u, v : TensorTrain or TTMatrix
        For trains it is the outer product u ∘ v of the tensors.

    Raises
    ------
    ValueError
        If one is a train and the other a matrix.
    """
    _check_same_kind(u, v)
    dtype = np.result_type(u.dtype, v.dtype)
    return type(u).trusted(core.astype(dtype, copy=False) for core in (*u.cores, *v.cores))


def _check_same_kind(u: Chain, v: Chain) -> None:
    check_chain("u", u)
    if not isinstance(v, type(u)):
        raise ValueError(  # noqa: TRY004 # the house raises ValueError for every bad argument
            f"v is a {type(v).__name__}, expected a {type(u).__name__} as u"
        )


def _check_same_sizes(u: Chain, v: Chain) -> None:
    _check_same_kind(u, v)
    if len(u.cores) == len(v.cores) and all(
        a.shape[1:-1] == b.shape[1:-1] for a, b in zip(u.cores, v.cores, strict=True)
    ):
        return
    found, expected = ([size for core in chain.cores for size in core.shape[1:-1]] for chain in (v, u))
    raise ValueError(f"v has sizes {found}, expected {expected} as u")
