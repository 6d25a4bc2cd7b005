"""`mmdiscover verify`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmdiscover.core.scheme import Scheme


# A number or the beginning of a hash; anything else can only be meant as a file.
_ID = re.compile(r"\d+|[0-9a-f]{4,64}", re.ASCII | re.IGNORECASE)


def verify(
    what: Annotated[
        str, typer.Argument(metavar="FILE|ID", help="A scheme file; or, where there is no such file, a stored scheme.")
    ],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Prove a scheme exactly.

    Twice: by the Brent equations, and by symbolic expansion of the products. Exit code 1 if it is wrong.
    """
    reports = [_report(*entry) for entry in _entries(what, db)]
    if as_json:
        output.document(reports)
    else:
        for report in reports:
            print(_line(report))
    if not all(report["ok"] for report in reports):
        raise typer.Exit(1)


def _entries(what: str, db: str) -> Iterator[tuple[str | None, int, Scheme | None, str | None]]:
    """File, entry, scheme, and why there is none."""
    if output.exists(Path(what)) or _ID.fullmatch(what) is None:
        from mmdiscover.interop import read_schemes

        for entry in read_schemes(what):
            yield str(entry.file), entry.entry, entry.scheme, entry.reason
        return
    from mmdiscover.cli.stored import load

    stored = load(db, what)
    yield None, stored.row.id, stored.scheme, None


def _report(file: str | None, entry: int, scheme: Scheme | None, reason: str | None) -> dict[str, Any]:
    from mmdiscover.verify import verify

    verdict = None if scheme is None else verify(scheme)
    checks = {} if verdict is None else verdict.checks
    return {
        "file": file,
        "entry": entry,
        "ok": verdict is not None and verdict.ok,
        "scheme": scheme and scheme.name,
        "ring": scheme and str(scheme.ring),
        "checks": {"brent": checks.get("brent"), "symbolic": checks.get("symbolic")},
        "reason": reason if verdict is None else verdict.reason,
    }


def _line(report: dict[str, Any]) -> str:
    place = f"scheme {report['entry']}" if report["file"] is None else f"{report['file']}, entry {report['entry']}"
    if not report["ok"]:
        return f"{place}: {report['scheme'] or 'no scheme'} is wrong: {report['reason']}"
    checks = " and ".join(name for name, passed in report["checks"].items() if passed)
    return f"{place}: {report['scheme']} over {report['ring']} is proved by the checks {checks}"
