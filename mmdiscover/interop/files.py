"""Files on disk: found, bounded and read; what is in them is for the format's own module to say."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmdiscover.errors import InputError, SchemeFileError
from mmdiscover.interop.native import parse_native

if TYPE_CHECKING:
    import os

    from mmdiscover.core.scheme import Scheme

MAX_BYTES = 32 * 2**20
"""Larger files are refused unread; a 16x16x16 scheme takes about 6 MB."""


@dataclass(frozen=True)
class SchemeEntry:
    """One scheme of a file, well-formed but not verified.

    Parameters
    ----------
    file : Path
        Where it stands.
    entry : int
        Its position in the file, from 0.
    scheme : Scheme or None
        None when this entry is malformed.
    reason : str or None
        Why it is malformed.
    """

    file: Path
    entry: int
    scheme: Scheme | None
    reason: str | None = None


def read_schemes(path: str | os.PathLike[str]) -> list[SchemeEntry]:
    """Read all schemes of a file: native JSON, or the JSON of FastMatrixMultiplication.

    Nothing is verified here: a well-formed file can hold a wrong scheme.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    list of SchemeEntry
        In the file's order.

    Raises
    ------
    SchemeFileError
        If the file cannot be read or is not a scheme file: one line that names it, what came and what was expected.
    """
    file = Path(path)
    try:
        return [SchemeEntry(file, 0, parse_native(_read_text(file)))]
    except InputError as error:
        name = str(file)
        raise SchemeFileError(f"{name if name.isprintable() else ascii(name)}: {error}") from None


def _read_text(file: Path) -> str:
    content = _read_bytes(file)
    if content.startswith(b"PK\x03\x04"):
        raise InputError("is a zip archive such as npz, expected a JSON scheme")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {content[error.start]:#04x} at offset {error.start} is not UTF-8, expected a JSON scheme"
        ) from None


def _read_bytes(file: Path) -> bytes:
    try:
        status = file.stat()
        regular, size = stat.S_ISREG(status.st_mode), status.st_size
        # Anything else stays closed: a pipe that nobody writes to would hang, a large file would fill the memory.
        content = file.read_bytes() if regular and size <= MAX_BYTES else b""
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read ({reason}), expected a scheme file") from None
    if not regular:
        raise InputError("is a folder or a device, expected a scheme file")
    if size > MAX_BYTES:
        raise InputError(f"has {size:,} bytes, expected at most {MAX_BYTES:,}")
    return content
