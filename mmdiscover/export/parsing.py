"""Read back what the text and LaTeX emitters wrote. Shares no code with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmdiscover.core.exact import Exact, parse_exact
from mmdiscover.errors import ExportError
from mmdiscover.export.program import Form, Kind, Product, Program, Statement, Sum, Term, Variable

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme

_TOKEN = re.compile(
    r"\s*(?:(?P<variable>[abcmstu]\d+(?:,\d+)?)|\((?P<gaussian>[\d/+-]*i)\)|(?P<number>\d+(?:/\d+)?i?|i)|(?P<sign>[+\-()]))"
)


def parse_text(text: str, scheme: Scheme) -> Program:
    """The program that a text states; of `scheme` only format, rank and modulus are used.

    Raises
    ------
    ExportError
        Naming the line that cannot be read.
    """
    statements: list[Statement] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            statements.append(_Reader(line).statement())
        except (IndexError, KeyError, ValueError) as error:
            raise ExportError(f"cannot read back {line!r}") from error
    return Program(scheme.format, scheme.rank, scheme.modulus, tuple(statements))


def text_of_latex(latex: str) -> str:
    """The statements of an emitted align* environment in the syntax of the text emitter."""
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    match = re.fullmatch(r"\s*\\begin\{align\*\}(.*)\\end\{align\*\}\s*", body, re.DOTALL)
    if match is None:
        raise ExportError("the LaTeX is not one align* environment")
    text = re.sub(r"\\\\\s*&\\quad \{\}", "", match[1])
    text = re.sub(r"\\tfrac\{(\d+)\}\{(\d+)\}", r"\1/\2", text).replace(r"\mathrm{i}", "i")
    text = re.sub(r"([a-z])_\{([\d,]+)\}", r"\1\2", text)
    return "\n".join(row.strip().replace(" &= ", " = ") for row in text.split("\\\\"))


class _Reader:
    """Tokens of one line, read from left to right."""

    def __init__(self, line: str) -> None:
        target, equals, expression = line.partition(" = ")
        self.target = read_variable(target if equals else "")
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(expression.rstrip()):
            match = _TOKEN.match(expression, position)
            if match is None or match.lastgroup is None:
                raise ValueError(expression[position:])
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self.tokens.append(("end", ""))

    def statement(self) -> Statement:
        """``target = factor factor`` for a product, ``target = sum`` otherwise."""
        if self.target.kind is Kind.PRODUCT:
            result: Statement = Product(self.target, self.factor(), self.factor())
        else:
            result = Sum(self.target, self.sum())
        self.take("end")
        return result

    def factor(self) -> Form:
        """A variable, or a sum in parentheses."""
        if self.tokens[0] != ("sign", "("):
            return (Term(1, read_variable(self.take("variable"))),)
        self.take("sign")
        form = self.sum()
        if self.take("sign") != ")":
            raise ValueError(self.tokens)
        return form

    def sum(self) -> Form:
        """Terms with signs, up to a closing parenthesis or the end."""
        terms: list[Term] = []
        while self.tokens[0] != ("sign", ")") and self.tokens[0][0] != "end":
            coefficient: Exact = 1
            if self.tokens[0][0] == "sign":
                coefficient = {"+": 1, "-": -1}[self.take("sign")]
            elif terms:
                raise ValueError(self.tokens)
            if self.tokens[0][0] in ("number", "gaussian"):
                coefficient = coefficient * parse_exact(self.tokens.pop(0)[1])
            terms.append(Term(coefficient, read_variable(self.take("variable"))))
        return tuple(terms)

    def take(self, group: str) -> str:
        """The next token, which must be of this group."""
        found, text = self.tokens.pop(0)
        if found != group:
            raise ValueError(text)
        return text


def read_variable(text: str) -> Variable:
    """The variable of a name such as ``m7``, ``a12`` or ``a1,12``; ValueError for anything else."""
    kind, digits = Kind(text[:1]), text[1:]
    if kind not in (Kind.A, Kind.B, Kind.C):
        return Variable(kind, (int(digits) - 1,))
    row, column = digits.split(",") if "," in digits else tuple(digits)
    return Variable(kind, (int(row) - 1, int(column) - 1))
