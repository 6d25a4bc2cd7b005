"""A ternary member of the orbit of a scheme with other coefficients, where one is met.

The coefficient matrices of rank one, x yᵀ, give vectors x in each of the three spaces that sandwiching acts on. If n of
them become the unit vectors, and one more (1, …, 1), the basis is fixed but for the choice of the n + 1: in the orbit
of Strassen's scheme there are three such vectors in each space, and every choice leads to a ternary scheme.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import inverse, reciprocal, simplify_array
from mmdiscover.core.metrics import nonzeros
from mmdiscover.core.ring import Ring
from mmdiscover.core.scheme import canonical_form
from mmdiscover.core.symmetry import sandwich
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

    Exacts = NDArray[np.object_]


def ternary_member(scheme: Scheme, tries: int, seed: int) -> Scheme | None:
    """The sparsest ternary scheme of random choices of frames, and of no change but scaling.

    Parameters
    ----------
    scheme : Scheme
        Of modulus 0.
    tries : int
    seed : int

    Returns
    -------
    Scheme or None
        In canonical form; None when no choice gives one.
    """
    random = Random(seed)  # noqa: S311 (it guards nothing)
    spaces = [_directions(scheme, k) for k in range(3)]
    scaled = canonical_form(scheme)
    best = scaled if scaled.ring is Ring.ZT else None
    for _ in range(tries):
        frames = [_frame(vectors, size, random) for vectors, size in zip(spaces, scheme.format.sizes, strict=True)]
        if any(frame is None for frame in frames):
            continue
        found = canonical_form(sandwich(scheme, *frames))  # type: ignore[arg-type]
        if found.ring is Ring.ZT and (best is None or nonzeros(found) < nonzeros(best)):
            best = found
    return best


def _directions(scheme: Scheme, k: int) -> list[Exacts]:
    """Column spaces of the matrices of rank one of factor k, each by one vector with a leading 1."""
    found: dict[tuple[Any, ...], Exacts] = {}
    for column in scheme.arrays[k].T:
        matrix = column.reshape(scheme.format.matrix_shapes[k])
        if not matrix.any():
            continue
        i, j = (int(place[0]) for place in np.nonzero(matrix))
        vector = simplify_array(matrix[:, j] * reciprocal(matrix[i, j]))
        if np.array_equal(np.outer(vector, matrix[i]), matrix):
            found[tuple(vector)] = vector
    return list(found.values())


def _frame(vectors: list[Exacts], size: int, random: Random) -> Exacts | None:
    """A matrix that takes `size` of the vectors to multiples of the unit vectors, and another to (1, …, 1)."""
    if len(vectors) < min(size + 1, 2 * size - 1):
        return None
    chosen = random.sample(vectors, min(size + 1, 2 * size - 1))
    try:
        back = inverse(np.stack(chosen[:size], axis=1))
    except InputError:  # they are linearly dependent
        return None
    weights = back @ chosen[-1]
    if not weights.all():
        return None
    scales = np.empty((size, 1), dtype=object)
    scales[:, 0] = [reciprocal(weight) for weight in weights]
    return simplify_array(back * scales)
