"""`mmdiscover bench flips`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import JsonOption  # noqa: TC001  # Typer reads annotations

_CASES = (("4x4x4", 52, "Z2"), ("4x4x4", 52, "ZT"), ("5x5x5", 100, "Z2"), ("5x5x5", 100, "ZT"))
"""Format, rank that the start is to have, ring. Of 4x4x4 most with fewer products soon fall to 49 without flips."""


def flips(
    walkers: Annotated[
        int, typer.Option(metavar="K", min=1, help="Threads that walk at once in the last case; 1 leaves it out.")
    ] = 2,
    rounds: Annotated[int, typer.Option(metavar="N", min=1, help="Rounds of each case.")] = 9,
    as_json: JsonOption = False,
) -> None:
    """Time walks on the flip graph, beside a plain walk by NumPy.

    Medians over rounds in turns of flips per second, by walks over Z2 and ZT near 4x4x4:49 and 5x5x5:100, with
    everything that a walk does: plus transitions, reductions, checks of the Brent equations; also per second of
    processor time of a walker. The plain walk looks through all pairs of products anew for each flip. The first case
    again with more walkers: scaling is what all of them do together by what one does alone.
    """
    from mmdiscover.bench import near_rank, time_flips
    from mmdiscover.core.format import Format
    from mmdiscover.core.ring import Ring

    starts = [near_rank(Format.parse(fmt), rank, Ring(ring)) for fmt, rank, ring in _CASES]
    cases = [time_flips(start, rounds=rounds) for start in starts]
    if walkers > 1:
        cases.append(time_flips(starts[0], walkers, rounds=rounds))
    if as_json:
        output.document({"cases": [asdict(case) | {"ratio": case.ratio} for case in cases]})
        return
    headers = ("scheme", "ring", "walkers", "flips/s", "per CPU s", "scaling", "plain/s", "ratio")
    rows = [
        (
            case.scheme,
            case.ring,
            case.walkers,
            f"{case.flips_per_second:,.0f}",
            f"{case.flips_per_cpu_second:,.0f}",
            f"{case.scaling:.2f}",
            f"{case.plain_flips_per_second:,.0f}",
            f"{case.ratio:,.0f}",
        )
        for case in cases
    ]
    output.table(headers, rows, right=headers[2:])
