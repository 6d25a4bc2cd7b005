"""The objective of generalized CP decompositions, F = Σ w f(x, m) over the observed cells, and its gradient.

With Y = w ∂f/∂m in the observed cells and zero elsewhere, the derivative with respect to factor n is the MTTKRP of Y in
mode n (Hong, Kolda and Duersch, SIAM Review 62, 2020, arXiv:1808.07452). Work goes block by block, so that what stands
between data and gradient stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from mmdiscover.decompositions.products import khatri_rao_unchecked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.gcp.losses import Loss

Factors = Sequence["Array"]
Objective = Callable[[Factors], tuple[float, list["Array"]]]
"""From factors to the objective and its gradient, one matrix for each factor."""

BLOCK = 1 << 15
"""Cells worked on at a time, about."""


def dense_objective(tensor: Array, weights: Array | None, loss: Loss) -> Objective:
    """The objective for a dense tensor.

    Parameters
    ----------
    tensor : ndarray, shape (d₁, …, d_N)
        In the domain of the loss, also where the weight is zero.
    weights : ndarray, shape (d₁, …, d_N), optional
        Ones when left out.
    loss : Loss
    """
    shape = tensor.shape
    # The tensor as a matrix, as near to a square as it can be: both sides' Khatri–Rao products are small then.
    split = min(range(1, len(shape)), key=lambda k: prod(shape[:k]) + prod(shape[k:]), default=1)
    x = np.ascontiguousarray(tensor).reshape(prod(shape[:split]), -1)
    w = None if weights is None else np.ascontiguousarray(weights).reshape(x.shape)
    step = max(1, BLOCK // x.shape[1])

    def objective(factors: Factors) -> tuple[float, list[Array]]:
        left = khatri_rao_unchecked(factors[:split])
        right = khatri_rao_unchecked(factors[split:]) if len(shape) > 1 else np.ones((1, left.shape[1]))
        transposed = np.ascontiguousarray(right.T)
        value, by_row, by_column = 0.0, np.empty_like(left), np.zeros_like(right)
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            m = left[rows] @ transposed
            f, y = loss.value(x[rows], m), loss.derivative(x[rows], m)
            if w is None:
                value += float(f.sum())
            else:
                value += float(np.vdot(w[rows], f))
                y = y * w[rows]
            by_row[rows] = y @ right
            by_column += y.T @ left[rows]
        gradient = _reduce(by_row, factors[:split])
        return value, gradient + (_reduce(by_column, factors[split:]) if len(shape) > 1 else [])

    return objective


def _reduce(rest: Array, factors: Factors) -> list[Array]:
    """From the product of Y with one side's Khatri–Rao matrix to the gradient for each factor of the other side."""
    sizes, rank = [len(factor) for factor in factors], rest.shape[1]
    gradient = []
    for mode in range(len(factors)):
        partial = rest
        for factor in reversed(factors[mode + 1 :]):
            partial = np.einsum("ijr,jr->ir", partial.reshape(-1, len(factor), rank), factor)
        for factor in factors[:mode]:
            partial = np.einsum("jir,jr->ir", partial.reshape(len(factor), -1, rank), factor)
        gradient.append(partial.reshape(sizes[mode], rank))
    return gradient


def cells_objective(indices: NDArray[np.intp], values: Array, weights: Array | None, loss: Loss) -> Objective:
    """The objective for some cells of a tensor; work and memory do not depend on the size of the tensor.

    Parameters
    ----------
    indices : ndarray of int, shape (m, N)
    values : ndarray, shape (m,)
    weights : ndarray, shape (m,), optional
        Ones when left out.
    loss : Loss
    """
    cells = np.ascontiguousarray(indices.T)

    def objective(factors: Factors) -> tuple[float, list[Array]]:
        # A block fills whole gradient matrices, so it must not be small beside them.
        step = max(BLOCK // factors[0].shape[1], *(len(factor) for factor in factors))
        value, gradient = 0.0, [np.zeros_like(factor) for factor in factors]
        for start in range(0, len(values), step):
            block = slice(start, start + step)
            x, w = values[block], None if weights is None else weights[block]
            m, others = entries_and_others(factors, cells[:, block])
            f, y = loss.value(x, m), loss.derivative(x, m)
            value += float(f.sum() if w is None else np.vdot(w, f))
            add_gradient(gradient, y if w is None else y * w, others, cells[:, block])
        return value, gradient

    return objective


def entries_and_others(factors: Factors, cells: NDArray[np.intp]) -> tuple[Array, list[Array]]:
    """Entries of ⟦A₁, …, A_N⟧ in some cells, and for each mode the Khatri–Rao rows of the other modes.

    Parameters
    ----------
    factors : sequence of ndarray, shapes (dₙ, R)
    cells : ndarray of int, shape (N, m)

    Returns
    -------
    entries : ndarray, shape (m,)
    others : list of ndarray, shapes (m, R)
    """
    rows = [factor.take(cell, axis=0) for factor, cell in zip(factors, cells, strict=True)]
    if len(rows) == 1:
        return rows[0].sum(axis=1), [np.ones_like(rows[0])]
    # Products of all before and of all after each mode.
    before, after = [rows[0]], [rows[-1]]
    for row in rows[1:-1]:
        before.append(before[-1] * row)
    for row in rows[-2:0:-1]:
        after.append(after[-1] * row)
    after.reverse()
    others = [after[0], *(b * a for b, a in zip(before, after[1:], strict=False)), before[-1]]
    return np.einsum("mr,mr->m", before[-1], rows[-1]), others


def add_gradient(gradient: list[Array], y: Array, others: list[Array], cells: NDArray[np.intp]) -> None:
    """Add Σ y · (row of the others) over the cells to the rows of the gradients that the cells name."""
    ends = np.arange(len(y) + 1)
    for total, rows, cell in zip(gradient, others, cells, strict=True):
        np.add(total, csc_array((y, cell, ends), shape=(len(total), len(y))) @ rows, out=total)


def balanced(factors: Factors, weights: Array) -> list[Array]:
    """Factors whose columns have equal lengths within a term, with the weights in them."""
    lengths = [np.linalg.norm(factor, axis=0) for factor in factors]
    size = (np.abs(weights) * reduce(np.multiply, lengths)) ** (1 / len(factors))
    scaled: list[Array] = [
        factor * (size / np.where(length > 0, length, 1)) for factor, length in zip(factors, lengths, strict=True)
    ]
    scaled[0] = scaled[0] * np.where(weights < 0, -1, 1)
    return scaled
