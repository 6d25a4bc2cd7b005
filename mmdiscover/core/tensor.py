"""The matrix multiplication tensor, dense and as index triples."""

from __future__ import annotations

import os
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.errors import CapacityError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.format import Format


def physical_memory() -> int:
    """Bytes of physical memory of this machine (16 GiB where the system does not tell)."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 16 * 2**30


def require_memory(needed: int, what: str) -> None:
    """Refuse work that cannot fit.

    Parameters
    ----------
    needed : int
        Bytes.
    what : str
        What would take them, for the message.

    Raises
    ------
    CapacityError
        If `needed` exceeds half of the physical memory.
    """
    limit = physical_memory() // 2
    if needed > limit:
        raise CapacityError(
            f"{what} needs {needed / 2**30:.3g} GiB, expected at most {limit / 2**30:.3g} GiB on this machine"
        )


def require_tensor_memory(fmt: Format) -> None:
    """Refuse formats whose dense tensor would not fit in memory.

    Raises
    ------
    CapacityError
        Naming what it would take.
    """
    require_memory(8 * prod(fmt.shape), f"the tensor of {fmt}")


def matmul_triples(fmt: Format) -> NDArray[np.intp]:
    """Index triples of the ones of the tensor.

    Parameters
    ----------
    fmt : Format
        The format ⟨n,m,p⟩.

    Returns
    -------
    ndarray of int, shape (nmp, 3)
        Rows (i·m+j, j·p+k, k·n+i): row-major indices of A, B and Cᵀ, the trace form tr(ABC).
    """
    n, m, p = fmt.sizes
    require_memory(fmt.classical_rank * 3 * 16, f"the index list of {fmt}")
    i, j, k = (index.ravel() for index in np.indices((n, m, p)))
    return np.stack([i * m + j, j * p + k, k * n + i], axis=1)


def matmul_tensor(fmt: Format) -> NDArray[np.float64]:
    """The tensor T of matrix multiplication.

    Parameters
    ----------
    fmt : Format
        The format ⟨n,m,p⟩.

    Returns
    -------
    ndarray of float, shape (nm, mp, pn)
        T[i·m+j, j·p+k, k·n+i] = 1, else 0.

    Raises
    ------
    CapacityError
        If the dense tensor would not fit in memory.
    """
    require_tensor_memory(fmt)
    tensor = np.zeros(fmt.shape)
    tensor[tuple(matmul_triples(fmt).T)] = 1.0
    return tensor
