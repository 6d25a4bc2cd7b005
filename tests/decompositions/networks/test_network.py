"""Making networks, and what is wrong with some."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mmdiscover.decompositions.networks.contraction import contract
from mmdiscover.decompositions.networks.network import Node, TensorNetwork, inner_network

A = np.arange(6.0).reshape(2, 3)
B = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("edges", ["i j", "i,j", "i, j", ("i", "j"), ["i", "j"]])
def test_edges_can_be_written_in_several_ways(edges: str) -> None:
    network = TensorNetwork.of({"A": (A, edges), "B": (B, "j k")}, output="i k")
    assert network.edges == {"i": 2, "j": 3, "k": 4}
    assert network.shape == (2, 4)
    assert network.order == 2
    assert network.parameters == 18
    assert str(network) == "A[i,j] B[j,k] -> [i,k]"
    np.testing.assert_array_equal(contract(network), A @ B)


def test_edges_that_occur_once_are_open_unless_said_otherwise() -> None:
    assert TensorNetwork.of({"B": (B, "j k"), "A": (A, "i j")}).output == ("k", "i")
    assert TensorNetwork.of({"B": (B, "j k"), "A": (A, "i j")}, "").output == ()


def test_an_array_can_stand_in_several_places() -> None:
    x = np.ones(3)
    network = TensorNetwork.of({"x": (x, "i", "j"), "A": (np.eye(3), "i j")})
    assert [(name, edges) for name, _, edges in network.occurrences()] == [
        ("x", ("i",)),
        ("x", ("j",)),
        ("A", ("i", "j")),
    ]
    assert network.parameters == 12
    assert network["x"] is network.node("x").array


def test_arrays_are_read_only_and_can_be_exchanged() -> None:
    network = TensorNetwork.of({"A": (A, "i j"), "B": (B, "j k")})
    with pytest.raises(ValueError, match="read-only"):
        network["A"][0, 0] = 1
    other = network.with_arrays({"A": 2 * A})
    np.testing.assert_array_equal(contract(other), 2 * A @ B)
    np.testing.assert_array_equal(network["A"], A)
    with pytest.raises(ValueError, match="node is 'C', expected one of"):
        network.with_arrays({"C": A})
    with pytest.raises(ValueError, match="edge 'j' has size 2 at mode 1 of node 'A' and size 3 at mode 0 of node 'B'"):
        network.with_arrays({"A": np.ones((2, 2))})


def test_networks_can_be_sent_to_workers() -> None:
    network = TensorNetwork.of({"A": (A, "i j"), "B": (B, "j k")})
    np.testing.assert_array_equal(contract(pickle.loads(pickle.dumps(network))), A @ B)


def test_the_inner_product_of_networks_conjugates_the_left_one() -> None:
    u, v = np.array([1.0, 1j]), np.array([2.0, 1.0])
    left, right = TensorNetwork.of({"v": (u, "i")}), TensorNetwork.of({"v": (v, "i")})
    assert contract(inner_network(left, right)) == np.vdot(u, v)
    with pytest.raises(ValueError, match=r"right has shape \(2,\), expected \(2, 3\)"):
        inner_network(TensorNetwork.of({"A": (A, "i j")}), right)


@pytest.mark.parametrize(
    ("nodes", "output", "message"),
    [
        ({}, None, "nodes is empty"),
        ({"A": A}, None, r"node 'A' is ndarray, expected a tuple \(array, edges, …\)"),
        ({"A": (A,)}, None, "node 'A' is tuple, expected a tuple"),
        ({"A": (A, "ij")}, None, r"node 'A' has 1 edges \('ij',\), expected 2 for shape \(2, 3\) \(names in a string"),
        ({"A": (A, "i j", "i")}, None, r"node 'A' has 1 edges \('i',\), expected 2"),
        ({"A": (A, (0, 1))}, None, r"edges are \(0, 1\), expected names"),
        ({"A": (A, "i j"), "B": (B, "i k")}, None, "edge 'i' has size 2 at mode 0 of node 'A' and size 3 at mode 0 of"),
        ({"A": (A, "i i")}, None, "edge 'i' has size 2 at mode 0 of node 'A' and size 3 at mode 1 of node 'A'"),
        ({"A": (A, "i j")}, "i k", r"output has edges \['k'\] that are at no node, expected some of \['i', 'j'\]"),
        ({"A": (A, "i j")}, "i i", r"output is \('i', 'i'\), expected each edge once"),
        ({"A": (A * np.nan, "i j")}, None, "node 'A' has 6 NaN or infinite entries"),
        ({"A": (np.ones((0, 2)), "i j")}, None, r"node 'A' has shape \(0, 2\), expected at least one entry"),
    ],
)
def test_errors_name_what_is_wrong(nodes: dict[str, tuple[object, ...]], output: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorNetwork.of(nodes, output)


def test_nodes_have_different_names_and_edges() -> None:
    with pytest.raises(ValueError, match="expected each once"):
        TensorNetwork((Node("A", A, (("i", "j"),)), Node("A", A, (("i", "j"),))), ())
    with pytest.raises(ValueError, match="node 'A' has no edges, expected names of 2"):
        Node("A", A, ())
