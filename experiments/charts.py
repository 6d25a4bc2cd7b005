"""How the figures of the reports look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

BLUE, ORANGE, GREY, INK = "#2166ac", "#c2570c", "#8a8a8a", "#333333"

_STYLE: dict[Any, Any] = {
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.color": "#e6e6e6",
    "xtick.color": INK,
    "ytick.color": INK,
}


def figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches with panels, row by row."""
    with mpl.rc_context(_STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        panels = drawn.subplots(rows, columns, squeeze=False)
    return drawn, list(panels.ravel())


def save(drawn: Figure, path: Path) -> None:
    """Write a PNG that is the same bytes whenever the same is drawn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, dpi=150, metadata={"Software": None})


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Positions of labels at least `gap` apart, near those wished for and in the same order."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    groups: list[list[int]] = []
    centres: list[float] = []
    for index in order:
        groups.append([index])
        centres.append(positions[index])
        # Groups that would overlap are centred together.
        while len(groups) > 1 and centres[-1] - centres[-2] < gap * (len(groups[-1]) + len(groups[-2])) / 2:
            last = groups.pop()
            centres.pop()
            groups[-1] += last
            centres[-1] = sum(positions[member] for member in groups[-1]) / len(groups[-1])
    placed = [0.0] * len(positions)
    for members, centre in zip(groups, centres, strict=True):
        for place, member in enumerate(members):
            placed[member] = centre + gap * (place - (len(members) - 1) / 2)
    return placed
