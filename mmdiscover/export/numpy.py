"""Emitter: NumPy, recursive, for matrices of any sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmdiscover.core.exact import Gaussian
from mmdiscover.export.program import Kind, Product, Program
from mmdiscover.export.writing import docstring, namer, nested, python_constants, python_line, python_sum

if TYPE_CHECKING:
    from collections.abc import Collection

    from mmdiscover.core.exact import Exact
    from mmdiscover.export.writing import Facts

_CHECK = "compare multiply(a, b, cutoff=0) with a @ b for integer matrices (as object arrays where there are fractions)"

MULTIPLY = """\
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"shapes {{a.shape}} and {{b.shape}}: expected (n, m) and (m, p)")
    dtype = np.result_type(a, b)
    if dtype.kind not in "{kinds}":
        raise TypeError(f"dtype {{dtype}}: expected {expected}"){promote}
    return _multiply(a.astype(dtype, copy=False), b.astype(dtype, copy=False), cutoff)


def _multiply(a, b, cutoff):
    (rows, inner), columns = a.shape, b.shape[1]
    n, m, p = {n} * (rows // {n}), {m} * (inner // {m}), {p} * (columns // {p})
    if min(n, m, p) == 0 or min(rows, inner, columns) <= cutoff:
        return a @ b
    c = np.empty((rows, columns), dtype=a.dtype)
    _step(a[:n, :m], b[:m, :p], c[:n, :p], cutoff)
    # What the blocks leave over: thin rows and columns.
    if m < inner:
        c[:n, :p] += a[:n, m:] @ b[m:, :p]
    if n < rows:
        c[n:] = a[n:] @ b
    if p < columns:
        c[:n, p:] = a[:n] @ b[:, p:]
    return c


def _blocks(x, rows, columns):
    height, width = x.shape[0] // rows, x.shape[1] // columns
    return [
        [x[i * height : (i + 1) * height, j * width : (j + 1) * width] for j in range(columns)]
        for i in range(rows)
    ]
"""

RATIONAL = """

def _rational(x, y, dtype):
    return Fraction(x, y) if dtype == object else dtype.type(x) / y
"""

PROMOTE = """
    dtype = np.result_type(dtype, np.complex64)"""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which dtypes are taken."""

    kinds: str
    expected: str
    note: str


_MODULO_2 = Rule("iuO", "integers", "The result is right modulo 2 (an overflow on the way keeps that).")
_INTEGERS = Rule(
    "iufcO",
    "numbers (for bool, convert to integers first)",
    "The result has the common dtype of a and b. Integers wrap around on overflow as in a @ b; object arrays "
    "stay exact.",
)
_RATIONALS = Rule(
    "fcO",
    "float, complex or object, as the coefficients are fractions",
    "The result has the common dtype of a and b, which must hold fractions: float, complex, or object with exact "
    "numbers.",
)
_GAUSSIAN = Rule(
    "fcO",
    "float, complex or object, as the coefficients are complex",
    "Float becomes complex. The entries of object arrays must go with i, the constant above.",
)


def rule_of(program: Program, constants: Collection[Exact]) -> Rule:
    """Which dtypes hold a result that is computed with these constants."""
    if program.modulus:
        return _MODULO_2
    return (
        _GAUSSIAN if any(isinstance(value, Gaussian) for value in constants) else _RATIONALS if constants else _INTEGERS
    )


def emit(program: Program, facts: Facts) -> str:
    """The program as a NumPy module with ``multiply(a, b, cutoff=64)``.

    Rules for dtypes, which the emitted docstring states as well: the result has the common dtype of `a` and `b`.
    Integers stay integers (and wrap around on overflow as in ``a @ b``) where all coefficients are integers, and are
    refused where fractions occur; Gaussian coefficients make real floats complex; object arrays keep exact entries
    exact (fractions are ``Fraction``, the imaginary unit is the module's constant ``i``).
    """
    name = namer(program, "_")
    constants, assignments = python_constants(program, "_rational({}, {}, a.dtype)")
    gaussian = any(isinstance(value, Gaussian) for value in constants)
    n, m, p = program.format.sizes
    rule = rule_of(program, constants)
    lines = [
        f"{nested(Kind.A, (n, m), name)} = _blocks(a, {n}, {m})",
        f"{nested(Kind.B, (m, p), name)} = _blocks(b, {m}, {p})",
        *assignments,
    ]
    # A 1x1x1 step would not make the matrices smaller.
    product = "_multiply({}, {}, cutoff)" if program.format.classical_rank > 1 else "({}) @ ({})"
    for statement in program.statements:
        if isinstance(statement, Product):
            left, right = (python_sum(form, name, constants) for form in (statement.left, statement.right))
            lines.append(f"{name(statement.target)} = {product.format(left, right)}")
        else:
            place = "[...]" if statement.target.kind is Kind.C else ""
            lines.append(f"{name(statement.target)}{place} = {python_sum(statement.form, name, constants)}")
    outputs = f"{nested(Kind.C, (n, p), name)} = _blocks(c, {n}, {p})"
    lines.insert(2, outputs)
    fractions = any("_rational" in assignment for assignment in assignments)
    usage = [
        "Product of two matrices of any sizes that meet",
        "",
        f"Splits recursively into {n}x{m} and {m}x{p} blocks; uses @ where the smallest size is at most cutoff or",
        "cannot be split, and for what the blocks leave over.",
        rule.note,
    ]
    text = [
        *docstring(facts.lines(program, _CHECK)),
        "",
        *(["from fractions import Fraction", ""] if fractions else []),
        "import numpy as np",
        *(["", "i = 1j  # object arrays may need another imaginary unit, such as sympy.I"] if gaussian else []),
        "",
        "",
        "def multiply(a, b, cutoff=64):",
        *docstring(usage, " " * 4),
        MULTIPLY.format(n=n, m=m, p=p, kinds=rule.kinds, expected=rule.expected, promote=PROMOTE if gaussian else "")
        + (RATIONAL if fractions else ""),
        "",
        "def _step(a, b, c, cutoff):",
        *(part for line in lines for part in python_line(line)),
    ]
    return "\n".join(text) + "\n"
