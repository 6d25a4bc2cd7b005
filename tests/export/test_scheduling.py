"""Orders of statements with few live temporaries."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from mmdiscover.core.format import Format
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import ExportError
from mmdiscover.export.program import Kind, Product, Program, additions, expand, program_of
from mmdiscover.export.scheduling import live_temporaries, schedule
from mmdiscover.export.sharing import share_subexpressions
from tests.export.samples import twice
from tests.schemes import classical, laderman, strassen, winograd


def counted_anew(program: Program) -> int:
    """`live_temporaries`, from the definition."""
    most = 0
    for position in range(len(program.statements)):
        made = {s.target for s in program.statements[: position + 1] if s.target.kind is not Kind.C}
        after = {
            variable
            for s in program.statements[position:]
            for form in ((s.left, s.right) if isinstance(s, Product) else (s.form,))
            for _, variable in form
        }
        used_once_made = {program.statements[position].target} & {
            variable for form in program.forms for _, variable in form
        }
        most = max(most, len(made & (after | used_once_made)))
    return most


def least_of_all_orders(program: Program) -> int:
    """By trying every order."""
    least = len(program.statements)
    for order in permutations(program.statements):
        shuffled = replace(program, statements=order)
        try:
            expand(shuffled)
        except ExportError:
            continue
        least = min(least, counted_anew(shuffled))
    return least


def small_programs() -> list[Program]:
    """Up to seven statements, with temporaries of every kind."""
    generator = np.random.default_rng(0)
    found: list[Program] = []
    for _ in range(200):
        fmt = Format(1, 2, 2) if len(found) % 2 else Format(2, 2, 1)
        u, v, w = (generator.integers(-1, 2, (rows, 3)) for rows in fmt.shape)
        program = share_subexpressions(program_of(Scheme(fmt, u, v, w)))
        if len(program.statements) in {6, 7}:
            found.append(program)
        if len(found) == 6:
            break
    return found


def test_small_programs_are_optimal() -> None:
    programs = [*small_programs(), program_of(classical(Format(1, 2, 2))), program_of(classical(Format(1, 3, 1)))]
    assert any(len(program.sums) > 2 for program in programs)
    assert [live_temporaries(schedule(program)) for program in programs] == list(map(least_of_all_orders, programs))


@pytest.mark.parametrize(("scheme", "before", "after"), [(strassen(), 7, 4), (winograd(), 9, 7), (laderman(), 24, 11)])
def test_known_numbers_of_live_temporaries(scheme: Scheme, before: int, after: int) -> None:
    program = share_subexpressions(program_of(scheme))
    scheduled = schedule(program)
    assert counted_anew(program) == live_temporaries(program) == before
    assert counted_anew(scheduled) == live_temporaries(scheduled) == after
    assert sorted(map(repr, scheduled.statements)) == sorted(map(repr, program.statements))
    assert expand(scheduled) == expand(program)


def test_a_narrow_beam_is_never_worse_than_no_schedule() -> None:
    for scheme in (winograd(), laderman(), twice()):
        program = share_subexpressions(program_of(scheme))
        once = schedule(program, width=1)
        assert live_temporaries(schedule(once, width=1)) <= live_temporaries(once) <= live_temporaries(program)
        assert additions(once) == additions(program)
        assert schedule(program, width=1) == once
