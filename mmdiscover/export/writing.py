"""What the emitters share: facts for the header, names, signs and long lines."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmdiscover import __version__
from mmdiscover.core import metrics
from mmdiscover.core.exact import Exact, real_and_imaginary
from mmdiscover.core.ring import Ring
from mmdiscover.export.program import Form, Kind, Program, Variable, additions, is_negative

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mmdiscover.core.verified import VerifiedScheme

_WIDTH = 100

_RINGS = {
    Ring.ZT: "ZT (coefficients -1, 0 and 1)",
    Ring.Z: "Z (integer coefficients)",
    Ring.Q: "Q (rational coefficients)",
    Ring.C: "C (Gaussian rational coefficients, i is the imaginary unit)",
    Ring.Z2: "Z2: holds modulo 2 only, every equality below is one modulo 2",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a header says of a scheme. No dates and no paths: the same scheme gives the same text."""

    name: str
    summary: str
    ring: Ring
    naive: int
    hash: str

    @classmethod
    def of(cls, verified: VerifiedScheme) -> Facts:
        """Facts of a verified scheme."""
        scheme = verified.scheme
        n, m, p = scheme.format.sizes
        classical = scheme.format.classical_rank
        summary = f"{n}x{m} times {m}x{p} matrices with {scheme.rank} products (classical: {classical})"
        return cls(scheme.name, summary, verified.ring, metrics.additions(scheme), verified.hash)

    def lines(self, program: Program, check: str) -> list[str]:
        """The header of `program`; `check` says in a few words how to check what follows."""
        written = additions(program)
        note = "" if written == self.naive else f" ({self.naive} without shared subexpressions)"
        return [
            f"{self.name}: {self.summary}",
            "",
            f"ring       {_RINGS[self.ring]}",
            f"additions  {written}{note}",
            f"hash       {self.hash}",
            f"made by    mmdiscover {__version__}, which proved the scheme and checked this text",
            *textwrap.wrap(check, _WIDTH, initial_indent="to check   ", subsequent_indent=" " * 11),
        ]


def fill(template: str, values: Mapping[str, str]) -> str:
    """The text with ``$word`` and ``$X``, X one capital letter that anything may follow, replaced by their values."""
    return re.sub(r"\$([a-z]+|[A-Z])", lambda match: values[match[1]], template)


def namer(program: Program, separator: str) -> Callable[[Variable], str]:
    """Names counted from 1: a11, or a1,11 with the separator when a size has two digits; m7, s1."""
    between = separator if max(program.format.sizes) > 9 else ""

    def name(variable: Variable) -> str:
        return variable.kind + between.join(str(index + 1) for index in variable.indices)

    return name


def write_sum(form: Form, write_term: Callable[[Exact, Variable], str]) -> list[str]:
    """The terms of a form, each with its sign: ``["a11", "- 2 a12"]``; `write_term` gets no negative coefficient."""
    pieces = []
    for position, (coefficient, variable) in enumerate(form):
        negative = is_negative(coefficient)
        sign = ("-" if negative else "") if position == 0 else ("- " if negative else "+ ")
        pieces.append(sign + write_term(-coefficient if negative else coefficient, variable))
    return pieces


def python_sum(form: Form, name: Callable[[Variable], str], constants: dict[Exact, str]) -> str:
    """A form as a Python expression."""

    def term(coefficient: Exact, variable: Variable) -> str:
        return name(variable) if coefficient == 1 else f"{constants.get(coefficient, coefficient)} * {name(variable)}"

    first, *rest = write_sum(form, term)
    if first.startswith("-") and "*" in first:
        # -(2 * x), not (-2) * x: NumPy refuses a negative number beside unsigned integers.
        first = f"-({first[1:]})"
    return " ".join((first, *rest))


def python_constants(program: Program, rational: str) -> tuple[dict[Exact, str], list[str]]:
    """Names for the coefficients that are not integers, and the assignments that make them.

    Parameters
    ----------
    program : Program
    rational : str
        How to write the fraction x/y, such as ``"rational({}, {})"``. The imaginary unit is ``i``.
    """
    names: dict[Exact, str] = {}
    assignments: list[str] = []
    for value in dict.fromkeys(-value if is_negative(value) else value for value in program.coefficients):
        if isinstance(value, int):
            continue
        re, im = real_and_imaginary(value)
        real, size = (
            str(part) if part.denominator == 1 else rational.format(part.numerator, part.denominator)
            for part in (re, max(im, -im))
        )
        imaginary = "i" if size == "1" else f"{size} * i"
        written = real if not im else imaginary if not re else f"{real} {'-' if im < 0 else '+'} {imaginary}"
        if written == "i":
            names[value] = "i"
            continue
        names[value] = f"k{len(assignments) + 1}"
        assignments.append(f"{names[value]} = {written}")
    return names, assignments


def nested(kind: Kind, shape: tuple[int, int], name: Callable[[Variable], str]) -> str:
    """A matrix of names: ``[[a11, a12], [a21, a22]]``."""
    rows = (", ".join(name(Variable(kind, (i, j))) for j in range(shape[1])) for i in range(shape[0]))
    return "[" + ", ".join(f"[{row}]" for row in rows) + "]"


def python_line(text: str) -> list[str]:
    """One statement of a function body, broken where it is long."""
    if len(text) + 4 <= _WIDTH:
        return ["    " + text]
    if "[[" in text:
        indent = " " * (4 + text.index("[[") + 1)
        return ["    " + text.replace("], [", "],\n" + indent + "[")]
    target, _, expression = text.partition(" = ")
    body = textwrap.wrap(expression, _WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return [f"    {target} = (", *body, "    )"]


def docstring(lines: Sequence[str], indent: str = "") -> list[str]:
    """A docstring; long lines of it are broken."""
    body = ['"""' + lines[0] + ".", *lines[1:], '"""']
    return [(indent + part).rstrip() for line in body for part in textwrap.wrap(line, _WIDTH - len(indent)) or [""]]
