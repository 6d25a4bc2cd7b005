"""Tensor networks: what the order of a contraction costs, and derivatives by all nodes at once."""

from __future__ import annotations

from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from experiments.charts import BLUE, GREY, ORANGE, figure, save
from experiments.provenance import table
from mmdiscover.decompositions.networks.containers import as_network
from mmdiscover.decompositions.networks.contraction import contract, contraction_cost
from mmdiscover.decompositions.networks.gradient import value_and_gradient
from mmdiscover.decompositions.networks.jacobian import jacobian
from mmdiscover.decompositions.networks.network import inner_network
from mmdiscover.decompositions.networks.peps import random_peps
from mmdiscover.decompositions.tt.tensor_train import random_tt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes

    from mmdiscover.decompositions.networks.network import TensorNetwork

ORDERS = {"at once": GREY, "left to right": ORANGE, "auto": BLUE}
LABELS = {"at once": "one sum over all edges", "left to right": "as the nodes are listed", "auto": "order found"}
AFFORDABLE = 3e8
"""Operations; what takes more is counted, not run."""


def run(pictures: Path) -> list[str]:
    """Draw the pictures, and tell what was measured."""
    trains = {length: _train_product(length) for length in (2, 4, 6, 8, 10, 12, 16, 24, 32, 48, 64)}
    lattices = {side: _lattice_product(side) for side in (2, 3, 4, 5, 6)}
    drawn, panels = figure(10, 6.4, 2, 2)
    _draw(panels[0], panels[2], trains, "modes N", "Tensor trains, d = 2, R = 4")
    _draw(panels[1], panels[3], lattices, "side L", "L × L lattices (PEPS), d = 2, R = 2")
    drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    save(drawn, pictures / "tensor_tour_networks_orders.png")
    return [
        "## Tensor networks: the order decides the cost",
        "",
        "The inner product ⟨u, v⟩ of two random tensors in tensor-train form and of two lattices, contracted in three",
        "orders: in one sum over all edges, node after node as they are listed (all of u, then v), and in the order",
        "that opt_einsum finds. Above, operations counted beforehand; below, seconds measured with the search for the",
        f"order, where at most {AFFORDABLE / 1e6:.0f} million operations are needed.",
        "",
        *table(
            ("inner product of two", "one sum", "as listed", "order found", "largest array formed"),
            [
                _cost_row("trains of 16 modes", trains[16]),
                _cost_row("trains of 64 modes", trains[64]),
                _cost_row("4 × 4 lattices", lattices[4]),
                _cost_row("6 × 6 lattices", lattices[6]),
            ],
        ),
        "",
        "![Operations and seconds against N and L](tensor_tour_networks_orders.png)",
        "",
        "For trains the order found needs a number of operations that grows linearly with N. Lattices stay exponential",
        "in their side, with a far smaller base.",
        "",
        "**Derivatives.** ⟨T, T⟩ of a random tensor train, differentiated by the entries of all cores: one sweep of",
        "reverse mode, one Jacobian after another (each by deleting a core), and central differences of the value.",
        "",
        *table(
            ("modes", "entries", "contraction", "sweep", "Jacobians", "differences", "largest relative deviation"),
            [_gradient_row(length) for length in (4, 8, 12)],
        ),
        "",
        "The deviation is between the sweep and the differences, relative to the largest derivative.",
        "",
    ]


def _train_product(length: int) -> TensorNetwork:
    # Norms of one, so that no product overflows.
    left, right = (random_tt((2,) * length, 4, norm=1.0, seed=seed) for seed in (1, 2))
    return inner_network(as_network(left), as_network(right))


def _lattice_product(side: int) -> TensorNetwork:
    left, right = (random_peps(side, side, 2, 2, seed=seed) for seed in (1, 2))
    return inner_network(left.to_network(), right.to_network())


def _draw(counts: Axes, times: Axes, networks: dict[int, TensorNetwork], unit: str, title: str) -> None:
    for order, colour in ORDERS.items():
        flops = {size: contraction_cost(network, optimizer=order).flops for size, network in networks.items()}
        counts.plot(list(flops), [float(count) for count in flops.values()], color=colour, label=LABELS[order])
        run = [size for size, count in flops.items() if count <= AFFORDABLE]
        seconds = [_seconds(lambda size=size, order=order: contract(networks[size], optimizer=order)) for size in run]  # type: ignore[misc]
        times.plot(run, seconds, "o-", color=colour, markersize=4, linewidth=1)
    counts.set(yscale="log", ylabel="operations", title=title)
    counts.set_ylim(1e1, 1e21)
    times.set(yscale="log", xlabel=unit, ylabel="seconds")
    times.set_xlim(counts.get_xlim())
    for panel in (counts, times):
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _cost_row(name: str, network: TensorNetwork) -> tuple[str, ...]:
    costs = [contraction_cost(network, optimizer=order) for order in ORDERS]
    return (name, *(f"{float(cost.flops):.1e}" for cost in costs), f"{costs[-1].largest_intermediate} entries")


def _gradient_row(length: int) -> tuple[Any, ...]:
    train = as_network(random_tt((2,) * length, 4, norm=1.0, seed=3))
    network = inner_network(train, train)
    derivatives = value_and_gradient(network)[1]
    names = list(derivatives)
    path = contraction_cost(network).path
    start = perf_counter()
    expected = {name: _differences(network, name, path) for name in names}
    taken = perf_counter() - start
    scale = max(float(np.abs(array).max()) for array in derivatives.values())
    deviation = max(float(np.abs(derivatives[name] - expected[name]).max()) for name in names) / scale
    return (
        length,
        network.parameters,
        _milliseconds(lambda: contract(network)),
        _milliseconds(lambda: value_and_gradient(network)),
        _milliseconds(lambda: [jacobian(network, name) for name in names]),
        f"{1e3 * taken:.3g} ms",
        f"{deviation:.0e}",
    )


def _differences(network: TensorNetwork, name: str, path: Any, step: float = 1e-4) -> np.ndarray[Any, Any]:
    at = network[name]
    result = np.empty(at.shape)
    for cell in np.ndindex(at.shape):
        values = []
        for sign in (1, -1):
            moved = at.copy()
            moved[cell] += sign * step
            values.append(contract(network.with_arrays({name: moved}), optimizer=path))
        result[cell] = (values[0] - values[1]) / (2 * step)
    return result


def _milliseconds(action: Callable[[], object]) -> str:
    return f"{1e3 * _seconds(action):.3g} ms"


def _seconds(action: Callable[[], object]) -> float:
    """The best of three, of what takes long one."""
    best = inf
    for _ in range(3):
        start = perf_counter()
        action()
        best = min(best, perf_counter() - start)
        if best > 0.3:
            break
    return best
