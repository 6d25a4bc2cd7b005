"""Sharing with cancellation: temporaries of a linear map are dropped or exchanged while all outputs can be derived.

Every node is a sum or difference of two earlier ones, so additions are nodes, and which nodes there are is all that
matters (straight-line programs of linear forms: J. Boyar, P. Matthews, R. Peralta, J. Cryptology 26 (2013)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.export.linear_map import LinearMap, Vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_INPUTS = 15
"""A form is coded in one word, four bits for each input."""


def exchanged(shared: LinearMap, steps: int, seed: NDArray[np.uint64]) -> LinearMap:
    """An equal map with as many additions or fewer.

    Parameters
    ----------
    shared : LinearMap
        Of a ternary matrix, with coefficients ±1. Returned as it is when it has more than 15 inputs.
    steps : int
    seed : ndarray of uint64, shape (1,)
    """
    if shared.inputs > _MOST_INPUTS:
        return shared
    from mmdiscover.export import annealing

    inputs, outputs, partial = _codes(shared)
    targets = sorted({abs(code) for code in outputs} - {0, *inputs})
    extra = sorted(partial - {0, *targets, *inputs})
    values, parents = annealing.exchange_temporaries(
        shared.inputs, np.array(targets, dtype=np.int64), np.array(extra, dtype=np.int64), steps, seed.copy()
    )
    place = {int(value): node for node, value in enumerate(values)}
    temporaries: list[Vector] = []
    for value, pair in zip(values[shared.inputs :], parents[shared.inputs :], strict=True):
        first, second = map(int, pair)
        x, y = next((x, y) for x in (1, -1) for y in (1, -1) if x * first + y * second == value)
        temporaries.append({place[first]: x, place[second]: y})
    vectors: list[Vector] = [{place[abs(code)]: 1 if code > 0 else -1} if code else {} for code in outputs]
    found = LinearMap(shared.inputs, temporaries, vectors).inlined()
    return min(shared, found, key=lambda each: each.cost)


def _codes(shared: LinearMap) -> tuple[list[int], list[int], set[int]]:
    """Signed codes of inputs and of outputs, and those of all sums on the way, without sign."""
    codes = [16**node for node in range(shared.inputs)]
    partial = set()
    for vector in (*shared.temporaries, *shared.outputs):
        total = 0
        for position, (node, coefficient) in enumerate(sorted(vector.items())):
            total += int(coefficient) * codes[node]  # type: ignore[arg-type]
            if position:
                partial.add(abs(total))
        codes.append(total)
    return codes[: shared.inputs], codes[shared.inputs + len(shared.temporaries) :], partial
