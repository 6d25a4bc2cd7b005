"""TT-SVD beside TensorLy and teneva, and arithmetic of tensor trains beside teneva.

teneva has no product of a matrix and a vector in tensor-train form; that of ours is beside the one einsum per core that
its definition is. teneva rounds by eigenvectors of Gram matrices unless told otherwise, which loses half of the digits;
both ways are timed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import teneva
from tensorly.decomposition import tensor_train
from threadpoolctl import threadpool_limits

from experiments.tensor_speed.timing import Row, compare
from mmdiscover.decompositions.tt.arithmetic import add, hadamard, inner, matvec
from mmdiscover.decompositions.tt.matrix import random_tt_matrix
from mmdiscover.decompositions.tt.rounding import tt_round
from mmdiscover.decompositions.tt.svd import tt_svd
from mmdiscover.decompositions.tt.tensor_train import TensorTrain, random_tt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.decompositions.arguments import Array

SVD_CASES = (((20, 20, 20, 20), 10), ((100, 100, 100), 20), ((8, 8, 8, 8, 8, 8, 8), 6))
TRAIN_CASES = ((10, 10, 4), (100, 4, 8), (20, 8, 16))
"""Cores N, size d of each mode, and all ranks R."""
MATRIX_RANK = 4


def _distance(train: TensorTrain, cores: Sequence[Array]) -> float:
    """Of two trains, relative to the first."""
    return (train - TensorTrain(tuple(np.array(core) for core in cores))).norm() / train.norm()


def _agree(case: str, difference: float, most: float) -> None:
    """Both must compute the same, or the times mean nothing."""
    if not difference <= most:
        raise AssertionError(f"{case}: results differ by {difference}")


def _svd_rows(shape: tuple[int, ...], rank: int) -> list[Row]:
    """A train of these ranks with noise of a tenth of its norm."""
    exact = random_tt(shape, rank, norm=1.0, seed=1).to_full()
    noise = np.random.default_rng(2).standard_normal(shape)
    tensor = exact + 0.1 * noise / float(np.linalg.norm(noise))
    case = f"TT-SVD {'×'.join(map(str, shape))}, rank {rank}"
    ranks = tt_svd(tensor, rank).ranks
    references = {
        "TensorLy": lambda: tensor_train(tensor, [1, *ranks, 1]),
        "teneva": lambda: teneva.svd(tensor, 0.0, rank),
    }
    ours = tt_svd(tensor, ranks)
    _agree(case, _distance(ours, references["TensorLy"]().factors), 1e-10)
    # teneva leaves half of the singular values in each core, so that later cuts are not the best ones.
    own, other = (
        float(np.linalg.norm(each.to_full() - tensor)) for each in (ours, TensorTrain(tuple(references["teneva"]())))
    )
    _agree(case, own / other, 1.001)
    return compare(case, lambda: tt_svd(tensor, ranks), references, seconds=4.0)


def _einsum(matrix: Sequence[Array], vector: Sequence[Array]) -> list[Array]:
    """The product of a matrix and a vector as it is written down."""
    return [
        np.einsum("rijs,qjt->rqist", a, x, optimize=True).reshape(len(a) * len(x), a.shape[1], -1)
        for a, x in zip(matrix, vector, strict=True)
    ]


def _train_rows(order: int, size: int, rank: int) -> list[Row]:
    """Dot, sum, Hadamard product and matrix-vector product of trains of norm 1, and the sum rounded to its half."""
    u, v = (random_tt([size] * order, rank, norm=1.0, seed=seed) for seed in (1, 2))
    matrix = random_tt_matrix([size] * order, [size] * order, MATRIX_RANK, seed=3)
    total = add(u, v)
    a, b, sums, columns = ([np.array(core) for core in chain.cores] for chain in (u, v, total, matrix))
    sizes = f"N = {order}, d = {size}, R = {rank}"

    def by_gram() -> list[Array]:
        rounded: list[Array] = teneva.truncate(sums, 1e-15, rank)
        return rounded

    def by_svd() -> list[Array]:
        rounded: list[Array] = teneva.truncate(sums, 1e-15, rank, is_eigh=False)
        return rounded

    _agree("dot", abs(inner(u, v) - teneva.mul_scalar(a, b)), 1e-12)
    _agree("add", _distance(total, teneva.add(a, b)), 1e-12)
    _agree("Hadamard", _distance(hadamard(u, v), teneva.mul(a, b)), 1e-12)
    unit = matvec(matrix, u).normalized()[0]
    theirs = TensorTrain(tuple(_einsum(columns, a))).normalized()[0]
    _agree("matvec", (unit - theirs).norm(), 1e-12)
    _same_quality(total, tt_round(total, rank), by_svd())
    _same_quality(total, tt_round(total, rank), by_gram())
    return [
        *compare(f"TT dot, {sizes}", lambda: inner(u, v), {"teneva": lambda: teneva.mul_scalar(a, b)}),
        *compare(f"TT add, {sizes}", lambda: add(u, v), {"teneva": lambda: teneva.add(a, b)}),
        *compare(f"TT Hadamard, {sizes}", lambda: hadamard(u, v), {"teneva": lambda: teneva.mul(a, b)}),
        *compare(
            f"TT matvec, {sizes}, matrix rank {MATRIX_RANK}",
            lambda: matvec(matrix, u),
            {"einsum": lambda: _einsum(columns, a)},
        ),
        *compare(
            f"TT rounding, {sizes}, from 2R to R",
            lambda: tt_round(total, rank),
            {"teneva (Gram)": by_gram, "teneva (SVD)": by_svd},
            seconds=2.0,
        ),
    ]


def _same_quality(exact: TensorTrain, ours: TensorTrain, cores: Sequence[Array]) -> None:
    """Sweeps from different ends cut off different parts; the errors must be alike."""
    own, other = (exact - ours).norm() / exact.norm(), _distance(exact, cores)
    _agree("rounding", own / other, 1.1)


def measure() -> list[Row]:
    """All cases, one row for each program beside ours."""
    with threadpool_limits(1):
        rows = [row for case in SVD_CASES for row in _svd_rows(*case)]
        return rows + [row for case in TRAIN_CASES for row in _train_rows(*case)]


if __name__ == "__main__":
    for row in measure():
        times = f"{row['ours_ms']:10.3f} {row['reference_ms']:10.3f} {row['ratio']:6.2f}"
        print(f"{row['case']:52} {row['reference']:>14} {times}")
