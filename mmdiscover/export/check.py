"""Checks of what was emitted: Python is executed, text is read back. Nothing that fails is handed out."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import Gaussian
from mmdiscover.core.ring import Ring
from mmdiscover.errors import ExportError
from mmdiscover.export.parsing import parse_text, text_of_latex
from mmdiscover.export.program import prove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme


def check_python(code: str, scheme: Scheme) -> None:
    """Run the code on non-commuting symbols of sympy and compare with AB, term by term.

    Parameters
    ----------
    code : str
        Defines ``multiply(a, b, product=…)`` and, where coefficients ask for it, the parameter `i`.
    scheme : Scheme

    Raises
    ------
    ExportError
        If the code cannot be run or an entry differs.
    """
    # Deferred: sympy takes half a second to import.
    import sympy

    n, m, p = scheme.format.sizes
    a, b = (
        [[sympy.Symbol(f"{letter}{i}_{j}", commutative=False) for j in range(columns)] for i in range(rows)]
        for letter, rows, columns in (("a", n, m), ("b", m, p))
    )
    options = {"i": sympy.I} if scheme.ring is Ring.C else {}

    def product(x: Any, y: Any) -> Any:
        # Expanded at once: the sums then collect terms as they go.
        return sympy.expand(x * y)

    found = _run(code, scheme, lambda space: [list(row) for row in space["multiply"](a, b, product, **options)])
    if [len(row) for row in found] != [p] * n:
        raise ExportError(f"python code for {scheme.name}: the result is no {n}x{p} matrix")
    for i in range(n):
        for k in range(p):
            difference = sympy.expand(found[i][k] - sum(a[i][j] * b[j][k] for j in range(m)))
            if _differs(difference.as_coefficients_dict().values(), scheme):
                raise ExportError(
                    f"python code for {scheme.name}: c{i + 1},{k + 1} is wrong by {str(difference)[:120]}"
                )


def check_numpy(code: str, scheme: Scheme) -> None:
    """Run the code on exact matrices of several sizes and compare with the classical product.

    Parameters
    ----------
    code : str
        Defines ``multiply(a, b, cutoff)`` and, for Gaussian coefficients, the constant ``i``.
    scheme : Scheme

    Raises
    ------
    ExportError
        If the code cannot be run or an entry differs.
    """
    integral = scheme.modulus or scheme.ring in (Ring.ZT, Ring.Z)
    for seed, shape in enumerate(_shapes(scheme)):
        generator = np.random.default_rng(seed)
        for dtype in (object, np.int64) if integral else (object,):
            a, b = (generator.integers(-9, 10, size).astype(dtype) for size in (shape[:2], shape[1:]))
            found, expected = _run(code, scheme, partial(_multiply_exactly, a=a, b=b)), a @ b
            same = found.dtype == a.dtype and found.shape == expected.shape
            if not same or _differs((found - expected).ravel(), scheme):
                raise ExportError(f"numpy code for {scheme.name}: wrong for {a.dtype} matrices of sizes {shape}")


def check_numba(code: str, scheme: Scheme) -> str:
    """Run the code uncompiled on exact matrices as `check_numpy` does, and compiled where that is quick.

    Compiled means one or two steps on matrices of integers or, for other coefficients, of floats up to rounding.

    Parameters
    ----------
    code : str
        Defines ``multiply(a, b, cutoff)``, and ``_compiled(count, dtype)`` that gives sums of so many terms.
    scheme : Scheme

    Returns
    -------
    str
        Empty, or that it was not run compiled.

    Raises
    ------
    ExportError
        If the code cannot be run or an entry differs.
    """

    def uncompiled(space: dict[str, Any], a: NDArray[Any], b: NDArray[Any]) -> Any:
        space["_compiled"] = lambda count, _: space[f"_sum{count}"]
        space["_rational"] = lambda x, y, _: Fraction(x, y)
        # The check of arguments refuses exact entries.
        space["multiply"] = space["_multiply"]
        return _multiply_exactly(space, a, b)

    for seed, shape in enumerate(_shapes(scheme)):
        generator = np.random.default_rng(seed)
        a, b = (generator.integers(-9, 10, size).astype(object) for size in (shape[:2], shape[1:]))
        found = _run(code, scheme, partial(uncompiled, a=a, b=b))
        if found.shape != (shape[0], shape[2]) or _differs((found - a @ b).ravel(), scheme):
            raise ExportError(f"numba code for {scheme.name}: wrong for matrices of sizes {shape}")
    kernels = len(re.findall(r"^def _sum\d+\(", code, re.MULTILINE))
    if kernels > _FEW_KERNELS:
        return (
            f"the Numba code for {scheme.name} was run exactly, but uncompiled: it has {kernels} functions to compile, "
            f"which takes some tenths of a second each"
        )
    exact = scheme.modulus or scheme.ring in (Ring.ZT, Ring.Z)
    n, _, p = scheme.format.sizes
    generator = np.random.default_rng(1)
    a, b = (generator.integers(-9, 10, size).astype(int if exact else float) for size in ((2 * n + 1, 17), (17, 3 * p)))
    found = _run(code, scheme, lambda space: space["multiply"](a, b, cutoff=0))
    wrong = _differs((found - a @ b).ravel(), scheme) if exact else not np.allclose(found, a @ b, atol=1e-6)
    if wrong or (not exact and found.dtype.kind not in "fc"):
        raise ExportError(f"numba code for {scheme.name}: wrong for {a.dtype} matrices when compiled")
    return ""


_FEW_KERNELS = 4
"""Most functions that are compiled for a check."""


def check_text(text: str, scheme: Scheme) -> None:
    """Read the text back and compare with U, V and W.

    Raises
    ------
    ExportError
        If it cannot be read or states another scheme.
    """
    prove(parse_text(text, scheme), scheme)


def check_latex(latex: str, scheme: Scheme) -> None:
    """Read the LaTeX back and compare with U, V and W.

    Raises
    ------
    ExportError
        If it cannot be read or states another scheme.
    """
    check_text(text_of_latex(latex), scheme)


def _shapes(scheme: Scheme) -> list[tuple[int, int, int]]:
    """(rows, inner, columns): one step, leftovers, nothing to split, empty; two steps where that is quick."""
    n, m, p = scheme.format.sizes
    shapes = [(n, m, p), (2 * n + 1, 2 * m, p), (n, 2 * m + 1, 2 * p + 1), (1, m, p), (n, 0, p), (0, m, 0)]
    if scheme.rank <= _TWO_STEPS:
        shapes.append((n * n + 1, m * m + 1, p * p + 1))
    return shapes


_TWO_STEPS = 100
"""Largest rank whose square many products are formed for a check."""


def _multiply_exactly(space: dict[str, Any], a: NDArray[Any], b: NDArray[Any]) -> Any:
    if "i" in space:
        space["i"] = Gaussian(Fraction(0), Fraction(1))
    return np.asarray(space["multiply"](a, b, cutoff=0))


def _differs(difference: Iterable[Any], scheme: Scheme) -> bool:
    return any(value % 2 if scheme.modulus else value for value in difference)


def _run(code: str, scheme: Scheme, call: Callable[[dict[str, Any]], Any]) -> Any:
    """Execute emitted code and call what it defines; whatever it raises is an `ExportError`."""
    space: dict[str, Any] = {}
    try:
        exec(compile(code, f"<{scheme.name}>", "exec"), space)  # noqa: S102 (our own text, from a verified scheme)
        return call(space)
    except Exception as error:
        raise ExportError(f"code for {scheme.name} cannot be run: {type(error).__name__}: {error}") from error
