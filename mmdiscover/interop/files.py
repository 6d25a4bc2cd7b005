"""Files on disk: found, bounded and read; what is in them is for the format's own module to say."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmdiscover.errors import InputError, SchemeFileError
from mmdiscover.interop.detect import parse_schemes

if TYPE_CHECKING:
    import os

    from mmdiscover.core.scheme import Scheme
    from mmdiscover.interop.parsed import Parsed

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
    readings : tuple of Scheme
        Every way in which it may be meant; the first that verifies is. Empty when this entry is malformed.
    reason : str or None
        Why it is malformed.
    label : str or None
        What the file calls it, where it has several.
    """

    file: Path
    entry: int
    readings: tuple[Scheme, ...]
    reason: str | None = None
    label: str | None = None

    @property
    def scheme(self) -> Scheme | None:
        """The first reading, if there is one."""
        return self.readings[0] if self.readings else None


def read_schemes(path: str | os.PathLike[str]) -> list[SchemeEntry]:
    """Read all schemes of a file in any of the formats in which they are published, told apart by their content.

    Nothing is verified here: a well-formed file can hold a wrong scheme.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    list of SchemeEntry
        In the file's order, at least one of them well-formed.

    Raises
    ------
    SchemeFileError
        If the file cannot be read or holds no scheme: one line that names it, what came and what was expected.
    """
    file = Path(path)
    try:
        schemes = parse_schemes(_read_bytes(file))
        _require_readings(schemes)
    except InputError as error:
        name = str(file)
        raise SchemeFileError(f"{name if name.isprintable() else ascii(name)}: {_printable(str(error))}") from None
    return [
        SchemeEntry(file, number, x.readings, x.reason and _printable(x.reason), x.label and _printable(x.label))
        for number, x in enumerate(schemes)
    ]


def _require_readings(schemes: list[Parsed]) -> None:
    if not schemes:
        raise InputError("holds nothing, expected a scheme")
    if not any(parsed.readings for parsed in schemes):
        place = f"entry 0 of {len(schemes)}: " if len(schemes) > 1 else ""
        raise InputError(f"{place}{schemes[0].reason}")


def _printable(text: str) -> str:
    """The same text on one line: pieces of a file may stand in it."""
    return "".join(x if x.isprintable() else ascii(x)[1:-1] for x in text)


def _read_bytes(file: Path) -> bytes:
    content = b""
    try:
        status = file.stat()
        regular, size = stat.S_ISREG(status.st_mode), status.st_size
        # Anything else stays closed: a pipe that nobody writes to would hang, a large file would fill the memory.
        if regular and size <= MAX_BYTES:
            with file.open("rb") as stream:
                # Not all of it: some have no size until they are read.
                content = stream.read(MAX_BYTES + 1)
                size = max(size, len(content))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, FileNotFoundError) and file.is_symlink():
            reason = "a link that leads nowhere"
        raise InputError(f"cannot be read ({reason}), expected a scheme file") from None
    if not regular:
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "device or a pipe"
        raise InputError(f"is a {kind}, expected a scheme file")
    if size > MAX_BYTES:
        raise InputError(f"has {size:,} bytes, expected at most {MAX_BYTES:,}")
    return content
