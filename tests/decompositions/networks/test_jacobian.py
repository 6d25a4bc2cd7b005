"""Jacobians of networks against finite differences and the known ones of matrix calculus."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from mmdiscover.decompositions.networks.contraction import contract, contraction_cost
from mmdiscover.decompositions.networks.jacobian import jacobian, jacobian_network
from mmdiscover.decompositions.networks.network import TensorNetwork
from tests.decompositions.networks.random_networks import differences, networks

RNG = np.random.default_rng(1)
A, M = RNG.standard_normal((3, 3)), RNG.standard_normal((2, 3))
u, v = RNG.standard_normal(3), RNG.standard_normal(3)

INNER = TensorNetwork.of({"u": (u, "i"), "v": (v, "i")})
PRODUCT = TensorNetwork.of({"M": (M, "i j"), "x": (u, "j")})
FORM = TensorNetwork.of({"x": (u, "i", "j"), "A": (A, "i j")})
TRACE = TensorNetwork.of({"A": (A, "i i")})


@pytest.mark.parametrize(
    ("network", "name", "expected"),
    [
        (INNER, "u", v),
        (PRODUCT, "x", M),
        (FORM, "A", np.outer(u, u)),
        (FORM, "x", (A + A.T) @ u),
        (TRACE, "A", np.eye(3)),
        (PRODUCT, "M", np.multiply.outer(np.eye(2), u)),
    ],
    ids=["<u,v> by u", "Ax by x", "xAx by A", "xAx by x", "Tr A by A", "Ax by A"],
)
def test_known_derivatives(network: TensorNetwork, name: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(jacobian(network, name), expected, rtol=1e-13, atol=1e-15)


@given(networks())
def test_finite_differences(network: TensorNetwork) -> None:
    for node in network.nodes:
        expected = differences(network, node.name)
        found = jacobian(network, node.name)
        assert found.shape == (*network.shape, *node.array.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * (1 + np.abs(expected).max()))


def test_a_deleted_node_leaves_its_edges_open() -> None:
    arrays = {
        "A": ("d1 R1", (4, 2)),
        "B": ("R1 d2 R2", (2, 3, 5)),
        "C": ("d3 R2 R3", (3, 5, 2)),
        "D": ("R3 d4", (2, 4)),
    }
    network = TensorNetwork.of({name: (RNG.standard_normal(shape), edges) for name, (edges, shape) in arrays.items()})
    left = jacobian_network(network, "B")
    assert str(left) == "A[d1,R1] C[d3,R2,R3] D[R3,d4] I(d2,d2')[d2,d2'] -> [d1,d2,d3,d4,R1,d2',R2]"
    np.testing.assert_allclose(contract(left), jacobian(network, "B"))


def test_networks_of_copies_add_up() -> None:
    parts = [contract(jacobian_network(FORM, "x", copy=copy)) for copy in (0, 1)]
    np.testing.assert_allclose(parts[0], A @ u)
    np.testing.assert_allclose(parts[1], A.T @ u)
    with pytest.raises(ValueError, match=r"node 'x' has 2 copies, expected the number of one of them as copy"):
        jacobian_network(FORM, "x")
    with pytest.raises(ValueError, match="copy is 2, expected an integer of at least 0 and at most 1"):
        jacobian_network(FORM, "x", copy=2)
    with pytest.raises(ValueError, match="node is 'y', expected one of"):
        jacobian(FORM, "y")


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (TensorNetwork.of({"c": (2.0, "")}), 1.0),
        (TensorNetwork.of({"u": (u, "i")}, ""), np.ones(3)),
        (TensorNetwork.of({"u": (u, "i")}), np.eye(3)),
        (TensorNetwork.of({"u": (A, "i i")}, "i"), np.einsum("ij,ik->ijk", np.eye(3), np.eye(3))),
    ],
    ids=["number", "sum", "itself", "diagonal"],
)
def test_nothing_but_the_node(network: TensorNetwork, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(jacobian(network, network.nodes[0].name), expected)


def test_new_names_do_not_collide() -> None:
    network = TensorNetwork.of({"A": (M, "i j"), "I(i,i'')": (M, "i i'"), "x": (u, "j")}, "i i'")
    expected = np.einsum("ab,ai,j->abij", M, np.eye(2), u)
    np.testing.assert_allclose(jacobian(network, "A"), expected)


def test_the_jacobian_of_a_layer_in_tensor_train_form_is_the_largest_array_formed() -> None:
    sizes, rank, order = (4, 3), 3, 4
    nodes: dict[str, tuple[object, ...]] = {"x": (RNG.standard_normal((3,) * order), "d1 d2 d3 d4")}
    for k in range(1, order + 1):
        left, right = (1 if k == 1 else rank), (1 if k == order else rank)
        nodes[f"G{k}"] = (RNG.standard_normal((left, *sizes, right)), f"r{k} h{k} d{k} r{k + 1}")
    network = TensorNetwork.of(nodes, "h1 h2 h3 h4")
    expected = jacobian(network, "G2")
    assert expected.shape == (4, 4, 4, 4, 3, 4, 3, 3)
    assert contraction_cost(jacobian_network(network, "G2")).largest_intermediate == expected.size
    arrays = [nodes[name][0] for name in ("G1", "G3", "G4", "x")]
    wanted = np.einsum("xahr,scgt,tdky,hjgk,bi->abcdrijs", *arrays, np.eye(4), optimize=True)  # type: ignore[call-overload]
    np.testing.assert_allclose(expected, wanted, rtol=1e-10, atol=1e-10)
