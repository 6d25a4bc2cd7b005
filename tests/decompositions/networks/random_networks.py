"""Random small networks, and what they stand for by one dense sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.networks.network import TensorNetwork

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

EDGES = "abcde"


def dense(network: TensorNetwork) -> Array:
    """One sum over all edges at once."""
    numbers = {edge: number for number, edge in enumerate(network.edges)}
    operands: list[object] = []
    for _, array, edges in network.occurrences():
        operands += [array, [numbers[edge] for edge in edges]]
    return np.asarray(np.einsum(*operands, [numbers[edge] for edge in network.output], optimize=False))  # type: ignore[call-overload]


def differences(network: TensorNetwork, name: str, step: float = 1e-4) -> Array:
    """The derivative by a node from central differences: open edges, then the modes of the node."""
    at = network[name]
    columns = []
    for cell in np.ndindex(at.shape):
        ahead, back = at.copy(), at.copy()
        ahead[cell] += step
        back[cell] -= step
        values = [dense(network.with_arrays({name: array})) for array in (ahead, back)]
        columns.append((values[0] - values[1]) / (2 * step))
    result = np.stack(columns, axis=-1)
    return result.reshape(result.shape[:-1] + at.shape)


def norm(array: Array) -> float:
    """Frobenius norm."""
    return float(np.linalg.norm(array))


@st.composite
def networks(draw: st.DrawFn, *, scalar: bool = False) -> TensorNetwork:
    """Up to four nodes with up to three modes; traces, edges of any number of ends, copies, numbers, open edges."""
    sizes = {edge: draw(st.integers(1, 4)) for edge in EDGES}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from([np.float64, np.float64, np.complex128]))
    nodes = {}
    used: list[str] = []
    places = 6  # at most, as searches through all orders take long for more
    for number in range(draw(st.integers(1, 4))):
        first = draw(st.lists(st.sampled_from(EDGES), max_size=3))
        copies = [first]
        for _ in range(min(draw(st.sampled_from([0, 0, 1, 2])), places - 4)):
            alike = [[edge for edge in EDGES if sizes[edge] == sizes[own]] for own in first]
            copies.append([draw(st.sampled_from(edges)) for edges in alike])
        places -= len(copies) - 1
        used += [edge for edges in copies for edge in edges]
        nodes[f"N{number}"] = (normal(rng, [sizes[edge] for edge in first], dtype), *copies)
    choices = sorted(set(used))
    opened = [] if scalar or not choices else draw(st.lists(st.sampled_from(choices), max_size=3, unique=True))
    return TensorNetwork.of(nodes, opened)
