"""Schemes as NumPy archives, readable with ``allow_pickle=False``."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.exact import format_exact

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme


def write_npz(scheme: Scheme) -> bytes:
    """Write a scheme as an ``.npz`` archive.

    Parameters
    ----------
    scheme : Scheme

    Returns
    -------
    bytes
        Arrays ``format`` (n, m, p), ``rank``, ``ring``, and ``u`` (nm×r), ``v`` (mp×r), ``w`` (pn×r, for Cᵀ) with one
        column per product: int64, or exact strings such as ``"1/2"`` in all three when an entry is no 64-bit integer.
    """
    integral = all(
        isinstance(entry, int) and -(2**63) <= entry < 2**63 for factor in scheme.arrays for entry in factor.ravel()
    )
    u, v, w = (factor.astype(np.int64) if integral else _as_text(factor) for factor in scheme.arrays)
    buffer = BytesIO()
    np.savez_compressed(
        buffer,
        format=np.array(scheme.format.sizes),
        rank=np.array(scheme.rank),
        ring=np.array(scheme.ring.value),
        u=u,
        v=v,
        w=w,
    )
    return buffer.getvalue()


def _as_text(factor: NDArray[np.object_]) -> NDArray[Any]:
    return np.array([[format_exact(entry) for entry in row] for row in factor])
