"""Where temporaries lie in a workspace: a slot is used again once nothing needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmdiscover.export.program import Form, Kind, Product, Program, Statement, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

REGIONS = {Kind.SUM_A: Kind.A, Kind.SUM_B: Kind.B, Kind.PRODUCT: Kind.C, Kind.SUM_M: Kind.C}
"""The matrix whose blocks a temporary is as large as."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The slot of each temporary within its region, and how many slots each region has.

    Parameters
    ----------
    places : mapping of Variable to int
    counts : mapping of Kind to int
        By region: `Kind.A`, `Kind.B` or `Kind.C`. The first slot of A and of B holds the factor of one product where
        any factor is more than one block.
    """

    places: Mapping[Variable, int]
    counts: Mapping[Kind, int]


def is_block(form: Form) -> bool:
    """Whether a factor is a variable as it stands, so that nothing has to be computed for it."""
    return len(form) == 1 and form[0].coefficient == 1


def allocate(program: Program) -> Slots:
    """A slot for each temporary, such that none is overwritten before its last use."""
    last = {
        variable: step
        for step, statement in enumerate(program.statements)
        for form in _forms(statement)
        for _, variable in form
    }
    counts = {
        Kind.A: int(not all(is_block(product.left) for product in program.products)),
        Kind.B: int(not all(is_block(product.right) for product in program.products)),
        Kind.C: 0,
    }
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
        used = {variable for form in _forms(statement) for _, variable in form} | {target}
        for variable in sorted(used & places.keys()):
            if last.get(variable, step) == step:
                free[REGIONS[variable.kind]].append(places[variable])
    return Slots(places, counts)


def _forms(statement: Statement) -> tuple[Form, ...]:
    return (statement.left, statement.right) if isinstance(statement, Product) else (statement.form,)
