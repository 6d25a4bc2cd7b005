"""Schemes that their own transposition leaves unchanged, for formats with two equal dimensions.

For ⟨n,m,n⟩ the trilinear form tr(ABC) is the same at (BᵀF, F⁻¹Aᵀ, Cᵀ) as at (A, B, C), for every invertible F (m×m),
so the products of a scheme may be mapped to each other by (U, V, W) → (VᵀF, F⁻¹Uᵀ, Wᵀ) on their coefficient matrices.
Doing this twice changes nothing when Fᵀ = ±F, and up to a change of basis F is then diagonal with entries ±1, or the
standard alternating form. In suitable orthonormal bases the map exchanges the first two factors and changes the signs
of some entries of the third: a `PairSymmetry`. It halves the unknowns, and makes good fits of larger formats much
more frequent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import PairSymmetry
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.decompositions.gauss_newton import Array, Triple


@dataclass(frozen=True)
class Transposition:
    """Invariance under (U, V, W) → (VᵀF, F⁻¹Uᵀ, Wᵀ).

    Parameters
    ----------
    fixed : int
        Number of products that are mapped to themselves.
    negative : int or None
        Number of entries −1 of the diagonal form F; None for the alternating one, which exists for even m.
    """

    fixed: int
    negative: int | None = None


@dataclass(frozen=True)
class SymmetricProblem:
    """The tensor of a format in bases that show a transposition as a `PairSymmetry`.

    Parameters
    ----------
    format : Format
        As asked for.
    shift : int
        Number of cyclic shifts of the format that make it ⟨n,m,n⟩.
    tensor : ndarray, shape (nm, nm, n²)
    symmetry : PairSymmetry
    bases : two ndarrays, shapes (nm, mn), (n², n²)
        Orthogonal; the new coordinates of the second and third factor are these times the old ones.
    """

    format: Format
    shift: int
    tensor: Array
    symmetry: PairSymmetry
    bases: tuple[Array, Array]

    def factors(self, fit: Triple) -> Triple:
        """The factors U, V, W of the format from those of `tensor`."""
        shifted = [fit[0], self.bases[0].T @ fit[1], self.bases[1].T @ fit[2]]
        # A shift maps (U, V, W) to (V, W, U).
        u, v, w = (shifted[(mode - self.shift) % 3] for mode in range(3))
        return u, v, w


def transposable(fmt: Format) -> tuple[int, Format] | None:
    """How many cyclic shifts make a format ⟨n,m,n⟩, and that format; None where no two dimensions are equal."""
    dimensions = (fmt.n, fmt.m, fmt.p)
    for shift in range(3):
        turned = Format(*(dimensions[(k + shift) % 3] for k in range(3)))
        if turned.n == turned.p:
            return shift, turned
    return None


def check_transposition(fmt: Format, rank: int, transposition: Transposition) -> tuple[int, Format]:
    """What `transposable` says, for a format and rank that can have the symmetry.

    Raises
    ------
    InputError
        If the format has no two equal dimensions, the form does not exist, or the other products make no pairs.
    """
    found = transposable(fmt)
    if found is None:
        raise InputError(f"transposition of {fmt}: expected a format with two equal dimensions")
    m, negative, fixed = found[1].m, transposition.negative, transposition.fixed
    if negative is None and m % 2:
        raise InputError(f"transposition of {fmt}: the alternating form needs an even dimension, got {m}")
    if negative is not None and not 0 <= negative <= m:
        raise InputError(f"transposition of {fmt}: {negative} negative entries, expected 0 to {m}")
    if not 0 <= fixed <= rank or (rank - fixed) % 2:
        raise InputError(f"transposition of {fmt}: {fixed} of {rank} products fixed, expected an even number of others")
    return found


def symmetric_problem(fmt: Format, rank: int, transposition: Transposition) -> SymmetricProblem:
    """The problem of finding a scheme with a symmetry.

    Raises
    ------
    InputError
        If format and rank cannot have it, see `check_transposition`.
    """
    shift, turned = check_transposition(fmt, rank, transposition)
    n, m, negative = turned.n, turned.m, transposition.negative
    if negative is None:
        form = np.kron(np.eye(m // 2), np.array([[0.0, 1.0], [-1.0, 0.0]]))
    else:
        form = np.diag(np.where(np.arange(m) < m - negative, 1.0, -1.0))
    # vec(VᵀF) = second · vec(V), entry (i, l) from entries (j, i).
    second = np.einsum("ik,jl->iljk", np.eye(n), form).reshape(n * m, m * n)
    symmetric, alternating = _square_bases(n)
    # Twice the map is −1 on each of the first two factors of the alternating form, so the signs of the third change.
    even, odd = (symmetric, alternating) if negative is not None else (alternating, symmetric)
    third = np.concatenate([even, odd])
    tensor = np.einsum("ijk,xj,yk->ixy", matmul_tensor(turned), second, third)
    return SymmetricProblem(fmt, shift, tensor, PairSymmetry(transposition.fixed, len(even)), (second, third))


def _square_bases(n: int) -> tuple[Array, Array]:
    """Orthonormal bases, row by row, of the symmetric and of the alternating n×n matrices."""
    unit = np.eye(n * n).reshape(n, n, n, n)
    pairs = [(i, j) for i in range(n) for j in range(i)]
    symmetric = [unit[i, i] for i in range(n)] + [(unit[i, j] + unit[j, i]) / np.sqrt(2) for i, j in pairs]
    alternating = [(unit[i, j] - unit[j, i]) / np.sqrt(2) for i, j in pairs]
    return np.array(symmetric).reshape(-1, n * n), np.array(alternating).reshape(-1, n * n)
