"""`mmdiscover schemes import`."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmdiscover.cli import output
from mmdiscover.cli.options import DEFAULT_DATABASE, DatabaseOption, JsonOption
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme
    from mmdiscover.interop import SchemeEntry
    from results_db import Database


def import_schemes(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Scheme files.")],
    db: DatabaseOption = DEFAULT_DATABASE,
    as_json: JsonOption = False,
) -> None:
    """Verify the schemes of files and store them.

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
    from mmdiscover.verify import verify
    from results_db import repository

    file = str(entry.file)
    if entry.scheme is None:
        return _result(file, entry.entry, None, "rejected", reason=entry.reason)
    try:
        verdict = verify(entry.scheme)
        if verdict.verified is None:
            return _result(file, entry.entry, entry.scheme, "rejected", reason=verdict.reason)
        stored = repository.store_scheme(
            database, verdict.verified, source_kind="import", detail=f"{file}, entry {entry.entry}"
        )
    except InputError as error:  # too large to be verified, or with entries too long to be stored
        return _result(file, entry.entry, entry.scheme, "rejected", reason=str(error))
    status = "stored" if stored.new else "duplicate"
    return _result(file, entry.entry, verdict.verified.scheme, status, scheme_id=stored.scheme_id)


def _result(
    file: str, entry: int, scheme: Scheme | None, status: str, scheme_id: int | None = None, reason: str | None = None
) -> dict[str, Any]:
    return {
        "file": file,
        "entry": entry,
        "scheme": scheme and scheme.name,
        "ring": scheme and str(scheme.ring),
        "status": status,
        "scheme_id": scheme_id,
        "reason": reason,
    }


def _line(result: dict[str, Any]) -> str:
    head = f"{result['file']}, entry {result['entry']}: {result['scheme'] or 'no scheme'} {result['status']}"
    return f"{head} as scheme {result['scheme_id']}" if result["reason"] is None else f"{head}: {result['reason']}"
