"""Emitter: NumPy with Numba, as the NumPy emitter, but each sum in one pass over its blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.core.exact import Gaussian
from mmdiscover.export.numpy import MULTIPLY, PROMOTE, rule_of
from mmdiscover.export.program import Kind, Product, Program
from mmdiscover.export.slots import is_block
from mmdiscover.export.writing import docstring, namer, nested, python_constants, python_line, write_sum

if TYPE_CHECKING:
    from mmdiscover.core.exact import Exact
    from mmdiscover.export.program import Form, Variable
    from mmdiscover.export.writing import Facts

_CHECK = "compare multiply(a, b, cutoff=0) with a @ b for integer matrices"
_NOTE = "Sums are compiled when a dtype comes for the first time, in some tenths of a second for each number of terms."

_SUMS = '''

@cache
def _compiled(count, dtype):
    """The sum of so many terms in one pass; blocks may be parts of matrices."""
    scalar = from_dtype(dtype)
    block = scalar[:, :]
    return njit(void(block, *[scalar, block] * count))(globals()[f"_sum{count}"])


def _fill(out, *terms):
    """Write a sum: coefficient, block, coefficient, block…"""
    # By astype, minus one becomes what unsigned integers have for it.
    coefficients = np.asarray(terms[::2]).astype(out.dtype)
    _compiled(len(coefficients), out.dtype)(out, *chain(*zip(coefficients, terms[1::2])))
    return out


def _sum(*terms):
    return _fill(np.empty_like(terms[1], order="C"), *terms)
'''

_FRACTION = """

def _rational(x, y, dtype):
    return dtype.type(x) / y
"""


def emit(program: Program, facts: Facts) -> str:
    """The program as a module with ``multiply(a, b, cutoff=64)`` for the dtypes that Numba compiles for.

    Rules for dtypes are those of the NumPy emitter, without object arrays.
    """
    name = namer(program, "_")
    constants, assignments = python_constants(program, "_rational({}, {}, a.dtype)")
    gaussian = any(isinstance(value, Gaussian) for value in constants)
    n, m, p = program.format.sizes
    rule = rule_of(program, constants)

    counts = set()

    def terms(form: Form) -> str:
        counts.add(len(form))

        def term(coefficient: Exact, variable: Variable) -> str:
            return f"{constants.get(coefficient, coefficient)}, {name(variable)}"

        return ", ".join(piece.removeprefix("+ ").replace("- ", "-", 1) for piece in write_sum(form, term))

    def factor(form: Form) -> str:
        return name(form[0].variable) if is_block(form) else f"_sum({terms(form)})"

    lines = [
        f"{nested(Kind.A, (n, m), name)} = _blocks(a, {n}, {m})",
        f"{nested(Kind.B, (m, p), name)} = _blocks(b, {m}, {p})",
        f"{nested(Kind.C, (n, p), name)} = _blocks(c, {n}, {p})",
        *assignments,
    ]
    # A 1x1x1 step would not make the matrices smaller.
    product = "_multiply({}, {}, cutoff)" if program.format.classical_rank > 1 else "{} @ {}"
    for statement in program.statements:
        target = name(statement.target)
        if isinstance(statement, Product):
            lines.append(f"{target} = {product.format(factor(statement.left), factor(statement.right))}")
        elif statement.target.kind is Kind.C:
            lines.append(f"_fill({target}, {terms(statement.form)})")
        else:
            lines.append(f"{target} = _sum({terms(statement.form)})")
    usage = [
        "Product of two matrices of any sizes that meet",
        "",
        f"Splits recursively into {n}x{m} and {m}x{p} blocks; uses @ where the smallest size is at most cutoff or",
        "cannot be split, and for what the blocks leave over.",
        _NOTE,
    ]
    kinds = rule.kinds.replace("O", "")
    text = [
        *docstring(facts.lines(program, _CHECK)),
        "",
        "from functools import cache",
        "from itertools import chain",
        "",
        "import numpy as np",
        "from numba import from_dtype, njit, void",
        *(["", "i = 1j"] if gaussian else []),
        "",
        "",
        "def multiply(a, b, cutoff=64):",
        *docstring(usage, " " * 4),
        MULTIPLY.format(n=n, m=m, p=p, kinds=kinds, expected=_EXPECTED[kinds], promote=PROMOTE if gaussian else "")
        + (_FRACTION if any("_rational" in assignment for assignment in assignments) else "")
        + _SUMS,
        *(line for count in sorted(counts) for line in _kernel(count)),
        "",
        "def _step(a, b, c, cutoff):",
        *(part for line in lines for part in python_line(line)),
    ]
    return "\n".join(text) + "\n"


_EXPECTED = {
    "iu": "integers",
    "iufc": "integers, float or complex",
    "fc": "float or complex, as the coefficients are no integers",
}


def _kernel(count: int) -> list[str]:
    """The function that adds so many terms."""
    numbers = range(1, count + 1)
    total = " + ".join(f"k{number} * x{number}[i, j]" for number in numbers)
    arguments = ", ".join(f"k{number}, x{number}" for number in numbers)
    body = python_line(f"total = {total}")
    return [
        "",
        f"def _sum{count}(out, {arguments}):",
        "    for i in range(out.shape[0]):",
        "        for j in range(out.shape[1]):",
        *(" " * 8 + line for line in body),
        "            out[i, j] = total",
        "",
    ]
