"""Emitter: the program as a graph in the DOT language of Graphviz."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmdiscover.export.graph import edges, prove_drawing, ranks
from mmdiscover.export.program import Kind, is_negative
from mmdiscover.export.writing import namer

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme
    from mmdiscover.export.program import Program
    from mmdiscover.export.writing import Facts

PLUS, MINUS = "#1f5fa8", "#c2570c"
FILLS = {
    Kind.A: "#dce9f7",
    Kind.B: "#dff2e1",
    Kind.SUM_A: "#ffffff",
    Kind.SUM_B: "#ffffff",
    Kind.PRODUCT: "#fdeccb",
    Kind.SUM_M: "#ffffff",
    Kind.C: "#eee4f5",
}
_CHECK = (
    "an arrow adds its source, times its label, to its target (dashed: minus); a product multiplies what comes from A "
    "(a, s) by what comes from B (b, t); expand: every cik is the sum of aij bjk over j"
)
_ARROW = re.compile(r'^  "(.+)" -> "(.+)"(?: \[(.*)\])?;$', re.MULTILINE)
_NODE = re.compile(r'^    "(.+)" \[fillcolor', re.MULTILINE)
_LABEL = re.compile(r'label="(.+?)"')


def emit(program: Program, facts: Facts) -> str:
    """A digraph: inputs, sums, products, sums of products and outputs on ranks of their own."""
    name = namer(program, ",")
    lines = [
        *(f"// {line}".rstrip() for line in facts.lines(program, _CHECK)),
        f'digraph "{facts.name}" {{',
        '  node [shape=box, style="rounded,filled", fontname="Helvetica"];',
        f'  edge [color="{PLUS}", fontname="Helvetica", arrowsize=0.6];',
    ]
    for row in ranks(program):
        nodes = (f'    "{name(variable)}" [fillcolor="{FILLS[variable.kind]}"];' for variable in row)
        lines += ["  {", "    rank=same;", *nodes, "  }"]
    for edge in edges(program):
        attributes = [f'label="{edge.label}"'] if edge.label else []
        attributes += ["style=dashed", f'color="{MINUS}"'] if is_negative(edge.coefficient) else []
        end = f" [{', '.join(attributes)}];" if attributes else ";"
        lines.append(f'  "{name(edge.source)}" -> "{name(edge.target)}"{end}')
    return "\n".join([*lines, "}"]) + "\n"


def check(dot: str, scheme: Scheme) -> None:
    """Read nodes and arrows back and compare with U, V and W.

    Raises
    ------
    ExportError
        If they cannot be read or are another scheme.
    """
    arrows = []
    for source, target, attributes in _ARROW.findall(dot):
        label = _LABEL.search(attributes)
        arrows.append((source, target, label[1] if label else "-1" if "dashed" in attributes else "1"))
    prove_drawing(_NODE.findall(dot), arrows, scheme)
