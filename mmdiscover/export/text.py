"""Emitter: plain text, the way papers write an algorithm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.core.exact import Exact, Gaussian, format_exact
from mmdiscover.export.program import Form, Product, Program, Variable
from mmdiscover.export.writing import namer, write_sum

if TYPE_CHECKING:
    from mmdiscover.export.writing import Facts

_CHECK = "expand the products, left factor first: every cik is the sum of aij bjk over j"


def emit(program: Program, facts: Facts) -> str:
    """Lines ``m1 = (a11 + a22)(b11 + b22)``, ``c11 = m1 + m4 - m5 + m7``; from size 10 on ``a1,11`` and ``a11,1``."""
    header = [f"# {line}".rstrip() for line in facts.lines(program, _CHECK)]
    return "\n".join([*header, "", *formulas(program)]) + "\n"


def formulas(program: Program) -> list[str]:
    """The statements, one line each."""
    name = namer(program, ",")

    def term(coefficient: Exact, variable: Variable) -> str:
        return f"{number(coefficient)} {name(variable)}" if coefficient != 1 else name(variable)

    def factor(form: Form) -> str:
        text = " ".join(write_sum(form, term))
        return text if len(form) == 1 and form[0].coefficient == 1 else f"({text})"

    lines = []
    for statement in program.statements:
        if isinstance(statement, Product):
            left, right = factor(statement.left), factor(statement.right)
            gap = "" if left.endswith(")") and right.startswith("(") else " "
            expression = left + gap + right
        else:
            expression = " ".join(write_sum(statement.form, term))
        lines.append(f"{name(statement.target)} = {expression}")
    return lines


def number(value: Exact) -> str:
    """An exact number as a coefficient: ``2``, ``1/2``, ``i``, ``(1/2-3i)``."""
    text = format_exact(value)
    return f"({text})" if isinstance(value, Gaussian) and value.re else text
