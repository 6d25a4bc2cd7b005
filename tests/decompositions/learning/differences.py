"""Derivatives by central differences, an oracle for gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def differences(function: Callable[[Array], float], at: Array, step: float = 1e-5) -> Array:
    """The derivatives of a function of an array by all entries, error about step²."""
    result = np.empty(at.shape)
    for index in np.ndindex(*at.shape):
        ends = []
        for sign in (1, -1):
            moved = at.copy()
            moved[index] += sign * step
            ends.append(function(moved))
        result[index] = (ends[0] - ends[1]) / (2 * step)
    return result
