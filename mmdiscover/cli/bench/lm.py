"""`mmdiscover bench lm`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import JsonOption  # noqa: TC001  # Typer reads annotations
from mmdiscover.core.format import parse_scheme_name
from mmdiscover.errors import InputError

_SCHEMES = ("2x2x2:7", "3x3x3:23", "3x3x4:29", "4x4x4:49")


def lm(
    schemes: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCHEME", help=f"Problem sizes to time. Default: {', '.join(_SCHEMES)}."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Time one Levenberg-Marquardt iteration beside bare LAPACK solves.

    Medians in milliseconds, on one BLAS thread: a whole iteration; dposv of the reduced system, the one that an
    iteration factors, with the largest mode eliminated; dposv of the full system.
    """
    problems = [parse_scheme_name(scheme) for scheme in schemes or _SCHEMES]
    for fmt, rank in problems:
        if rank is None:
            raise InputError(f"scheme {str(fmt)!r} has no rank, expected one such as {fmt}:{fmt.classical_rank}")
    from mmdiscover.search.benchmark import time_lm

    cases = [time_lm(fmt, rank) for fmt, rank in problems if rank is not None]
    if as_json:
        output.document({"cases": [asdict(case) for case in cases]})
        return
    headers = ("scheme", "iteration ms", "reduced dposv ms", "full dposv ms", "iteration/reduced", "iteration/full")
    rows = [
        (
            case.scheme,
            *(f"{time:.3f}" for time in (case.iteration_ms, case.reduced_solve_ms, case.full_solve_ms)),
            f"{case.iteration_ms / case.reduced_solve_ms:.2f}",
            f"{case.iteration_ms / case.full_solve_ms:.2f}",
        )
        for case in cases
    ]
    output.table(headers, rows, right=headers[1:])
