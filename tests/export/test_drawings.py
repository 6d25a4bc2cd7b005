"""Pages and pictures: what they show is read back."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from mmdiscover.errors import ExportError
from mmdiscover.export import LANGUAGES, export_code, graph
from mmdiscover.export.program import Kind, program_of
from mmdiscover.export.sharing import share_subexpressions
from tests.export.samples import SAMPLES, sample

SVG = "{http://www.w3.org/2000/svg}"


def test_the_tables_of_a_page_are_the_factors() -> None:
    page = export_code(sample("rational"), "markdown")
    u = sample("rational").scheme.u
    table = page.partition("## U\n\n")[2].partition("\n\n")[0].splitlines()
    assert table[0] == "|  | a11 | a12 | a21 | a22 |"
    for q, row in enumerate(table[2:]):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells == [f"m{q + 1}", *(str(entry) if entry else "·" for entry in u[:, q])]
    assert len(table) == 2 + 7
    # The columns of W are named as C is read, not as the tensor has it.
    assert "|  | c11 | c12 | c21 | c22 |" in page


def test_every_term_is_an_arrow_and_every_variable_has_a_rank() -> None:
    program = share_subexpressions(program_of(sample("winograd").scheme))
    assert len(graph.edges(program)) == sum(map(len, program.forms))
    rows = graph.ranks(program)
    assert [{variable.kind for variable in row} for row in rows] == [
        {Kind.A, Kind.B},
        {Kind.SUM_A, Kind.SUM_B},
        {Kind.SUM_A, Kind.SUM_B},
        {Kind.PRODUCT},
        {Kind.SUM_M},
        {Kind.SUM_M},
        {Kind.C},
    ]
    level = {variable: number for number, row in enumerate(rows) for variable in row}
    assert all(level[edge.source] < level[edge.target] for edge in graph.edges(program))


@pytest.mark.parametrize("name", [*SAMPLES, "4x4x4"])
def test_boxes_lie_in_the_picture_and_apart(name: str) -> None:
    root = ET.fromstring(export_code(sample(name), "svg"))
    boxes = [
        [int(box.attrib[key]) for key in ("x", "y", "width", "height")] for box in root.findall(f"{SVG}g/{SVG}rect")
    ]
    assert len({(x, y) for x, y, *_ in boxes}) == len(boxes)
    for x, y, width, height in boxes:
        assert 0 <= x <= x + width <= int(root.attrib["width"])
        assert 0 <= y <= y + height <= int(root.attrib["height"])
    assert not any(
        abs(first[0] - second[0]) < first[2] and abs(first[1] - second[1]) < first[3]
        for first, second in combinations(boxes, 2)
    )


def test_boxes_show_their_formulas_and_a_legend_the_signs() -> None:
    root = ET.fromstring(export_code(sample("strassen"), "svg"))
    assert "dashed: minus" in root.findtext(f'{SVG}text[@class="legend"]', "")
    titles = {title.text for title in root.findall(f"{SVG}g/{SVG}title")}
    assert {"a11", "m2 = (a11 + a22)(b11 + b22)", "c12 = m1 + m3"} <= titles


@pytest.mark.parametrize(
    ("language", "old", "new", "message"),
    [
        ("markdown", "a11 (b12 - b22)", "a11 (b12 + b22)", "expands"),
        ("markdown", "| m2 | 1 | · | · | 1 |", "| m2 | 1 | · | · | -1 |", "are those of another"),
        ("markdown", "| m2 | 1 | · | · | 1 |\n", "", "cannot be read back: rows of U"),
        ("markdown", "| m2 | 1 | · | · | 1 |", "| m2 | 1 | · | · | one |", "cannot be read back"),
        ("markdown", "```text", "```", "no formulas"),
        ("markdown", "## W", "## X", "cannot be read back: rows of W"),
        ("graphviz", '"a21" -> "m4" [style=dashed,', '"a21" -> "m4" [', "expands"),
        ("graphviz", '"m3" -> "c12"', '"m3" -> "c11"', "expands"),
        ("graphviz", '    "m4" [fillcolor', '    "m44" [fillcolor', "not assigned"),
        ("graphviz", '"m3" -> "c12"', '"q3" -> "c12"', "cannot be read back"),
        ("svg", 'class="minus"', 'class="plus"', "expands"),
        ("svg", ">m4</text>", ">m5</text>", "expands|not assigned|cannot be read"),
        ("svg", "<path", "<line", "cannot be read back: no path"),
        ("svg", "</svg>", "", "cannot be read back"),
        ("svg", 'd="M ', 'd="M 99', "cannot be read back"),
    ],
)
def test_what_shows_another_scheme_is_refused(language: str, old: str, new: str, message: str) -> None:
    code = export_code(sample("strassen"), language)
    assert old in code
    with pytest.raises(ExportError, match=message):
        LANGUAGES[language].check(code.replace(old, new, 1), sample("strassen").scheme)
