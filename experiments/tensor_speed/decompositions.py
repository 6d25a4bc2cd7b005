"""CP-ALS, HOSVD and HOOI beside TensorLy and pyttb."""

from __future__ import annotations

import warnings
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pyttb
import tensorly
from tensorly.decomposition import parafac, tucker

from experiments.tensor_speed.timing import Row, compare
from mmdiscover.decompositions.cp.als import cp_als
from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.outcome import NotConvergedWarning
from mmdiscover.decompositions.tucker.hooi import hooi
from mmdiscover.decompositions.tucker.hosvd import st_hosvd
from mmdiscover.decompositions.tucker.tensor import random_tucker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.decompositions.arguments import Array

CP_CASES = (((30, 30, 30), 10), ((100, 100, 100), 10), ((30, 30, 30, 30), 20))
TUCKER_CASES = (((40, 40, 40), (8, 8, 8)), ((150, 150, 150), (15, 15, 15)), ((30, 30, 30, 30), (6, 6, 6, 6)))
_SWEEPS = 20
_ITERATIONS = 5


def noisy(exact: Array, share: float = 0.1, seed: int = 0) -> Array:
    """A tensor with normal noise of a share of its norm."""
    noise = np.random.default_rng(seed).standard_normal(exact.shape)
    return exact + share * float(np.linalg.norm(exact)) / float(np.linalg.norm(noise)) * noise


def _name(method: str, shape: Sequence[int], rank: object) -> str:
    return f"{method} {'×'.join(map(str, shape))}, rank {rank}"


def _agree(tensor: Array, ours: Array, other: Array, tolerance: float) -> None:
    """Both must be as good an approximation, or the times mean nothing."""
    errors = [float(np.linalg.norm(model - tensor) / np.linalg.norm(tensor)) for model in (ours, other)]
    if not errors[0] <= errors[1] * (1 + tolerance):
        raise AssertionError(f"errors differ: {errors[0]} (ours) and {errors[1]}")


def _cp_rows(shape: tuple[int, ...], rank: int) -> list[Row]:
    """Twenty sweeps of all programs from one start."""
    tensor = noisy(random_cp(shape, rank, seed=1).to_full())
    start = random_cp(shape, rank, seed=2)
    factors = [np.array(factor) for factor in start.factors]
    theirs = pyttb.tensor(np.asfortranarray(tensor))
    kruskal = pyttb.ktensor([np.asfortranarray(factor) for factor in factors], np.ones(rank))

    def ours() -> CPTensor:
        return cp_als(tensor, rank, start=start, max_iterations=_SWEEPS, tolerance=0.0).model

    def by_tensorly() -> Array:
        begin = tensorly.cp_tensor.CPTensor((np.ones(rank), [factor.copy() for factor in factors]))
        found = parafac(tensor, rank, n_iter_max=_SWEEPS, init=begin, tol=0)
        return np.asarray(tensorly.cp_to_tensor(found)) if full else found

    def by_pyttb() -> Array:
        found, _, _ = pyttb.cp_als(theirs, rank, init=kruskal, maxiters=_SWEEPS, stoptol=0.0, printitn=0)
        return np.asarray(found.full().data) if full else found

    full = True
    for other in (by_tensorly, by_pyttb):
        _agree(tensor, ours().to_full(), other(), 1e-3)
    full = False
    return compare(_name("CP-ALS", shape, rank), ours, {"TensorLy": by_tensorly, "pyttb": by_pyttb})


def _tucker_rows(shape: tuple[int, ...], ranks: tuple[int, ...]) -> list[Row]:
    tensor = noisy(random_tucker(shape, ranks, seed=1).to_full())
    theirs = pyttb.tensor(np.asfortranarray(tensor))
    rank = list(ranks)
    hosvds = {
        "TensorLy": lambda: tensorly.decomposition.tucker(tensor, rank, n_iter_max=1, init="svd", tol=0),
        "pyttb": lambda: pyttb.hosvd(theirs, 0.0, verbosity=0, ranks=np.array(rank)),
    }
    hoois = {
        "TensorLy": lambda: tucker(tensor, rank, n_iter_max=_ITERATIONS, init="svd", tol=0),
        "pyttb": lambda: pyttb.tucker_als(theirs, rank, init="nvecs", maxiters=_ITERATIONS, stoptol=0.0, printitn=0),
    }
    _agree(tensor, st_hosvd(tensor, ranks).to_full(), np.asarray(hosvds["pyttb"]().full().data), 1e-3)
    _agree(
        tensor,
        hooi(tensor, ranks, max_iterations=_ITERATIONS, tolerance=0.0).model.to_full(),
        tensorly.tucker_to_tensor(hoois["TensorLy"]()),
        1e-3,
    )
    return [
        *compare(_name("HOSVD", shape, ranks[0]), lambda: st_hosvd(tensor, ranks), hosvds),
        *compare(
            _name("HOOI", shape, ranks[0]),
            lambda: hooi(tensor, ranks, max_iterations=_ITERATIONS, tolerance=0.0),
            hoois,
        ),
    ]


def measure() -> list[Row]:
    """All cases, one row for each program beside ours."""
    # pyttb prints what it begins with.
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore", NotConvergedWarning)
        warnings.simplefilter("ignore", UserWarning)
        rows = [row for case in CP_CASES for row in _cp_rows(*case)]
        return rows + [row for case in TUCKER_CASES for row in _tucker_rows(*case)]
