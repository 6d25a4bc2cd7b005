"""`mmdiscover bench export`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import JsonOption  # noqa: TC001  # Typer reads annotations
from mmdiscover.errors import InputError

_SIZES = (1024, 2048, 4096)
_PLANS = ("2x2x2:7", "2x2x2:7,2x2x2:7", "auto")


def export(
    plans: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCHEMES",
            help="A scheme for each level (2x2x2:7,3x3x3:23), or auto. Default: 2x2x2:7 once and twice, auto.",
        ),
    ] = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", "-n", help=f"Size of the square matrices; may be repeated. Default: {_SIZES}."),
    ] = None,
    dtypes: Annotated[
        list[str] | None, typer.Option("--dtype", help="float64 or float32; may be repeated. Default: float64.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads. Default: as many as processors.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, in turns.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Time products of square matrices by schemes beside numpy.matmul.

    Medians over runs in turns. Errors are the largest of a sample of entries, divided by the largest entry: by the
    schemes, by matmul, and the bound that the growth factors give.
    """
    from mmdiscover.bench import time_multiply
    from mmdiscover.runtime.team import available_threads

    chosen = [plan if plan == "auto" else tuple(plan.split(",")) for plan in plans or _PLANS]
    if any(size < 1 for size in sizes or ()):
        raise InputError(f"size is {min(sizes or ())}, expected at least 1")
    cases = [
        case
        for dtype in dtypes or ("float64",)
        for size in sizes or _SIZES
        for case in time_multiply(size, dtype, chosen, threads or available_threads(), repeats=repeats)
    ]
    if as_json:
        output.document({"cases": [asdict(case) for case in cases]})
        return
    headers = ("schemes", "n", "type", "seconds", "matmul", "speed-up", "error", "matmul's", "bound", "memory MiB")
    rows = [
        (
            case.scheme,
            str(case.n),
            case.dtype,
            f"{case.seconds:.3f}",
            f"{case.matmul_seconds:.3f}",
            f"{case.speedup:.3f}",
            f"{case.relative_error:.1e}",
            f"{case.matmul_error:.1e}",
            f"{case.error_bound:.1e}",
            f"{case.workspace_mib:.0f}",
        )
        for case in cases
    ]
    output.table(headers, rows, right=headers[3:])
