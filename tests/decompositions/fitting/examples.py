"""Tensors in the three forms, and entries observed of them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.decompositions.cp.tensor import random_cp
from mmdiscover.decompositions.sparse import SparseTensor
from mmdiscover.decompositions.tt.tensor_train import TensorTrain
from mmdiscover.decompositions.tucker.tensor import TuckerTensor

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

FORMS = ("cp", "tucker", "tt")


def planted(name: str, shape: tuple[int, ...], rank: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    if name == "cp":
        return random_cp(shape, rank, seed=rng)
    if name == "tucker":
        factors = tuple(rng.standard_normal((size, rank)) for size in shape)
        return TuckerTensor(rng.standard_normal([rank] * len(shape)), factors)
    ranks = (1, *[rank] * (len(shape) - 1), 1)
    return TensorTrain(tuple(rng.standard_normal((ranks[n], size, ranks[n + 1])) for n, size in enumerate(shape)))


def observe(full: Array, share: float, seed: int = 0) -> SparseTensor:
    cells = np.random.default_rng(seed).permutation(full.size)[: round(share * full.size)]
    indices = np.stack(np.unravel_index(cells, full.shape), axis=1)
    return SparseTensor(indices, full[tuple(indices.T)], full.shape)


def distance(model: Any, full: Array) -> float:
    return float(np.linalg.norm(model.to_full() - full) / np.linalg.norm(full))


def samples(shape: tuple[int, ...], count: int, seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal((count, prod(shape))).reshape(count, *shape)
