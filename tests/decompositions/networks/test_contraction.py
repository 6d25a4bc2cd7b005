"""Contraction against one dense sum, and its cost against known counts."""

from __future__ import annotations

import numpy as np
import opt_einsum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.networks.contraction import FIXED_ORDERS, SEARCHES, contract, contraction_cost
from mmdiscover.decompositions.networks.network import TensorNetwork
from tests.decompositions.networks.random_networks import dense, networks

RNG = np.random.default_rng(0)
A, B, C = (RNG.standard_normal((3, 3)) for _ in range(3))
M, N = RNG.standard_normal((2, 3)), RNG.standard_normal((3, 4))
u, v, w = (RNG.standard_normal(3) for _ in range(3))
T = RNG.standard_normal((2, 3, 4))


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (TensorNetwork.of({"u": (u, "i"), "v": (v, "i")}), u @ v),
        (TensorNetwork.of({"u": (u, "i"), "v": (v, "i"), "w": (w, "i")}, ""), np.sum(u * v * w)),
        (TensorNetwork.of({"M": (M, "i j"), "N": (N, "j k")}), M @ N),
        (TensorNetwork.of({"A": (A, "i j"), "v": (v, "j")}), A @ v),
        (TensorNetwork.of({"A": (A, "i i")}), np.trace(A)),
        (TensorNetwork.of({"A": (A, "i j"), "B": (B, "j k"), "C": (C, "k i")}), np.trace(A @ B @ C)),
        (TensorNetwork.of({"C": (C, "k i"), "A": (A, "i j"), "B": (B, "j k")}), np.trace(A @ B @ C)),
        (TensorNetwork.of({"u": (u, "i"), "v": (v, "j")}), np.outer(u, v)),
        (TensorNetwork.of({"M": (M, "i j"), "N": (N, "k l")}), np.multiply.outer(M, N)),
        (TensorNetwork.of({"T": (T, "i j k"), "A": (A, "m j")}, "i m k"), np.einsum("ijk,mj->imk", T, A)),
        (TensorNetwork.of({"x": (v, "i", "j"), "A": (A, "i j")}), v @ A @ v),
        (TensorNetwork.of({"M": (M, "i j")}, "j i"), M.T),
        (TensorNetwork.of({"M": (M, "i j")}, "j"), M.sum(0)),
        (TensorNetwork.of({"M": (M, "i j"), "c": (2.0, "")}), 2 * M),
    ],
    ids=lambda value: str(value) if isinstance(value, TensorNetwork) else "",
)
def test_known_products(network: TensorNetwork, expected: np.ndarray) -> None:
    np.testing.assert_allclose(contract(network), expected, rtol=1e-13)


@given(networks(), st.sampled_from([*SEARCHES, *FIXED_ORDERS]))
def test_any_order_gives_the_dense_sum(network: TensorNetwork, optimizer: str) -> None:
    found, expected = contract(network, optimizer=optimizer), dense(network)
    assert found.shape == network.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@given(networks(), st.sampled_from([*SEARCHES, *FIXED_ORDERS]))
def test_the_path_of_a_cost_can_be_used_again(network: TensorNetwork, optimizer: str) -> None:
    cost = contraction_cost(network, optimizer=optimizer)
    assert contraction_cost(network, optimizer=cost.path) == cost
    np.testing.assert_allclose(contract(network, optimizer=cost.path), dense(network), rtol=1e-10, atol=1e-10)
    assert cost.largest_intermediate >= np.prod(network.shape)


def test_the_result_is_no_view_of_a_node() -> None:
    for edges in ("i j", "j i"):
        found = contract(TensorNetwork.of({"A": (A, "i j")}, edges))
        assert found.flags.writeable
        assert not np.shares_memory(found, A)


def test_single_precision_stays() -> None:
    network = TensorNetwork.of({"A": (A.astype("f"), "i j"), "v": (v.astype("f"), "j"), "c": (np.float32(2), "")})
    assert contract(network).dtype == np.float32


def test_cost_of_matrix_products() -> None:
    network = TensorNetwork.of(
        {"A": (np.ones((10, 20)), "i j"), "B": (np.ones((20, 30)), "j k"), "x": (np.ones(30), "k")}
    )
    good = contraction_cost(network)
    assert (good.flops, good.largest_intermediate) == (2 * 20 * 30 + 2 * 10 * 20, 20)
    assert (good.path, good.expression) == (((1, 2), (0, 1)), "(A (B x))")
    assert good.naive_flops == 3 * 10 * 20 * 30
    bad = contraction_cost(network, optimizer="left to right")
    assert (bad.flops, bad.largest_intermediate) == (2 * 10 * 20 * 30 + 2 * 10 * 30, 300)
    assert bad.expression == "((A B) x)"
    once = contraction_cost(network, optimizer="at once")
    assert (once.flops, once.largest_intermediate, once.expression) == (3 * 10 * 20 * 30, 10, "(A B x)")


def test_cost_of_one_node() -> None:
    assert contraction_cost(TensorNetwork.of({"A": (A, "i i")})).largest_intermediate == 1
    assert contraction_cost(TensorNetwork.of({"A": (A, "i j")})).flops == 0
    for edges, output, flops in (("i j", "", 9), ("i j", "j", 9), ("i i", "", 3), ("i j", "j i", 0)):
        cost = contraction_cost(TensorNetwork.of({"A": (A, edges)}, output))
        assert (cost.flops, cost.naive_flops, cost.path, cost.expression) == (flops, flops, (), "A")


@given(networks())
def test_costs_are_those_of_opt_einsum(network: TensorNetwork) -> None:
    ends = [edge for _, _, edges in network.occurrences() for edge in set(edges)]
    if len(list(network.occurrences())) < 2 or any(ends.count(e) == 1 and e not in network.output for e in ends):
        return  # sums over an edge of one node are done at the node here
    cost = contraction_cost(network)
    equation = ",".join("".join(edges) for _, _, edges in network.occurrences()) + "->" + "".join(network.output)
    shapes = [array.shape for _, array, _ in network.occurrences()]
    info = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize=list(cost.path))[1]
    assert cost.flops == info.opt_cost
    assert cost.largest_intermediate == info.largest_intermediate


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("best", "optimizer is 'best', expected one of"),
        ([(0, 3)], r"optimizer has the step \(0, 3\), expected two or more different numbers from 0 to 2"),
        ([(0, 0)], r"optimizer has the step \(0, 0\), expected two or more"),
        ([(0,)], r"optimizer has the step \(0,\), expected two or more"),
        ([(0, 1)], "optimizer is a path that leaves 2 of 3 operands, expected 1"),
    ],
)
def test_wrong_orders(optimizer: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contract(TensorNetwork.of({"A": (A, "i j"), "B": (B, "j k"), "C": (C, "k i")}), optimizer=optimizer)
