"""Schemes that a symmetry of order two of their tensor leaves unchanged.

Far fewer starts are needed for larger formats where one looks for such schemes only; which symmetry is decisive.

Transposition: for ⟨n,m,n⟩ the trilinear form tr(ABC) is the same at (BᵀF, F⁻¹Aᵀ, Cᵀ) as at (A, B, C), for every
invertible F (m×m), so the products of a scheme may be mapped to each other by (U, V, W) → (VᵀF, F⁻¹Uᵀ, Wᵀ) on their
coefficient matrices. Doing this twice changes nothing when Fᵀ = ±F, and up to a change of basis F is then diagonal with
entries ±1, or the standard alternating form. In suitable orthonormal bases the map exchanges the first two factors and
changes the signs of some entries of the third: a `PairSymmetry`, which halves the system to be solved.

Sandwich: for all formats tr(ABC) is the same at (PAQ⁻¹, QBS⁻¹, SCP⁻¹), and with forms P, Q, S as above this too has
order two on the products: a `FreeAction`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor
from mmdiscover.decompositions import FreeAction, PairSymmetry
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
class Sandwich:
    """Invariance under (U, V, W) → (P U Q⁻¹, Q V S⁻¹, S W P⁻¹), where no product is mapped to itself.

    Parameters
    ----------
    forms : three of int or None
        For the three dimensions in ascending order, whichever of P (n×n), Q (m×m) and S (p×p) that is: the number of
        entries −1 of a diagonal matrix, or None for the alternating one, which exists in even dimensions.
    """

    forms: tuple[int | None, int | None, int | None]


Symmetry = Transposition | Sandwich


_TRANSPOSITION = re.compile(r"(?:alternating|diagonal-(\d{1,9})):(\d{1,9})", re.ASCII)
_SANDWICH = re.compile(r"sandwich:(a|\d{1,9}),(a|\d{1,9}),(a|\d{1,9})", re.ASCII)


def parse_symmetry(text: str) -> Symmetry | None:
    """Read ``"none"``, ``"alternating:3"``, ``"diagonal-2:5"`` or ``"sandwich:a,1,a"``.

    Raises
    ------
    InputError
        If `text` is anything else.
    """
    if text == "none":
        return None
    if found := _TRANSPOSITION.fullmatch(text):
        negative, fixed = found.groups()
        return Transposition(int(fixed), None if negative is None else int(negative))
    if found := _SANDWICH.fullmatch(text):
        n_form, m_form, p_form = (None if form == "a" else int(form) for form in found.groups())
        return Sandwich((n_form, m_form, p_form))
    raise InputError(
        f"symmetry {text!r}, expected none, alternating:F, diagonal-K:F or sandwich:A,B,C "
        "(F fixed products, K entries -1, A, B and C numbers of entries -1 or a for alternating)"
    )


def symmetry_name(symmetry: Symmetry | None) -> str:
    """What `parse_symmetry` reads as this symmetry."""
    if symmetry is None:
        return "none"
    if isinstance(symmetry, Transposition):
        form = "alternating" if symmetry.negative is None else f"diagonal-{symmetry.negative}"
        return f"{form}:{symmetry.fixed}"
    return f"sandwich:{','.join('a' if form is None else str(form) for form in symmetry.forms)}"


@dataclass(frozen=True)
class SymmetricProblem:
    """The tensor of a format, after cyclic shifts and in bases that show its symmetry.

    Parameters
    ----------
    shift : int
        Number of cyclic shifts of the format.
    tensor : ndarray
    symmetry : PairSymmetry or FreeAction
        Of the tensor.
    bases : three ndarrays
        Orthogonal; the new coordinates of each factor are these times the old ones.
    """

    shift: int
    tensor: Array
    symmetry: PairSymmetry | FreeAction
    bases: Triple

    def factors(self, fit: Triple) -> Triple:
        """The factors U, V, W of the format from those of `tensor`."""
        shifted = [basis.T @ factor for basis, factor in zip(self.bases, fit, strict=True)]
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
    _check_form("transposition", fmt, m, negative)
    if not 0 <= fixed <= rank or (rank - fixed) % 2:
        raise InputError(f"transposition of {fmt}: {fixed} of {rank} products fixed, expected an even number of others")
    return found


def check_symmetry(fmt: Format, rank: int, symmetry: Symmetry) -> None:
    """Refuse a symmetry that no scheme of a format and rank can have.

    Raises
    ------
    InputError
        If a form does not exist, a dimension is not as it must be, or products are left over.
    """
    if isinstance(symmetry, Transposition):
        check_transposition(fmt, rank, symmetry)
        return
    if not isinstance(symmetry, Sandwich):
        raise InputError(f"symmetry is {symmetry!r}, expected a Transposition or a Sandwich")
    if len(symmetry.forms) != 3:
        raise InputError(f"sandwich of {fmt}: {len(symmetry.forms)} forms, expected 3")
    forms = list(zip(sorted((fmt.n, fmt.m, fmt.p)), symmetry.forms, strict=True))
    for dimension, negative in forms:
        _check_form("sandwich", fmt, dimension, negative)
    if all(negative in {0, dimension} for dimension, negative in forms):
        raise InputError(f"sandwich of {fmt}: forms {symmetry.forms} map every product to itself")
    if rank % 2:
        raise InputError(f"sandwich of {fmt}: rank {rank}, expected an even one for pairs of products")


def _check_form(name: str, fmt: Format, dimension: int, negative: int | None) -> None:
    if negative is None and dimension % 2:
        raise InputError(f"{name} of {fmt}: the alternating form needs an even dimension, got {dimension}")
    if negative is not None and not 0 <= negative <= dimension:
        raise InputError(f"{name} of {fmt}: {negative} negative entries, expected 0 to {dimension}")


@lru_cache(maxsize=64)
def symmetric_problem(fmt: Format, rank: int, symmetry: Symmetry) -> SymmetricProblem:
    """The problem of finding a scheme with a symmetry.

    It is kept and handed out again, so its arrays are not to be changed.

    Raises
    ------
    InputError
        If format and rank cannot have it, see `check_symmetry`.
    """
    check_symmetry(fmt, rank, symmetry)
    if isinstance(symmetry, Sandwich):
        dimensions = (fmt.n, fmt.m, fmt.p)
        order = sorted(range(3), key=dimensions.__getitem__)
        p, q, s = (_form(dimensions[k], symmetry.forms[order.index(k)]) for k in range(3))
        # vec(P U Qᵀ) = (P ⊗ Q) vec(U), row by row.
        x, y, z = (np.asarray(np.kron(*pair), dtype=np.float64) for pair in ((p, q), (q, s), (s, p)))
        u, v, w = (np.eye(size) for size in fmt.shape)
        return SymmetricProblem(0, matmul_tensor(fmt), FreeAction((x, y, z)), (u, v, w))
    shift, turned = check_transposition(fmt, rank, symmetry)
    n, m = turned.n, turned.m
    # vec(VᵀF) = second · vec(V), entry (i, l) from entries (j, i).
    second = np.einsum("ik,jl->iljk", np.eye(n), _form(m, symmetry.negative)).reshape(n * m, m * n)
    symmetric, alternating = _square_bases(n)
    # Twice the map is −1 on each of the first two factors of the alternating form, so the signs of the third change.
    even, odd = (alternating, symmetric) if symmetry.negative is None else (symmetric, alternating)
    third = np.concatenate([even, odd])
    tensor = np.einsum("ijk,xj,yk->ixy", matmul_tensor(turned), second, third)
    return SymmetricProblem(shift, tensor, PairSymmetry(symmetry.fixed, len(even)), (np.eye(n * m), second, third))


def _form(size: int, negative: int | None) -> Array:
    """Diagonal with so many entries −1, at the end, or alternating."""
    if negative is None:
        return np.kron(np.eye(size // 2), np.array([[0.0, 1.0], [-1.0, 0.0]]))
    return np.diag(np.where(np.arange(size) < size - negative, 1.0, -1.0))


def _square_bases(n: int) -> tuple[Array, Array]:
    """Orthonormal bases, row by row, of the symmetric and of the alternating n×n matrices."""
    unit = np.eye(n * n).reshape(n, n, n, n)
    pairs = [(i, j) for i in range(n) for j in range(i)]
    symmetric = [unit[i, i] for i in range(n)] + [(unit[i, j] + unit[j, i]) / np.sqrt(2) for i, j in pairs]
    alternating = [(unit[i, j] - unit[j, i]) / np.sqrt(2) for i, j in pairs]
    return np.array(symmetric).reshape(-1, n * n), np.array(alternating).reshape(-1, n * n)
