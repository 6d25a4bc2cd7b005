"""Where temporaries lie in a workspace: a slot is used again once nothing needs it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from mmdiscover.export.program import Form, Kind, Product, Program, Statement, Variable, entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

REGIONS = {Kind.SUM_A: Kind.A, Kind.SUM_B: Kind.B, Kind.PRODUCT: Kind.C, Kind.SUM_M: Kind.C}
"""The matrix whose blocks a temporary is as large as."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The slot of each temporary within its region, and how many slots each region has.

    Parameters
    ----------
    places : mapping of Variable to int
    counts : mapping of Kind to int
        By region: `Kind.A`, `Kind.B` or `Kind.C`.
    buffers : mapping of Kind to str
        ``x`` and ``y``, where any left or right factor is more than one block: each such factor is summed up in the
        first slot of the region.
    """

    places: Mapping[Variable, int]
    counts: Mapping[Kind, int]
    buffers: Mapping[Kind, str]

    def areas(self, name: Callable[[Variable], str]) -> Iterator[tuple[Kind, str, list[tuple[str, str]]]]:
        """Each region, where it begins in the workspace, and its names with their places; blocks are n×m, m×p, n×p."""
        begin = "work"
        for region, size in _SIZES.items():
            area = f"work_{region}"
            found = [(self.buffers[region], area)] if region in self.buffers else []
            for variable, place in self.places.items():
                if REGIONS[variable.kind] is region:
                    found.append((name(variable), area + _plus(place, size)))
            yield region, begin, found
            begin = area + _plus(self.counts[region], size)

    @property
    def rest(self) -> str:
        """Where the workspace of the next level begins."""
        return "work_c" + _plus(self.counts[Kind.C], _SIZES[Kind.C])


_SIZES = {Kind.A: "n * m", Kind.B: "m * p", Kind.C: "n * p"}


def block_rows(kind: Kind, shape: tuple[int, int], name: Callable[[Variable], str]) -> Iterator[list[tuple[str, str]]]:
    """The blocks of A, B or C, row by row: name and place, such as ``a12`` and ``a + m``."""
    height, width = _SIZES[kind].split(" * ")
    for _, row in groupby(entries(kind, shape), key=lambda variable: variable.indices[0]):
        yield [
            (name(block), kind + _plus(block.indices[0], f"{height} * ld{kind}") + _plus(block.indices[1], width))
            for block in row
        ]


def _plus(count: int, size: str) -> str:
    return "" if count == 0 else f" + {size}" if count == 1 else f" + {count} * {size}"


def is_block(form: Form) -> bool:
    """Whether a factor is a variable as it stands, so that nothing has to be computed for it."""
    return len(form) == 1 and form[0].coefficient == 1


def allocate(program: Program) -> Slots:
    """A slot for each temporary, such that none is overwritten before its last use."""
    last = {
        variable: step
        for step, statement in enumerate(program.statements)
        for form in forms_of(statement)
        for _, variable in form
    }
    counts = {
        Kind.A: int(not all(is_block(product.left) for product in program.products)),
        Kind.B: int(not all(is_block(product.right) for product in program.products)),
        Kind.C: 0,
    }
    buffers = {region: letter for region, letter in ((Kind.A, "x"), (Kind.B, "y")) if counts[region]}
    free: dict[Kind, list[int]] = {region: [] for region in counts}
    places: dict[Variable, int] = {}
    for step, statement in enumerate(program.statements):
        target = statement.target
        if target.kind is not Kind.C:
            region = REGIONS[target.kind]
            if not free[region]:
                free[region].append(counts[region])
                counts[region] += 1
            places[target] = free[region].pop()
        # Only now: a target never shares its slot with what it is computed from.
        used = {variable for form in forms_of(statement) for _, variable in form} | {target}
        for variable in sorted(used & places.keys()):
            if last.get(variable, step) == step:
                free[REGIONS[variable.kind]].append(places[variable])
    return Slots(places, counts, buffers)


def forms_of(statement: Statement) -> tuple[Form, ...]:
    """Both factors of a product, or the form of a sum."""
    return (statement.left, statement.right) if isinstance(statement, Product) else (statement.form,)
