"""The scaling in which as many entries as possible are ±1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, eye_array, hstack, vstack

from mmdiscover.core.symmetry import rescale, sandwich

if TYPE_CHECKING:
    from mmdiscover.core.factors import Factors

_LARGEST_LOGARITHM = 20.0


def rescale_to_ones(factors: Factors) -> Factors:
    """Choose scaling within the products and diagonal P, Q, S so that Σ |log|θ_i|| over the nonzero entries is least.

    In logarithms all these scalings are linear, so this is a linear program; its vertex solutions make many entries ±1
    exactly, and it decides for all products together which entry of each is normalised.

    Parameters
    ----------
    factors : Factors
        With exact zeros where entries are zero.

    Returns
    -------
    Factors
        In the orbit of `factors`.
    """
    # Deferred: it takes a quarter of a second to import, and walks never need it.
    from scipy.optimize import linprog

    fmt, rank = factors.format, factors.rank
    first_of_matrix = 2 * rank + np.cumsum([0, fmt.n, fmt.m])
    unknowns = 2 * rank + sum(fmt.sizes)
    rows, columns, signs = [], [], []
    logarithms: list[float] = []
    for mode, (factor, shape) in enumerate(zip(factors.arrays, fmt.matrix_shapes, strict=True)):
        entries, products = np.nonzero(factor)
        i, j = np.divmod(entries, shape[1])
        # Products scale by α, β and 1/(αβ); entry (i, j) by the i-th of one diagonal over the j-th of the next.
        scalings = [(products + mode * rank, 1)] if mode < 2 else [(products, -1), (products + rank, -1)]
        scalings += [(first_of_matrix[mode] + i, 1), (first_of_matrix[(mode + 1) % 3] + j, -1)]
        row = len(logarithms) + np.arange(len(entries))
        for column, sign in scalings:
            rows.append(row)
            columns.append(column)
            signs.append(np.full(len(entries), sign))
        logarithms.extend(np.log(np.abs(factor[entries, products])))
    count = len(logarithms)
    effect = coo_array((np.concatenate(signs), (np.concatenate(rows), np.concatenate(columns))), (count, unknowns))
    slack = eye_array(count)
    target = -np.array(logarithms)
    result = linprog(
        np.concatenate([np.zeros(unknowns), np.ones(count)]),
        A_ub=vstack([hstack([effect, -slack]), hstack([-effect, -slack])], format="csr"),
        b_ub=np.concatenate([target, -target]),
        bounds=[(-_LARGEST_LOGARITHM, _LARGEST_LOGARITHM)] * unknowns + [(0, None)] * count,
        method="highs-ds",
    )
    if result.x is None:
        return factors
    scale = np.exp(result.x[:unknowns])
    p, q, s = (np.diag(part) for part in np.split(scale[2 * rank :], first_of_matrix[1:] - 2 * rank))
    return rescale(sandwich(factors, p, q, s), scale[:rank], scale[rank : 2 * rank])
