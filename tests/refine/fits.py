"""Exact fits for the tests of refinement: known schemes in another gauge, and what the search finds."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.factors import Factors
from mmdiscover.core.format import parse_scheme_name
from mmdiscover.core.symmetry import rescale, sandwich
from mmdiscover.search import SearchSettings, run_start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme


def floats(scheme: Scheme) -> Factors:
    """A scheme as float factors."""
    return Factors(scheme.format, *(factor.astype(float) for factor in scheme.arrays))


def well_conditioned(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random matrix with condition number at most 4."""
    left, _ = np.linalg.qr(rng.standard_normal((size, size)))
    right, _ = np.linalg.qr(rng.standard_normal((size, size)))
    result: NDArray[np.float64] = left @ np.diag(rng.uniform(0.5, 2.0, size)) @ right
    return result


def regauged(scheme: Scheme, seed: int) -> Factors:
    """A scheme sandwiched and scaled at random."""
    rng = np.random.default_rng(seed)
    factors = sandwich(floats(scheme), *(well_conditioned(size, rng) for size in scheme.format.sizes))
    alpha, beta = np.exp(rng.uniform(-1, 1, (2, scheme.rank))) * rng.choice([-1, 1], (2, scheme.rank))
    return rescale(factors, alpha, beta)


@cache
def found(name: str, seed: int) -> Factors:
    """The first exact fit that the search finds from `seed` on."""
    fmt, rank = parse_scheme_name(name)
    assert rank is not None
    for shift in range(20):
        fit = run_start(fmt, rank, SearchSettings(), np.random.SeedSequence(100 * seed + shift))
        if fit.exact:
            return fit.factors
    raise AssertionError(f"no exact fit of {name}")


def ranks(factors: Factors) -> Counter[tuple[int, ...]]:
    """How often each triple of ranks of the coefficient matrices occurs."""
    triples = zip(
        *(
            [int(np.linalg.matrix_rank(column.reshape(shape), rtol=1e-6)) for column in factor.T]
            for factor, shape in zip(factors.arrays, factors.format.matrix_shapes, strict=True)
        ),
        strict=True,
    )
    return Counter(triples)
