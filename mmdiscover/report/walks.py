"""Ranks of walks against their flips, as numbers and as a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import groupby
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from mmdiscover.core.format import scheme_name
from mmdiscover.core.records import best_known_rank
from mmdiscover.errors import InputError
from results_db import queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from mmdiscover.core.ring import Ring
    from results_db import Database
    from results_db.queries import WalkRow

MOST_PANELS = 12
"""Of one picture."""

# Colours that people with any colour vision tell apart (M. Okabe and K. Ito, 2008).
_COLOURS = {
    ("ZT", False): "#0072B2",
    ("Z2", False): "#E69F00",
    ("ZT", True): "#56B4E9",
    ("Z2", True): "#CC79A7",
}
_INK, _GREY = "#222222", "#777777"


@dataclass(frozen=True)
class TargetWalks:
    """The walks of one target.

    Parameters
    ----------
    scheme : str
        Format and rank that was asked for.
    walks : tuple of WalkRow
        In the order of the trials.
    known : mapping of Ring to int
        The best known rank over the rings that were walked over, where one is known.
    """

    scheme: str
    walks: tuple[WalkRow, ...]
    known: Mapping[Ring, int]

    @property
    def best(self) -> WalkRow:
        """The walk of the least rank; among those the one that came to it after the fewest flips."""
        return min(self.walks, key=lambda walk: (walk.rank, walk.trace[-1][0]))

    @property
    def flips(self) -> int:
        """Of all walks."""
        return sum(walk.flips for walk in self.walks)

    def as_json(self) -> dict[str, object]:
        """Plain values by name."""
        return {
            "scheme": self.scheme,
            "best_rank": self.best.rank,
            "known": {str(ring): rank for ring, rank in self.known.items()},
            "flips": self.flips,
            "walks": [
                {
                    "trial": walk.trial,
                    "ring": str(walk.ring),
                    "cyclic": walk.cyclic,
                    "status": walk.status,
                    "flips": walk.flips,
                    "rank": walk.rank,
                    "trace": [list(step) for step in walk.trace],
                }
                for walk in self.walks
            ],
        }


def walks_of_targets(db: Database, campaign: str, scheme: str | None = None) -> tuple[str, tuple[TargetWalks, ...]]:
    """The name of a campaign, and the walks of each of its targets that has any.

    Parameters
    ----------
    db : Database
    campaign : str
        Name or number.
    scheme : str, optional
        Only the target of this format, ``4x4x4``, or of this format and rank, ``4x4x4:49``.

    Raises
    ------
    InputError
        If there is no such campaign, or it has no such walks.
    DatabaseError
        If a row is damaged.
    """
    name, rows = queries.walks_of(db, campaign)
    targets = []
    for _, group in groupby(rows, key=lambda walk: walk.position):
        walks = tuple(group)
        fmt = walks[0].format
        target = scheme_name(fmt, walks[0].target)
        if scheme in (None, target, str(fmt)):
            known = {ring: best_known_rank(fmt, ring) for ring in sorted({walk.ring for walk in walks})}
            found = {ring: rank for ring, rank in known.items() if rank is not None}
            targets.append(TargetWalks(target, walks, found))
    if not targets:
        what = "walks" if scheme is None else f"walks for {scheme}"
        raise InputError(f"campaign {name!r} has no {what}, expected finished trials by the method discrete")
    return name, tuple(targets)


def picture(campaign: str, targets: Sequence[TargetWalks], kind: str = "png") -> bytes:
    """One step line per walk, a panel per target; the same bytes whenever the same is drawn.

    Parameters
    ----------
    campaign : str
        Its name, for the title.
    targets : sequence of TargetWalks
    kind : {"png", "svg", "pdf"}

    Raises
    ------
    InputError
        If there are more targets than panels.
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    if len(targets) > MOST_PANELS:
        raise InputError(f"{len(targets)} targets have walks, expected at most {MOST_PANELS} for one picture: name one")
    import matplotlib as mpl
    from matplotlib.figure import Figure

    columns = 1 if len(targets) == 1 else 2
    rows = -(-len(targets) // columns)
    style: Any = {"font.size": 10, "svg.hashsalt": "mmdiscover", "axes.edgecolor": _GREY, "axes.axisbelow": True}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.5 if columns == 1 else 11, 0.9 + 3.6 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        shown: dict[str, Any] = {}
        for axes, target in zip(panels, targets, strict=False):
            shown |= _panel(axes, target)
        for axes in panels[len(targets) :]:
            axes.remove()
        figure.suptitle(f"Walks of campaign {campaign}", fontsize=12)
        labels = sorted(shown, key=lambda label: (label.startswith("best"), label.split(" ")[0] == "cyclic", label))
        figure.legend(
            [shown[label] for label in labels],
            labels,
            loc="outside lower center",
            ncols=len(labels) if columns == 2 else min(4, len(labels)),
            frameon=False,
        )
        written = io.BytesIO()
        metadata: dict[str, Any] = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(written, format=kind, dpi=150, metadata=metadata[kind])
    return written.getvalue()


def _panel(axes: Axes, target: TargetWalks) -> dict[str, Any]:
    """Draw a target; returns lines for the legend by their labels."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MultipleLocator

    shown: dict[str, Any] = {}
    # Logarithms have no zero: the picture begins at a power of ten before the first reduction.
    events = [
        flips for walk in target.walks for flips in (walk.flips, *(flips for flips, _ in walk.trace)) if flips > 0
    ]
    first, last = 10 ** floor(log10(min(events, default=1))), 10 ** ceil(log10(max(events, default=10)))
    lines = dict.fromkeys(target.known.values())
    ranks = [*lines, *(rank for walk in target.walks for _, rank in walk.trace)]
    spread = max(ranks) - min(ranks)
    opacity = max(0.15, min(0.8, 12 / len(target.walks)))
    best, kinds = target.best, sorted({(str(walk.ring), walk.cyclic) for walk in target.walks})
    for walk in target.walks:
        kind = str(walk.ring), walk.cyclic
        # Lines of different kinds lie beside each other.
        shift = (kinds.index(kind) - (len(kinds) - 1) / 2) * 0.012 * max(spread, 1)
        _steps(axes, walk, first, shift, color=_COLOURS[kind], lw=1.1, alpha=opacity)
        label = f"{'cyclic ' if walk.cyclic else ''}walk over {walk.ring}"
        shown[label] = Line2D([], [], color=_COLOURS[kind], lw=1.5)
    (shown["best walk"],) = _steps(axes, best, first, 0.0, color=_INK, lw=2.0)
    axes.plot(max(best.trace[-1][0], first), best.rank, "o", color=_INK, ms=5, clip_on=False)
    for rank in lines:
        over = " and ".join(str(ring) for ring, known in target.known.items() if known == rank)
        shown["best known rank"] = axes.axhline(rank, color=_GREY, ls="--", lw=1.2, zorder=1.5)
        axes.annotate(
            f"{rank}, known over {over}",
            (1.0, rank),
            xycoords=("axes fraction", "data"),
            xytext=(-4, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=_GREY,
        )
    axes.set_xscale("log")
    axes.set_xlim(first, max(last, 10 * first))
    axes.set_ylim(min(ranks) - max(0.35, 0.09 * spread), max(ranks) + max(0.35, 0.04 * spread))
    axes.yaxis.set_major_locator(MultipleLocator(max(1, round(spread / 8))))
    axes.grid(color="#e6e6e6", lw=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("flips")
    axes.set_ylabel("rank")
    count = f"{len(target.walks):,} walk{'' if len(target.walks) == 1 else 's'}"
    axes.set_title(f"{target.scheme}: best {best.rank}, {count}", fontsize=10, loc="left")
    return shown


def _steps(axes: Axes, walk: WalkRow, first: float, shift: float, **style: Any) -> Any:
    """The least rank so far, from the beginning of its trace, or the left edge, to the end of the walk."""
    flips = [max(first, flips) for flips, _ in walk.trace]
    ranks = [rank + shift for _, rank in walk.trace]
    return axes.plot([*flips, max(first, walk.flips)], [*ranks, ranks[-1]], drawstyle="steps-post", **style)
