"""Emitter: the program as a picture, SVG with a layered layout of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from mmdiscover.errors import ExportError
from mmdiscover.export import text
from mmdiscover.export.graph import edges, prove_drawing, ranks
from mmdiscover.export.graphviz import FILLS, MINUS, PLUS
from mmdiscover.export.program import is_negative
from mmdiscover.export.writing import namer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.export.graph import Edge
    from mmdiscover.export.program import Program, Variable
    from mmdiscover.export.writing import Facts

_WIDTH, _HEIGHT, _GAP, _MARGIN = 46, 26, 16, 20
"""Of a box, between boxes, around everything, in pixels."""
_SWEEPS = 12
_CHECK = (
    "a line adds its upper end, times its number, to its lower end (dashed: minus); a product multiplies what comes "
    "from A (a, s) by what comes from B (b, t); expand: every cik is the sum of aij bjk over j"
)
_LEGEND = "solid: plus · dashed: minus · m: product of what comes from A and what comes from B"
_STYLE = f"""\
text {{ font: 13px sans-serif; text-anchor: middle; fill: #1a1a1a; }}
rect {{ stroke: #555; }}
path {{ fill: none; stroke-width: 1.4; }}
.plus {{ stroke: {PLUS}; }}
.minus {{ stroke: {MINUS}; stroke-dasharray: 5 3; }}
.number {{ font-size: 11px; stroke: #fff; stroke-width: 3px; paint-order: stroke; }}"""
_NAMESPACE = "{http://www.w3.org/2000/svg}"


def emit(program: Program, facts: Facts) -> str:
    """A picture with a row each for inputs, sums, products, sums of products and outputs; boxes show their formulas."""
    name = namer(program, ",")
    rows, lines = ranks(program), edges(program)
    width = 2 * _MARGIN + max(len(row) for row in rows) * (_WIDTH + _GAP)
    spread = max(90, min(width // 6, 360))
    places = _layout(rows, lines, width, spread)
    height = 2 * _MARGIN + (len(rows) - 1) * spread + _HEIGHT + 30
    formulas = {line.partition(" = ")[0]: line for line in text.formulas(program)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(facts.name)}</title>",
        f"<desc>\n{escape(chr(10).join(facts.lines(program, _CHECK)))}\n</desc>",
        f"<style>\n{_STYLE}\n</style>",
        f'<rect width="{width}" height="{height}" style="fill: #fff; stroke: none"/>',
    ]
    for position, (edge, x, end_x) in enumerate(zip(lines, *_ports(lines, places), strict=True)):
        y, end_y = places[edge.source][1] + _HEIGHT, places[edge.target][1]
        middle = (y + end_y) // 2
        sign = "minus" if is_negative(edge.coefficient) else "plus"
        path = f'<path class="{sign}" d="M {x} {y} C {x} {middle} {end_x} {middle} {end_x} {end_y}"/>'
        # Neighbours have their numbers at different heights.
        t = (0.6, 0.72, 0.84)[position % 3]
        at_x = round(x + t * t * (3 - 2 * t) * (end_x - x))
        at_y = round(y + t * (1.5 - t * (1.5 - t)) * (end_y - y))
        number = f'<text class="number" x="{at_x}" y="{at_y}">{edge.label}</text>' if edge.label else ""
        parts.append(f'<g class="edge">{path}{number}</g>')
    for variable, (x, y) in places.items():
        label = name(variable)
        box = f'<rect x="{x - _WIDTH // 2}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5"'
        parts.append(
            f'<g class="node"><title>{formulas.get(label, label)}</title>{box} fill="{FILLS[variable.kind]}"/>'
            f'<text x="{x}" y="{y + 18}">{label}</text></g>'
        )
    parts.append(f'<text x="{width // 2}" y="{height - 14}" class="legend">{_LEGEND}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def check(svg: str, scheme: Scheme) -> None:
    """Read back which boxes the lines join, by where they begin and end, and compare with U, V and W.

    Raises
    ------
    ExportError
        If the picture cannot be read or shows another scheme.
    """
    names: list[str] = []
    boxes: dict[tuple[str, int], list[tuple[int, int, str]]] = {}
    arrows = []

    def box_at(side: str, x: int, y: int) -> str:
        (name,) = (name for left, right, name in boxes[side, y] if left <= x <= right)
        return name

    try:
        root = ET.fromstring(svg)  # noqa: S314 (our own text)
        groups = {kind: root.findall(f'{_NAMESPACE}g[@class="{kind}"]') for kind in ("node", "edge")}
        for node in groups["node"]:
            name = _part(node, "text").text or ""
            x, y, width, height = (int(_part(node, "rect").attrib[key]) for key in ("x", "y", "width", "height"))
            names.append(name)
            for side in (("top", y), ("bottom", y + height)):
                boxes.setdefault(side, []).append((x, x + width, name))
        for edge in groups["edge"]:
            path, number = _part(edge, "path").attrib, edge.findtext(_NAMESPACE + "text")
            x, y, *_, end_x, end_y = (int(part) for part in path["d"].split() if part not in "MC")
            coefficient = number or ("-1" if path["class"] == "minus" else "1")
            arrows.append((box_at("bottom", x, y), box_at("top", end_x, end_y), coefficient))
    except (KeyError, ValueError, ET.ParseError) as error:
        raise ExportError(f"the picture of {scheme.name} cannot be read back: {error}") from error
    prove_drawing(names, arrows, scheme)


def _part(element: ET.Element, tag: str) -> ET.Element:
    found = element.find(_NAMESPACE + tag)
    if found is None:
        raise ValueError(f"no {tag}")
    return found


def _ports(lines: Sequence[Edge], places: Mapping[Variable, tuple[int, int]]) -> list[list[int]]:
    """Where each line begins and where it ends: side by side along the box, in the order of the other ends."""
    ports = []
    ends = [(edge.source, edge.target) for edge in lines]
    for pairs in (ends, [(target, source) for source, target in ends]):
        at: dict[Variable, list[int]] = {}
        for number, (here, _) in sorted(enumerate(pairs), key=lambda item: places[item[1][1]][0]):
            at.setdefault(here, []).append(number)
        found = [0] * len(lines)
        for variable, numbers in at.items():
            for position, number in enumerate(numbers, start=1):
                found[number] = places[variable][0] - _WIDTH // 2 + _WIDTH * position // (len(numbers) + 1)
        ports.append(found)
    return ports


def _layout(
    rows: Sequence[Sequence[Variable]], lines: Sequence[Edge], width: int, spread: int
) -> dict[Variable, tuple[int, int]]:
    """Middle of the upper side of each box.

    Inputs and outputs keep their order; what is between is moved to where its neighbours are, a few times over (the
    barycentre heuristic of Sugiyama, Tagawa and Toda, IEEE SMC 11, 1981).
    """
    neighbours: dict[Variable, list[Variable]] = {variable: [] for row in rows for variable in row}
    for source, target, _ in lines:
        neighbours[source].append(target)
        neighbours[target].append(source)
    ordered = [list(row) for row in rows]
    x: dict[Variable, float] = {}

    def place(row: list[Variable]) -> None:
        for position, variable in enumerate(row):
            x[variable] = width * (position + 0.5) / len(row)

    for row in ordered:
        place(row)
    for _ in range(_SWEEPS):
        for row in ordered[1:-1]:
            row.sort(key=lambda v: sum(x[other] for other in neighbours[v]) / max(len(neighbours[v]), 1))
            place(row)
    return {v: (round(x[v]), _MARGIN + level * spread) for level, row in enumerate(ordered) for v in row}
