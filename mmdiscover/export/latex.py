"""Emitter: LaTeX, an align* environment that the amsmath package sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmdiscover.core.exact import Exact, real_and_imaginary
from mmdiscover.export.program import Form, Product, Program, Variable
from mmdiscover.export.writing import namer, write_sum

if TYPE_CHECKING:
    from fractions import Fraction

    from mmdiscover.export.writing import Facts

_CHECK = r"expand the products, left factor first: every c_{ik} is the sum of a_{ij} b_{jk} over j"
_LINE = 60
"""Characters as typeset, about what fits in a line of text."""


def emit(program: Program, facts: Facts) -> str:
    r"""A fragment to \input, with lines ``m_{1} &= (a_{11} + a_{22}) (b_{11} + b_{22}) \\``; long ones are broken."""
    plain = namer(program, ",")

    def name(variable: Variable) -> str:
        text = plain(variable)
        return f"{text[0]}_{{{text[1:]}}}"

    def term(coefficient: Exact, variable: Variable) -> str:
        return f"{_number(coefficient)} {name(variable)}" if coefficient != 1 else name(variable)

    def factor(form: Form) -> list[str]:
        pieces = write_sum(form, term)
        if len(form) > 1 or form[0].coefficient != 1:
            pieces[0] = "(" + pieces[0]
            pieces[-1] += ")"
        return pieces

    rows = []
    for statement in program.statements:
        if isinstance(statement, Product):
            pieces = [*factor(statement.left), *factor(statement.right)]
        else:
            pieces = write_sum(statement.form, term)
        # An empty group keeps the space around a sign that starts a line.
        broken = " \\\\\n  &\\quad {} ".join(_lines(pieces))
        rows.append(f"  {name(statement.target)} &= {broken}")
    header = [f"% {line}".rstrip() for line in facts.lines(program, _CHECK)]
    usage = r"% \usepackage{amsmath} in the preamble; \allowdisplaybreaks lets it run over several pages"
    body = " \\\\\n".join(rows)
    return "\n".join([*header, usage, r"\begin{align*}", body, r"\end{align*}"]) + "\n"


def _lines(pieces: list[str]) -> list[str]:
    lines: list[list[str]] = [[]]
    width = 0
    for piece in pieces:
        size = len(_MARKUP.sub("", piece)) + 1
        if width + size > _LINE and lines[-1]:
            lines.append([])
            width = 0
        lines[-1].append(piece)
        width += size
    return [" ".join(line) for line in lines]


_MARKUP = re.compile(r"\\[a-z]+|[{}_]")


def _number(value: Exact) -> str:
    real, im = real_and_imaginary(value)
    if not im:
        return _fraction(real)
    imaginary = ("" if abs(im) == 1 else _fraction(max(im, -im))) + r"\mathrm{i}"
    if not real:
        return imaginary
    return f"({_fraction(real)}{'-' if im < 0 else '+'}{imaginary})"


def _fraction(value: int | Fraction) -> str:
    if value.denominator == 1:
        return str(value)
    return rf"{'-' if value < 0 else ''}\tfrac{{{abs(value.numerator)}}}{{{value.denominator}}}"
