"""An order of the statements that keeps few temporaries at a time.

Beam search over the sets of statements done so far: of all orders of the same set only the one with the lowest peak is
kept, so the result is optimal where the beam is wide enough for all sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmdiscover.export.program import Kind, Product, Program, expand, prove

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mmdiscover.export.program import Statement, Variable

_NOT_COUNTED = (Kind.A, Kind.B, Kind.C)


def live_temporaries(program: Program) -> int:
    """The most temporaries and products that are held at a time, the one being computed included.

    One is held from its statement to the last that uses it. Inputs and outputs are not counted, nor is the room for a
    factor of a product that is a sum.
    """
    graph = _Graph.of(program.statements)
    live = peak = done = 0
    for number in range(len(program.statements)):
        live, peak = graph.after(number, done, live, peak)
        done |= 1 << number
    return peak


def schedule(program: Program, width: int = 100) -> Program:
    """The same statements in an order with few live temporaries, never more than before.

    Parameters
    ----------
    program : Program
    width : int
        Sets of statements that are followed at a time.

    Returns
    -------
    Program
        Proved equal to the given one.
    """
    graph = _Graph.of(program.statements)
    # By set of statements done: peak, live temporaries, and the order as a linked list.
    beam: dict[int, tuple[int, int, _Chain]] = {0: (0, 0, None)}
    for _ in program.statements:
        following: dict[int, tuple[int, int, _Chain]] = {}
        for done, (peak, live, chain) in beam.items():
            for number in graph.choices(done, live, peak):
                new_live, new_peak = graph.after(number, done, live, peak)
                known = following.get(done | 1 << number)
                if known is None or new_peak < known[0]:
                    following[done | 1 << number] = new_peak, new_live, (number, chain)
        kept = sorted(following, key=lambda done: (*following[done][:2], done))[:width]
        beam = {done: following[done] for done in kept}
    ((_, _, chain),) = beam.values()
    order = []
    while chain is not None:
        number, chain = chain
        order.append(number)
    found = replace(program, statements=tuple(program.statements[number] for number in reversed(order)))
    return min(program, prove(found, expand(program)), key=live_temporaries)


_Chain = tuple[int, "_Chain"] | None


@dataclass(frozen=True)
class _Graph:
    """Which statements need which; sets of statements are the bits of an integer."""

    needs: list[int]
    """Statements before each one."""
    dies: list[list[int]]
    """For each statement and counted operand: all that use the operand."""
    counted: list[bool]
    """Whether the target is held until its last use."""

    @classmethod
    def of(cls, statements: Sequence[Statement]) -> _Graph:
        made = {statement.target: number for number, statement in enumerate(statements)}
        users: dict[Variable, int] = {}
        for number, statement in enumerate(statements):
            for variable in _operands(statement):
                users[variable] = users.get(variable, 0) | 1 << number
        needs, dies = [], []
        for statement in statements:
            operands = {variable for variable in _operands(statement) if variable in made}
            needs.append(sum(1 << made[variable] for variable in operands))
            dies.append([users[variable] for variable in operands if variable.kind not in _NOT_COUNTED])
        counted = [s.target.kind not in _NOT_COUNTED and s.target in users for s in statements]
        return cls(needs, dies, counted)

    def after(self, number: int, done: int, live: int, peak: int) -> tuple[int, int]:
        """Live temporaries and peak once a statement has been executed."""
        live += self.counted[number]
        peak = max(peak, live)
        done |= 1 << number
        return live - sum(not users & ~done for users in self.dies[number]), peak

    def choices(self, done: int, live: int, peak: int) -> list[int]:
        """The statements that can come next; one alone where it costs nothing to take it at once."""
        ready = [number for number, needs in enumerate(self.needs) if not done >> number & 1 and not needs & ~done]
        for number in ready:
            new_live, new_peak = self.after(number, done, live, peak)
            if new_peak == peak and new_live <= live:
                return [number]
        return ready


def _operands(statement: Statement) -> Iterator[Variable]:
    forms = (statement.left, statement.right) if isinstance(statement, Product) else (statement.form,)
    for form in forms:
        for _, variable in form:
            yield variable
