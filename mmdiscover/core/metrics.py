"""What is counted about a scheme."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme


def nonzeros(scheme: Scheme) -> int:
    """Number of nonzero entries of U, V and W (Strassen: 36)."""
    return sum(int(np.count_nonzero(factor)) for factor in scheme.arrays)


def live_products(scheme: Scheme) -> NDArray[np.bool_]:
    """Which products none of whose three factors is zero, shape (r,): the others contribute nothing."""
    live: NDArray[np.bool_] = np.all([np.count_nonzero(factor, axis=0) for factor in scheme.arrays], axis=0)
    return live


def additions_of_forms(terms: Iterable[int]) -> int:
    """Additions and subtractions for linear forms of so many `terms` each; signs and scalings cost nothing."""
    return sum(max(int(count) - 1, 0) for count in terms)


def additions(scheme: Scheme) -> int:
    """Additions and subtractions without sharing of subexpressions (Strassen: 18, Strassen–Winograd: 24).

    The forms are one in A and one in B per product, and one in the products per entry of C; products that contribute
    nothing are left out.
    """
    u, v, w = (factor[:, live_products(scheme)] for factor in scheme.arrays)
    return additions_of_forms(count for form in (u, v, w.T) for count in np.count_nonzero(form, axis=0))


def growth_factor(scheme: Scheme) -> float:
    """Error growth per recursion level, max_c Σ_q |w_cq| ‖u_q‖₁ ‖v_q‖₁ (Strassen: 12, Strassen–Winograd: 18).

    The classical algorithm has the inner dimension m. See Bini and Lotti, Numer. Math. 36 (1980), and Ballard, Benson,
    Druinsky, Lipshitz and Schwartz, SIAM J. Matrix Anal. Appl. 37 (2016).
    """
    try:
        u, v, w = (np.abs(factor) for factor in scheme.arrays)
        return float(max(w @ (u.sum(axis=0) * v.sum(axis=0))))
    except OverflowError:  # exact numbers can be larger than floats
        return inf
