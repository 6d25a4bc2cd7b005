"""The Jacobian of a tensor network with respect to one of its nodes: the network without that node.

A network is linear in each place of a node. So ∂T/∂G is what is left when G is taken out, its edges becoming open ones;
where G stands in k places, it is the sum of the k networks that lack one of them. Complex entries are independent
variables and nothing is conjugated: the derivative is the holomorphic one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import check_count
from mmdiscover.decompositions.networks.contraction import contract
from mmdiscover.decompositions.networks.network import Node, TensorNetwork

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.networks.contraction import Optimizer


def jacobian(network: TensorNetwork, name: str, *, optimizer: Optimizer = "auto") -> Array:
    """∂T/∂G as an array.

    Parameters
    ----------
    network : TensorNetwork
        Of T, with p open edges.
    name : str
        Of the node G.
    optimizer : str or path
        See `contract`; a path has to fit the network without the node.

    Returns
    -------
    ndarray, shape (open edges of T, then modes of G)
        Entry (i₁, …, i_p, j₁, …, j_N) is the derivative of T[i₁, …, i_p] by G[j₁, …, j_N].

    Raises
    ------
    ValueError
        If no node has the name.

    Examples
    --------
    ∂xᵀAx/∂x = (A + Aᵀ)x:

    >>> import numpy as np
    >>> A, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    >>> jacobian(TensorNetwork.of({"x": (x, "i", "j"), "A": (A, "i j")}), "x")
    array([-3., -3.])
    >>> (A + A.T) @ x
    array([-3., -3.])
    """
    copies = range(len(network.node(name).copies))
    total = contract(jacobian_network(network, name, copy=0), optimizer=optimizer)
    for copy in copies[1:]:
        total = total + contract(jacobian_network(network, name, copy=copy), optimizer=optimizer)
    return total


def jacobian_network(network: TensorNetwork, name: str, *, copy: int | None = None) -> TensorNetwork:
    """∂T/∂G as a network: that of T without G.

    Edges of G that were summed over become open ones. Where such an edge has to go on as well, as it is open in T
    already or stands at two modes of G, an identity matrix ties the two ends; an edge that nothing else has ends in a
    vector of ones.

    Parameters
    ----------
    network, name
        See `jacobian`.
    copy : int, optional
        Which of the places of G is emptied, the others kept. It may be left out where there is one only.

    Raises
    ------
    ValueError
        If no node has the name, or it has several copies and none is chosen.

    Examples
    --------
    ∂Ax/∂A = I ∘ x:

    >>> import numpy as np
    >>> product = TensorNetwork.of({"A": (np.ones((2, 3)), "i j"), "x": (np.ones(3), "j")})
    >>> print(jacobian_network(product, "A"))
    x[j] I(i,i')[i,i'] -> [i,i',j]
    """
    node = network.node(name)
    if copy is None:
        if len(node.copies) > 1:
            raise ValueError(
                f"node {name!r} has {len(node.copies)} copies, expected the number of one of them as copy "
                "(jacobian sums over all)"
            )
        copy = 0
    copy = check_count("copy", copy, 0, len(node.copies) - 1)
    taken = node.copies[copy]
    kept = _without_copy(network, node, copy)
    dtype = np.result_type(*(other.array for other in network.nodes))
    elsewhere = Counter(edge for other in kept for edges in other.copies for edge in edges)
    names, edges = {other.name for other in kept}, set(network.edges)
    opened: list[str] = []
    for edge, size in zip(taken, node.array.shape, strict=True):
        if edge not in network.output and edge not in opened:
            opened.append(edge)
            continue
        end = _unused(f"{edge}'", edges)
        identity = Node(_unused(f"I({edge},{end})", names), np.eye(size, dtype=dtype), ((edge, end),))
        kept.append(identity)
        elsewhere[edge] += 1
        opened.append(end)
    for edge, size in zip(taken, node.array.shape, strict=True):
        if not elsewhere[edge]:
            kept.append(Node(_unused(f"1({edge})", names), np.ones(size, dtype=dtype), ((edge,),)))
    if not kept:
        kept.append(Node("1", np.ones((), dtype=dtype), ((),)))
    return TensorNetwork(tuple(kept), (*network.output, *opened))


def _without_copy(network: TensorNetwork, node: Node, copy: int) -> list[Node]:
    kept = []
    for other in network.nodes:
        if other is not node:
            kept.append(other)
        elif len(node.copies) > 1:
            kept.append(Node(node.name, node.array, node.copies[:copy] + node.copies[copy + 1 :]))
    return kept


def _unused(name: str, names: set[str]) -> str:
    """A name that is not among some, which it is added to."""
    while name in names:
        name += "'"
    names.add(name)
    return name
