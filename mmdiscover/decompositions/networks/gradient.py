"""Derivatives of a tensor network by all of its nodes at once: reverse mode over the contraction.

The contraction is done step by step and its operands are kept. Then the adjoint of the result is sent back: that of an
operand is the adjoint of what its step gave, contracted with the step's other operand, which costs about what the step
did. So one sweep gives the derivatives by all nodes for about three times the cost of the contraction, where Jacobians
one after another would take a contraction for each node.

Complex entries are independent variables and nothing is conjugated: the derivative by an entry is the holomorphic
one. (The direction in which |f|² rises most is f times the conjugate of the gradient of f.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.arguments import as_array
from mmdiscover.decompositions.networks.contraction import combine, leaf_arrays, make_plan, without

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.networks.contraction import Labels, Optimizer, Plan, Step
    from mmdiscover.decompositions.networks.network import TensorNetwork


def gradient(
    network: TensorNetwork, *, nodes: Iterable[str] | None = None, optimizer: Optimizer = "auto"
) -> dict[str, Array]:
    """The derivatives of a scalar network by the entries of its nodes.

    Parameters
    ----------
    network : TensorNetwork
        Without open edges. Real or complex; derivatives are holomorphic, nothing is conjugated.
    nodes : iterable of str, optional
        Names of those wanted; all when left out. What only the others need is not computed.
    optimizer : str or path
        See `contract`.

    Returns
    -------
    dict of name to ndarray, shapes of the nodes
        Summed over the copies of a node.

    Raises
    ------
    ValueError
        If the network has open edges, or a name is not in it.

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions.networks.network import TensorNetwork
    >>> A, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    >>> gradient(TensorNetwork.of({"x": (x, "i", "j"), "A": (A, "i j")}))
    {'x': array([-3., -3.]), 'A': array([[ 1., -1.],
           [-1.,  1.]])}
    """
    return value_and_gradient(network, nodes=nodes, optimizer=optimizer)[1]


def value_and_gradient(
    network: TensorNetwork, *, nodes: Iterable[str] | None = None, optimizer: Optimizer = "auto"
) -> tuple[Any, dict[str, Array]]:
    """The number that a scalar network stands for, and its `gradient`, from one contraction and one sweep back."""
    if network.output:
        raise ValueError(f"network has open edges {network.output}, expected none (see vector_jacobian_product)")
    value, derivatives = _sweep(network, None, nodes, optimizer)
    return value[()], derivatives


def vector_jacobian_product(
    network: TensorNetwork,
    adjoint: ArrayLike,
    *,
    nodes: Iterable[str] | None = None,
    optimizer: Optimizer = "auto",
) -> dict[str, Array]:
    """Σ_i adjoint[i]·∂T[i]/∂G for each node G: the derivatives of a loss from its derivative by the tensor T.

    Parameters
    ----------
    network, nodes, optimizer
        See `gradient`; open edges are welcome.
    adjoint : array_like, shape of the network
        Not conjugated.

    Returns
    -------
    dict of name to ndarray, shapes of the nodes

    Raises
    ------
    ValueError
        If the shapes differ, or a name is not in the network.

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions.networks.network import TensorNetwork
    >>> A, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    >>> product = TensorNetwork.of({"A": (A, "i j"), "x": (x, "j")})
    >>> vector_jacobian_product(product, [1.0, 0.0], nodes=["x"])
    {'x': array([1., 2.])}
    """
    given = as_array("adjoint", adjoint, least_order=0)
    if given.shape != network.shape:
        raise ValueError(f"adjoint has shape {given.shape}, expected {network.shape}, that of the network")
    return _sweep(network, given, nodes, optimizer)[1]


def _sweep(
    network: TensorNetwork, adjoint: Array | None, nodes: Iterable[str] | None, optimizer: Optimizer
) -> tuple[Array, dict[str, Array]]:
    """The tensor and the vector–Jacobian products; the adjoint is 1 when left out."""
    wanted = {node.name for node in network.nodes} if nodes is None else {network.node(name).name for name in nodes}
    plan = make_plan(network, optimizer)
    names = [name for name, _, _ in network.occurrences()]
    values, tape, needed = _forward(leaf_arrays(network, plan), plan, [name in wanted for name in names])
    adjoints = {len(values) - 1: np.ones_like(values[-1]) if adjoint is None else adjoint}
    for (step, taken), result in zip(reversed(tape), range(len(values) - 1, len(names) - 1, -1), strict=True):
        if not needed[result]:
            continue
        back = adjoints.pop(result)
        for position, operand in enumerate(taken):
            if needed[operand]:
                others = without([values[other] for other in taken], [position])
                labels = without(step.inputs, [position])
                adjoints[operand] = combine([back, *others], [step.output, *labels], step.inputs[position])
    derivatives: dict[str, Array] = {}
    for place, name in enumerate(names):
        if name in wanted:
            part = _spread(adjoints.pop(place), plan.leaves[place], plan.edges[place], plan)
            derivatives[name] = derivatives[name] + part if name in derivatives else part
    return values[-1], derivatives


def _forward(
    leaves: list[Array], plan: Plan, needed: list[bool]
) -> tuple[list[Array], list[tuple[Step, list[int]]], list[bool]]:
    """All operands by number, leaves first; of each step the numbers of its operands; which adjoints are needed."""
    values, tape = list(leaves), []
    remaining = list(range(len(leaves)))
    for step in plan.steps:
        taken = [remaining[position] for position in step.positions]
        remaining = [*without(remaining, step.positions), len(values)]
        values.append(combine([values[operand] for operand in taken], step.inputs, step.output))
        needed.append(any(needed[operand] for operand in taken))
        tape.append((step, taken))
    return values, tape, needed


def _spread(adjoint: Array, leaf: Labels, edges: Labels, plan: Plan) -> Array:
    """The adjoint of a node from that of its leaf: onto the diagonals taken, along the edges summed over."""
    unique = tuple(dict.fromkeys(edges))
    ordered = np.transpose(adjoint, [leaf.index(label) for label in unique if label in leaf])
    alike = np.expand_dims(ordered, [place for place, label in enumerate(unique) if label not in leaf])
    result: Array = np.zeros([plan.sizes[label] for label in edges], dtype=adjoint.dtype)
    numbers = [unique.index(label) for label in edges]
    # A view of the diagonals; without edges, the number itself.
    diagonals = np.einsum(result, numbers, list(range(len(unique)))) if edges else result
    diagonals[...] = alike
    return result
