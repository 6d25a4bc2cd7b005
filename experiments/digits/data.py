"""scikit-learn's handwritten digits: 1797 images of 8 × 8 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 8


class Digits(NamedTuple):
    """Pixels between 0 and 1, row by row, and labels."""

    train: NDArray[np.float64]
    test: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]


def digits(seed: int) -> Digits:
    """Three quarters for training, one for testing, with the same shares of all classes."""
    images, labels = load_digits(return_X_y=True)
    return Digits(*train_test_split(images / 16, labels, test_size=0.25, random_state=seed, stratify=labels))


def pixel_order(name: str) -> NDArray[np.intp]:
    """The order in which pixels follow each other in the train: by rows, as a snake, Hilbert's curve, or shuffled."""
    grid = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    if name == "rows":
        return grid.ravel()
    if name == "snake":
        grid[1::2] = grid[1::2, ::-1]
        return grid.ravel()
    if name == "Hilbert":
        return _hilbert(grid)
    assert name == "shuffled"
    return np.random.default_rng(0).permutation(grid.ravel())


def _hilbert(grid: NDArray[np.intp]) -> NDArray[np.intp]:
    """Hilbert's curve through a square of 2ᵏ × 2ᵏ cells, from its first corner to the other end of its first row."""
    if len(grid) == 1:
        return grid.ravel()
    half = len(grid) // 2
    quarters = (grid[:half, :half].T, grid[half:, :half], grid[half:, half:], grid[:half, half:][::-1, ::-1].T)
    return np.concatenate([_hilbert(quarter) for quarter in quarters])
