"""A linear map as a graph of sums: what the three maps of a scheme are while additions are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mmdiscover.core.exact import Exact, simplify
from mmdiscover.export.program import (
    Form,
    Kind,
    Program,
    Sum,
    Variable,
    assemble,
    base_variables,
    form_of,
    is_negative,
    prove,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.core.scheme import Scheme

Vector: TypeAlias = dict[int, Exact]
"""Coefficients by node: inputs first, then temporaries in order of creation."""


@dataclass(frozen=True)
class LinearMap:
    """Nodes are the inputs, then the temporaries; a temporary uses earlier nodes only."""

    inputs: int
    temporaries: list[Vector]
    outputs: list[Vector]

    @property
    def cost(self) -> int:
        """Additions."""
        return sum(max(len(vector) - 1, 0) for vector in (*self.temporaries, *self.outputs))

    def transposed(self) -> LinearMap:
        """The transposed matrix by the same graph run backwards: as many additions, plus outputs, minus inputs."""
        count = len(self.outputs)
        reverse: list[Vector] = [{} for _ in range(self.inputs + len(self.temporaries))]
        for new, vector in enumerate((*self.outputs, *reversed(self.temporaries))):
            for node, coefficient in vector.items():
                reverse[node][new] = coefficient
        return LinearMap(count, reverse[: self.inputs - 1 : -1], reverse[: self.inputs])

    def inlined(self) -> LinearMap:
        """Temporaries that are used only once written where they are used: as many additions, fewer names."""
        shared = len(self.temporaries)
        vectors = [dict(vector) for vector in (*self.temporaries, *self.outputs)]
        kept = list(range(shared))
        for number in reversed(range(shared)):
            node = self.inputs + number
            users = [vector for vector in vectors if node in vector]
            if len(users) == 1:
                scale = users[0].pop(node)
                for inner, coefficient in vectors[number].items():
                    users[0][inner] = simplify(users[0].get(inner, 0) + scale * coefficient)
                vectors[number] = {}
                kept.remove(number)
        renamed = {self.inputs + number: self.inputs + position for position, number in enumerate(kept)}
        vectors = [{renamed.get(node, node): value for node, value in vector.items() if value} for vector in vectors]
        return LinearMap(self.inputs, [vectors[number] for number in kept], vectors[shared:])

    def oriented(self) -> LinearMap:
        """Temporaries negated where that leaves fewer forms with minus signs only, which cost a pass of their own."""
        vectors = [dict(vector) for vector in (*self.temporaries, *self.outputs)]
        shared = len(self.temporaries)
        improved = True
        while improved:
            improved = False
            for number in range(shared):
                node = self.inputs + number
                touched = [vectors[number], *(vector for vector in vectors if node in vector)]
                before = _minus_signs(touched)
                _negate(vectors, number, node)
                if _minus_signs(touched) < before:
                    improved = True
                else:
                    _negate(vectors, number, node)
        return LinearMap(self.inputs, vectors[:shared], vectors[shared:])


def _minus_signs(vectors: Sequence[Vector]) -> tuple[int, int]:
    """How many vectors hold minus signs only, and how many minus signs there are."""
    signs = [[is_negative(value) for value in vector.values()] for vector in vectors]
    return sum(all(row) for row in signs), sum(map(sum, signs))


def _negate(vectors: Sequence[Vector], number: int, node: int) -> None:
    vectors[number].update({inner: -value for inner, value in vectors[number].items()})
    for vector in vectors:
        if node in vector:
            vector[node] = -vector[node]


_TEMPORARIES = (Kind.SUM_A, Kind.SUM_B, Kind.SUM_M)


def program_of_maps(scheme: Scheme, maps: Sequence[LinearMap]) -> Program:
    """The program of linear maps that compute the columns of U, the columns of V and the rows of W.

    Returns
    -------
    Program
        Proved equal to `scheme`.
    """
    inputs = base_variables(scheme.format, scheme.rank)
    temporaries: list[Sum] = []
    forms: list[list[Form]] = []
    for shared, names, kind in zip(maps, inputs, _TEMPORARIES, strict=True):
        targets = [Variable(kind, (number,)) for number in range(len(shared.temporaries))]
        variables = (*names, *targets)
        temporaries += [
            Sum(target, _write(vector, variables)) for target, vector in zip(targets, shared.temporaries, strict=True)
        ]
        forms.append([_write(vector, variables) for vector in shared.outputs])
    left, right, outputs = forms
    return prove(assemble(scheme.format, scheme.modulus, temporaries, (left, right, outputs)), scheme)


def _write(vector: Vector, variables: Sequence[Variable]) -> Form:
    return form_of((vector[node], variables[node]) for node in sorted(vector))
