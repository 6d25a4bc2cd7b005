"""Decompositions as networks, and the numbers of their parameters."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.networks.containers import as_network
from mmdiscover.decompositions.networks.contraction import contract, contraction_cost
from mmdiscover.decompositions.networks.gradient import gradient
from mmdiscover.decompositions.networks.hierarchical_tucker import random_hierarchical_tucker
from mmdiscover.decompositions.networks.network import inner_network
from mmdiscover.decompositions.networks.peps import random_peps
from mmdiscover.decompositions.networks.ring import TensorRing, random_ring
from mmdiscover.decompositions.tt.matrix import TTMatrix
from mmdiscover.decompositions.tt.tensor_train import TensorTrain
from mmdiscover.decompositions.tucker.tensor import TuckerTensor

RNG = np.random.default_rng(3)


def train(*sizes: int, rank: int) -> TensorTrain:
    ends = [1, *[rank] * (len(sizes) - 1), 1]
    return TensorTrain(tuple(RNG.standard_normal((ends[k], size, ends[k + 1])) for k, size in enumerate(sizes)))


CP = random_cp((4, 3, 2, 5), 3, seed=1)
TUCKER = TuckerTensor(RNG.standard_normal((2, 3, 2)), tuple(RNG.standard_normal(s) for s in ((4, 2), (3, 3), (5, 2))))
TRAIN = train(4, 3, 2, 5, rank=3)
RING = random_ring((4, 3, 2, 5), (2, 3, 4, 2), seed=4)
TREE = random_hierarchical_tucker((4, 3, 2, 5, 2), (2, 3, 2, 3, 2, 4, 2, 3), seed=5)
LATTICE = random_peps(2, 3, 2, 3, seed=6)
WEIGHTED = CPTensor(CP.factors, np.array([2.0, -1.0, 0.5]))
CONTAINERS = {
    "CP": CP,
    "CP with weights": WEIGHTED,
    "Tucker": TUCKER,
    "train": TRAIN,
    "train of one core": train(3, rank=1),
    "ring": RING,
    "ring of one core": TensorRing((np.ones((2, 3, 2)),)),
    "hierarchical Tucker": TREE,
    "hierarchical Tucker of one mode": random_hierarchical_tucker((3,), 1),
    "PEPS": LATTICE,
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_the_network_is_the_tensor(container: CPTensor) -> None:
    network = as_network(container)
    assert network.shape == container.shape
    np.testing.assert_allclose(contract(network), container.to_full(), rtol=1e-11, atol=1e-11)
    weights = container.rank if isinstance(container, CPTensor) else 0
    assert network.parameters == container.parameters + weights


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_the_inner_product_is_a_network_too(container: CPTensor) -> None:
    network = as_network(container)
    squared = contract(inner_network(network, network))
    np.testing.assert_allclose(squared, container.norm() ** 2, rtol=1e-11)


def test_matrices_in_tensor_train_form_have_rows_then_columns() -> None:
    cores = [RNG.standard_normal(shape) for shape in ((1, 2, 3, 4), (4, 3, 2, 2), (2, 2, 2, 1))]
    matrix = TTMatrix(tuple(cores))
    network = as_network(matrix)
    assert network.shape == (2, 3, 2, 3, 2, 2)
    np.testing.assert_allclose(contract(network).reshape(12, 12), matrix.to_full(), rtol=1e-11, atol=1e-11)


def test_other_things_are_no_decompositions() -> None:
    with pytest.raises(ValueError, match="container is a ndarray, expected a decomposition of this library"):
        as_network(np.ones(3))  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 4)), min_size=2, max_size=6))
def test_parameter_counts(sizes_and_ranks: list[tuple[int, int]]) -> None:
    d, r = zip(*sizes_and_ranks, strict=True)
    n, k = len(d), r[0]

    def entries(*arrays: np.ndarray) -> int:
        return sum(array.size for array in arrays)

    cp = random_cp(d, k)
    assert cp.parameters == k * sum(d) == entries(*cp.factors)
    tucker = TuckerTensor(np.ones(r), tuple(np.ones(shape) for shape in zip(d, r, strict=True)))
    assert tucker.parameters == prod(r) + sum(a * b for a, b in zip(d, r, strict=True))
    assert tucker.parameters == entries(tucker.core, *tucker.factors)
    ends = [1, *r[1:], 1]
    chain = TensorTrain(tuple(np.ones((ends[i], d[i], ends[i + 1])) for i in range(n)))
    assert chain.parameters == sum(ends[i] * d[i] * ends[i + 1] for i in range(n)) == entries(*chain.cores)
    ring = random_ring(d, r)
    assert ring.parameters == sum(r[i] * d[i] * r[(i + 1) % n] for i in range(n)) == entries(*ring.cores)
    tree = random_hierarchical_tucker(d, k)
    assert tree.parameters == sum(d) * k + (n - 2) * k**3 + k**2 == entries(*tree.frames, *tree.transfers)


def test_a_train_has_a_gradient_whatever_its_length() -> None:
    cost = []
    for order in (20, 40):
        long = train(*[2] * order, rank=2)
        network = inner_network(as_network(long), as_network(long))
        cost.append(contraction_cost(network).flops)
        found = gradient(network)
        assert len(found) == 2 * order
        # ⟨G, ∂f/∂G⟩ is f, as f is linear in each core.
        value = long.norm() ** 2
        for name in ("left.G0", "right.G7"):
            np.testing.assert_allclose(np.sum(found[name] * network[name]), value, rtol=1e-10)
    assert cost[1] < 2.5 * cost[0]
