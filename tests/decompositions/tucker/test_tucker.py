"""Tucker tensors, HOSVD and HOOI: bounds, exactness, and dense oracles."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiscover.decompositions.outcome import Ending, NotConvergedWarning
from mmdiscover.decompositions.products import matricize
from mmdiscover.decompositions.tucker.hooi import hooi
from mmdiscover.decompositions.tucker.hosvd import hosvd, st_hosvd
from mmdiscover.decompositions.tucker.tensor import TuckerTensor, random_tucker
from tests.decompositions.dense_tensors import close, draw, dtypes, relative_error, seeds

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

METHODS = [hosvd, st_hosvd]


@st.composite
def formats(draw_: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape, and ranks that no mode's rank of such a tensor is below."""
    shape = draw_(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    return tuple(shape), tuple(draw_(st.integers(1, size)) for size in shape)


@given(formats(), seeds, dtypes)
def test_everything_equals_the_dense_tensor(
    sizes: tuple[tuple[int, ...], tuple[int, ...]], seed: int, dtype: DTypeLike
) -> None:
    shape, ranks = sizes
    tensor, other = random_tucker(shape, ranks, seed=seed, dtype=dtype), random_tucker(shape, 2, seed=1, dtype=dtype)
    full = tensor.core
    for mode, factor in enumerate(tensor.factors):
        full = np.moveaxis(np.tensordot(factor, full, (1, mode)), 0, mode)
    assert close(tensor.to_full(), full, dtype)
    assert close(tensor.norm(), np.linalg.norm(full), dtype)
    assert close(tensor.inner(other), np.vdot(full, other.to_full()), dtype)
    assert close(tensor.entries(np.argwhere(np.ones(shape))), full.ravel(), dtype)
    assert tensor.parameters == tensor.core.size + sum(factor.size for factor in tensor.factors)
    assert (tensor.shape, tensor.ranks, tensor.order) == (shape, ranks, len(shape))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("ranks", [(3, 4, 2), (1, 1, 1), (6, 7, 8)])
def test_exact_when_the_multilinear_rank_allows(method: object, dtype: DTypeLike, ranks: tuple[int, ...]) -> None:
    tensor = random_tucker((6, 7, 8), ranks, seed=1, dtype=dtype).to_full()
    found: TuckerTensor = method(tensor, ranks)  # type: ignore[operator]
    assert relative_error(found.to_full(), tensor) < (1e-5 if dtype == np.float32 else 1e-13)
    assert all(np.allclose(f.conj().T @ f, np.eye(f.shape[1]), atol=1e-4) for f in found.factors)
    allowed = 1e-4 if dtype == np.float32 else 1e-11
    # The rank along a mode is at most the product of the others.
    assert method(tensor, error=allowed).ranks == tuple(  # type: ignore[operator]
        int(np.linalg.matrix_rank(matricize(tensor, mode), tol=allowed * np.linalg.norm(tensor))) for mode in range(3)
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(4))
def test_the_error_is_at_most_root_n_times_the_best(method: object, seed: int) -> None:
    """The best from many starts of HOOI; random and structured tensors."""
    i, j, k = np.ogrid[:5, :6, :7]
    tensor = draw((5, 6, 7), seed) if seed < 2 else (1.0 / (1 + i + j + k) if seed == 2 else np.cos(i * j - k))
    ranks = (2, 3, 2)
    starts = [None, *(st_hosvd(draw((5, 6, 7), start), ranks) for start in range(20))]
    best = min(hooi(tensor, ranks, start=start, max_iterations=500, tolerance=1e-7).objective for start in starts)
    found = relative_error(method(tensor, ranks).to_full(), tensor)  # type: ignore[operator]
    assert best * (1 - 1e-6) <= found <= sqrt(3) * best
    # The known bound by what each matricization must lose.
    tails = [np.linalg.svd(matricize(tensor, mode), compute_uv=False)[rank:] for mode, rank in enumerate(ranks)]
    assert found <= np.linalg.norm(np.concatenate(tails)) / np.linalg.norm(tensor) * (1 + 1e-9)


@pytest.mark.parametrize("method", METHODS)
@given(seeds, st.floats(1e-12, 0.9))
def test_a_stated_error_is_kept(method: object, seed: int, error: float) -> None:
    tensor = random_tucker((5, 4, 3, 3), (3, 2, 3, 2), seed=seed).to_full() + 1e-5 * draw((5, 4, 3, 3), seed)
    found: TuckerTensor = method(tensor, error=error)  # type: ignore[operator]
    assert relative_error(found.to_full(), tensor) <= error * (1 + 1e-9) + 1e-14


def test_both_limits_hold() -> None:
    tensor = draw((5, 5, 5), 1)
    assert hosvd(tensor, 2, error=1e-3).ranks == (2, 2, 2)
    assert hosvd(tensor, (2, 9 - 4, 1), error=0.9).ranks[0] <= 2


def test_the_order_of_modes_is_the_callers() -> None:
    tensor = draw((3, 4, 5), 1)
    errors = {
        modes: relative_error(st_hosvd(tensor, 2, modes=modes).to_full(), tensor) for modes in [(0, 1, 2), (2, 1, 0)]
    }
    assert errors[0, 1, 2] != errors[2, 1, 0]
    assert relative_error(st_hosvd(tensor, 2).to_full(), tensor) == errors[0, 1, 2]


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_hooi_is_at_a_fixed_point(dtype: DTypeLike) -> None:
    tensor = draw((5, 6, 7), 1, dtype)
    fitted = hooi(tensor, (2, 3, 2), tolerance=1e-13, max_iterations=3000)
    assert fitted.converged
    assert np.all(np.diff(fitted.history) < 1e-12)
    assert fitted.objective == pytest.approx(relative_error(fitted.model.to_full(), tensor))
    assert fitted.history[0] == pytest.approx(relative_error(st_hosvd(tensor, (2, 3, 2)).to_full(), tensor))
    # Every factor is what the projection on the others asks for.
    a, b, c = (factor.conj() for factor in fitted.model.factors)
    projections = ("ijk,jb,kc->ibc", (b, c)), ("ijk,ia,kc->jac", (a, c)), ("ijk,ia,jb->kab", (a, b))
    for mode, (formula, others) in enumerate(projections):
        unfolded = matricize(np.einsum(formula, tensor, *others), 0)
        vectors = np.linalg.svd(unfolded)[0][:, : fitted.model.ranks[mode]]
        factor = fitted.model.factors[mode]
        assert np.allclose(vectors @ vectors.conj().T, factor @ factor.conj().T, atol=1e-4)


def test_hooi_says_when_it_has_not_converged_and_can_be_stopped() -> None:
    tensor = draw((5, 6, 7), 1)
    with pytest.warns(NotConvergedWarning, match="hooi ended without converging"):
        assert hooi(tensor, 2, max_iterations=1, tolerance=0).status is Ending.ITERATION_LIMIT
    assert hooi(tensor, 2, progress=lambda *_: True).status is Ending.STOPPED


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hosvd(np.ones((2, 3)), (2, 4)), r"ranks\[1\] is 4, expected an integer of at least 1 and at most 3"),
        (lambda: hosvd(np.ones((2, 3)), (2,)), r"ranks has 1 entries \(\(2,\)\), expected 2"),
        (lambda: hosvd(np.ones((2, 3)), 0), "ranks is 0"),
        (lambda: hosvd(np.ones((2, 3)), error=-1), "error is -1"),
        (lambda: st_hosvd(np.ones((2, 3)), modes=(0, 0)), r"modes is \(0, 0\), expected an arrangement of 0 to 1"),
        (lambda: hooi(np.zeros((2, 3)), 1), "tensor is zero everywhere"),
        (lambda: hooi(np.ones((2, 3)), 1, start=random_tucker((2, 3), 2)), "start has shape .* and ranks"),
        (lambda: hooi(np.ones((2, 3)), 2, start=random_tucker((2, 3), 2)), "columns that are not orthonormal"),
        (lambda: TuckerTensor(np.ones((2, 2)), (np.ones((3, 2)), np.ones((3, 3)))), r"factors have \(2, 3\) columns"),
        (lambda: random_tucker((2, 2), 1).inner(random_tucker((2, 3), 1)), "other has shape"),
    ],
)
def test_bad_arguments_are_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_hooi_takes_the_core_of_a_start_anew() -> None:
    tensor = np.random.default_rng(4).standard_normal((4, 5, 6))
    good = hosvd(tensor, 2)
    for start in (good, TuckerTensor(good.core * 0 + 1e-3, good.factors)):
        first = hooi(tensor, 2, start=start, tolerance=1e-3).history[0]
        assert np.isclose(first, np.linalg.norm(tensor - good.to_full()) / np.linalg.norm(tensor))


def test_the_error_of_hooi_falls_to_rounding() -> None:
    for seed in range(5):
        assert hooi(random_tucker((6, 7, 8), 2, seed=seed).to_full(), 2).objective < 1e-14
        single = hooi(random_tucker((6, 7, 8), 2, seed=seed, dtype=np.float32).to_full(), 2)
        assert 0 < single.objective < 2e-6
        assert single.iterations < 5


def test_hooi_takes_a_start_that_it_would_give() -> None:
    tensor = np.random.default_rng(5).standard_normal((5, 4, 3))
    first = hooi(tensor, (5, 1, 1)).model
    assert first.ranks == (1, 1, 1)
    again = hooi(tensor, (5, 1, 1), start=first)
    assert again.iterations == 1
