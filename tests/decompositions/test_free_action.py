"""The fit under a free action of orthogonal matrices on the three modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions import Ending, FitSettings, FreeAction, fit_cp, kernels
from mmdiscover.decompositions.gauss_newton import flatten
from tests.decompositions.dense import damped_matrix, gradient, model, problem

if TYPE_CHECKING:
    from mmdiscover.decompositions import CPFit
    from mmdiscover.decompositions.gauss_newton import Array, Triple
    from tests.decompositions.dense import Problem


def reflection(size: int, rng: np.random.Generator) -> Array:
    """Symmetric and orthogonal, with eigenvalues of both signs where there is room."""
    basis = np.linalg.qr(rng.standard_normal((size, size)))[0]
    result: Array = basis @ np.diag((-1.0) ** np.arange(size)) @ basis.T
    return result


def quarter_turns(size: int) -> Array:
    """Of order two up to the sign −1."""
    return np.kron(np.eye(size // 2), np.array([[0.0, 1.0], [-1.0, 0.0]]))


def actions(shape: tuple[int, int, int], seed: int, turned: bool) -> Triple:
    """Matrices on the modes; turns on the even ones where asked, of which there must be two."""
    rng = np.random.default_rng(seed)
    x, y, z = (quarter_turns(size) if turned and size % 2 == 0 else reflection(size, rng) for size in shape)
    return x, y, z


def with_action(shape: tuple[int, int, int], pairs: int, images: Triple, seed: int) -> Problem:
    """A random tensor and random factors with the symmetry."""
    tensor, factors = problem(shape, 2 * pairs, seed)
    for factor, image in zip(factors, images, strict=True):
        factor[:, 1::2] = image @ factor[:, ::2]
    return (tensor + np.einsum("abc,xa,yb,zc->xyz", tensor, *images)) / 2, factors


def assert_symmetric(factors: Triple, images: Triple) -> None:
    for factor, image in zip(factors, images, strict=True):
        np.testing.assert_allclose(factor[:, 1::2], image @ factor[:, ::2], rtol=0, atol=1e-14 * np.abs(factor).max())


def fit(given_problem: Problem, images: Triple, settings: FitSettings) -> CPFit:
    return fit_cp(*given_problem, settings, FreeAction(images))


# Modes in any order of size; the second mode is the odd one where there are turns.
cases = st.tuples(st.sampled_from([(2, 3, 4), (4, 3, 2), (2, 1, 2), (4, 3, 4)]), st.integers(1, 3), st.booleans())


@given(cases, st.integers(0, 2**32 - 1), st.sampled_from([None, 0.5]))
def test_every_iterate_has_the_symmetry(
    case: tuple[tuple[int, int, int], int, bool], seed: int, share: float | None
) -> None:
    shape, pairs, turned = case
    images = actions(shape, seed, turned)
    tensor, start = with_action(shape, pairs, images, seed)
    bound = share and share * float(np.sum(flatten(start) ** 2))
    end = fit((tensor, start), images, FitSettings(bound=bound, max_iterations=30))
    assert_symmetric(end.factors, images)
    assert end.objective == pytest.approx(np.sum((model(end.factors) - tensor) ** 2), rel=1e-9, abs=1e-20)
    assert np.all(np.diff(end.history) <= 0)
    assert bound is None or np.sum(flatten(end.factors) ** 2) <= bound * (1 + 1e-12)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 4), (4, 3, 2)])
def test_one_step_is_that_of_all_unknowns(shape: tuple[int, int, int], turned: bool) -> None:
    images = actions(shape, 1, turned)
    tensor, start = with_action(shape, 2, images, 3)
    end = fit((tensor, start), images, FitSettings(max_iterations=1))
    damping = 0.1 * max(float((factor.T @ factor).max()) for factor in start)
    step = np.linalg.solve(damped_matrix(start, damping), -gradient((tensor, start)))
    assert end.history[1] < end.history[0]
    np.testing.assert_allclose(flatten(end.factors), flatten(start) + step, rtol=1e-8, atol=1e-9)


def test_the_start_is_made_symmetric_from_the_first_of_each_pair() -> None:
    shape = (4, 3, 2)
    images = actions(shape, 1, turned=False)
    tensor, _ = with_action(shape, 2, images, 0)
    _, start = problem(shape, 4, 1)
    kept = flatten(start)
    made = fit((tensor, start), images, FitSettings(max_iterations=0)).factors
    assert_symmetric(made, images)
    for factor, given_factor in zip(made, start, strict=True):
        np.testing.assert_array_equal(factor[:, ::2], given_factor[:, ::2])
    np.testing.assert_array_equal(flatten(start), kept)


def test_arrays_that_cannot_be_written_to_are_not_compiled_for() -> None:
    shape = (2, 3, 4)  # so that no mode is moved, and nothing needs to be copied for that
    images = actions(shape, 1, turned=False)
    tensor, _ = with_action(shape, 2, images, 0)
    for array in (tensor, *images):
        array.flags.writeable = False
    fit((tensor, problem(shape, 4, 1)[1]), images, FitSettings(max_iterations=1))
    iterate: Any = kernels.iterate
    for tensor_type, _, system_type, *_ in iterate.signatures:
        assert all(array_type.mutable for array_type in (tensor_type, *system_type))


@pytest.mark.parametrize("turned", [False, True])
def test_tensors_of_low_rank_are_decomposed_symmetrically(turned: bool) -> None:
    shape = (4, 3, 4)
    images = actions(shape, 2, turned)
    _, factors = with_action(shape, 1, images, 5)
    tensor = model(factors)
    settings = FitSettings(tolerance=1e-22, max_iterations=200)
    ends = [fit((tensor, problem(shape, 2, seed)[1]), images, settings) for seed in range(10)]
    exact = [end for end in ends if end.status is Ending.CONVERGED]
    assert len(exact) >= 4
    for end in exact:
        assert_symmetric(end.factors, images)
        np.testing.assert_allclose(model(end.factors), tensor, atol=1e-10)


GOOD = actions((4, 3, 2), 1, turned=False)
TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])


@pytest.mark.parametrize(
    ("rank", "images", "message"),
    [
        (4, (GOOD[0], GOOD[1], GOOD[0]), "images have shapes"),
        (3, GOOD, "rank is 3, expected an even one"),
        (4, (2 * GOOD[0], GOOD[1], GOOD[2] / 2), "not orthogonal of order two"),
        (4, (np.roll(np.eye(4), 1, axis=0), GOOD[1], GOOD[2]), "not orthogonal of order two"),
        (4, (GOOD[0], GOOD[1], np.array([[1.0, 1.0], [0.0, -1.0]])), "not orthogonal of order two"),
        (4, (GOOD[0], GOOD[1], TURN), "not left as it is"),
        (4, (GOOD[0], np.eye(3), GOOD[2]), "not left as it is"),
    ],
)
def test_actions_that_cannot_be(rank: int, images: Triple, message: str) -> None:
    tensor, _ = with_action((4, 3, 2), 2, GOOD, 0)
    with pytest.raises(ValueError, match=message):
        fit((tensor, problem((4, 3, 2), rank, 0)[1]), images, FitSettings())


def test_an_odd_number_of_signs_is_refused() -> None:
    # The action leaves the tensor zero as it is, but applied twice it changes the sign of every term.
    with pytest.raises(ValueError, match="not left as it is"):
        fit((np.zeros((4, 3, 2)), problem((4, 3, 2), 4, 0)[1]), (GOOD[0], GOOD[1], TURN), FitSettings())
