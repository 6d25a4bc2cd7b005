"""Projected entangled pair states: tensors on a square lattice (Verstraete and Cirac, arXiv:cond-mat/0407066).

A lattice has loops, so no order of contraction is cheap: entries and inner products cost exponentially much in the
shorter side. Everything is done by contracting the network, and the cost can be asked for beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.arguments import as_array, check_count, check_kind, frozen
from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.networks.contraction import contract, contraction_cost
from mmdiscover.decompositions.networks.network import Node, TensorNetwork, inner_network

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.networks.contraction import ContractionCost, Optimizer


@dataclass(frozen=True, eq=False)
class PEPS:
    """A tensor with one mode at each site of a lattice, neighbours joined by an edge.

    Parameters
    ----------
    cores : sequence of rows of array_like, shapes (up, left, down, right, d)
        Real or complex. Sizes at the border are 1.

    Raises
    ------
    ValueError
        If rows are not equally long, neighbours do not have one size between them, a size at the border is not 1, or an
        entry is not finite.

    Examples
    --------
    >>> lattice = random_peps(3, 3, 2, 2)
    >>> lattice.order, lattice.parameters
    (9, 128)
    >>> lattice.inner_cost(lattice).flops < contraction_cost(lattice.to_network(), optimizer="at once").flops
    True
    """

    cores: tuple[tuple[Array, ...], ...]

    def __post_init__(self) -> None:
        cores = tuple(
            tuple(frozen(as_array(f"cores[{i}][{j}]", core, 5)) for j, core in enumerate(row))
            for i, row in enumerate(self.cores)
        )
        lengths = [len(row) for row in cores]
        if not cores or not cores[0] or len(set(lengths)) > 1:
            raise ValueError(f"cores has rows of {lengths} sites, expected at least one row, all equally long")
        object.__setattr__(self, "cores", cores)
        for i, row in enumerate(cores):
            for j, core in enumerate(row):
                up = cores[i - 1][j].shape[2] if i else 1
                left = row[j - 1].shape[3] if j else 1
                down = core.shape[2] if i + 1 < len(cores) else 1
                right = core.shape[3] if j + 1 < len(row) else 1
                if core.shape[:4] != (up, left, down, right):
                    raise ValueError(
                        f"cores[{i}][{j}] has sizes {core.shape[:4]} up, left, down and right, expected "
                        f"{(up, left, down, right)} from its neighbours and 1 at the border"
                    )

    def __repr__(self) -> str:
        return f"PEPS(sides={self.sides}, shape={self.shape})"

    @property
    def sides(self) -> tuple[int, int]:
        """Rows and columns of the lattice."""
        return len(self.cores), len(self.cores[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the modes, row by row."""
        return tuple(core.shape[4] for row in self.cores for core in row)

    @property
    def order(self) -> int:
        """Number of modes, rows times columns."""
        return self.sides[0] * self.sides[1]

    @property
    def parameters(self) -> int:
        """Entries of the cores."""
        return sum(core.size for row in self.cores for core in row)

    def to_network(self) -> TensorNetwork:
        """The network, with nodes ``G0,0``, ``G0,1``, …, open edges ``d0,0``, … and ``v``, ``h`` between neighbours.

        Borders are left away, as an edge of size 1 is none.
        """
        rows, columns = self.sides
        nodes = []
        for i, row in enumerate(self.cores):
            for j, core in enumerate(row):
                ends = {
                    f"v{i},{j}": i > 0,
                    f"h{i},{j}": j > 0,
                    f"v{i + 1},{j}": i + 1 < rows,
                    f"h{i},{j + 1}": j + 1 < columns,
                    f"d{i},{j}": True,
                }
                border = tuple(axis for axis, inside in enumerate(ends.values()) if not inside)
                edges = tuple(edge for edge, inside in ends.items() if inside)
                nodes.append(Node(f"G{i},{j}", np.squeeze(core, border), (edges,)))
        return TensorNetwork(tuple(nodes), tuple(f"d{i},{j}" for i in range(rows) for j in range(columns)))

    def to_full(self, *, optimizer: Optimizer = "auto") -> Array:
        """The tensor with all its entries, one mode for each site, row by row."""
        return contract(self.to_network(), optimizer=optimizer)

    def inner(self, other: PEPS, *, optimizer: Optimizer = "auto") -> Any:
        """⟨self, other⟩ = Σ conj(self)·other, by contracting the two lattices laid on each other.

        Raises
        ------
        ValueError
            If sides or shapes differ.
        """
        return contract(self._on(other), optimizer=optimizer)[()]

    def inner_cost(self, other: PEPS, *, optimizer: Optimizer = "auto") -> ContractionCost:
        """What `inner` takes."""
        return contraction_cost(self._on(other), optimizer=optimizer)

    def norm(self, *, optimizer: Optimizer = "auto") -> float:
        """Frobenius norm, from `inner`."""
        return float(np.sqrt(max(np.real(self.inner(self, optimizer=optimizer)), 0.0)))

    def _on(self, other: PEPS) -> TensorNetwork:
        check_kind("other", other, PEPS)
        if self.sides != other.sides:
            raise ValueError(f"other has sides {other.sides}, expected {self.sides}")
        return inner_network(self.to_network(), other.to_network())


def random_peps(
    rows: int, columns: int, size: int, rank: int, *, seed: Seed = 0, dtype: DTypeLike = np.float64
) -> PEPS:
    """A lattice with independent standard normal entries in its cores.

    Parameters
    ----------
    rows, columns : int
    size : int
        Of each mode.
    rank : int
        Of each edge between neighbours.
    seed : int, SeedSequence or Generator
    dtype : dtype
        Real or complex floating point.
    """
    for name, count in (("rows", rows), ("columns", columns), ("size", size), ("rank", rank)):
        check_count(name, count)
    rng = np.random.default_rng(seed)

    def sizes(i: int, j: int) -> tuple[int, ...]:
        inside = (i > 0, j > 0, i + 1 < rows, j + 1 < columns)
        return (*(rank if here else 1 for here in inside), size)

    return PEPS(tuple(tuple(normal(rng, sizes(i, j), dtype) for j in range(columns)) for i in range(rows)))
