"""`mmdiscover.multiply`: the product of two matrices by verified schemes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.errors import InputError
from mmdiscover.runtime.accuracy import error_factor
from mmdiscover.runtime.engine import COMPILED, Engine
from mmdiscover.runtime.library import resolve
from mmdiscover.runtime.step import prepare_step
from mmdiscover.runtime.team import Team, available_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.runtime.library import SchemeLike

    Array = NDArray[Any]
    Schemes = SchemeLike | Sequence[SchemeLike]

AUTO = "auto"
# Below, no scheme pays, and looking for one would cost as much as the product.
_SMALL = 512 * 512
_ARRAY, _matmul = np.ndarray, np.matmul


def multiply(
    a: ArrayLike,
    b: ArrayLike,
    scheme: Schemes = AUTO,
    levels: int | None = None,
    *,
    threads: int | None = None,
    max_error_factor: float | None = None,
) -> Array:
    """The product of two matrices, by fast schemes where they are faster.

    Parameters
    ----------
    a, b : array_like, shapes (n, m) and (m, p)
        Any sizes, any memory order, empty ones too. Numbers of NumPy's common type of both: float, complex, integers
        (which wrap around on overflow, as in ``a @ b``), or objects, such as fractions, which stay exact.
    scheme : str, Scheme, VerifiedScheme, or a sequence of them
        ``"auto"``: what `calibration` expects to be fastest, which is `numpy.matmul` where no scheme is faster. A name
        such as ``"2x2x2:7"``: a scheme that comes with mmdiscover. A scheme that was not verified is verified first. A
        sequence has one scheme for each level, the outermost first.
    levels : int, optional
        Levels of recursion by one scheme; 1 when left out. Not with ``"auto"`` or a sequence.
    threads : int, optional
        For the sums of blocks; as many as there are processors when left out. Products use as many as NumPy does.
    max_error_factor : float, optional
        The most by which the error bound may exceed that of the classical product (see `error_factor`): ``"auto"``
        keeps to it, a scheme that exceeds it is refused.

    Returns
    -------
    ndarray, shape (n, p)
        Where a fast product of floats is not finite everywhere, the classical one: NaN and infinities are where
        `numpy.matmul` has them.

    Raises
    ------
    InputError
        If shapes do not meet, the type holds no numbers or not the scheme's coefficients, the scheme does not multiply
        matrices, or an argument is out of range.
    """
    # Small products take a microsecond or two, so they are not asked much: what is wrong with them is told below.
    if (
        scheme is AUTO
        and levels is max_error_factor is threads is None
        and type(a) is type(b) is _ARRAY
        and a.ndim == 2
        and a.size < _SMALL
        and b.size < _SMALL
    ):
        try:
            product: Array = _matmul(a, b)
        except (ValueError, TypeError):
            pass
        else:
            if product.ndim == 2 and product.dtype.kind != "b":
                return product
    left, right = _matrices(a, b)
    schemes = _schemes(scheme, levels, left, right, threads, max_error_factor)
    if not schemes:
        product = np.matmul(left, right)
    else:
        whole = (*left.shape, right.shape[1])
        product = Multiplication(whole, left.dtype, schemes, threads=threads)(left, right)
    return product


class Multiplication:
    """Products of matrices of one shape and type, with a workspace that is allocated once.

    Parameters
    ----------
    shape : (n, m, p)
        Of an n×m times an m×p matrix.
    dtype : dtype
    schemes : sequence of str, Scheme or VerifiedScheme
        One for each level, the outermost first; none for the classical product.
    threads : int, optional
        See `multiply`.

    Raises
    ------
    InputError
        See `multiply`.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any] | type,
        schemes: Sequence[SchemeLike],
        *,
        threads: int | None = None,
    ) -> None:
        if len(shape) != 3 or min(shape) < 0:
            raise InputError(f"shape is {shape}, expected three sizes (n, m, p) of at least 0")
        self.shape, self.dtype = shape, _number_type(np.dtype(dtype))
        self.schemes = tuple(resolve(scheme) for scheme in schemes)
        self._team = Team(_thread_count(threads))
        steps = [prepare_step(scheme, self.dtype) for scheme in self.schemes]
        self._engine = Engine(shape, self.dtype, steps, self._team)

    @property
    def workspace_bytes(self) -> int:
        """Memory beside the matrices themselves."""
        return self._engine.workspace_bytes

    @property
    def error_factor(self) -> float:
        """By how much the error bound exceeds that of the classical product."""
        return error_factor(self.schemes, self.shape[1])

    def __call__(self, a: ArrayLike, b: ArrayLike, out: Array | None = None) -> Array:
        """The product; not to be called from two threads at once.

        Parameters
        ----------
        a, b : array_like, shapes (n, m) and (m, p)
        out : ndarray, shape (n, p), optional
            C-contiguous, of this type, apart from `a` and `b` in memory.

        Raises
        ------
        InputError
            If shapes or types are others.
        """
        left, right = _matrices(a, b)
        shape, dtype = (*left.shape, right.shape[1]), left.dtype
        if shape != self.shape or dtype != self.dtype:
            raise InputError(f"got {dtype} matrices of sizes {shape}, expected {self.dtype} ones of sizes {self.shape}")
        left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
        rows, _, columns = shape
        if out is None:
            out = np.empty((rows, columns), dtype)
        elif out.shape != (rows, columns) or out.dtype != dtype or not out.flags.c_contiguous:
            raise InputError(
                f"out has shape {out.shape} and type {out.dtype}, expected a C-contiguous {dtype} array of shape "
                f"{(rows, columns)}"
            )
        elif np.may_share_memory(out, left) or np.may_share_memory(out, right):
            raise InputError("out shares memory with a or b, expected an array of its own")
        with np.errstate(invalid="ignore", over="ignore"):
            self._engine.run(left, right, out)
        if self.schemes and dtype.kind in "fc" and self._spoilt(out):
            np.matmul(left, right, out=out)
        return out

    def _spoilt(self, out: Array) -> bool:
        if self.dtype.char not in COMPILED:
            return not np.isfinite(out).all()
        from mmdiscover.runtime import kernels

        return any(self._team.share(kernels.has_nonfinite, *out.shape, out))


def _matrices(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Two matrices of one number type whose shapes meet."""
    left, right = np.asarray(a), np.asarray(b)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
        raise InputError(f"matrices have shapes {left.shape} and {right.shape}, expected (n, m) and (m, p)")
    dtype = _number_type(np.result_type(left, right))
    return left.astype(dtype, copy=False), right.astype(dtype, copy=False)


def _number_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "iufcO":
        raise InputError(f"matrices have type {dtype}, expected integers, floats, complex numbers or objects")
    return dtype.newbyteorder("=")


def _thread_count(threads: int | None) -> int:
    if threads is None:
        return available_threads()
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InputError(f"threads is {threads!r}, expected an integer of at least 1")
    return threads


def _schemes(
    scheme: Schemes, levels: int | None, a: Array, b: Array, threads: int | None, limit: float | None
) -> tuple[Scheme, ...]:
    """The schemes to use, one for each level."""
    if limit is not None and not limit >= 1:
        raise InputError(f"max_error_factor is {limit!r}, expected a number of at least 1")
    if levels is not None and (isinstance(levels, bool) or not isinstance(levels, int) or levels < 0):
        raise InputError(f"levels is {levels!r}, expected an integer of at least 0")
    if isinstance(scheme, str) and scheme == AUTO:
        if levels is not None:
            raise InputError(f"levels is {levels!r} with scheme 'auto', expected a scheme with it")
        team = _thread_count(threads)
        if a.size < _SMALL and b.size < _SMALL:
            return ()
        from mmdiscover.runtime.choice import choose

        return choose((*a.shape, b.shape[1]), a.dtype, team, limit)
    if isinstance(scheme, (list, tuple)):
        if levels not in {None, len(scheme)}:
            raise InputError(f"levels is {levels} for {len(scheme)} schemes, expected as many or none")
        schemes = tuple(resolve(one) for one in scheme)
    else:
        schemes = (resolve(scheme),) * (1 if levels is None else levels)  # type: ignore[arg-type]
    factor = error_factor(schemes, a.shape[1])
    if limit is not None and factor > limit:
        names = ", ".join(one.name for one in schemes)
        raise InputError(f"the error factor of {names} is {factor:.3g}, expected at most {limit:g}")
    return schemes
