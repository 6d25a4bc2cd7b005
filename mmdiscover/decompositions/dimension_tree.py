"""Visiting every mode of a tensor with the others contracted, so that modes share what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.decompositions.arguments import Array


class Contract(Protocol):
    """Takes modes out of a partial result."""

    def __call__(self, partial: Array, modes: range, dropped: range, /) -> Array:
        """Contract the modes `dropped`, which are the first or the last of `modes`, with what they have now."""


def visit_modes(partial: Array, modes: range, contract: Contract, update: Callable[[Array, int], None]) -> None:
    """Call ``update`` for every mode in turn, with all others contracted.

    The modes are halved: what the second half leaves of the tensor serves all modes of the first half, and the other
    way round (Phan, Tichavský, Cichocki, IEEE Trans. Signal Process. 61 (2013); Kaya, Uçar, SIAM J. Sci. Comput. 40
    (2018)). The whole tensor is read twice for all modes together. Each contraction sees the updates made before.

    Parameters
    ----------
    partial : ndarray
        The tensor with the modes outside `modes` contracted.
    modes : range
    contract : Contract
    update : callable
        ``update(contracted, mode)``.
    """
    if len(modes) == 1:
        update(partial, modes[0])
        return
    half = (len(modes) + 1) // 2
    first, second = modes[:half], modes[half:]
    visit_modes(contract(partial, modes, second), first, contract, update)
    visit_modes(contract(partial, modes, first), second, contract, update)
