"""What layers of a network have in common, and the fully connected layer with all its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from mmdiscover.decompositions.arguments import as_real_array, check_count, check_number, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from mmdiscover.decompositions.arguments import Array, Seed


class Layer(Protocol):
    """A differentiable map of samples with parameters to learn."""

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All parameters."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of outputs M and of inputs N."""

    def with_arrays(self, arrays: Sequence[Array], /) -> Self:
        """The same layer with other parameters of the same shapes."""

    def forward(self, inputs: Array, /) -> tuple[Array, Any]:
        """Outputs, shape (m, M), of inputs of shape (m, N), and what `backward` needs of the way there."""

    def backward(self, tape: Any, slopes: Array, /) -> tuple[tuple[Array, ...], Array]:
        """Derivatives by all parameters and by the inputs, from those by the outputs."""


@dataclass(frozen=True, eq=False, repr=False)
class DenseLayer:
    """y = W x + b.

    Parameters
    ----------
    weights : array_like, shape (M, N)
    bias : array_like, shape (M,)
    """

    weights: Array
    bias: Array

    def __post_init__(self) -> None:
        weights = as_real_array("weights", self.weights, 2)
        object.__setattr__(self, "weights", frozen(weights))
        object.__setattr__(self, "bias", check_bias(self.bias, len(weights)))

    def __repr__(self) -> str:
        return f"DenseLayer(shape={self.shape})"

    @property
    def arrays(self) -> tuple[Array, ...]:
        """W and b."""
        return self.weights, self.bias

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of outputs M and of inputs N."""
        rows, columns = self.weights.shape
        return rows, columns

    @property
    def parameters(self) -> int:
        """Numbers to learn, M(N + 1)."""
        return self.weights.size + self.bias.size

    @property
    def operations(self) -> int:
        """Multiplications and additions of W x for one sample; the backward pass takes twice as many."""
        return 2 * self.weights.size

    def with_arrays(self, arrays: Sequence[Array]) -> DenseLayer:
        """The layer with another W and b."""
        return DenseLayer(*arrays)

    def __call__(self, inputs: ArrayLike) -> Array:
        """Outputs, shape (m, M), of inputs of shape (m, N)."""
        return self.forward(check_samples("inputs", inputs, self.shape[1]))[0]

    def forward(self, inputs: Array) -> tuple[Array, Array]:
        """Outputs, shape (m, M), and the inputs."""
        return inputs @ self.weights.T + self.bias, inputs

    def backward(self, tape: Array, slopes: Array) -> tuple[tuple[Array, ...], Array]:
        """Derivatives by W and b, and by the inputs, from those by the outputs, shape (m, M)."""
        return (slopes.T @ tape, slopes.sum(axis=0)), slopes @ self.weights


def random_dense_layer(
    outputs: int, inputs: int, *, gain: float = 2.0, seed: Seed = 0, dtype: DTypeLike = np.float64
) -> DenseLayer:
    """Independent normal weights of variance gain / N, and no bias (He et al., arXiv:1502.01852, for gain 2)."""
    check_count("outputs", outputs)
    check_count("inputs", inputs)
    check_number("gain", gain, above=True)
    weights = np.random.default_rng(seed).standard_normal((outputs, inputs)) * np.sqrt(gain / inputs)
    return DenseLayer(weights.astype(dtype), np.zeros(outputs, dtype))


def check_samples(name: str, value: ArrayLike, columns: int) -> Array:
    """A finite matrix with so many columns."""
    array = as_real_array(name, value, 2)
    if array.shape[1] != columns:
        raise ValueError(f"{name} has shape {array.shape}, expected (m, {columns})")
    return array


def check_bias(value: ArrayLike, outputs: int) -> Array:
    """A finite vector, one entry for each output."""
    bias = as_real_array("bias", value, 1)
    if len(bias) != outputs:
        raise ValueError(f"bias has {len(bias)} entries, expected {outputs}, one for each output")
    return frozen(bias)
