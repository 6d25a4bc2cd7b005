"""Hypothesis strategies for exact numbers, matrices and schemes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from mmdiscover.core.exact import Exact, Gaussian, simplify
from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from tests.schemes import classical, laderman, strassen, winograd

if TYPE_CHECKING:
    from numpy.typing import NDArray

formats = st.builds(Format, *[st.integers(1, 3)] * 3)

rationals = st.fractions(min_value=-4, max_value=4, max_denominator=6).map(simplify)
gaussians = st.builds(
    lambda re, im: simplify(Gaussian(Fraction(re), Fraction(im))),
    st.fractions(min_value=-3, max_value=3, max_denominator=4),
    st.fractions(min_value=-3, max_value=3, max_denominator=4),
)
exact_numbers: st.SearchStrategy[Exact] = st.one_of(st.integers(-3, 3), rationals, gaussians)
nonzero_numbers = exact_numbers.filter(bool)

known_schemes: st.SearchStrategy[Scheme] = st.one_of(
    st.sampled_from([strassen(), winograd(), laderman()]), formats.map(classical)
)


@st.composite
def matrices(draw: st.DrawFn, rows: int, columns: int, entries: st.SearchStrategy[Any] = exact_numbers) -> NDArray[Any]:
    """Object matrices."""
    flat = draw(st.lists(entries, min_size=rows * columns, max_size=rows * columns))
    result = np.empty((rows, columns), dtype=object)
    result.ravel()[:] = flat
    return result


@st.composite
def invertible(draw: st.DrawFn, size: int, entries: st.SearchStrategy[Any] = rationals) -> NDArray[Any]:
    """A unit lower triangular times an upper triangular matrix with a nonzero diagonal, rows permuted."""
    lower, upper = draw(matrices(size, size, entries)), draw(matrices(size, size, entries))
    for i in range(size):
        lower[i, i], upper[i, i] = 1, draw(entries.filter(bool))
        for j in range(i):
            lower[j, i], upper[i, j] = 0, 0
    rows = draw(st.permutations(range(size)))
    product: NDArray[Any] = lower @ upper
    return product[rows]


@st.composite
def arbitrary_schemes(draw: st.DrawFn, entries: st.SearchStrategy[Any] = exact_numbers, modulus: int = 0) -> Scheme:
    """Any factors of matching shapes: almost never a valid scheme."""
    fmt = draw(formats)
    rank = draw(st.integers(1, 4))
    u, v, w = (draw(matrices(size, rank, entries)) for size in fmt.shape)
    return Scheme(fmt, u, v, w, modulus)
