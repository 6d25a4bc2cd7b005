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
