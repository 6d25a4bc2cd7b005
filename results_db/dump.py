"""A whole database as files: schemes as scheme files, everything else as JSON lines.

Schemes are native scheme files at ``schemes/FORMAT/RANK-HASH.json``; ``schemes.jsonl`` says where each is and since
when it is known. The other tables are ``TABLE.jsonl``, one JSON object per row: bytes in base 64, moments in ISO 8601.
Experience is left out: it is the sum of the trials. ``dump.json`` tells the schema and the number of rows; it is
written last.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, DateTime, Double, Integer, LargeBinary, String

from mmdiscover.core.format import Format
from mmdiscover.errors import InputError
from results_db import codec
from results_db.contents import TABLES, DatabaseContents, stored_scheme
from results_db.merge import Left, Merged
from results_db.schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.sql.elements import KeyedColumnElement

    from mmdiscover.core.verified import VerifiedScheme
    from results_db.contents import Progress, Prove
    from results_db.database import Database

_HEAD = "dump.json"
_KIND = "mmdiscover database"


def dump(db: Database, folder: Path, prove: Prove, progress: Progress | None = None) -> Merged:
    """Write everything to a folder, every scheme after it was proved again.

    Parameters
    ----------
    db : Database
    folder : Path
        New or empty.
    prove : callable
    progress : callable, optional

    Returns
    -------
    Merged
        How many rows were written, and which are damaged and were left out.

    Raises
    ------
    InputError
        If the folder holds anything, or cannot be written.
    DatabaseError
        If a row cannot be read.
    """
    _make(folder)
    with db.read() as connection:
        work = _Dump(DatabaseContents(connection), prove, progress or (lambda *_: None))
        try:
            work.write(folder)
        except OSError as error:
            raise InputError(f"folder {folder} cannot be written: {error.strerror}") from None
    return Merged(work.written, tuple(work.left))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"folder {folder} is not empty, expected a new one")
    except (OSError, ValueError) as error:
        raise InputError(f"folder {folder} cannot be made: {getattr(error, 'strerror', None) or error}") from None


class _Dump:
    """The writing of one folder."""

    def __init__(self, contents: DatabaseContents, prove: Prove, progress: Progress) -> None:
        self.written = dict.fromkeys(TABLES, 0)
        self.left: list[Left] = []
        self._contents, self._prove, self._progress = contents, prove, progress
        self._total = sum(map(contents.count, TABLES))

    def write(self, folder: Path) -> None:
        for table in TABLES:
            with (folder / f"{table}.jsonl").open("w", encoding="utf-8") as file:
                for row in self._contents.rows(table):
                    kept = self._write_scheme(folder, row) if table == "schemes" else row
                    if kept is not None:
                        file.write(json.dumps({name: _plain(value) for name, value in kept.items()}) + "\n")
                        self.written[table] += 1
                    self._progress(sum(self.written.values()) + len(self.left), self._total)
        head = {"kind": _KIND, "schema": HEAD, "rows": self.written}
        (folder / _HEAD).write_text(json.dumps(head, indent=2) + "\n", encoding="utf-8")

    def _write_scheme(self, folder: Path, row: dict[str, Any]) -> dict[str, Any] | None:
        """Write a scheme's file; returns what is kept beside it."""
        try:
            verified = self._prove(stored_scheme(row))
        except (InputError, TypeError, ArithmeticError) as error:
            self.left.append(Left("schemes", row["id"], str(error)))
            return None
        path = _scheme_path(folder, verified)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_scheme_text(verified), encoding="utf-8")
        own = {"id": row["id"], "hash": verified.hash, "found_at": row["found_at"]}
        return own | {"file": path.relative_to(folder).as_posix()}


def _scheme_path(folder: Path, verified: VerifiedScheme) -> Path:
    scheme = verified.scheme
    return folder / "schemes" / str(scheme.format) / f"{scheme.rank}-{verified.hash}.json"


def _scheme_text(verified: VerifiedScheme) -> str:
    scheme = verified.scheme
    head = {"format": scheme.format.sizes, "rank": scheme.rank, "ring": str(scheme.ring)}
    return json.dumps(head | json.loads(codec.scheme_text(scheme))) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value


class FolderContents:
    """What `dump` wrote.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    InputError
        If it is no such folder, incomplete, or of another schema. Malformed rows are refused where they are read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        head = _document(folder / _HEAD) if _is_folder(folder) else None
        if not isinstance(head, dict) or head.get("kind") != _KIND or not isinstance(head.get("rows"), dict):
            raise InputError(f"folder {folder} is no complete export, expected one that `mmdiscover db export` made")
        if head.get("schema") != HEAD:
            raise InputError(
                f"folder {folder} has schema {head.get('schema')!r}, expected {HEAD}: "
                f"import it with the version that made it, then `mmdiscover db upgrade` and `mmdiscover db merge`"
            )
        self._rows = head["rows"]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self._rows.get(table, 0))

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a table, in the order in which they were written."""
        path = self._folder / f"{table}.jsonl"
        try:
            with path.open(encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    place = f"{path}, line {number}"
                    document = _parse(line, place)
                    if not isinstance(document, dict):
                        raise InputError(f"{place} is not a JSON object")
                    yield self._scheme(document, place) if table == "schemes" else _row(table, document, place)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}") from None

    def _scheme(self, index: dict[str, Any], place: str) -> dict[str, Any]:
        """A scheme file as the row that it was; what is counted about the scheme is counted again."""
        try:
            document = _document(self._folder / _below_schemes(str(index["file"])))
            fmt = Format(*document["format"])
            return {
                "id": int(index["id"]),
                "hash": str(index["hash"]),
                "found_at": codec.utc(datetime.fromisoformat(index["found_at"])),
                "n": fmt.n,
                "m": fmt.m,
                "p": fmt.p,
                "rank": document["rank"],
                "ring": document["ring"],
                "factors": json.dumps({name: document[name] for name in "uvw"}),
            }
        except (TypeError, ValueError, LookupError) as error:
            raise InputError(f"{place} is no exported scheme: {error!r}") from None


def _below_schemes(file: str) -> str:
    if ".." in file or not file.startswith("schemes/"):
        raise ValueError(f"file {file!r} is not below schemes/")
    return file


def _is_folder(path: Path) -> bool:
    try:
        return (path / _HEAD).is_file()
    except (OSError, ValueError):
        return False


def _document(path: Path) -> Any:
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place} is not JSON: {error}") from None


def _row(table: str, document: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        return {column.name: _value(column, document[column.name]) for column in TABLES[table].__table__.columns}
    except (TypeError, ValueError, LookupError) as error:
        raise InputError(f"{place} is no row of {table}: {error!r}") from None


_PLAIN_TYPES: dict[type, Any] = {Integer: int, Double: (int, float), String: str, JSON: (dict, list)}


def _value(column: KeyedColumnElement[Any], value: Any) -> Any:
    """What the column keeps.

    Raises
    ------
    TypeError, ValueError
        If `value` is something else.
    """
    if value is None and column.nullable:
        return None
    if isinstance(column.type, DateTime):
        return codec.utc(datetime.fromisoformat(value))
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    expected = next(plain for kind, plain in _PLAIN_TYPES.items() if isinstance(column.type, kind))
    if not isinstance(value, expected) or isinstance(value, bool):
        raise TypeError(f"{column.name} is {value!r}")
    return value
