"""Contraction of tensor networks in an order that opt_einsum finds.

The order decides the cost: opt_einsum (Smith and Gray, Journal of Open Source Software 3, 2018) searches for a good one
among sequences of contractions of two nodes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import opt_einsum

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.networks.network import TensorNetwork

    Path = Sequence[Sequence[int]]
    """Which of the remaining operands are contracted at each step; what they give is put behind the others."""
    Optimizer = str | Path
    Labels = tuple[int, ...]
    """Edges by number, one for each mode."""

T = TypeVar("T")

SEARCHES = ("auto", "optimal", "dp", "branch-all", "branch-2", "branch-1", "greedy")
FIXED_ORDERS = ("left to right", "at once")


@dataclass(frozen=True)
class Step:
    """The contraction of some operands into one that is put behind the others."""

    positions: tuple[int, ...]
    inputs: tuple[Labels, ...]
    output: Labels


@dataclass(frozen=True)
class Plan:
    """A contraction in full: what is done at each node, then step by step."""

    sizes: tuple[int, ...]
    output: Labels
    edges: tuple[Labels, ...]
    """Of the nodes, as they are."""
    leaves: tuple[Labels, ...]
    """Of the nodes, after diagonals are taken and edges that nothing else has are summed over."""
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class ContractionCost:
    """What a contraction takes in a certain order.

    Parameters
    ----------
    flops : int
        Multiplications and additions.
    naive_flops : int
        Those of one sum over all edges at once.
    largest_intermediate : int
        Entries of the largest array that is formed, the result included.
    path : tuple of tuple of int
        The order as opt_einsum writes it, which `contract` accepts.
    expression : str
        The order with the names of the nodes, as in ``((A B) C)``.
    """

    flops: int
    naive_flops: int
    largest_intermediate: int
    path: tuple[tuple[int, ...], ...]
    expression: str


def contract(network: TensorNetwork, *, optimizer: Optimizer = "auto") -> Array:
    """The tensor that a network stands for.

    Parameters
    ----------
    network : TensorNetwork
    optimizer : str or path
        How the order is found: ``"auto"`` chooses among the following by the number of nodes; ``"optimal"`` and
        ``"branch-all"`` try all orders and ``"dp"`` all without outer products, ``"branch-2"``, ``"branch-1"`` and
        ``"greedy"`` need less time to find one; ``"left to right"`` contracts as the nodes are listed and
        ``"at once"`` in one sum, for comparison. Or the path of a `ContractionCost`.

    Returns
    -------
    ndarray, shape (sizes of the open edges)
        An array of its own, never a view of a node.

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions.networks.network import TensorNetwork
    >>> contract(TensorNetwork.of({"A": (np.array([[1.0, 2.0], [3.0, 4.0]]), "i i")}))
    array(5.)
    """
    plan = make_plan(network, optimizer)
    operands = leaf_arrays(network, plan)
    for step in plan.steps:
        taken = [operands[position] for position in step.positions]
        operands = without(operands, step.positions)
        operands.append(combine(taken, step.inputs, step.output))
        del taken  # nothing is held longer than it is needed
    return np.array(operands[0]) if len(plan.leaves) == 1 else operands[0]


def contraction_cost(network: TensorNetwork, *, optimizer: Optimizer = "auto") -> ContractionCost:
    """The cost of `contract`, known from the sizes of the edges alone.

    Parameters
    ----------
    network, optimizer
        See `contract`.

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions.networks.network import TensorNetwork
    >>> A, x = np.ones((100, 100)), np.ones(100)
    >>> network = TensorNetwork.of({"A": (A, "i j"), "B": (A, "j k"), "x": (x, "k")})
    >>> cost = contraction_cost(network)
    >>> cost.expression, cost.flops, cost.largest_intermediate
    ('(A (B x))', 40000, 100)
    >>> contraction_cost(network, optimizer="left to right").flops
    2020000
    """
    plan = make_plan(network, optimizer)
    flops = 0
    formed = [_size(plan.leaves[0], plan)] if len(plan.leaves) == 1 else []
    for edges, leaf in zip(plan.edges, plan.leaves, strict=True):
        if not set(edges) <= set(leaf):
            flops += _size(edges, plan)
    for step in plan.steps:
        flops += _flops(step.inputs, step.output, plan)
        formed.append(_size(step.output, plan))
    # Names with their place in the network: whichever stands further left in it is written first.
    parts = [(place, name) for place, (name, _, _) in enumerate(network.occurrences())]
    for step in plan.steps:
        taken = sorted(parts[position] for position in step.positions)
        parts = without(parts, step.positions)
        parts.append((taken[0][0], f"({' '.join(text for _, text in taken)})"))
    naive = _flops(plan.edges, plan.output, plan)
    path = tuple(step.positions for step in plan.steps)
    return ContractionCost(flops, naive, max(formed), path, parts[0][1])


def make_plan(network: TensorNetwork, optimizer: Optimizer = "auto") -> Plan:
    """What is contracted with what, with edges as numbers."""
    sizes = network.edges
    # Numbers, as the order found for strings changes with their hashes from one process to the next.
    numbers = {edge: number for number, edge in enumerate(sizes)}
    output = tuple(numbers[edge] for edge in network.output)
    edges = [tuple(numbers[edge] for edge in names) for _, _, names in network.occurrences()]
    # At how many operands each edge still is, the result being one of them.
    ends = Counter(output) + Counter(label for labels in edges for label in set(labels))
    if len(edges) == 1:
        leaves = [output]
    else:
        leaves = [tuple(label for label in dict.fromkeys(labels) if ends[label] > 1) for labels in edges]
    path = _find_path(leaves, output, dict(enumerate(sizes.values())), optimizer)
    steps, operands = [], list(leaves)
    for positions in path:
        taken = tuple(operands[position] for position in positions)
        operands = without(operands, positions)
        labels = [label for labels in taken for label in labels]
        ends.subtract(labels)
        # In this order a product of matrices leaves nothing to be transposed.
        left = output if len(operands) == 0 else tuple(label for label in dict.fromkeys(labels) if ends[label] > 0)
        ends.update(left)
        operands.append(left)
        steps.append(Step(tuple(positions), taken, left))
    return Plan(tuple(sizes.values()), output, tuple(edges), tuple(leaves), tuple(steps))


def leaf_arrays(network: TensorNetwork, plan: Plan) -> list[Array]:
    """The nodes with diagonals taken, and summed over the edges that nothing else has."""
    arrays = [array for _, array, _ in network.occurrences()]
    return [
        array if edges == leaf else _einsum(array, edges, leaf)
        for array, edges, leaf in zip(arrays, plan.edges, plan.leaves, strict=True)
    ]


def combine(arrays: Sequence[Array], inputs: Sequence[Labels], output: Labels) -> Array:
    """One step: the product of some arrays, summed over the edges that are not in the output.

    None has an edge twice, nor one that neither another array nor the output has.
    """
    if len(arrays) == 2:
        left, right = inputs
        shared = [label for label in left if label in right]
        if not set(shared) & set(output):
            # A product of matrices; what follows would do the same, but takes longer to find out.
            axes = [left.index(label) for label in shared], [right.index(label) for label in shared]
            free = [label for label in (*left, *right) if label not in shared]
            product: Array = np.tensordot(arrays[0], arrays[1], axes)
            return product.transpose([free.index(label) for label in output])
    operands = [part for pair in zip(arrays, inputs, strict=True) for part in pair]
    return np.asarray(opt_einsum.contract(*operands, output))


def without(items: Sequence[T], positions: Sequence[int]) -> list[T]:
    """The items that are not at some positions."""
    return [item for position, item in enumerate(items) if position not in positions]


def _einsum(array: Array, edges: Labels, leaf: Labels) -> Array:
    """Diagonals, sums and transpositions of one array; a view where nothing is summed."""
    numbers = {label: number for number, label in enumerate(dict.fromkeys(edges))}
    return np.asarray(np.einsum(array, [numbers[label] for label in edges], [numbers[label] for label in leaf]))


def _size(labels: Iterable[int], plan: Plan) -> int:
    return prod(plan.sizes[label] for label in set(labels))


def _flops(inputs: Sequence[Labels], output: Labels, plan: Plan) -> int:
    """One multiplication less than there are factors, and an addition if anything is summed, for each term."""
    labels = {label for labels in inputs for label in labels}
    return _size(labels, plan) * (len(inputs) - 1 + (labels > set(output)))


def _find_path(leaves: Sequence[Labels], output: Labels, sizes: dict[int, int], optimizer: Optimizer) -> Path:
    count = len(leaves)
    if not isinstance(optimizer, (str, list, tuple)) or not all(hasattr(step, "__len__") for step in optimizer):
        raise ValueError(f"optimizer is {optimizer!r}, expected a name or a path, a list of tuples")
    if not isinstance(optimizer, str):
        return _checked_path(optimizer, count)
    if optimizer not in (*SEARCHES, *FIXED_ORDERS):
        raise ValueError(f"optimizer is {optimizer!r}, expected one of {(*SEARCHES, *FIXED_ORDERS)} or a path")
    if count == 1:
        return []
    if count == 2 or optimizer == "at once":
        return [tuple(range(count))]
    if optimizer == "left to right":
        return [(0, 1), *((0, left - 1) for left in range(count - 1, 1, -1))]
    search = opt_einsum.paths.get_path_fn(optimizer)
    path: Path = search([frozenset(labels) for labels in leaves], frozenset(output), sizes, None)
    return path


def _checked_path(path: Path, count: int) -> Path:
    left = count
    for step in path:
        if len(step) < 2 or len(set(step)) < len(step) or not all(0 <= position < left for position in step):
            raise ValueError(
                f"optimizer has the step {tuple(step)}, expected two or more different numbers from 0 to {left - 1}"
            )
        left -= len(step) - 1
    if left != 1:
        raise ValueError(f"optimizer is a path that leaves {left} of {count} operands, expected 1")
    return path
