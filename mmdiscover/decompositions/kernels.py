"""Compiled kernels: damped Gauss–Newton steps for the CP decomposition of a third-order tensor, and their loop.

Minimise φ(θ) = ‖T − ⟦A,B,C⟧‖² over θ = (A, B, C) with A (I×R), B (J×R), C (K×R), optionally within a ball ‖θ‖² ≤ c.
With J the Jacobian of the model, H = JᵀJ and g = Jᵀ(⟦A,B,C⟧ − T), a step solves systems with H + μI. Write G_A = AᵀA
and so on; then

    H_AA = I ⊗ (G_B∘G_C),    H_AB[(i,r),(j,s)] = (G_C)_rs A_is B_jr,    and cyclically

(Phan, Tichavský, Cichocki, SIAM J. Matrix Anal. Appl. 34 (2013)). The block of the third mode, H_CC + μI = I ⊗ M with
M = G_A∘G_B + μI, is eliminated exactly. With L the ((I+J)R × R) stack of (G_B)_rs A_is and (G_A)_rs B_js, its Schur
complement is the (A,B) block of H + μI minus (L M⁻¹ Lᵀ) ∘ G_C, where G_C is repeated over the blocks. Only this
system, of size (I+J)R, is factored: callers put the largest mode last. Neither H nor a Khatri–Rao product is formed.

A tensor with T_ijk = ±T_jik, plus in the first slices along the third mode and minus in the others, may be fitted by a
decomposition with the same symmetry. Its terms are fixed ones (a, a, c), and pairs (a, b, c), (b, a, c′), where c′ is c
with the signs of the slices; fixed ones come first, the terms of a pair one after the other. With τ for the exchange of
the terms of all pairs, B = Aτ, and only A and C are unknown. M commutes with τ, so it falls apart into an even and an
odd part on the eigenvectors of τ, and so does G_C = G⁺ + G⁻ (even and odd slices): with L_A the rows of L that belong
to A, and P± = (1 ± τ)/2, the system for A alone, of size IR, is

    I ⊗ (G_B∘G_C) + (G⁺ − G⁻)_qs B_is B_jq − 2 (L_A P⁺ M⁻¹ P⁺ L_Aᵀ) ∘ G⁺ − 2 (L_A P⁻ M⁻¹ P⁻ L_Aᵀ) ∘ G⁻ + μI.

A decomposition may also be symmetric under matrices that act on the modes one by one and leave the tensor as it is;
where the action is free, terms come in pairs (a, b, c), (Xa, Yb, Zc). Steps from a symmetric point are symmetric by
themselves, and the whole system is solved.

Everything is in this one file because Numba keeps compiled code on disk and compiles a function anew when the file
that it is in has changed, but not when a function that it calls, in another file, has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types
from numba.extending import get_cython_function_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

F = TypeVar("F", bound="Callable[..., Any]")

# Sums may be reordered; NaN and infinity keep their meaning.
_ARITHMETIC = {"reassoc", "contract", "nsz", "arcp"}


def _compiled(function: F) -> F:
    options: dict[str, Any] = {"nogil": True, "fastmath": _ARITHMETIC, "error_model": "numpy"}
    try:
        return cast("F", numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no folder that compiled code could be kept in
        return cast("F", numba.njit(**options)(function))


def _fortran(library: str, name: str, arguments: int) -> Callable[..., None]:
    """A routine of the BLAS or LAPACK that SciPy brings; every argument is a pointer."""
    symbol = f"mmdiscover_{name}"
    llvm.add_symbol(symbol, get_cython_function_address(f"scipy.linalg.{library}", name))
    return cast("Callable[..., None]", types.ExternalFunction(symbol, types.void(*[types.voidptr] * arguments)))


_dsyrk = _fortran("cython_blas", "dsyrk", 10)
_dtrsm = _fortran("cython_blas", "dtrsm", 11)
_dpotrf = _fortran("cython_lapack", "dpotrf", 5)

_LOWER, _LEFT, _TRANSPOSED, _NOT_TRANSPOSED, _NOT_UNIT = (ord(letter) for letter in "LLTNN")

# Arrays are row by row here and column by column in Fortran: an upper triangle here is a lower one there, for which
# LAPACK is faster, and an array of shape (n, k) is k×n there.


@_compiled
def cholesky(matrix: Array) -> bool:
    """Put F, upper triangular with FᵀF = M, into the upper triangle, which alone is read; false when there is none."""
    letters = np.array([_LOWER], dtype=np.uint8)
    numbers = np.array([len(matrix), 0], dtype=np.int32)
    _dpotrf(letters.ctypes, numbers.ctypes, matrix.ctypes, numbers.ctypes, numbers[1:].ctypes)
    return bool(numbers[1] == 0)


@_compiled
def cholesky_solve(factor: Array, right: Array) -> None:
    """Solve in place for one or two right sides, the rows of `right`.

    LAPACK takes two to three times as long for so few: this reads the factor once for both.
    """
    # Slices, because Numba does not vectorize loops whose indices might be negative for all it knows.
    size = len(factor)
    x, y = right[0], right[-1]
    if len(right) == 1:
        for i in range(size):
            row, rest = factor[i, i + 1 :], x[i + 1 :]
            value = x[i] / factor[i, i]
            x[i] = value
            for k in range(len(row)):
                rest[k] -= row[k] * value
        for i in range(size - 1, -1, -1):
            row, rest = factor[i, i + 1 :], x[i + 1 :]
            value = x[i]
            for k in range(len(row)):
                value -= row[k] * rest[k]
            x[i] = value / factor[i, i]
        return
    for i in range(size):
        row, x_rest, y_rest = factor[i, i + 1 :], x[i + 1 :], y[i + 1 :]
        first, second = x[i] / factor[i, i], y[i] / factor[i, i]
        x[i], y[i] = first, second
        for k in range(len(row)):
            x_rest[k] -= row[k] * first
            y_rest[k] -= row[k] * second
    for i in range(size - 1, -1, -1):
        row, x_rest, y_rest = factor[i, i + 1 :], x[i + 1 :], y[i + 1 :]
        first, second = x[i], y[i]
        for k in range(len(row)):
            first -= row[k] * x_rest[k]
            second -= row[k] * y_rest[k]
        x[i] = first / factor[i, i]
        y[i] = second / factor[i, i]


@_compiled
def _divide_by_factor(factor: Array, rows: Array) -> None:
    """Replace Y, of shape (n, k), by Y F⁻¹ with the upper triangular k×k matrix F."""
    letters = np.array([_LEFT, _LOWER, _NOT_TRANSPOSED, _NOT_UNIT], dtype=np.uint8)
    sizes = np.array([rows.shape[1], rows.shape[0]], dtype=np.int32)
    one = np.array([1.0])
    _dtrsm(
        letters.ctypes,
        letters[1:].ctypes,
        letters[2:].ctypes,
        letters[3:].ctypes,
        sizes.ctypes,
        sizes[1:].ctypes,
        one.ctypes,
        factor.ctypes,
        sizes.ctypes,
        rows.ctypes,
        sizes.ctypes,
    )


@_compiled
def _minus_own_product(rows: Array, out: Array) -> None:
    """Put −Y Yᵀ into the upper triangle of `out`."""
    letters = np.array([_LOWER, _TRANSPOSED], dtype=np.uint8)
    sizes = np.array([rows.shape[0], rows.shape[1]], dtype=np.int32)
    numbers = np.array([-1.0, 0.0])
    _dsyrk(
        letters.ctypes,
        letters[1:].ctypes,
        sizes.ctypes,
        sizes[1:].ctypes,
        numbers.ctypes,
        rows.ctypes,
        sizes[1:].ctypes,
        numbers[1:].ctypes,
        out.ctypes,
        sizes.ctypes,
    )


class Point(NamedTuple):
    """A point with what is computed there; `move` fills it.

    Attributes
    ----------
    theta, gradient : ndarray, shape ((I+J+K)R,)
        θ and g, each A before B before C, row by row.
    grams : ndarray, shape (3, R, R)
        AᵀA, BᵀB, CᵀC.
    error : ndarray, shape (I, J, K)
        ⟦A,B,C⟧ − T.
    objective : ndarray, shape (1,)
        φ.
    """

    theta: Array
    gradient: Array
    grams: Array
    error: Array
    objective: Array


class System(NamedTuple):
    """The factored matrix H + μI, see `factorize`, and room for `solve`; N is (I+J)R, or IR under a symmetry.

    Attributes
    ----------
    symmetry : ndarray of int, shape (3,)
        Kind: none, exchange of the first two modes, or a free action; for an exchange, the number of fixed terms and
        that of even slices.
    image_a, image_b, image_c : ndarray, shapes (I, I), (J, J), (K, K)
        A free action on the columns of A, B and C; empty without.
    eliminated : ndarray, shape (R, R)
        Cholesky factor of M.
    reduced : ndarray, shape (N, N)
        Cholesky factor of the Schur complement.
    coupling : ndarray, shape (N, R), or (N, R − pairs) under an exchange
    repeated, tiled, gram : ndarray, shapes (R, JR), (I, JR), (R, N)
        Rows as long as those of the Schur complement, so that it is put together by long vector operations.
    right : ndarray, shape (2, N)
    mixed, other : ndarray, shape (R, R)
    vectors, steps : ndarray, shape (2, (I+J+K)R)
    odd_reduced, odd_coupling, odd_gram : ndarray, shapes (N, N), (N, pairs), (R, N)
        The odd parts under a symmetry, empty without.
    """

    symmetry: NDArray[np.int64]
    image_a: Array
    image_b: Array
    image_c: Array
    eliminated: Array
    reduced: Array
    coupling: Array
    repeated: Array
    tiled: Array
    gram: Array
    right: Array
    mixed: Array
    other: Array
    vectors: Array
    steps: Array
    odd_reduced: Array
    odd_coupling: Array
    odd_gram: Array


class State(NamedTuple):
    """How far `iterate` has come.

    Attributes
    ----------
    iteration : ndarray of int, shape (1,)
        Steps tried, rejected ones included.
    damping : ndarray, shape (2,)
        μ, and the factor by which it grows when the next step is rejected.
    history : ndarray, shape (most iterations + 1,)
        φ at the start and after each iteration.
    """

    iteration: NDArray[np.int64]
    damping: Array
    history: Array


class Limits(NamedTuple):
    """When `iterate` ends, besides the length of the history.

    Attributes
    ----------
    bound : float
        Squared radius c of the ball; infinite for none.
    tolerance : float
        φ that is low enough.
    largest_damping : float
        μ from which on steps vanish.
    stall_window, stall_decrease : float
        Stop when φ has fallen by less than this share over so many iterations; 0 iterations for never.
    """

    bound: float
    tolerance: float
    largest_damping: float
    stall_window: float
    stall_decrease: float


PAUSED, CONVERGED, STOPPED, STALLED, ITERATION_LIMIT = range(5)
ON_SPHERE = 1e-6
"""Share of c by which ‖θ‖² may fall short of it on the sphere."""
SMALLEST_DAMPING = 1e-14
PLAIN, EXCHANGE, ACTION = range(3)


def make_point(shape: tuple[int, ...], rank: int) -> Point:
    """Room for a point of a tensor of `shape` (I, J, K)."""
    size = sum(shape) * rank
    return Point(np.empty(size), np.empty(size), np.empty((3, rank, rank)), np.empty(shape), np.empty(1))


def make_system(shape: tuple[int, ...], rank: int, exchange: tuple[int, int] | None = None) -> System:
    """Room for the system of a tensor of `shape` (I, J, K).

    Parameters
    ----------
    shape : (I, J, K)
    rank : int
    exchange : (int, int), optional
        Numbers of fixed terms and even slices under the exchange of the first two modes, for which I = J.
    """
    rows, columns, _ = shape
    width = rows * rank
    size = width if exchange else width + columns * rank
    pairs = (rank - exchange[0]) // 2 if exchange else 0
    odd = size if exchange else 0
    sizes = (
        (0, 0),
        (0, 0),
        (0, 0),
        (rank, rank),
        (size, size),
        (size, rank - pairs),
        (rank, columns * rank),
        (rows, columns * rank),
        (rank, size),
        (2, size),
        (rank, rank),
        (rank, rank),
        (2, sum(shape) * rank),
        (2, sum(shape) * rank),
        (odd, odd),
        (odd, pairs),
        (rank, odd),
    )
    kind = np.array([EXCHANGE, *exchange] if exchange else [PLAIN, 0, 0])
    return System(kind, *(np.empty(size) for size in sizes))


def with_action(system: System, images: tuple[Array, Array, Array]) -> System:
    """The same room, under the free action of three orthogonal matrices, of shapes (I, I), (J, J) and (K, K)."""
    image_a, image_b, image_c = images
    return system._replace(symmetry=np.array([ACTION, 0, 0]), image_a=image_a, image_b=image_b, image_c=image_c)


@_compiled
def split(theta: Array, tensor: Array, rank: int) -> tuple[Array, Array, Array]:
    """A, B and C as views of θ."""
    rows, columns, depth = tensor.shape
    first, second = rows * rank, (rows + columns) * rank
    return (
        theta[:first].reshape(rows, rank),
        theta[first:second].reshape(columns, rank),
        theta[second:].reshape(depth, rank),
    )


@_compiled
def evaluate(tensor: Array, theta: Array, error: Array) -> float:
    """φ at θ; ⟦A,B,C⟧ − T goes to `error`."""
    rows, columns, depth = tensor.shape
    rank = theta.size // (rows + columns + depth)
    a, b, c = split(theta, tensor, rank)
    pair = np.empty(rank)
    objective = 0.0
    for i in range(rows):
        for j in range(columns):
            for r in range(rank):
                pair[r] = a[i, r] * b[j, r]
            for k in range(depth):
                value = -tensor[i, j, k]
                for r in range(rank):
                    value += pair[r] * c[k, r]
                error[i, j, k] = value
                objective += value * value
    return objective


@_compiled
def linearize(point: Point) -> None:
    """Fill in the gradient and the Gram matrices, given θ and the error there, see `evaluate`."""
    theta, gradient, grams, error, _ = point
    rows, columns, depth = error.shape
    rank = grams.shape[1]
    a, b, c = split(theta, error, rank)
    gradient_a, gradient_b, gradient_c = split(gradient, error, rank)
    gradient[:] = 0.0
    pair, mixed = np.empty(rank), np.empty(rank)
    for i in range(rows):
        for j in range(columns):
            for r in range(rank):
                pair[r] = a[i, r] * b[j, r]
                mixed[r] = 0.0
            for k in range(depth):
                value = error[i, j, k]
                for r in range(rank):
                    mixed[r] += value * c[k, r]
                    gradient_c[k, r] += value * pair[r]
            for r in range(rank):
                gradient_a[i, r] += mixed[r] * b[j, r]
                gradient_b[j, r] += mixed[r] * a[i, r]
    _gram(a, grams[0])
    _gram(b, grams[1])
    _gram(c, grams[2])


@_compiled
def _gram(factor: Array, out: Array) -> None:
    rows, rank = factor.shape
    out[:] = 0.0
    for i in range(rows):
        for r in range(rank):
            value = factor[i, r]
            for s in range(rank):
                out[r, s] += value * factor[i, s]


@_compiled
def normal_matrix(
    theta: Array, grams: Array, starts: NDArray[np.int64], entries: NDArray[np.int64], out: Array
) -> None:
    """Put the rows and columns of H that belong to some entries of θ into the upper triangle of `out`.

    Parameters
    ----------
    theta, grams : ndarray
        As in a `Point`.
    starts : ndarray of int, shape (4,)
        Where A, B and C start in `theta`, and its end.
    entries : ndarray of int, shape (n,)
        Ascending.
    out : ndarray, shape (n, n)
    """
    rank = grams.shape[1]
    columns = entries % rank
    ends = np.searchsorted(entries, starts)
    for mode in range(3):
        own = grams[mode - 2] * grams[mode - 1]
        for p in range(ends[mode], ends[mode + 1]):
            entry, column = entries[p], columns[p]
            row = entry - column
            q = p
            # In its own mode an entry meets those of its row alone, in another those of all rows.
            while q < ends[mode + 1] and entries[q] < row + rank:
                out[p, q] = own[column, columns[q]]
                q += 1
            out[p, q : ends[mode + 1]] = 0.0
            for other in range(mode + 1, 3):
                gram = grams[3 - mode - other]
                for q in range(ends[other], ends[other + 1]):
                    s = columns[q]
                    out[p, q] = gram[column, s] * theta[row + s] * theta[entries[q] - s + column]


@_compiled
def factorize(point: Point, damping: float, system: System) -> bool:
    """Factor H + μI; false when it is not positive definite in floating point."""
    if system.symmetry[0] == EXCHANGE:
        return _factorize_symmetric(point, damping, system)
    gram_a, gram_b, gram_c = point.grams
    rank = len(gram_a)
    a, b, _ = split(point.theta, point.error, rank)
    eliminated, coupling, reduced = system.eliminated, system.coupling, system.reduced
    eliminated[:] = gram_a * gram_b
    for r in range(rank):
        eliminated[r, r] += damping
    if not cholesky(eliminated):
        return False
    # Row (x, r) of the coupling is L[(x, r), s], where H_xC[(x, r), (k, s)] = L[(x, r), s] C_kr.
    _couple(a, gram_b, coupling[: a.size])
    _couple(b, gram_a, coupling[a.size :])
    _divide_by_factor(eliminated, coupling)
    _minus_own_product(coupling, reduced)
    # Every block of the complement carries the factor (G_C)_rs, so E − L M⁻¹ Lᵀ is scaled by it at once.
    _add_and_scale(a, b, gram_c, system)
    for x in range(len(reduced) // rank):
        gram = gram_b if x < len(a) else gram_a
        for r in range(rank):
            row = reduced[x * rank + r, x * rank : (x + 1) * rank]
            for s in range(r, rank):
                row[s] = (row[s] + gram[r, s]) * gram_c[r, s]
            row[r] += damping
    return cholesky(reduced)


@_compiled
def _couple(factor: Array, gram: Array, out: Array) -> None:
    rank = len(gram)
    for x in range(len(factor)):
        for r in range(rank):
            row = out[x * rank + r]
            for s in range(rank):
                row[s] = factor[x, s] * gram[r, s]


@_compiled
def _add_and_scale(a: Array, b: Array, gram_c: Array, system: System) -> None:
    """Add A_is B_jr to the blocks (i, j) above the diagonal, and multiply all blocks there by G_C."""
    rows, rank = a.shape
    columns, width, size = len(b), a.size, a.size + b.size
    for r in range(rank):
        for x in range(rows + columns):
            system.gram[r, x * rank : (x + 1) * rank] = gram_c[r]
        for j in range(columns):
            system.repeated[r, j * rank : (j + 1) * rank] = b[j, r]
    for i in range(rows):
        for j in range(columns):
            system.tiled[i, j * rank : (j + 1) * rank] = a[i]
    for q in range(size):
        r, start = q % rank, q - q % rank + rank
        end = max(start, width)
        _scale(system.reduced[q, start:end], system.gram[r, start:end])
        if q >= width:
            _scale(system.reduced[q, end:], system.gram[r, end:])
            continue
        row, scale = system.reduced[q, width:], system.gram[r, width:]
        repeated, tiled = system.repeated[r], system.tiled[q // rank]
        for p in range(len(row)):
            row[p] = (row[p] + repeated[p] * tiled[p]) * scale[p]


@_compiled
def _scale(row: Array, factors: Array) -> None:
    for p in range(len(row)):
        row[p] *= factors[p]


@_compiled
def _factorize_symmetric(point: Point, damping: float, system: System) -> bool:
    """`factorize` restricted to what has the symmetry."""
    gram_a, gram_b, gram_c = point.grams
    rank, fixed, even = len(gram_a), system.symmetry[1], system.symmetry[2]
    a, b, c = split(point.theta, point.error, rank)
    pairs = (rank - fixed) // 2
    eliminated, reduced, odd_reduced = system.eliminated, system.reduced, system.odd_reduced
    eliminated[:] = gram_a * gram_b
    for r in range(rank):
        eliminated[r, r] += damping
    even_part, odd_part = np.empty((fixed + pairs, fixed + pairs)), np.empty((pairs, pairs))
    _take_apart(eliminated, fixed, even_part, odd_part)
    if not (cholesky(eliminated) and cholesky(even_part)):
        return False
    _couple_symmetric(a, gram_b, fixed, system.coupling, system.odd_coupling)
    _divide_by_factor(even_part, system.coupling)
    _minus_own_product(system.coupling, reduced)
    if pairs:
        if not cholesky(odd_part):
            return False
        _divide_by_factor(odd_part, system.odd_coupling)
        _minus_own_product(system.odd_coupling, odd_reduced)
    else:
        odd_reduced[:] = 0.0
    _gram(c[:even], system.mixed)
    _gram(c[even:], system.other)
    _add_and_scale_symmetric(b, system)
    for q in range(len(reduced)):
        r, start = q % rank, q - q % rank
        for s in range(r, rank):
            reduced[q, start + s] += gram_b[r, s] * gram_c[r, s]
        reduced[q, q] += damping
    return cholesky(reduced)


@_compiled
def _take_apart(matrix: Array, fixed: int, even_part: Array, odd_part: Array) -> None:
    """The upper triangles of M on the eigenvectors of τ: e_q for fixed terms, (e_q ± e_τq)/√2 for pairs."""
    even_part[:fixed, :fixed] = matrix[:fixed, :fixed]
    for x in range(len(odd_part)):
        q = fixed + 2 * x
        for r in range(fixed):
            even_part[r, fixed + x] = np.sqrt(2.0) * matrix[r, q]
        for y in range(x + 1):
            same, crossed = matrix[fixed + 2 * y, q], matrix[fixed + 2 * y + 1, q]
            even_part[fixed + y, fixed + x] = same + crossed
            odd_part[y, x] = same - crossed


@_compiled
def _couple_symmetric(a: Array, gram_b: Array, fixed: int, coupling: Array, odd_coupling: Array) -> None:
    """√2 L_A P± on the eigenvectors of τ."""
    rank = len(gram_b)
    for i in range(len(a)):
        for r in range(rank):
            row, odd_row = coupling[i * rank + r], odd_coupling[i * rank + r]
            for s in range(fixed):
                row[s] = np.sqrt(2.0) * a[i, s] * gram_b[r, s]
            for x in range(len(odd_row)):
                s = fixed + 2 * x
                first, second = a[i, s] * gram_b[r, s], a[i, s + 1] * gram_b[r, s + 1]
                row[fixed + x] = first + second
                odd_row[x] = first - second


@_compiled
def _add_and_scale_symmetric(b: Array, system: System) -> None:
    """Scale both parts by G⁺ and G⁻, which are in `mixed` and `other`, and add (G⁺ − G⁻)_qs B_is B_jq."""
    rows, rank = b.shape
    reduced, odd_reduced = system.reduced, system.odd_reduced
    for i in range(rows):
        for r in range(rank):
            system.gram[r, i * rank : (i + 1) * rank] = system.mixed[r]
            system.odd_gram[r, i * rank : (i + 1) * rank] = system.other[r]
            system.repeated[r, i * rank : (i + 1) * rank] = b[i, r]
        for j in range(rows):
            system.tiled[i, j * rank : (j + 1) * rank] = b[i]
    for q in range(rows * rank):
        r = q % rank
        row, scale, repeated = reduced[q, q:], system.gram[r, q:], system.repeated[r, q:]
        odd_row, odd_scale, tiled = odd_reduced[q, q:], system.odd_gram[r, q:], system.tiled[q // rank, q:]
        for p in range(len(row)):
            cross = repeated[p] * tiled[p]
            row[p] = (row[p] + cross) * scale[p] + (odd_row[p] - cross) * odd_scale[p]


@_compiled
def symmetrize(theta: Array, tensor: Array, system: System) -> None:
    """Make θ symmetric, if it is to be.

    Under an exchange B follows A, and of each pair the second column of C the first; under a free action the second
    term of each pair follows the first.
    """
    kind, fixed, even = system.symmetry
    if kind == PLAIN:
        return
    a, b, c = split(theta, tensor, len(system.eliminated))
    if kind == ACTION:
        _apply(system.image_a, a)
        _apply(system.image_b, b)
        _apply(system.image_c, c)
        return
    b[:, :fixed] = a[:, :fixed]
    c[even:, :fixed] = 0.0
    for q in range(fixed, a.shape[1], 2):
        b[:, q] = a[:, q + 1]
        b[:, q + 1] = a[:, q]
        c[:even, q + 1] = c[:even, q]
        c[even:, q + 1] = -c[even:, q]


@_compiled
def _apply(image: Array, factor: Array) -> None:
    for q in range(0, factor.shape[1] - 1, 2):
        for i in range(len(factor)):
            total = 0.0
            for k in range(len(factor)):
                total += image[i, k] * factor[k, q]
            factor[i, q + 1] = total


@_compiled
def solve(point: Point, system: System, right: Array, out: Array) -> None:
    """Put (H + μI)⁻¹, factored by `factorize`, applied to one or two vectors, the rows of `right`, into `out`.

    Under a symmetry the vectors have it too. What is lost of it by rounding is given back.
    """
    gram_a, gram_b, _ = point.grams
    rank = len(gram_a)
    a, b, c = split(point.theta, point.error, rank)
    width, size = a.size, a.size + b.size
    exchanged = system.symmetry[0] == EXCHANGE
    reduced = system.right[: len(right)]
    out[:] = right
    for vector in range(len(right)):
        eliminated = out[vector, size:].reshape(-1, rank)
        _solve_rows(system.eliminated, eliminated)
        _products(c, eliminated, system.mixed)
        _subtract_coupled(a, gram_b, system.mixed, out[vector, :width])
        if not exchanged:
            _subtract_coupled(b, gram_a, system.mixed, out[vector, width:size])
        reduced[vector] = out[vector, : reduced.shape[1]]
    cholesky_solve(system.reduced, reduced)
    for vector in range(len(right)):
        out[vector, : reduced.shape[1]] = reduced[vector]
        symmetrize(out[vector], point.error, system)
        _products(out[vector, :width].reshape(-1, rank), a, system.mixed)
        _products(out[vector, width:size].reshape(-1, rank), b, system.other)
        for r in range(rank):
            for s in range(rank):
                system.mixed[r, s] = gram_b[r, s] * system.mixed[r, s] + gram_a[r, s] * system.other[r, s]
        eliminated = out[vector, size:].reshape(-1, rank)
        eliminated[:] = right[vector, size:].reshape(-1, rank)
        for k in range(len(c)):
            for r in range(rank):
                for s in range(rank):
                    eliminated[k, s] -= c[k, r] * system.mixed[r, s]
        _solve_rows(system.eliminated, eliminated)
        symmetrize(out[vector], point.error, system)


@_compiled
def _products(x: Array, y: Array, out: Array) -> None:
    """XᵀY."""
    out[:] = 0.0
    rank = len(out)
    for k in range(len(x)):
        for r in range(rank):
            for s in range(rank):
                out[r, s] += x[k, r] * y[k, s]


@_compiled
def _subtract_coupled(factor: Array, gram: Array, mixed: Array, out: Array) -> None:
    """out[(x, r)] −= Σ_s F_xs G_rs X_rs."""
    rank = len(gram)
    for x in range(len(factor)):
        for r in range(rank):
            total = 0.0
            for s in range(rank):
                total += factor[x, s] * gram[r, s] * mixed[r, s]
            out[x * rank + r] -= total


@_compiled
def _solve_rows(factor: Array, rows: Array) -> None:
    for k in range(0, len(rows) - 1, 2):
        cholesky_solve(factor, rows[k : k + 2])
    if len(rows) % 2:
        cholesky_solve(factor, rows[-1:])


@_compiled
def try_step(tensor: Array, point: Point, system: System, damping: float, bound: float, trial: Point) -> float:
    """Try one damped step from `point`, and put where it leads, and error and objective there, into `trial`.

    Within the ball the step is d = −(H + μI)⁻¹g. One that would leave the sphere minimises the damped model in its
    tangent plane θᵀd = 0 instead: d = −(H+μI)⁻¹g + λ(H+μI)⁻¹θ with λ = θᵀ(H+μI)⁻¹g / θᵀ(H+μI)⁻¹θ (Tichavský, Phan and
    Cichocki, arXiv:1603.01372, eq. 10). What ends outside the ball is scaled back onto it.

    Returns
    -------
    float
        The gain ratio ρ, actual by predicted decrease of φ; negative also when there is no step or none is predicted.
    """
    if not factorize(point, damping, system):
        return -1.0
    theta, gradient = point.theta, point.gradient
    steps = system.steps
    system.vectors[0] = gradient
    system.vectors[1] = theta
    on_sphere = np.dot(theta, theta) >= bound * (1 - ON_SPHERE)
    count = 2 if on_sphere else 1
    solve(point, system, system.vectors[:count], steps[:count])
    step = trial.theta
    step[:] = -steps[0]
    if on_sphere and np.dot(theta, theta) + 2 * np.dot(theta, step) + np.dot(step, step) > bound:
        step += (np.dot(theta, steps[0]) / np.dot(theta, steps[1])) * steps[1]
    # φ(θ) − model(θ+d) = −2gᵀd − dᵀHd, and (H+μI)d = −g + λθ with θᵀd = 0 turns dᵀHd into −gᵀd − μ‖d‖².
    predicted = damping * np.dot(step, step) - np.dot(gradient, step)
    step += theta
    into_ball(step, bound)
    trial.objective[0] = evaluate(tensor, trial.theta, trial.error)
    decrease = point.objective[0] - trial.objective[0]
    return decrease / predicted if predicted > 0 and np.isfinite(decrease) else -1.0


@_compiled
def into_ball(theta: Array, bound: float) -> None:
    """Scale θ back onto the ball ‖θ‖² ≤ c when it lies outside."""
    size = np.dot(theta, theta)
    if size > bound:
        theta *= np.sqrt(bound / size)


@_compiled
def lowered(damping: float, gain: float, smallest_factor: float) -> float:
    """μ after a step that attained `gain` > 0 times the predicted decrease, see `Damping`."""
    return max(damping * max(smallest_factor, 1 - (2 * gain - 1) ** 3), SMALLEST_DAMPING)


@_compiled
def iterate(tensor: Array, point: Point, system: System, trial: Point, state: State, limits: Limits, pause: int) -> int:
    """Iterate damped steps until one of the limits is reached, or the number of iterations is `pause`.

    Parameters
    ----------
    tensor : ndarray, shape (I, J, K)
    point : Point
        Where to go on, already linearized; moved.
    system, trial : System, Point
        Room to work in.
    state : State
        Moved along.
    limits : Limits
    pause : int

    Returns
    -------
    int
        PAUSED, or why it ended.
    """
    history = state.history
    iteration = state.iteration[0]
    damping, growth = state.damping
    status = PAUSED
    while True:
        if history[iteration] <= limits.tolerance:
            status = CONVERGED
        elif damping > limits.largest_damping or not np.isfinite(history[iteration]):
            status = STALLED
        elif _watched(history, iteration, limits):
            status = STOPPED
        elif iteration == len(history) - 1:
            status = ITERATION_LIMIT
        if status != PAUSED or iteration == pause:
            break
        gain = try_step(tensor, point, system, damping, limits.bound, trial)
        iteration += 1
        if gain > 0:
            damping, growth = lowered(damping, gain, 1 / 3), 2.0
            point.theta[:] = trial.theta
            point.error[:] = trial.error
            point.objective[0] = trial.objective[0]
            linearize(point)
        else:
            damping, growth = damping * growth, 2 * growth
        history[iteration] = point.objective[0]
    state.iteration[0] = iteration
    state.damping[0], state.damping[1] = damping, growth
    return status


@_compiled
def _watched(history: Array, iteration: int, limits: Limits) -> bool:
    window = int(limits.stall_window)
    return 0 < window <= iteration and history[iteration] > (1 - limits.stall_decrease) * history[iteration - window]
