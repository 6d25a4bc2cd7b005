"""`mmdiscover verify`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme


# A number or the beginning of a hash; anything else can only be meant as a file.
_ID = re.compile(r"\d+|[0-9a-f]{4,64}", re.ASCII | re.IGNORECASE)


def verify(
    what: Annotated[
        list[str],
        typer.Argument(metavar="FILE|ID...", help="Scheme files; or, where there is no such file, stored schemes."),
    ],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Prove schemes exactly.

    Twice: by the Brent equations, and by symbolic expansion of the products. Files may be in any format that `schemes
    import` reads. Exit code 1 if a scheme is wrong, 2 if a file was malformed.
    """
    reports, malformed = [], False
    for name in what:
        try:
            entries = _entries(name, db)
        except InputError as error:
            output.error(str(error))
            malformed = True
            reports.append(_report(name, 0, (), str(error)))
            continue
        for entry in entries:
            reports.append(_report(*entry))
            if not as_json:
                print(_line(reports[-1]))
    if as_json:
        output.document(reports)
    if malformed or not all(report["ok"] for report in reports):
        raise typer.Exit(2 if malformed else 1)


def _entries(what: str, db: str) -> list[tuple[str | None, int, tuple[Scheme, ...], str | None]]:
    """File, entry, what it may mean, and why it means nothing."""
    if output.exists(Path(what)) or _ID.fullmatch(what) is None:
        from mmdiscover.interop import read_schemes

        return [(str(entry.file), entry.entry, entry.readings, entry.reason) for entry in read_schemes(what)]
    from mmdiscover.cli.stored import load

    stored = load(db, what)
    return [(None, stored.row.id, (stored.scheme,), None)]


def _report(file: str | None, entry: int, readings: tuple[Scheme, ...], reason: str | None) -> dict[str, Any]:
    from mmdiscover.verify import verify_readings

    scheme, verdict = readings[0] if readings else None, None
    try:
        if readings:
            scheme, verdict = verify_readings(readings)
    except InputError as error:  # too large to be verified
        reason = str(error)
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
    over = f"modulo 2 (ring {report['ring']})" if report["ring"] == "Z2" else f"over {report['ring']}"
    return f"{place}: {report['scheme']} {over} is proved by the checks {checks}"
