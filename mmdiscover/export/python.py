"""Emitter: plain Python, one function over nested sequences of entries or blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.core.exact import Gaussian
from mmdiscover.export.program import Kind, Product, Program
from mmdiscover.export.writing import docstring, namer, nested, python_constants, python_line, python_sum

if TYPE_CHECKING:
    from mmdiscover.export.writing import Facts

_CHECK = (
    "fill a and b with non-commuting symbols of sympy, call multiply(a, b), expand: every entry is the sum of "
    "a[i][j]*b[j][k] over j"
)

_PRODUCT = (
    "Factors keep their order, so entries need not commute. For blocks in NumPy arrays pass product=operator.matmul, "
    "or any function of two blocks."
)
_RATIONAL = "rational(x, y) makes the coefficient x/y: exact by default; operator.truediv for blocks of floats."
_IMAGINARY = "i is the imaginary unit that goes with the entries: 1j, or sympy.I for symbols."


def emit(program: Program, facts: Facts) -> str:
    """The program as a Python module with one function ``multiply(a, b, product)``.

    Coefficients that are not integers are made inside, by the parameters `rational` (default ``Fraction``) and `i`
    (default ``1j``), which the function has only where it needs them: whoever calls it says what numbers its entries
    go with, and nothing exact becomes a float here.
    """
    name = namer(program, "_")
    constants, assignments = python_constants(program, "rational({}, {})")
    imports, parameters, notes = ["from operator import mul"], ["a", "b", "product=mul"], [_PRODUCT]
    if any("rational" in assignment for assignment in assignments):
        imports.insert(0, "from fractions import Fraction")
        parameters.append("rational=Fraction")
        notes.append(_RATIONAL)
    if any(isinstance(value, Gaussian) for value in constants):
        parameters.append("i=1j")
        notes.append(_IMAGINARY)
    (n, m), (_, p) = program.format.matrix_shapes[:2]
    lines = [
        f"{nested(Kind.A, (n, m), name)} = a",
        f"{nested(Kind.B, (m, p), name)} = b",
        *assignments,
    ]
    for statement in program.statements:
        target = name(statement.target)
        if isinstance(statement, Product):
            left, right = (python_sum(form, name, constants) for form in (statement.left, statement.right))
            lines.append(f"{target} = product({left}, {right})")
        else:
            lines.append(f"{target} = {python_sum(statement.form, name, constants)}")
    lines.append(f"return {nested(Kind.C, (n, p), name)}")
    text = [
        *docstring(facts.lines(program, _CHECK)),
        "",
        *imports,
        "",
        "",
        f"def multiply({', '.join(parameters)}):",
        *docstring([f"Product of a ({n}x{m}) and b ({m}x{p}), both sequences of rows", "", *notes], " " * 4),
        *(part for line in lines for part in python_line(line)),
    ]
    return "\n".join(text) + "\n"
