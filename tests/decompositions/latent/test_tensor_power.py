from __future__ import annotations

import warnings
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiscover.decompositions import PowerSettings, SymmetricDecomposition, tensor_power
from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array


def orthogonal(size: int, components: int, seed: int, least: Any = 0.5) -> SymmetricDecomposition:
    rng = np.random.default_rng(seed)
    vectors = np.linalg.qr(rng.standard_normal((size, components)))[0]
    return SymmetricDecomposition(np.sort(rng.uniform(least, 2, components))[::-1], vectors)


def deviation(found: SymmetricDecomposition, truth: SymmetricDecomposition) -> float:
    """Largest difference of eigenpairs that belong together."""
    order = np.argmax(np.abs(truth.vectors.T @ found.vectors), axis=1)
    assert len(set(order)) == len(truth.eigenvalues)
    of_eigenvalues = np.abs(found.eigenvalues[order] - truth.eigenvalues).max()
    return float(max(of_eigenvalues, np.abs(found.vectors[:, order] - truth.vectors).max()))


def perturbed(truth: SymmetricDecomposition, size: float, seed: int) -> Array:
    """A symmetric tensor at a spectral distance of about `size`."""
    noise = np.random.default_rng(seed).standard_normal((len(truth.vectors),) * 3)
    noise = np.mean([noise.transpose(modes) for modes in permutations(range(3))], axis=0)
    result: Array = truth.to_full() + size * noise / np.linalg.norm(noise.reshape(len(noise), -1), 2)
    return result


def test_full_tensor_is_the_sum_of_cubes() -> None:
    truth = orthogonal(4, 3, 0)
    expected = np.einsum("r,ir,jr,kr->ijk", truth.eigenvalues, *[truth.vectors] * 3)
    np.testing.assert_allclose(truth.to_full(), expected, atol=1e-15)


@given(size=st.integers(1, 8), seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=25, deadline=None)
def test_orthogonal_tensors_are_taken_apart_exactly(size: int, seed: int, data: Any) -> None:
    truth = orthogonal(size, data.draw(st.integers(1, size)), seed)
    tensor = truth.to_full()
    before = tensor.copy()
    fitted = tensor_power(tensor, len(truth.eigenvalues), seed=seed)
    assert fitted.status is Ending.CONVERGED
    assert deviation(fitted.model, truth) < 1e-11
    assert fitted.objective < 1e-11
    np.testing.assert_array_equal(tensor, before)
    assert fitted.history[0] == pytest.approx(np.linalg.norm(tensor))
    assert fitted.iterations == len(truth.eigenvalues)


def test_signs_make_eigenvalues_positive() -> None:
    truth = orthogonal(4, 3, 1)
    fitted = tensor_power(-truth.to_full(), 3)
    assert (fitted.model.eigenvalues > 0).all()
    assert deviation(SymmetricDecomposition(fitted.model.eigenvalues, -fitted.model.vectors), truth) < 1e-11


@pytest.mark.parametrize("size", [1e-3, 1e-6])
def test_a_perturbation_moves_eigenpairs_by_as_much(size: float) -> None:
    truth = orthogonal(6, 4, 2)
    errors = [deviation(tensor_power(perturbed(truth, size, seed), 4).model, truth) for seed in range(5)]
    # The theorem's bounds: 5 ε for eigenvalues and 8 ε/λ for vectors, which are λ ≥ 0.5 here.
    assert size / 100 < max(errors) < 16 * size


def test_iterations_go_on_to_a_fixed_point() -> None:
    tensor = perturbed(orthogonal(6, 4, 2), 0.1, 0)
    found = tensor_power(tensor, 1).model
    vector = found.vectors[:, 0]
    image = np.einsum("ijk,j,k->i", tensor, vector, vector)
    np.testing.assert_allclose(image, found.eigenvalues[0] * vector, atol=1e-11)


def test_callable_gives_the_same_as_its_array() -> None:
    truth = orthogonal(7, 4, 3)
    tensor = perturbed(truth, 1e-4, 0)
    calls = []

    def image(vector: Any) -> Array:
        calls.append(vector)
        result: Array = np.einsum("ijk,j,k->i", tensor, vector, vector)
        return result

    fitted = tensor_power(image, 4, size=7)
    assert fitted.status is Ending.CONVERGED
    assert deviation(fitted.model, tensor_power(tensor, 4).model) < 1e-10
    # The norm that is left is the noise as random unit vectors see it.
    assert 0 < fitted.objective < 1e-3 < fitted.history[0]
    assert len(calls) < 2000


def test_large_implicit_tensor_is_never_formed() -> None:
    truth = orthogonal(2000, 3, 4)
    fitted = tensor_power(lambda v: truth.vectors @ (truth.eigenvalues * (truth.vectors.T @ v) ** 2), 3, size=2000)
    assert deviation(fitted.model, truth) < 1e-11


def test_more_components_than_there_are_have_eigenvalue_zero() -> None:
    truth = orthogonal(5, 2, 5)
    fitted = tensor_power(truth.to_full(), 4)
    assert fitted.status is Ending.CONVERGED
    np.testing.assert_allclose(fitted.model.eigenvalues[2:], 0, atol=1e-13)
    assert tensor_power(np.zeros((3, 3, 3)), 2).objective == 0


def test_single_precision_stays_single() -> None:
    truth = orthogonal(5, 3, 6)
    fitted = tensor_power(truth.to_full().astype(np.float32), 3)
    assert fitted.status is Ending.CONVERGED
    assert fitted.model.vectors.dtype == fitted.model.eigenvalues.dtype == np.float32
    assert deviation(fitted.model, truth) < 1e-5


def test_same_seed_same_result() -> None:
    tensor = perturbed(orthogonal(5, 3, 7), 1e-3, 0)
    one, other = (tensor_power(tensor, 3, seed=11).model for _ in range(2))
    np.testing.assert_array_equal(one.vectors, other.vectors)


def test_too_few_iterations_are_a_status_and_a_warning() -> None:
    with pytest.warns(NotConvergedWarning, match="more iterations"):
        fitted = tensor_power(orthogonal(6, 4, 8).to_full(), 4, settings=PowerSettings(starts=2, iterations=1))
    assert fitted.status is Ending.ITERATION_LIMIT


def test_progress_hears_and_stops() -> None:
    heard = []

    def stop(iteration: int, objective: float) -> bool:
        heard.append((iteration, objective))
        return iteration == 2

    fitted = tensor_power(orthogonal(6, 4, 9).to_full(), 4, progress=stop)
    assert fitted.status is Ending.STOPPED
    assert fitted.model.vectors.shape == (6, 2)
    assert heard == list(enumerate(fitted.history))[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tensor_power(orthogonal(6, 2, 9).to_full(), 2, progress=stop).status is Ending.CONVERGED


def not_symmetric(vector: Any) -> Array:
    return np.array([vector[1] ** 2, 0.0])


@pytest.mark.parametrize(
    ("tensor", "arguments", "message"),
    [
        (np.arange(8.0).reshape(2, 2, 2), {}, "tensor differs by 2 when modes are exchanged"),
        (not_symmetric, {"size": 2}, "tensor differs by .* when modes are exchanged"),
        (np.ones((2, 2)), {}, "tensor has 2 modes"),
        (np.ones((2, 2, 3)), {}, r"tensor has shape \(2, 2, 3\), expected three equal sizes"),
        (np.full((2, 2, 2), np.nan), {}, "tensor has 8 NaN"),
        (np.ones((2, 2, 2), dtype=complex), {}, "tensor is complex"),
        (np.ones((2, 2, 2)), {"components": 3}, "components is 3, expected an integer of at least 1 and at most 2"),
        (np.ones((2, 2, 2)), {"components": 0}, "components is 0"),
        (np.ones((2, 2, 2)), {"size": 3}, "size is 3, expected 2"),
        (np.sin, {}, "size is None"),
        (lambda v: v[:1], {"size": 2}, r"tensor\(v\) has 1 entries, expected 2"),
    ],
)
def test_bad_input_is_named(tensor: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tensor_power(tensor, **{"components": 1, **arguments})


@pytest.mark.parametrize("bad", [{"starts": 0}, {"iterations": 0}, {"tolerance": -1.0}])
def test_bad_settings_are_named(bad: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        PowerSettings(**bad)


def test_decomposition_with_shapes_that_do_not_meet() -> None:
    with pytest.raises(ValueError, match="vectors has 3 columns, expected 2"):
        SymmetricDecomposition(np.ones(2), np.eye(3))
