"""The Brent equations of a scheme in machine words: their errors modulo 2⁶⁴, their Jacobian over F₂, an exact check."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import denominator, simplify_array
from mmdiscover.core.tensor import matmul_triples, require_memory
from mmdiscover.discrete.elimination import WORD, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme
    from mmdiscover.discrete.elimination import Words


def brent_errors(fmt: Format, factors: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """T − Σ_q u_q ∘ v_q ∘ w_q, shape (nm, mp, pn), in the arithmetic of the factors: modulo 2⁶⁴ for those of uint64."""
    errors = -_expanded(*factors)
    errors[tuple(matmul_triples(fmt).T)] += errors.dtype.type(1)
    return errors


def _expanded(u: NDArray[Any], v: NDArray[Any], w: NDArray[Any]) -> NDArray[Any]:
    pairs = (v[:, None] * w).reshape(-1, v.shape[1])
    tensor: NDArray[Any] = (u @ pairs.T).reshape(len(u), len(v), len(w))
    return tensor


def brent_holds(scheme: Scheme) -> bool:
    """Whether the Brent equations hold over Q, in Python's integers; the entries are rational."""
    scales = [1] * scheme.rank
    integral = []
    for factor in scheme.arrays:
        multiples = [denominator(column) for column in factor.T]
        integral.append(simplify_array(factor * np.array(multiples, dtype=object)))
        scales = [scale * multiple for scale, multiple in zip(scales, multiples, strict=True)]
    common = lcm(*scales)
    u, v, w = integral
    errors = -_expanded(u * np.array([common // scale for scale in scales], dtype=object), v, w)
    errors[tuple(matmul_triples(scheme.format).T)] += common
    return not errors.any()


def brent_jacobian(factors: Sequence[NDArray[np.uint8]], order: NDArray[np.intp]) -> Words:
    """The Jacobian of the Brent equations over F₂, bit-packed.

    Parameters
    ----------
    factors : sequence of ndarray of uint8
        U, V and W of zeros and ones.
    order : ndarray of int
        Column c belongs to entry order[c] of (U, V, W) row by row.

    Returns
    -------
    ndarray of uint64, shape (nm·mp·pn, ⌈len(order)/64⌉)

    Raises
    ------
    CapacityError
        If it would not fit in memory.
    """
    u, v, w = factors
    (i, rank), j, k = u.shape, len(v), len(w)
    width, unknowns = -(-len(order) // WORD), (i + j + k) * rank
    require_memory(i * j * k * width * 8 + 3 * j * k * unknowns, f"the Jacobian of {i}x{j}x{k} equations")
    words = np.empty((i, j * k, width), dtype=np.uint64)
    rows, columns = np.arange(j), np.arange(k)
    for a in range(i):  # by one slice, so that the unpacked matrix need not fit
        bits = np.zeros((j, k, unknowns), dtype=np.uint8)
        bits[:, :, a * rank : (a + 1) * rank] = v[:, None] * w
        bits[:, :, i * rank : (i + j) * rank].reshape(j, k, j, rank)[rows, :, rows] = u[a] * w
        bits[:, :, (i + j) * rank :].reshape(j, k, k, rank)[:, columns, columns] = (u[a] * v)[:, None]
        words[a] = pack(bits.reshape(j * k, -1)[:, order])
    return words.reshape(-1, width)
