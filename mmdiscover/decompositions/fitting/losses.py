"""Losses of a whole tensor, as functions of the blocks of a form of low rank.

A `DenseLoss` knows its gradient by the tensor W; the chain rule then gives the gradients by the blocks. The losses
here are sums of squares of functions that are linear in W, so that the best block, all others held, is a linear
least-squares problem (`QuadraticLoss`), and they do without W where that is less work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import scipy.linalg

from mmdiscover.decompositions.arguments import as_real_array, frozen
from mmdiscover.decompositions.fitting.least_squares import ridge_solve, sliced_ridge_solve
from mmdiscover.decompositions.norms import check_scale
from mmdiscover.decompositions.sparse import SparseTensor, sum_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from mmdiscover.decompositions.arguments import Array
    from mmdiscover.decompositions.fitting.forms import Form


@runtime_checkable
class DenseLoss(Protocol):
    """A differentiable function of a tensor with all its entries."""

    def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
        """L(W) and dL/dW, which has the shape of W."""


@runtime_checkable
class BlockLoss(Protocol):
    """A loss that finds its gradients by the blocks of a form itself, W need not be formed."""

    def value_and_gradients(self, form: Form[Any], blocks: Sequence[Array], /) -> tuple[float, list[Array]]:
        """L(W) and its gradients by all blocks."""


@runtime_checkable
class QuadraticLoss(BlockLoss, Protocol):
    """A loss that is a sum of squares of functions linear in W."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""

    @property
    def scale(self) -> float:
        """L(0)."""

    def best_block(self, form: Form[Any], blocks: Sequence[Array], block: int, ridge: float, /) -> tuple[Array, float]:
        """The block that minimises L(W) + ridge ‖block‖² with all others held, and L(W) there."""


def dense_gradients(loss: DenseLoss, form: Form[Any], blocks: Sequence[Array]) -> tuple[float, list[Array]]:
    """L(W) and its gradients by all blocks, by the chain rule from dL/dW.

    Raises
    ------
    ValueError
        If the gradient does not have the shape of W.
    """
    tensor = form.full(blocks)
    value, slopes = loss.value_and_gradient(tensor)
    gradient = np.asarray(slopes)
    if gradient.shape != tensor.shape:
        raise ValueError(f"loss has a gradient of shape {gradient.shape}, expected {tensor.shape}")
    return float(value), [form.pullback(blocks, block, gradient[None])[0] for block in range(len(blocks))]


@dataclass(frozen=True, eq=False)
class SquaredDistance:
    """‖W − T‖²_F: approximation by low rank. The normal equations of a block are found without forming W.

    Parameters
    ----------
    target : array_like, shape (d₁, …, d_N)
        T, real.
    """

    target: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", frozen(as_real_array("target", self.target)))
        check_scale("target", self.target)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""
        return self.target.shape

    @property
    def scale(self) -> float:
        """L(0)."""
        return float(np.vdot(self.target, self.target))

    def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
        """See `DenseLoss`."""
        difference = tensor - self.target
        return float(np.vdot(difference, difference)), 2 * difference

    def value_and_gradients(self, form: Form[Any], blocks: Sequence[Array], /) -> tuple[float, list[Array]]:
        """See `BlockLoss`."""
        return dense_gradients(self, form, blocks)

    def best_block(self, form: Form[Any], blocks: Sequence[Array], block: int, ridge: float, /) -> tuple[Array, float]:
        """See `QuadraticLoss`."""
        gram = form.gram(blocks, block)
        right = form.slices(form.pullback(blocks, block, self.target[None])[0], block)
        new = ridge_solve(gram, right.T, ridge).T
        array = form.unsliced(new, block, blocks[block].shape)
        difference = form.full([*blocks[:block], array, *blocks[block + 1 :]]) - self.target
        return array, float(np.vdot(difference, difference))


@dataclass(frozen=True, eq=False)
class ObservedEntries:
    """Σ (W_c − t_c)² over observed cells c: completion. The work is proportional to the number of cells.

    Parameters
    ----------
    observed : SparseTensor
        The observed cells with their values, real. `SparseTensor.from_dense` makes it of a tensor and a mask.
    """

    observed: SparseTensor

    def __post_init__(self) -> None:
        if not isinstance(self.observed, SparseTensor):
            raise ValueError(  # noqa: TRY004 # the house raises ValueError for every bad argument
                f"observed is a {type(self.observed).__name__}, expected a SparseTensor: "
                "SparseTensor.from_dense(tensor, mask)"
            )
        check_scale("observed.values", as_real_array("observed.values", self.observed.values))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes (d₁, …, d_N)."""
        return self.observed.shape

    @property
    def scale(self) -> float:
        """L(0)."""
        return float(np.vdot(self.observed.values, self.observed.values))

    @cached_property
    def _picks(self) -> list[Array]:
        return [np.ascontiguousarray(column) for column in self.observed.indices.T]

    def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
        """See `DenseLoss`."""
        cells = tuple(self.observed.indices.T)
        difference = tensor[cells] - self.observed.values
        gradient = np.zeros_like(tensor)
        gradient[cells] = 2 * difference
        return float(difference @ difference), gradient

    def value_and_gradients(self, form: Form[Any], blocks: Sequence[Array], /) -> tuple[float, list[Array]]:
        """See `BlockLoss`; through W where at least a fifth of its cells are observed."""
        # Products of whole matrices are faster than as many products of single rows by more than that.
        if self.observed.density > 0.2:
            return dense_gradients(self, form, blocks)
        picked = [form.picked(blocks, block, self._picks) for block in range(len(blocks))]
        difference = np.empty(0)
        gradients = []
        for block, array in enumerate(blocks):
            rows, targets = form.rows(picked, block), self._targets(form, block)
            sliced = form.slices(array, block)
            if block == 0:
                difference = np.einsum("cp,cp->c", rows, sliced[targets]) - self.observed.values
            gradient = sum_rows(2 * difference[:, None] * rows, targets, len(sliced))
            gradients.append(form.unsliced(gradient, block, array.shape))
        return float(difference @ difference), gradients

    def best_block(self, form: Form[Any], blocks: Sequence[Array], block: int, ridge: float, /) -> tuple[Array, float]:
        """See `QuadraticLoss`; each slice of the block is a least-squares problem of its own."""
        picked = [form.picked(blocks, other, self._picks) for other in range(len(blocks))]
        rows, targets = form.rows(picked, block), self._targets(form, block)
        size = len(form.slices(blocks[block], block))
        new = sliced_ridge_solve(rows, self.observed.values, targets, size, ridge)
        difference = np.einsum("cp,cp->c", rows, new[targets]) - self.observed.values
        return form.unsliced(new, block, blocks[block].shape), float(difference @ difference)

    def _targets(self, form: Form[Any], block: int) -> Array:
        """For each cell the slice of a block that it depends on."""
        mode = form.mode(block)
        return np.zeros(len(self._picks[0]), dtype=np.intp) if mode is None else self._picks[mode]


@dataclass(frozen=True, eq=False)
class LinearRegression:
    """Σᵢ (⟨W, xᵢ⟩ − yᵢ)² over m samples.

    Parameters
    ----------
    inputs : array_like, shape (m, d₁, …, d_N), or tuple of N array_like, shapes (m, dₙ)
        The xᵢ, real; as a tuple xᵢ is the outer product of the rows i, is never formed, and neither is W.
    targets : array_like, shape (m,)
        The yᵢ.

    Raises
    ------
    ValueError
        If numbers of samples differ or a number is not finite.
    """

    inputs: Array | tuple[Array, ...]
    targets: Array
    shape: tuple[int, ...] = field(init=False)

    def __init__(self, inputs: ArrayLike | tuple[ArrayLike, ...], targets: ArrayLike) -> None:
        values = as_real_array("targets", targets, 1)
        kept: Array | tuple[Array, ...]
        if isinstance(inputs, tuple):
            kept = tuple(as_real_array(f"inputs[{mode}]", part, 2) for mode, part in enumerate(inputs))
            counts = {len(part) for part in kept}
            shape = tuple(part.shape[1] for part in kept)
        else:
            kept = as_real_array("inputs", inputs, least_order=2)
            counts, shape = {len(kept)}, kept.shape[1:]
        if counts != {len(values)}:
            raise ValueError(f"inputs have {sorted(counts)} samples, expected {len(values)} as targets")
        check_scale("targets", values)
        for part in kept if isinstance(kept, tuple) else (kept,):
            check_scale("inputs", part)
        object.__setattr__(self, "inputs", kept)
        object.__setattr__(self, "targets", frozen(values))
        object.__setattr__(self, "shape", shape)

    @property
    def scale(self) -> float:
        """L(0)."""
        return float(self.targets @ self.targets)

    def value_and_gradient(self, tensor: Array, /) -> tuple[float, Array]:
        """See `DenseLoss`; rank-one inputs are multiplied out."""
        if isinstance(self.inputs, tuple):
            inputs = self.inputs[0]
            for part in self.inputs[1:]:
                inputs = inputs[..., None] * part.reshape(len(part), *(1,) * (inputs.ndim - 1), -1)
        else:
            inputs = self.inputs
        difference = np.tensordot(inputs, tensor, tensor.ndim) - self.targets
        return float(difference @ difference), 2 * np.tensordot(difference, inputs, 1)

    def value_and_gradients(self, form: Form[Any], blocks: Sequence[Array], /) -> tuple[float, list[Array]]:
        """See `BlockLoss`.

        Dense inputs go through W: it is no larger than one of them, and needed once for all samples.
        """
        if not isinstance(self.inputs, tuple):
            return dense_gradients(self, form, blocks)
        difference = np.empty(0)
        gradients = []
        for block, array in enumerate(blocks):
            design = self.design(form, blocks, block)
            if block == 0:
                difference = design @ array.ravel() - self.targets
            gradients.append(2 * (difference @ design).reshape(array.shape))
        return float(difference @ difference), gradients

    def best_block(self, form: Form[Any], blocks: Sequence[Array], block: int, ridge: float, /) -> tuple[Array, float]:
        """See `QuadraticLoss`."""
        design = self.design(form, blocks, block)
        if ridge:
            new = ridge_solve(design.T @ design, design.T @ self.targets, ridge)
        else:
            new = scipy.linalg.lstsq(design, self.targets, check_finite=False)[0]
        difference = design @ new - self.targets
        return new.reshape(blocks[block].shape), float(difference @ difference)

    def design(self, form: Form[Any], blocks: Sequence[Array], block: int) -> Array:
        """The matrix of the predictions as a linear function of the entries of a block, shape (m, entries)."""
        if not isinstance(self.inputs, tuple):
            return form.pullback(blocks, block, self.inputs).reshape(len(self.targets), -1)
        picked = [form.picked(blocks, other, self.inputs) for other in range(len(blocks))]
        rows, mode, shape = form.rows(picked, block), form.mode(block), blocks[block].shape
        if mode is None:
            return rows
        axis = form.edges[block].index(mode)
        sliced = rows.reshape(-1, *shape[:axis], *shape[axis + 1 :])
        ones = [1] * len(shape)
        ones[axis] = shape[axis]
        product: Array = np.expand_dims(sliced, axis + 1) * self.inputs[mode].reshape(-1, *ones)
        return product.reshape(len(rows), -1)
