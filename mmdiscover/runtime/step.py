"""One level of recursion by one scheme, prepared for a number type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import real_and_imaginary
from mmdiscover.core.metrics import live_products
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmdiscover.core.format import Format
    from mmdiscover.core.scheme import Scheme


@dataclass(frozen=True)
class BlockForm:
    """A linear form over the blocks of a matrix.

    Parameters
    ----------
    blocks : ndarray of int64, shape (k, 2)
        Row and column of each block.
    coefficients : ndarray, shape (k,)
    plain : bool
        Whether it is a block as it stands, which needs no sum.
    """

    blocks: NDArray[np.int64]
    coefficients: NDArray[Any]
    plain: bool


@dataclass(frozen=True)
class BlockProduct:
    """One product: forms over A and B, the blocks of C that it goes to, and which of them hold a sum already."""

    left: BlockForm
    right: BlockForm
    outputs: BlockForm
    begun: NDArray[np.bool_]

    @property
    def direct(self) -> bool:
        """Whether the product is the first of one block of C, and can be computed there."""
        return self.outputs.plain and not self.begun[0]


@dataclass(frozen=True)
class Step:
    """The products of a scheme in an order that lets as many as possible be computed in place.

    Parameters
    ----------
    format : Format
    products : tuple of BlockProduct
    """

    format: Format
    products: tuple[BlockProduct, ...]

    @property
    def passes(self) -> tuple[int, int, int]:
        """Blocks of A, of B and of C that sums read or write, which is what they cost."""
        left = sum(len(product.left.blocks) + 1 for product in self.products if not product.left.plain)
        right = sum(len(product.right.blocks) + 1 for product in self.products if not product.right.plain)
        out = sum(1 + len(product.begun) + int(product.begun.sum()) for product in self.products if not product.direct)
        return left, right, out


@lru_cache(maxsize=512)
def prepare_step(scheme: Scheme, dtype: np.dtype[Any]) -> Step:
    """Turn a scheme into block operations.

    Parameters
    ----------
    scheme : Scheme
        Of characteristic zero.
    dtype : dtype
        Of the matrices.

    Raises
    ------
    InputError
        If the number type cannot hold the coefficients.
    """
    n, m, p = scheme.format.sizes
    kept = np.flatnonzero(live_products(scheme))
    forms = [
        (
            _form(scheme.u[:, q], m, dtype),
            _form(scheme.v[:, q], p, dtype),
            # W belongs to the transpose of C.
            _form(scheme.w[:, q].reshape(p, n).T.ravel(), p, dtype),
        )
        for q in kept
    ]
    # Those that are a block of C as they stand go first, one for each block.
    begun: set[tuple[int, int]] = set()
    waiting, order = [], []
    for triple in forms:
        place = (int(triple[2].blocks[0, 0]), int(triple[2].blocks[0, 1]))
        if triple[2].plain and place not in begun:
            begun.add(place)
            order.append(triple)
        else:
            waiting.append(triple)
    begun.clear()
    products = []
    for left, right, outputs in (*order, *waiting):
        places = [(int(row), int(column)) for row, column in outputs.blocks]
        products.append(BlockProduct(left, right, outputs, np.array([place in begun for place in places])))
        begun.update(places)
    return Step(scheme.format, tuple(products))


def _form(entries: NDArray[np.object_], columns: int, dtype: np.dtype[Any]) -> BlockForm:
    where = np.flatnonzero(entries)
    values = [_number(entries[index], dtype) for index in where]
    coefficients = np.array(values, dtype=dtype)
    blocks = np.stack([where // columns, where % columns], axis=1).astype(np.int64)
    return BlockForm(blocks, coefficients, plain=len(where) == 1 and entries[where[0]] == 1)


def _number(value: Any, dtype: np.dtype[Any]) -> Any:
    """A coefficient as a number of a type."""
    if dtype.kind == "O":
        return value
    real, imaginary = real_and_imaginary(value)
    if dtype.kind == "c":
        return complex(real, imaginary)
    if dtype.kind == "f" and not imaginary:
        return float(real)
    if dtype.kind in "iu" and not imaginary and real.denominator == 1:
        limits = np.iinfo(dtype)
        if limits.min <= real <= limits.max:
            return int(real)
        if dtype.kind == "u":
            # Unsigned integers wrap around: 255 is as good as −1.
            return int(real) % (int(limits.max) + 1)
    raise InputError(f"the scheme has the coefficient {value}, which {dtype} matrices cannot hold")
