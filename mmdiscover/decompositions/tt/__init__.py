"""Tensor trains: vectors and matrices of exponentially many entries as chains of small cores."""

from mmdiscover.decompositions.tt.arithmetic import (
    add,
    hadamard,
    inner,
    kronecker,
    matmat,
    matvec,
    scale,
    scaled_inner,
    subtract,
)
from mmdiscover.decompositions.tt.matrix import TTMatrix, random_tt_matrix
from mmdiscover.decompositions.tt.rounding import left_orthogonalize, orthogonalize, right_orthogonalize, tt_round
from mmdiscover.decompositions.tt.svd import tt_matrix_svd, tt_svd
from mmdiscover.decompositions.tt.tensor_train import TensorTrain, random_tt

__all__ = [
    "TTMatrix",
    "TensorTrain",
    "add",
    "hadamard",
    "inner",
    "kronecker",
    "left_orthogonalize",
    "matmat",
    "matvec",
    "orthogonalize",
    "random_tt",
    "random_tt_matrix",
    "right_orthogonalize",
    "scale",
    "scaled_inner",
    "subtract",
    "tt_matrix_svd",
    "tt_round",
    "tt_svd",
]
