"""Reverse mode against finite differences, Jacobians and known gradients, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.networks import gradient as module
from mmdiscover.decompositions.networks.contraction import FIXED_ORDERS, SEARCHES, combine
from mmdiscover.decompositions.networks.gradient import gradient, value_and_gradient, vector_jacobian_product
from mmdiscover.decompositions.networks.jacobian import jacobian
from mmdiscover.decompositions.networks.network import TensorNetwork
from tests.decompositions.networks.random_networks import dense, differences, networks

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

orders = st.sampled_from([*SEARCHES, *FIXED_ORDERS])


@given(networks(scalar=True), orders)
def test_finite_differences(network: TensorNetwork, optimizer: str) -> None:
    value, derivatives = value_and_gradient(network, optimizer=optimizer)
    np.testing.assert_allclose(value, dense(network), rtol=1e-10, atol=1e-10)
    assert list(derivatives) == [node.name for node in network.nodes]
    for node in network.nodes:
        expected = differences(network, node.name)
        assert derivatives[node.name].shape == node.array.shape
        np.testing.assert_allclose(
            derivatives[node.name], expected, rtol=1e-6, atol=1e-6 * (1 + np.abs(expected).max())
        )


@given(networks(), orders, st.integers(0, 2**32 - 1))
def test_products_with_jacobians(network: TensorNetwork, optimizer: str, seed: int) -> None:
    adjoint = np.random.default_rng(seed).standard_normal(network.shape)
    found = vector_jacobian_product(network, adjoint, optimizer=optimizer)
    for node in network.nodes:
        expected = np.tensordot(adjoint, jacobian(network, node.name), network.order)
        np.testing.assert_allclose(found[node.name], expected, rtol=1e-9, atol=1e-9)


@given(networks(), st.data())
def test_some_nodes_only(network: TensorNetwork, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from([node.name for node in network.nodes]), unique=True))
    adjoint = np.ones(network.shape)
    every = vector_jacobian_product(network, adjoint)
    some = vector_jacobian_product(network, adjoint, nodes=wanted)
    assert set(some) == set(wanted)
    for name in wanted:
        np.testing.assert_allclose(some[name], every[name], rtol=1e-12, atol=1e-12)


def test_derivatives_are_holomorphic() -> None:
    z = np.array([1.0 + 2.0j, 3.0 - 1.0j])
    found = gradient(TensorNetwork.of({"z": (z, "i", "i")}, ""))
    np.testing.assert_allclose(found["z"], 2 * z)


def chain(length: int) -> TensorNetwork:
    rng = np.random.default_rng(2)
    return TensorNetwork.of(
        {f"A{k}": (rng.standard_normal((2, 2)), f"e{k} e{(k + 1) % length}") for k in range(length)}
    )


def test_one_sweep_takes_two_contractions_for_each_of_the_forward_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(arrays: list[Array], inputs: list[tuple[int, ...]], output: tuple[int, ...]) -> Array:
        calls.append(output)
        return combine(arrays, inputs, output)

    monkeypatch.setattr(module, "combine", counted)
    found = gradient(chain(20))
    assert len(found) == 20
    assert len(calls) == 3 * 19
    calls.clear()
    gradient(chain(20), nodes=["A3"], optimizer="left to right")
    # Back along the steps that A3 or what came of it took part in, 17 of the 19.
    assert len(calls) == 19 + 17


def test_gradients_are_arrays_of_their_own() -> None:
    a, b = np.ones((2, 2)), np.ones((2, 2))
    adjoint = np.ones((2, 2))
    found = vector_jacobian_product(TensorNetwork.of({"a": (a, "i j")}), adjoint)
    found["a"][:] = 5.0
    product = vector_jacobian_product(TensorNetwork.of({"a": (a, "i j"), "b": (b, "i j")}, "i j"), adjoint)
    product["a"][:] = 5.0
    assert (adjoint == 1).all()
    assert (b == 1).all()


def test_one_node_and_its_edges_in_another_order() -> None:
    rng = np.random.default_rng(3)
    cube, adjoint = rng.standard_normal((2, 3, 4, 2)), rng.standard_normal((4, 2))
    network = TensorNetwork.of({"T": (cube, "i j k i")}, "k i")
    found = vector_jacobian_product(network, adjoint)["T"]
    np.testing.assert_allclose(found, np.einsum("ki,ix,j->ijkx", adjoint, np.eye(2), np.ones(3)))


def test_wrong_arguments() -> None:
    network = TensorNetwork.of({"A": (np.ones((2, 3)), "i j"), "x": (np.ones(3), "j")})
    with pytest.raises(ValueError, match=r"network has open edges \('i',\), expected none"):
        gradient(network)
    with pytest.raises(ValueError, match=r"adjoint has shape \(3,\), expected \(2,\), that of the network"):
        vector_jacobian_product(network, np.ones(3))
    with pytest.raises(ValueError, match="node is 'B', expected one of"):
        vector_jacobian_product(network, np.ones(2), nodes=["B"])
