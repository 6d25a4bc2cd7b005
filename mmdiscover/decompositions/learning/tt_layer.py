"""The fully connected layer whose weights are a matrix in tensor-train form."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import check_number
from mmdiscover.decompositions.learning.layers import check_bias, check_samples
from mmdiscover.decompositions.tt.matrix import TTMatrix, random_tt_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from mmdiscover.decompositions.arguments import Array, Seed

Tape = list[tuple["Array", "Array"]]
"""For each core, the matrix it acts as and what it acted on."""


@dataclass(frozen=True, eq=False, repr=False)
class TTLayer:
    """y = W x + b with W in tensor-train form, which is never formed (Novikov et al., NeurIPS 2015, arXiv:1509.06569).

    Both passes contract one core after the other: O(d r² m max(M, N)) operations for one sample, where d is the number
    of cores, r the largest rank and m the largest mode. The backward pass keeps what each core acted on and costs twice
    the forward one; the formula of the paper, O(d² r⁴ m max(M, N)), is for a way that keeps nothing.

    Parameters
    ----------
    weights : TTMatrix, shape (M, N)
        Real.
    bias : array_like, shape (M,)

    Examples
    --------
    >>> layer = random_tt_layer((4, 8, 8), (4, 4, 4), 3)
    >>> layer.shape, layer.parameters, layer.dense_parameters
    ((256, 64), 688, 16640)
    >>> outputs, tape = layer.forward(np.ones((2, 64)))
    >>> gradients, by_inputs = layer.backward(tape, np.ones((2, 256)))
    >>> [gradient.shape for gradient in gradients], by_inputs.shape
    ([(1, 4, 4, 3), (3, 8, 4, 3), (3, 8, 4, 1), (256,)], (2, 64))
    """

    weights: TTMatrix
    bias: Array

    def __post_init__(self) -> None:
        if not isinstance(self.weights, TTMatrix):
            raise ValueError(  # noqa: TRY004 # the house raises ValueError for every bad argument
                f"weights is a {type(self.weights).__name__}, expected a TTMatrix"
            )
        if self.weights.dtype.kind == "c":
            raise ValueError("weights are complex, expected real numbers")
        object.__setattr__(self, "bias", check_bias(self.bias, self.weights.shape[0]))

    def __repr__(self) -> str:
        return f"TTLayer(weights={self.weights!r})"

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All cores and the bias."""
        return (*self.weights.cores, self.bias)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of outputs M and of inputs N."""
        return self.weights.shape

    @property
    def parameters(self) -> int:
        """Numbers to learn: entries of the cores and the bias."""
        return self.weights.parameters + self.bias.size

    @property
    def dense_parameters(self) -> int:
        """M(N + 1), what the layer would have to learn with all its weights."""
        return prod(self.shape) + self.bias.size

    @property
    def operations(self) -> int:
        """Multiplications and additions of W x for one sample; the backward pass takes twice as many."""
        rows, columns = self.weights.row_shape, self.weights.column_shape
        return sum(2 * prod(rows[:k]) * core.size * prod(columns[k + 1 :]) for k, core in enumerate(self.weights.cores))

    @property
    def intermediates(self) -> int:
        """Numbers the forward pass makes for one sample, all kept for the backward pass; the inputs are not counted."""
        rows, columns = self.weights.row_shape, self.weights.column_shape
        return sum(
            prod(rows[: k + 1]) * core.shape[3] * prod(columns[k + 1 :]) for k, core in enumerate(self.weights.cores)
        )

    def with_arrays(self, arrays: Sequence[Array]) -> TTLayer:
        """The layer with other cores and another bias."""
        return TTLayer(TTMatrix(tuple(arrays[:-1])), arrays[-1])

    def __call__(self, inputs: ArrayLike) -> Array:
        """Outputs, shape (m, M), of inputs of shape (m, N)."""
        return self.forward(check_samples("inputs", inputs, self.shape[1]))[0]

    def forward(self, inputs: Array) -> tuple[Array, Tape]:
        """Outputs, shape (m, M), and what each core acted on."""
        # Outputs already made, then the rank and the next mode of the inputs, then the other inputs and the samples:
        # every core is one stack of matrix products with many columns, and nothing is transposed between them.
        state, done, tape = np.ascontiguousarray(inputs.T), 1, []
        for core in self.weights.cores:
            before, rows, columns, after = core.shape
            state = state.reshape(done, before * columns, -1)
            matrix = core.transpose(1, 3, 0, 2).reshape(rows * after, before * columns)
            tape.append((matrix, state))
            state, done = np.matmul(matrix, state), done * rows
        return state.reshape(done, -1).T + self.bias, tape

    def backward(self, tape: Tape, slopes: Array) -> tuple[tuple[Array, ...], Array]:
        """Derivatives by all cores and the bias, and by the inputs, from those by the outputs, shape (m, M)."""
        state, gradients = np.ascontiguousarray(slopes.T), [slopes.sum(axis=0)]
        for core, (matrix, acted_on) in zip(reversed(self.weights.cores), reversed(tape), strict=True):
            before, rows, columns, after = core.shape
            state = state.reshape(len(acted_on), rows * after, -1)
            gradient = np.tensordot(state, acted_on, ((0, 2), (0, 2)))
            gradients.append(gradient.reshape(rows, after, before, columns).transpose(2, 0, 3, 1))
            state = np.matmul(matrix.T, state)
        return tuple(reversed(gradients)), state.reshape(self.shape[1], -1).T


def random_tt_layer(
    row_shape: Sequence[int],
    column_shape: Sequence[int],
    ranks: int | Sequence[int],
    *,
    gain: float = 2.0,
    seed: Seed = 0,
    dtype: DTypeLike = np.float64,
) -> TTLayer:
    """Independent normal cores, of variances such that the weights have variance gain / N, and no bias.

    Parameters
    ----------
    row_shape, column_shape : sequence of int
        (m₁, …, m_d) and (n₁, …, n_d), with products M and N.
    ranks : int or sequence of int
        See `random_tt_matrix`.
    gain : float
        2 is for a ReLU behind (He et al., arXiv:1502.01852).
    seed : int, SeedSequence or Generator
    dtype : dtype
        Float32 or float64.
    """
    check_number("gain", gain, above=True)
    weights = random_tt_matrix(row_shape, column_shape, ranks, seed=seed, dtype=dtype)
    # A weight is a sum of R₁⋯R_{d−1} products of d entries.
    deviation = (gain / (weights.shape[1] * prod(weights.ranks))) ** (0.5 / weights.order)
    return TTLayer(TTMatrix(tuple(core * deviation for core in weights.cores)), np.zeros(weights.shape[0], dtype))
