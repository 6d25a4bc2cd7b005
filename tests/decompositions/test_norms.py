"""Norms of numbers whose squares are no floating-point numbers, and what depends on them."""

from __future__ import annotations

import numpy as np
import pytest

from mmdiscover.decompositions import tensor_power
from mmdiscover.decompositions.arguments import as_array, check_cells, check_number, check_ranks
from mmdiscover.decompositions.cp.als import cp_als
from mmdiscover.decompositions.cp.comparison import factor_match_score
from mmdiscover.decompositions.cp.lm import cp_lm
from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.gcp.fit import generalized_cp
from mmdiscover.decompositions.gcp.losses import Poisson
from mmdiscover.decompositions.matrices import left_singular_vectors, truncated_svd
from mmdiscover.decompositions.networks.containers import as_network
from mmdiscover.decompositions.networks.contraction import contract
from mmdiscover.decompositions.networks.hierarchical_svd import hierarchical_svd
from mmdiscover.decompositions.networks.hierarchical_tucker import random_hierarchical_tucker
from mmdiscover.decompositions.networks.peps import random_peps
from mmdiscover.decompositions.networks.ring import TensorRing, random_ring, ring_svd
from mmdiscover.decompositions.norms import column_lengths, frobenius_norm
from mmdiscover.decompositions.sparse import SparseTensor
from mmdiscover.decompositions.tucker.hooi import hooi
from mmdiscover.decompositions.tucker.hosvd import hosvd, st_hosvd
from mmdiscover.decompositions.tucker.tensor import random_tucker

SCALES = pytest.mark.parametrize("scale", [1e-200, 1e200])
DATA = np.random.default_rng(0).standard_normal((4, 5, 6))


@SCALES
def test_norms(scale: float) -> None:
    assert np.isclose(frobenius_norm(DATA * scale) / scale, np.linalg.norm(DATA))
    assert np.allclose(column_lengths(DATA[0] * scale) / scale, np.linalg.norm(DATA[0], axis=0))
    assert frobenius_norm(np.zeros((2, 2))) == 0
    assert (column_lengths(np.zeros((2, 2))) == 0).all()


@SCALES
def test_singular_value_decompositions_do_not_depend_on_the_scale(scale: float) -> None:
    cut = truncated_svd(np.diag([3.0, 2.0, 1.0]) * scale, error=1.5 * scale)
    assert cut.rank == 2
    assert np.isclose(cut.error / scale, 1)
    assert truncated_svd(np.eye(3) * scale).rank == 3
    for method in (hosvd, st_hosvd, hierarchical_svd, ring_svd):
        scaled, plain = method(DATA * scale, error=0.4), method(DATA, error=0.4)
        assert scaled.ranks == plain.ranks
        assert np.allclose(scaled.to_full() / scale, plain.to_full())
        assert np.isclose(method(DATA * scale, 2).to_full() / scale, method(DATA, 2).to_full()).all()


def test_single_precision_does_not_lose_tiny_entries() -> None:
    planted = random_tucker((20, 30, 40), 3).to_full()
    data = planted / np.abs(planted).max() + 0.1 * np.random.default_rng(1).standard_normal(planted.shape)
    _, expected = left_singular_vectors(data, 0, 3)
    for scale in (1e-21, 1e20):
        vectors, error = left_singular_vectors((data * scale).astype(np.float32), 0, 3)
        rest = data - np.tensordot(vectors @ vectors.T.astype(np.float64), data, 1)
        assert np.isclose(np.linalg.norm(rest), expected, rtol=1e-4)
        assert np.isclose(error / scale, expected, rtol=1e-4)


@SCALES
def test_cp_tensors_of_any_scale(scale: float) -> None:
    plain = random_cp((3, 4), 2)
    scaled = CPTensor((plain.factors[0] * scale, plain.factors[1]))
    assert np.isclose(scaled.norm() / scale, plain.norm())
    assert np.allclose(scaled.normalized().to_full() / scale, plain.to_full())
    assert np.isclose(factor_match_score(scaled, plain), 1)
    for kind in (TensorRing((np.full((1, 1, 1), scale),)), SparseTensor.from_dense([scale, 0.0])):
        assert np.isclose(kind.norm() / scale, 1)


@SCALES
def test_iterative_methods_refuse_what_they_cannot_square(scale: float) -> None:
    for method in (cp_als, cp_lm, hooi):
        with pytest.raises(ValueError, match=r"has the norm 1.*, expected one from 1e-146 to 2e\+146"):
            method(DATA * scale, 2)
    with pytest.raises(ValueError, match="tensor has the norm 1e"):
        tensor_power(np.ones((1, 1, 1)) * scale, 1)


def test_arguments_of_other_types_are_named() -> None:
    with pytest.raises(ValueError, match=r"ranks is 2.0, expected an integer or 3 of them"):
        check_ranks("ranks", 2.0, (4, 4, 4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"error is '0.1', expected a number >= 0"):
        check_number("error", "0.1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tensor is not an array, expected numbers in rows of equal length"):
        as_array("tensor", [[1, 2], [3]])
    with pytest.raises(ValueError, match="dtype is int64, expected float32"):
        random_cp((2, 3), 2, dtype=np.int64)


@pytest.mark.parametrize("model", [random_cp((4, 5), 2), random_tucker((4, 5), 2), random_ring((4, 5), 2)])
def test_cells_are_checked(model: CPTensor) -> None:
    for wrong in ([[0, 0, 0]], [[0]], [0, 0], [[0.0, 0.0]]):
        with pytest.raises(ValueError, match=r"indices are .*, expected integers of shape \(m, 2\)"):
            model.entries(np.array(wrong))
    for outside in ([[0, 5]], [[-1, 0]]):
        with pytest.raises(ValueError, match=r"indices has the cell \(.*\), expected cells of a tensor"):
            model.entries(np.array(outside))
    assert model.entries(np.zeros((0, 2), dtype=int)).shape == (0,)
    assert check_cells([[3, 4]], (4, 5)).tolist() == [[3, 4]]


def test_objects_of_other_classes_are_named() -> None:
    cp, tucker, ring = random_cp((4, 5), 2), random_tucker((4, 5), 2), random_ring((4, 5), 2)
    tree, lattice = random_hierarchical_tucker((4, 5), 2), random_peps(1, 2, 4, 2)
    for model in (cp, tucker, ring, tree, lattice):
        with pytest.raises(ValueError, match=f"other is a ndarray, expected a {type(model).__name__}"):
            model.inner(np.ones((4, 5)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start is a CPTensor, expected a TuckerTensor"):
        hooi(np.ones((4, 5)), 2, start=cp)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start is a TuckerTensor, expected a CPTensor"):
        generalized_cp(np.ones((4, 5)), 2, Poisson(), start=tucker)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="loss is the class Poisson, expected an object"):
        generalized_cp(np.ones((4, 5)), 2, Poisson)  # type: ignore[arg-type]
    network = as_network(cp)
    assert repr(network) == "TensorNetwork(A0[d0,r] A1[d1,r] w[r] -> [d0,d1])"
    for optimizer in (None, [0, 1]):
        with pytest.raises(ValueError, match=r"optimizer is .*, expected a name or a path"):
            contract(network, optimizer=optimizer)  # type: ignore[arg-type]
