"""One view of CP, Tucker and TT tensors: blocks joined by edges, so that each loss and each method is written once.

Every entry of a tensor in one of these forms is linear in each block (factor or core). What the methods need follows
from that: the tensor, the gradient by a block from the gradient by the tensor (the adjoint of that linear map), the
rows of that map at single cells, and its Gram matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

import numpy as np
import opt_einsum

from mmdiscover.decompositions.arguments import check_count, check_ranks
from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.outcome import ModelT
from mmdiscover.decompositions.tt.chain import largest_ranks
from mmdiscover.decompositions.tt.tensor_train import TensorTrain
from mmdiscover.decompositions.tucker.tensor import TuckerTensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmdiscover.decompositions.arguments import Array

    Edges = tuple[int, ...]

ItemT = TypeVar("ItemT")
FormName = Literal["cp", "tucker", "tt"]
FormT = TypeVar("FormT", CPTensor, TuckerTensor, TensorTrain)


@dataclass(frozen=True)
class Form(Generic[ModelT]):
    """How the blocks of a tensor of low rank are joined.

    Parameters
    ----------
    shape : tuple of int
        (d₁, …, d_N).
    edges : tuple of tuple of int
        For each block the edges at its modes: n < N is mode n of the tensor, other numbers are summed over. A block has
        at most one mode of the tensor.
    build : callable
        Makes the container of a list of blocks.
    """

    shape: tuple[int, ...]
    edges: tuple[Edges, ...]
    build: Callable[[Sequence[Array]], ModelT]

    @property
    def order(self) -> int:
        """Number of modes N."""
        return len(self.shape)

    def mode(self, block: int) -> int | None:
        """The mode of the tensor that a block has; none for the core of a Tucker tensor."""
        return next((edge for edge in self.edges[block] if edge < self.order), None)

    def _bonds(self, block: int) -> Edges:
        """Edges that a block shares with others; the outer edges of a tensor train have size 1 and are in one only."""
        others = {edge for own in _without(self.edges, block) for edge in own}
        return tuple(edge for edge in self.edges[block] if edge >= self.order and edge in others)

    def full(self, blocks: Sequence[Array]) -> Array:
        """The tensor, shape (d₁, …, d_N)."""
        return _contract(self.edges, tuple(range(self.order)), blocks)

    def pullback(self, blocks: Sequence[Array], block: int, tensors: Array) -> Array:
        """The gradients of ⟨X_c, W⟩ by a block: for X = dL/dW, the chain rule.

        For CP it is the MTTKRP; for TT it is X times the products of the cores left and right.

        Parameters
        ----------
        blocks : sequence of ndarray
            The one that is asked for is not used.
        block : int
        tensors : ndarray, shape (m, d₁, …, d_N)

        Returns
        -------
        ndarray, shape (m, shape of the block)
        """
        sample = _free_edge(self.edges)
        edges = (*_without(self.edges, block), (sample, *range(self.order)))
        mode = self.mode(block)
        kept = tuple(edge for edge in self.edges[block] if edge == mode or edge in self._bonds(block))
        gradients = _contract(edges, (sample, *kept), [*_without(blocks, block), tensors])
        return gradients.reshape(len(tensors), *blocks[block].shape)

    def picked(self, blocks: Sequence[Array], block: int, picks: Sequence[Array]) -> Array:
        """The slices of a block at some cells, or their combinations by rank-one inputs.

        Parameters
        ----------
        blocks : sequence of ndarray
        block : int
        picks : sequence of ndarray
            For each mode of the tensor the indices, shape (m,), or vectors, shape (m, dₙ).

        Returns
        -------
        ndarray, shape (m, shape of the block without its mode), or the block itself when it has none
        """
        mode = self.mode(block)
        if mode is None:
            return blocks[block]
        axis, pick = self.edges[block].index(mode), picks[mode]
        first = np.moveaxis(blocks[block], axis, 0)
        return first[pick] if pick.ndim == 1 else np.tensordot(pick, first, 1)

    def rows(self, picked: Sequence[Array], block: int) -> Array:
        """What the slices of a block are multiplied by to make entries: W at cell c is ⟨slice, rows[c]⟩.

        Parameters
        ----------
        picked : sequence of ndarray
            Of all blocks; the one that is asked for is not used.
        block : int

        Returns
        -------
        ndarray, shape (m, p)
        """
        sample = _free_edge(self.edges)
        # The mode of each block has become the number of the sample, and the first axis.
        edges = [
            (*((sample,) * (self.mode(index) is not None)), *(edge for edge in own if edge >= self.order))
            for index, own in enumerate(self.edges)
        ]
        rows = _contract(_without(edges, block), (sample, *self._bonds(block)), _without(picked, block))
        return rows.reshape(len(rows), -1)

    def gram(self, blocks: Sequence[Array], block: int) -> Array:
        """The matrix of ‖W‖² as a quadratic function of one slice of a block, shape (p, p)."""
        shift = _free_edge(self.edges) - self.order
        others = _without(self.edges, block)
        mirrored = [tuple(edge if edge < self.order else edge + shift for edge in own) for own in others]
        kept = self._bonds(block)
        arrays = _without(blocks, block)
        gram = _contract((*others, *mirrored), (*kept, *(edge + shift for edge in kept)), [*arrays, *arrays])
        size = int(np.prod(gram.shape[: len(kept)]))
        return gram.reshape(size, size)

    def balanced(self, blocks: Sequence[Array]) -> list[Array]:
        """The same tensor, for each index of each edge with slices of one norm in all blocks that it joins.

        No scaling of slices makes Σ ‖block‖² less; sweeps alone get there slowly.
        """
        blocks = list(blocks)
        for edge in sorted({edge for own in self.edges for edge in own if edge >= self.order}):
            joined = [block for block, own in enumerate(self.edges) if edge in own]
            norms = []
            for block in joined:
                others = tuple(axis for axis, own in enumerate(self.edges[block]) if own != edge)
                norms.append(np.sqrt(np.sum(np.square(blocks[block]), axis=others)))
            table = np.array(norms)
            there = (table > 0).all(axis=0)
            table[:, ~there] = 1.0
            common = np.exp(np.log(table).mean(axis=0))
            for block, norm in zip(joined, table, strict=True):
                shape = [-1 if own == edge else 1 for own in self.edges[block]]
                blocks[block] = blocks[block] * (common / norm).reshape(shape)
        return blocks

    def slices(self, array: Array, block: int) -> Array:
        """A block, or a tensor of its shape, with its mode as rows, shape (dₙ, p); one row when it has no mode."""
        mode = self.mode(block)
        if mode is None:
            return array.reshape(1, -1)
        axis = self.edges[block].index(mode)
        return np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)

    def unsliced(self, matrix: Array, block: int, shape: tuple[int, ...]) -> Array:
        """The inverse of `slices`.

        Parameters
        ----------
        matrix : ndarray, shape (dₙ, p)
        block : int
        shape : tuple of int
            Of the block.
        """
        mode = self.mode(block)
        if mode is None:
            return matrix.reshape(shape)
        axis = self.edges[block].index(mode)
        return np.moveaxis(matrix.reshape(shape[axis], *shape[:axis], *shape[axis + 1 :]), 0, axis)


def form_of(model: FormT) -> tuple[Form[FormT], list[Array]]:
    """The form of a tensor and its blocks.

    CP: the factors, weights put into the first. Tucker: the factors, then the core. TT: the cores.

    Raises
    ------
    ValueError
        If it is none of the three, or complex.
    """
    form: Any
    if isinstance(model, CPTensor):
        form, blocks = cp_form(model.shape), list(model.absorbed())
    elif isinstance(model, TuckerTensor):
        form, blocks = tucker_form(model.shape), [*model.factors, model.core]
    elif isinstance(model, TensorTrain):
        form, blocks = train_form(model.shape), list(model.cores)
    else:
        raise ValueError(  # noqa: TRY004 # the house raises ValueError for every bad argument
            f"model_start is a {type(model).__name__}, expected a CPTensor, a TuckerTensor or a TensorTrain"
        )
    if any(np.iscomplexobj(block) for block in blocks):
        raise ValueError("model_start is complex, expected real numbers")
    return form, blocks


def cp_form(shape: Sequence[int]) -> Form[CPTensor]:
    """Factors, all joined by one edge."""
    order = len(shape)
    return Form(tuple(shape), tuple((mode, order) for mode in range(order)), _cp)


def tucker_form(shape: Sequence[int]) -> Form[TuckerTensor]:
    """Factors, each joined to the core, which is last."""
    order = len(shape)
    factors = tuple((mode, order + mode) for mode in range(order))
    return Form(tuple(shape), (*factors, tuple(range(order, 2 * order))), _tucker)


def train_form(shape: Sequence[int]) -> Form[TensorTrain]:
    """Cores, each joined to the next."""
    order = len(shape)
    return Form(tuple(shape), tuple((order + mode, mode, order + mode + 1) for mode in range(order)), _train)


def layout(
    name: FormName, shape: tuple[int, ...], rank: int | Sequence[int], argument: str = "rank"
) -> tuple[Form[Any], list[tuple[int, ...]], int]:
    """The form of a name, the shapes of its blocks, and how many numbers can be chosen freely.

    Parameters
    ----------
    name : {"cp", "tucker", "tt"}
    shape : tuple of int
        Of the tensor.
    rank : int or sequence of int
        CP rank, or Tucker or TT ranks; a single TT rank is lowered where the sizes do not allow it.
    argument : str
        Name of the ranks, for errors.

    Raises
    ------
    ValueError
        If a rank is too large for the shape, or the tensor has one mode only.
    """
    if len(shape) < 2:
        raise ValueError(f"shape is {shape}, expected at least 2 modes")
    if name == "cp":
        if not isinstance(rank, (int, np.integer)):
            raise ValueError(f"rank is {rank!r}, expected an integer for CP")
        count = check_count("rank", rank)
        # Of each term all but one vector may be scaled; of a matrix any basis of the row space does.
        free = count * (sum(shape) - (count if len(shape) == 2 else len(shape) - 1))
        return cp_form(shape), [(size, count) for size in shape], free
    if name == "tucker":
        ranks = check_ranks(argument, rank, shape)
        for mode, own in enumerate(ranks):
            if own > prod(ranks) // own:
                raise ValueError(
                    f"{argument}[{mode}] is {own}, expected at most {prod(ranks) // own}, the product of the others"
                )
        free = prod(ranks) + sum(own * (size - own) for size, own in zip(shape, ranks, strict=True))
        return tucker_form(shape), [*zip(shape, ranks, strict=True), ranks], free
    if name == "tt":
        bonds = (1, *check_ranks(argument, rank, largest_ranks(shape)), 1)
        shapes = [(bonds[mode], size, bonds[mode + 1]) for mode, size in enumerate(shape)]
        return train_form(shape), [*shapes], sum(prod(core) for core in shapes) - sum(bond**2 for bond in bonds[1:-1])
    raise ValueError(f"form is {name!r}, expected one of {get_args(FormName)}")


def _cp(blocks: Sequence[Array]) -> CPTensor:
    return CPTensor(tuple(blocks))


def _tucker(blocks: Sequence[Array]) -> TuckerTensor:
    return TuckerTensor(blocks[-1], tuple(blocks[:-1]))


def _train(blocks: Sequence[Array]) -> TensorTrain:
    return TensorTrain(tuple(blocks))


def _without(items: Sequence[ItemT], skipped: int) -> tuple[ItemT, ...]:
    return (*items[:skipped], *items[skipped + 1 :])


def _free_edge(edges: Sequence[Edges]) -> int:
    return max(max(own) for own in edges) + 1


def _contract(edges: Sequence[Edges], output: Edges, arrays: Sequence[Array]) -> Array:
    expression = _expression(tuple(edges), output, tuple(array.shape for array in arrays))
    return np.asarray(expression(*arrays))


@lru_cache(maxsize=512)
def _expression(edges: tuple[Edges, ...], output: Edges, shapes: tuple[tuple[int, ...], ...]) -> Any:
    """The same contraction comes again in every iteration; its order is looked for once."""
    terms = ["".join(opt_einsum.get_symbol(edge) for edge in own) for own in (*edges, output)]
    return opt_einsum.contract_expression(",".join(terms[:-1]) + "->" + terms[-1], *shapes, optimize="auto")
