"""`mmdiscover bench verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import JsonOption  # noqa: TC001  # Typer reads annotations
from mmdiscover.core.format import Format

if TYPE_CHECKING:
    from mmdiscover.bench import VerifyTimes

_FORMATS = ("2x2x2", "3x3x3", "4x4x4", "5x5x5")


def verify(
    formats: Annotated[
        list[str] | None, typer.Argument(metavar="FORMAT", help=f"Formats to time. Default: {', '.join(_FORMATS)}.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Time reading a scheme file and checking the Brent equations, beside the arithmetic alone.

    Medians in milliseconds, on one BLAS thread, of a valid scheme: blocks of 2x2 by Strassen's algorithm, what is left
    over by the classical one. Reading is from native JSON; the arithmetic is the sum over all products by BLAS.
    """
    cases = [_time(Format.parse(fmt)) for fmt in formats or _FORMATS]
    if as_json:
        output.document({"cases": [asdict(case) | {"ratio": case.ratio} for case in cases]})
        return
    headers = ("scheme", "read ms", "Brent ms", "arithmetic ms", "ratio")
    rows = [
        (
            case.scheme,
            f"{case.read_ms:.3f}",
            f"{case.brent_ms:.3f}",
            f"{case.arithmetic_ms:.3f}",
            f"{case.ratio:.2f}",
        )
        for case in cases
    ]
    output.table(headers, rows, right=headers[1:])


def _time(fmt: Format) -> VerifyTimes:
    from mmdiscover.bench import blocked_scheme, time_verify
    from mmdiscover.interop import write_native
    from mmdiscover.interop.native import parse_native
    from mmdiscover.verify import check_brent

    scheme = blocked_scheme(fmt)
    text = write_native(scheme)
    return time_verify(scheme, lambda: parse_native(text), check_brent)
