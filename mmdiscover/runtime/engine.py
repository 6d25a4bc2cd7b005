"""The recursion: products of blocks, down to `numpy.matmul`, in a workspace that is allocated once."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mmdiscover.runtime.step import BlockForm, Step
    from mmdiscover.runtime.team import Team

    Array = NDArray[Any]

COMPILED = "fdDl"
"""Number types whose sums are compiled; those of others are NumPy's."""
_STRIP = 256
"""Rows of a leftover product that are held at once."""


@dataclass(frozen=True)
class Block:
    """A part of a C-contiguous matrix."""

    array: Array
    row: int
    column: int
    height: int
    width: int

    @property
    def view(self) -> Array:
        """The part as an array."""
        return self.array[self.row : self.row + self.height, self.column : self.column + self.width]

    def split(self, rows: int, columns: int) -> tuple[int, int]:
        """Height and width of its blocks."""
        return self.height // rows, self.width // columns


def whole(array: Array) -> Block:
    """A matrix as a block."""
    return Block(array, 0, 0, *array.shape)


class Engine:
    """Multiplies matrices of one shape and type by some schemes, one for each level.

    Parameters
    ----------
    shape : (n, m, p)
        Of an n×m times an m×p matrix.
    dtype : dtype
    steps : sequence of Step
        The first is the outermost level.
    team : Team
    """

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype[Any], steps: Sequence[Step], team: Team) -> None:
        self.shape, self.dtype, self.steps, self._team = shape, dtype, tuple(steps), team
        sides = [prod(step.format.sizes[axis] for step in self.steps) for axis in range(3)]
        # What the blocks leave over is multiplied classically.
        self.core = tuple(size // side * side for size, side in zip(shape, sides, strict=True))
        self._workspace: list[tuple[Array, Array, Array]] = []
        n, m, p = self.core
        for step in self.steps if min(self.core) else ():
            n, m, p = (size // side for size, side in zip((n, m, p), step.format.sizes, strict=True))
            plain = [all(getattr(product, side).plain for product in step.products) for side in ("left", "right")]
            direct = all(product.direct for product in step.products)
            self._workspace.append(
                (
                    np.empty((0, 0) if plain[0] else (n, m), dtype),
                    np.empty((0, 0) if plain[1] else (m, p), dtype),
                    np.empty((0, 0) if direct else (n, p), dtype),
                )
            )

    @property
    def workspace_bytes(self) -> int:
        """Memory beside the matrices themselves."""
        return sum(array.nbytes for level in self._workspace for array in level)

    def run(self, a: Array, b: Array, out: Array) -> None:
        """Put the product into `out`; all three are C-contiguous, and `out` shares no memory with the others."""
        n, m, p = self.core
        if not min(self.core) or not self.steps:
            np.matmul(a, b, out=out)
            return
        self._multiply(0, Block(a, 0, 0, n, m), Block(b, 0, 0, m, p), Block(out, 0, 0, n, p))
        rows, inner, columns = self.shape
        if m < inner:
            for first in range(0, n, _STRIP):
                last = min(first + _STRIP, n)
                out[first:last, :p] += a[first:last, m:] @ b[m:, :p]
        if n < rows:
            np.matmul(a[n:], b, out=out[n:])
        if p < columns:
            np.matmul(a[:n], b[:, p:], out=out[:n, p:])

    def _multiply(self, level: int, a: Block, b: Block, c: Block) -> None:
        if level == len(self.steps):
            np.matmul(a.view, b.view, out=c.view)
            return
        step = self.steps[level]
        n, m, p = step.format.sizes
        left_buffer, right_buffer, product_buffer = self._workspace[level]
        for product in step.products:
            left = self._combined(a, product.left, a.split(n, m), left_buffer)
            right = self._combined(b, product.right, b.split(m, p), right_buffer)
            if product.direct:
                self._multiply(level + 1, left, right, _part(c, product.outputs, c.split(n, p)))
                continue
            self._multiply(level + 1, left, right, whole(product_buffer))
            self._distribute(product_buffer, c, product.outputs, product.begun)

    def _combined(self, matrix: Block, form: BlockForm, size: tuple[int, int], buffer: Array) -> Block:
        if form.plain:
            return _part(matrix, form, size)
        if self.dtype.char in COMPILED:
            # Deferred: Numba takes half a second to import.
            from mmdiscover.runtime import kernels

            arguments = (matrix.array, _places(matrix, form, size), form.coefficients, buffer)
            self._team.share(kernels.combine, *size, *arguments)
        else:
            first, *others = zip(form.coefficients, _views(matrix, form, size), strict=True)
            np.multiply(first[0], first[1], out=buffer)
            for coefficient, view in others:
                buffer += coefficient * view
        return whole(buffer)

    def _distribute(self, product: Array, c: Block, form: BlockForm, begun: NDArray[np.bool_]) -> None:
        size = product.shape
        if self.dtype.char in COMPILED:
            from mmdiscover.runtime import kernels

            arguments = (product, c.array, _places(c, form, size), form.coefficients, begun)
            self._team.share(kernels.distribute, *size, *arguments)
            return
        for coefficient, view, started in zip(form.coefficients, _views(c, form, size), begun, strict=True):
            if started:
                np.add(view, coefficient * product, out=view)
            else:
                np.multiply(coefficient, product, out=view)


def _part(matrix: Block, form: BlockForm, size: tuple[int, int]) -> Block:
    row, column = _places(matrix, form, size)[0]
    return Block(matrix.array, int(row), int(column), *size)


def _places(matrix: Block, form: BlockForm, size: tuple[int, int]) -> NDArray[np.int64]:
    places: NDArray[np.int64] = form.blocks * np.array(size) + np.array([matrix.row, matrix.column])
    return places


def _views(matrix: Block, form: BlockForm, size: tuple[int, int]) -> list[Array]:
    return [matrix.array[row : row + size[0], column : column + size[1]] for row, column in _places(matrix, form, size)]
