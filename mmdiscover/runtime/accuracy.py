"""How much rounding errors grow.

With ‖·‖ the largest absolute entry and ε the unit roundoff, ℓ levels of a scheme with growth factor E, then classical
products of inner dimension k, make ‖Ĉ − C‖ ≤ E^ℓ·k·(k + ℓQ)·‖A‖‖B‖·ε + O(ε²), where Q counts the terms that one entry
passes through in the sums of a level (Ballard, Benson, Druinsky, Lipshitz, Schwartz, SIAM J. Matrix Anal. Appl. 37
(2016), Theorem 3); the classical product of inner dimension K has K²·‖A‖‖B‖·ε.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.metrics import growth_factor
from mmdiscover.core.ring import Ring

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.scheme import Scheme


def prefactor(scheme: Scheme) -> int:
    """Q: the most terms that an entry passes through in the sums of one level."""
    u, v, w = (np.count_nonzero(factor, axis=0) for factor in (scheme.u, scheme.v, scheme.w.T))
    return int((u + v).max() + w.max())


def error_bound(schemes: Sequence[Scheme], inner: int) -> float:
    """The factor f of ‖Ĉ − C‖ ≤ f·‖A‖‖B‖·ε.

    Parameters
    ----------
    schemes : sequence of Scheme
        One for each level; none for the classical product.
    inner : int
        Inner dimension of the whole product.
    """
    base = inner / prod(scheme.format.m for scheme in schemes)
    return prod(map(growth_factor, schemes)) * base * (base + sum(map(prefactor, schemes)))


def error_factor(schemes: Sequence[Scheme], inner: int) -> float:
    """The bound divided by that of the classical product (Strassen, large matrices: 3 for each level)."""
    return error_bound(schemes, inner) / max(inner, 1) ** 2


def measured_error_factor(scheme: Scheme, *, block: int = 32, seed: int = 0) -> float | None:
    """Error of one level in double precision divided by that of `numpy.matmul`, both as root mean squares.

    Parameters
    ----------
    scheme : Scheme
        One that multiplies matrices.
    block : int
        Size of the square blocks; their entries are uniform in [-1, 1).
    seed : int

    Returns
    -------
    float or None
        None for a scheme that holds modulo 2 only.
    """
    if scheme.modulus:
        return None
    # Deferred: the product loads compiled code.
    from mmdiscover.runtime.multiply import multiply

    n, m, p = scheme.format.sizes
    rng = np.random.default_rng(seed)
    kind = np.complex128 if scheme.ring is Ring.C else np.float64
    a, b = (rng.uniform(-1, 1, (block * rows, block * columns)).astype(kind) for rows, columns in ((n, m), (m, p)))
    wide = np.clongdouble if scheme.ring is Ring.C else np.longdouble
    exact = a.astype(wide) @ b.astype(wide)
    fast, classical = (np.linalg.norm((product - exact).astype(kind)) for product in (multiply(a, b, scheme), a @ b))
    return float(fast / classical)
