"""Random trains with their dense tensors, made by einsum alone."""

from __future__ import annotations

from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from mmdiscover.decompositions.tt.matrix import TTMatrix
from mmdiscover.decompositions.tt.tensor_train import TensorTrain
from tests.decompositions.dense_tensors import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmdiscover.decompositions.arguments import Array

sizes = st.lists(st.integers(1, 4), min_size=1, max_size=5)
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float64, np.float32, np.complex128, np.complex64])


def draw_cores(shapes: Sequence[tuple[int, ...]], rank: int, seed: int, dtype: Any = np.float64) -> tuple[Array, ...]:
    """Cores with ranks around a given one, also above what is of use."""
    ranks = [1, *np.random.default_rng(seed).integers(1, rank + 1, len(shapes) - 1).tolist(), 1]
    return tuple(draw((ranks[k], *shape, ranks[k + 1]), seed + k, dtype) for k, shape in enumerate(shapes))


def draw_train(shape: Sequence[int], rank: int, seed: int, dtype: Any = np.float64) -> TensorTrain:
    return TensorTrain(draw_cores([(size,) for size in shape], rank, seed, dtype))


def draw_matrix(rows: Sequence[int], columns: Sequence[int], rank: int, seed: int, dtype: Any = np.float64) -> TTMatrix:
    return TTMatrix(draw_cores(list(zip(rows, columns, strict=True)), rank, seed, dtype))


def dense(train: TensorTrain) -> Array:
    """The tensor, in one einsum."""
    order = train.order
    bonds, modes = ascii_letters[: order + 1], ascii_letters[order + 1 : 2 * order + 1]
    terms = ",".join(f"{bonds[k]}{modes[k]}{bonds[k + 1]}" for k in range(order))
    full: Array = np.einsum(f"{terms}->{modes}", *train.cores)
    return full


def dense_matrix(matrix: TTMatrix) -> Array:
    """The matrix, in one einsum."""
    order = matrix.order
    bonds = ascii_letters[: order + 1]
    rows, columns = ascii_letters[order + 1 : 2 * order + 1], ascii_letters[2 * order + 1 : 3 * order + 1]
    terms = ",".join(f"{bonds[k]}{rows[k]}{columns[k]}{bonds[k + 1]}" for k in range(order))
    full: Array = np.einsum(f"{terms}->{rows}{columns}", *matrix.cores).reshape(matrix.shape)
    return full


def rounding_of(chain: TensorTrain | TTMatrix) -> float:
    """What rounding may change the norm by: terms may be larger than their sum, but not than the norms of the cores."""
    terms = float(np.prod([np.linalg.norm(core) for core in chain.cores]))
    return 100 * float(np.finfo(chain.dtype).eps) * terms
