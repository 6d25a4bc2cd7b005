"""Decompositions as tensor networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.decompositions.cp.tensor import CPTensor
from mmdiscover.decompositions.networks.hierarchical_tucker import HierarchicalTucker, fold
from mmdiscover.decompositions.networks.network import TensorNetwork
from mmdiscover.decompositions.networks.peps import PEPS
from mmdiscover.decompositions.networks.ring import TensorRing
from mmdiscover.decompositions.tt.matrix import TTMatrix
from mmdiscover.decompositions.tt.tensor_train import TensorTrain
from mmdiscover.decompositions.tucker.tensor import TuckerTensor

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

    Container = CPTensor | TuckerTensor | TensorTrain | TTMatrix | TensorRing | HierarchicalTucker | PEPS
    Entries = dict[str, tuple[Array, tuple[str, ...]]]


def as_network(container: Container) -> TensorNetwork:
    """A decomposition as a network whose open edges ``d0``, ``d1``, … are the modes in order.

    Nodes share their arrays with the container.

    ========================  ================================================================================
    `CPTensor`                ``A0``, ``A1``, … and ``w`` (the weights) on one edge ``r``
    `TuckerTensor`            ``G`` with edges ``r0``, ``r1``, … to ``U0``, ``U1``, …
    `TensorTrain`             ``G0``, ``G1``, … with ``r1`` between the first two; edges at the ends are left away
    `TTMatrix`                the same with row edges ``m0``, ``m1``, …, then column edges ``n0``, ``n1``, …
    `TensorRing`              ``G0``, ``G1``, …, closed by ``r0``
    `HierarchicalTucker`      frames ``U0``, … and transfer tensors ``B0``, …, with edges ``u0``, … and ``b0``, … above
    `PEPS`                    see `PEPS.to_network`
    ========================  ================================================================================

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> from mmdiscover.decompositions.cp.tensor import random_cp
    >>> print(as_network(random_cp((4, 3, 2), 5)))
    A0[d0,r] A1[d1,r] A2[d2,r] w[r] -> [d0,d1,d2]
    """
    match container:
        case CPTensor():
            entries: Entries = {f"A{n}": (factor, (f"d{n}", "r")) for n, factor in enumerate(container.factors)}
            entries["w"] = (container.weights, ("r",))
        case TuckerTensor():
            entries = {"G": (container.core, tuple(f"r{n}" for n in range(container.order)))}
            entries |= {f"U{n}": (factor, (f"d{n}", f"r{n}")) for n, factor in enumerate(container.factors)}
        case TensorTrain():
            entries = _chain(container.cores, ("d",))
        case TTMatrix():
            entries = _chain(container.cores, ("m", "n"))
            return TensorNetwork.of(entries, [f"{side}{k}" for side in "mn" for k in range(container.order)])
        case TensorRing():
            last = container.order - 1
            entries = {
                f"G{k}": (core, (f"r{k}", f"d{k}", f"r{k + 1 if k < last else 0}"))
                for k, core in enumerate(container.cores)
            }
        case HierarchicalTucker():
            entries = _tree(container)
        case PEPS():
            return container.to_network()
        case _:
            raise ValueError(f"container is a {type(container).__name__}, expected a decomposition of this library")
    return TensorNetwork.of(entries, [f"d{n}" for n in range(container.order)])


def _chain(cores: tuple[Array, ...], modes: tuple[str, ...]) -> Entries:
    entries: Entries = {}
    last = len(cores) - 1
    for k, core in enumerate(cores):
        inner = core[0] if k == 0 else core
        left = () if k == 0 else (f"r{k}",)
        right = () if k == last else (f"r{k + 1}",)
        entries[f"G{k}"] = (inner if right else inner[..., 0], (*left, *(f"{mode}{k}" for mode in modes), *right))
    return entries


def _tree(container: HierarchicalTucker) -> Entries:
    if container.order == 1:
        return {"U0": (container.frames[0][:, 0], ("d0",))}
    entries: Entries = {f"U{n}": (frame, (f"d{n}", f"u{n}")) for n, frame in enumerate(container.frames)}

    def join(left: str, right: str, place: int) -> str:
        above = () if place == container.order - 2 else (f"b{place}",)
        transfer = container.transfers[place]
        entries[f"B{place}"] = (transfer if above else transfer[..., 0], (left, right, *above))
        return f"b{place}"

    fold(container.tree, lambda mode: f"u{mode}", join)
    return entries
