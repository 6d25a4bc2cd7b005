"""Tensor networks: arrays joined by named edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmdiscover.decompositions.arguments import as_array, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array

    Edges = str | Sequence[str]
    """Names of edges, one for each mode; in a string they are separated by spaces or commas."""


@dataclass(frozen=True, eq=False)
class Node:
    """An array, and the edges at its modes wherever it stands in the network.

    Parameters
    ----------
    name : str
    array : array_like, shape (d₁, …, d_N)
        Real or complex; a number (N = 0) is a node without edges.
    copies : sequence of sequences of str
        The names of N edges for each place of the array in the network. An edge named twice in one of them sums over a
        diagonal.

    Raises
    ------
    ValueError
        If there is no copy, one of them does not name N edges, or an entry is not finite.
    """

    name: str
    array: Array
    copies: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        array = as_array(f"node {self.name!r}", self.array, least_order=0)
        copies = tuple(edge_names(edges) for edges in self.copies)
        if not copies:
            raise ValueError(f"node {self.name!r} has no edges, expected names of {array.ndim}")
        for edges in copies:
            if len(edges) != array.ndim:
                raise ValueError(
                    f"node {self.name!r} has {len(edges)} edges {edges}, expected {array.ndim} for shape {array.shape} "
                    "(names in a string are separated by spaces)"
                )
        object.__setattr__(self, "array", frozen(array))
        object.__setattr__(self, "copies", copies)


@dataclass(frozen=True, eq=False)
class TensorNetwork:
    """The sum over all edges that are not open of the product of the nodes' entries.

    Parameters
    ----------
    nodes : sequence of Node
        With different names.
    output : sequence of str
        The open edges in the order of the modes of the result. Every other edge is summed over, whether one, two or
        more nodes have it; an open edge that several nodes have runs through all of them.

    Raises
    ------
    ValueError
        If two nodes have one name, an edge has two sizes, or an open edge is at no node or named twice.

    Examples
    --------
    >>> import numpy as np
    >>> A, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    >>> product = TensorNetwork.of({"A": (A, "i j"), "x": (x, "j")})
    >>> print(product, product.shape)
    A[i,j] x[j] -> [i] (2,)
    >>> print(TensorNetwork.of({"x": (x, "i", "j"), "A": (A, "i j")}))
    x[i] x[j] A[i,j] -> []
    """

    nodes: tuple[Node, ...]
    output: tuple[str, ...]

    def __post_init__(self) -> None:
        nodes, output = tuple(self.nodes), edge_names(self.output)
        if not nodes:
            raise ValueError("nodes is empty, expected at least one node")
        names = [node.name for node in nodes]
        if len(set(names)) < len(names):
            raise ValueError(f"nodes have the names {names}, expected each once (copies are listed in one node)")
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "output", output)
        sizes = self.edges  # fails where an edge has two sizes
        unknown = [edge for edge in output if edge not in sizes]
        if unknown:
            raise ValueError(f"output has edges {unknown} that are at no node, expected some of {list(sizes)}")
        if len(set(output)) < len(output):
            raise ValueError(f"output is {output}, expected each edge once")

    @classmethod
    def of(cls, nodes: Mapping[str, tuple[Any, ...]], output: Edges | None = None) -> TensorNetwork:
        """A network from its arrays and the names of their edges.

        Parameters
        ----------
        nodes : mapping of name to (array, edges) or (array, edges, edges, …)
            Edges are names such as ``"i j"`` or ``("i", "j")``; more than one entry of them puts copies of the array
            into the network.
        output : str or sequence of str, optional
            The open edges in order; left out, those that occur once in the network, in order of appearance.
        """
        made = []
        for name, entry in nodes.items():
            if not isinstance(entry, (tuple, list)) or len(entry) < 2:
                raise ValueError(f"node {name!r} is {type(entry).__name__}, expected a tuple (array, edges, …)")
            made.append(Node(name, entry[0], tuple(entry[1:])))
        if output is None:
            ends = [edge for node in made for edges in node.copies for edge in edges]
            output = tuple(edge for edge in dict.fromkeys(ends) if ends.count(edge) == 1)
        return cls(tuple(made), edge_names(output))

    @property
    def edges(self) -> dict[str, int]:
        """Size of each edge, in order of appearance."""
        sizes: dict[str, int] = {}
        first: dict[str, str] = {}
        for name, array, edges in self.occurrences():
            for mode, (edge, size) in enumerate(zip(edges, array.shape, strict=True)):
                here = f"size {size} at mode {mode} of node {name!r}"
                if sizes.setdefault(edge, size) != size:
                    raise ValueError(f"edge {edge!r} has {first[edge]} and {here}, expected one size")
                first.setdefault(edge, here)
        return sizes

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the open edges."""
        sizes = self.edges
        return tuple(sizes[edge] for edge in self.output)

    @property
    def order(self) -> int:
        """Number of open edges."""
        return len(self.output)

    @property
    def parameters(self) -> int:
        """Entries of all arrays, those with copies counted once."""
        return sum(node.array.size for node in self.nodes)

    def __getitem__(self, name: str) -> Array:
        return self.node(name).array

    def __repr__(self) -> str:
        return f"TensorNetwork({self})"

    def __str__(self) -> str:
        parts = [f"{name}[{','.join(edges)}]" for name, _, edges in self.occurrences()]
        return f"{' '.join(parts)} -> [{','.join(self.output)}]"

    def node(self, name: str) -> Node:
        """The node of a name.

        Raises
        ------
        ValueError
            If there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise ValueError(f"node is {name!r}, expected one of {[node.name for node in self.nodes]}")

    def occurrences(self) -> Iterator[tuple[str, Array, tuple[str, ...]]]:
        """Name, array and edges of every place, copies one after another: the operands of the contraction."""
        for node in self.nodes:
            for edges in node.copies:
                yield node.name, node.array, edges

    def with_arrays(self, arrays: Mapping[str, ArrayLike]) -> TensorNetwork:
        """The same network with other arrays in some nodes."""
        for name in arrays:
            self.node(name)
        changed = [
            Node(
                node.name,
                as_array(f"node {node.name!r}", arrays.get(node.name, node.array), least_order=0),
                node.copies,
            )
            for node in self.nodes
        ]
        return TensorNetwork(tuple(changed), self.output)


def inner_network(left: TensorNetwork, right: TensorNetwork) -> TensorNetwork:
    """The network of ⟨left, right⟩ = Σ conj(left)·right: the open edges of two networks joined in order.

    Nodes and edges of the left one get ``left.`` before their names, those of the right one ``right.``.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if left.shape != right.shape:
        raise ValueError(f"right has shape {right.shape}, expected {left.shape}")
    joined = dict(zip(right.output, (f"left.{edge}" for edge in left.output), strict=True))
    conjugated = [
        Node(f"left.{node.name}", node.array.conj(), tuple(tuple(f"left.{e}" for e in edges) for edges in node.copies))
        for node in left.nodes
    ]
    kept = [
        Node(
            f"right.{node.name}",
            node.array,
            tuple(tuple(joined.get(e, f"right.{e}") for e in edges) for edges in node.copies),
        )
        for node in right.nodes
    ]
    return TensorNetwork((*conjugated, *kept), ())


def edge_names(edges: Edges) -> tuple[str, ...]:
    """Names of edges as a tuple."""
    if isinstance(edges, str):
        return tuple(edges.replace(",", " ").split())
    names = tuple(edges)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"edges are {names!r}, expected names")
    return names
