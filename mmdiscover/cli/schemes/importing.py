"""`mmdiscover schemes import`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.interop import SchemeEntry
    from results_db import Database


def import_schemes(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Scheme files.")],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Verify the schemes of files and store them.

    What a file holds decides its format, not its name: own JSON and npz, the JSON of FastMatrixMultiplication (full or
    reduced), npz of AlphaTensor or with arrays U, V, W, Maple files of the FMM catalogue, nested braces (.m), products
    of linear forms (.exp), coefficient blocks, text of flip-graph programs, AlphaEvolve's notebook, MATLAB statements.

    What is valid is stored whatever stands beside it. Exit code 1 if a scheme was rejected, 2 if a file was malformed.
    """
    from mmdiscover.interop import read_schemes
    from results_db import open_database

    results, malformed = [], False
    with ExitStack() as stack:
        database = None
        for file in files:
            # One file at a time: what was read is stored and forgotten before the next.
            try:
                entries = read_schemes(file)
            except InputError as error:
                output.error(str(error))
                malformed = True
                results.append(_result(file, 0, None, "rejected", reason=str(error)))
                continue
            database = database or stack.enter_context(open_database(db))
            for entry in entries:
                results.append(_store(database, entry))
                if not as_json:
                    print(_line(results[-1]))
    if as_json:
        output.document(results)
    if any(result["status"] == "rejected" for result in results):
        raise typer.Exit(2 if malformed else 1)


def _store(database: Database, entry: SchemeEntry) -> dict[str, Any]:
    from mmdiscover.verify import verify_readings
    from results_db import repository

    scheme, reason = entry.scheme, entry.reason
    try:
        if entry.readings:
            scheme, verdict = verify_readings(entry.readings)
            reason = verdict.reason
            if verdict.verified is not None:
                name = "" if entry.label is None else f" ({entry.label})"
                stored = repository.store_scheme(
                    database,
                    verdict.verified,
                    source_kind="import",
                    detail=f"{entry.file}, entry {entry.entry}{name}",
                )
                status = "stored" if stored.new else "duplicate"
                result = _result(entry.file, entry.entry, verdict.verified.scheme, status, label=entry.label)
                zero = scheme.rank - verdict.verified.scheme.rank
                return result | {"scheme_id": stored.scheme_id, "zero_products": zero}
    except InputError as error:  # too large to be verified, or with entries too long to be stored
        reason = str(error)
    return _result(entry.file, entry.entry, scheme, "rejected", reason=reason, label=entry.label)


def _result(
    file: str | Path,
    entry: int,
    scheme: Scheme | None,
    status: str,
    *,
    reason: str | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    return {
        "file": str(file),
        "entry": entry,
        "label": label,
        "scheme": scheme and scheme.name,
        "ring": scheme and str(scheme.ring),
        "zero_products": None,
        "status": status,
        "scheme_id": None,
        "reason": reason,
    }


def _line(result: dict[str, Any]) -> str:
    name = "" if result["label"] is None else f" ({result['label']})"
    modulo = " modulo 2" if result["ring"] == "Z2" else ""
    head = f"{result['file']}, entry {result['entry']}{name}: {result['scheme'] or 'no scheme'}{modulo}"
    if result["reason"] is not None:
        return f"{head} {result['status']}: {result['reason']}"
    zero = result["zero_products"]
    left_out = f", without {output.counted(zero, 'zero product')}" if zero else ""
    return f"{head} {result['status']} as scheme {result['scheme_id']}{left_out}"
