"""`mmdiscover bench lm`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import JsonOption  # noqa: TC001  # Typer reads annotations
from mmdiscover.core.format import parse_scheme_name
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.bench import FitCosts, LMTimes
    from mmdiscover.core.format import Format

_SCHEMES = ("2x2x2:7", "3x3x3:23", "3x3x4:29", "4x4x4:49")
_FITS = ("2x2x2:7", "2x3x3:15")


def lm(
    schemes: Annotated[
        list[str] | None,
        typer.Argument(metavar="SCHEME", help=f"Problem sizes to time. Default: {', '.join(_SCHEMES)}."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Time one Levenberg-Marquardt iteration beside bare LAPACK solves and other programs.

    Medians in milliseconds, on one BLAS thread: a whole iteration; dposv of the reduced system, the one that an
    iteration factors, with the largest mode eliminated, and the ratio of the two; dposv of the full system; a step of
    SciPy's least_squares on the dense Jacobian, left out where it takes seconds; a sweep of TensorLy's parafac, where
    that is installed.

    Without SCHEME, also how many starts of each program become exact fits of 2x2x2:7 and 2x3x3:15 in some CPU seconds.
    """
    problems = [_problem(scheme) for scheme in schemes or _SCHEMES]
    from mmdiscover.bench import cost_of_fits, time_lm

    cases = [time_lm(fmt, rank) for fmt, rank in problems]
    fits = [] if schemes else [costs for scheme in _FITS for costs in cost_of_fits(*_problem(scheme))]
    if as_json:
        output.document(
            {
                "cases": [asdict(case) | {"ratio": case.ratio} for case in cases],
                "fits": [asdict(costs) | {"exact_per_cpu_second": costs.exact_per_cpu_second} for costs in fits],
            }
        )
        return
    _show_cases(cases)
    if fits:
        print()
        _show_fits(fits)


def _problem(scheme: str) -> tuple[Format, int]:
    fmt, rank = parse_scheme_name(scheme)
    if rank is None:
        raise InputError(f"scheme {str(fmt)!r} has no rank, expected one such as {fmt}:{fmt.classical_rank}")
    return fmt, rank


def _show_cases(cases: list[LMTimes]) -> None:
    headers = ("scheme", "iteration ms", "reduced dposv", "ratio", "full dposv", "least_squares", "parafac")
    rows = [
        (
            case.scheme,
            f"{case.iteration_ms:.3f}",
            f"{case.reduced_solve_ms:.3f}",
            f"{case.ratio:.2f}",
            f"{case.full_solve_ms:.3f}",
            *(None if time is None else f"{time:.3f}" for time in (case.least_squares_ms, case.parafac_ms)),
        )
        for case in cases
    ]
    output.table(headers, rows, right=headers[1:])


def _show_fits(fits: list[FitCosts]) -> None:
    headers = ("scheme", "method", "starts", "exact", "CPU seconds", "exact/CPU second")
    rows = [
        (
            costs.scheme,
            costs.method,
            costs.starts,
            costs.exact,
            f"{costs.cpu_seconds:.2f}",
            f"{costs.exact_per_cpu_second:.2f}",
        )
        for costs in fits
    ]
    output.table(headers, rows, right=headers[2:])
