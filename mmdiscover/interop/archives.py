"""Zip archives from anywhere, unpacked within bounds."""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO

from mmdiscover.errors import InputError

MAX_UNPACKED = 128 * 2**20
"""Bytes that may come out of an archive."""
MAX_MEMBERS = 1000

_DIRECTORY_ENTRY = b"PK\x01\x02"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those of NumPy. Python unpacks the others without a bound."""


def unpack(content: bytes, suffix: str) -> dict[str, bytes]:
    """The members of a zip archive.

    Parameters
    ----------
    content : bytes
        The whole file.
    suffix : str
        What every name must end with; left out of the result.

    Returns
    -------
    dict
        Content by name, in the file's order.

    Raises
    ------
    InputError
        If it is no such archive, damaged, or would unpack to more than `MAX_UNPACKED` bytes or `MAX_MEMBERS` members.
    """
    # Before Python makes an object for each of them.
    if content.count(_DIRECTORY_ENTRY) > MAX_MEMBERS:
        raise InputError(f"is an archive of more than {MAX_MEMBERS:,} files, expected schemes")
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return _members(archive, suffix)
    except InputError:
        raise
    # NotImplementedError, which is a RuntimeError: unknown versions; RuntimeError: encryption.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error) as error:
        raise InputError(f"is a damaged archive ({error}), expected one such as npz") from None


def _members(archive: zipfile.ZipFile, suffix: str) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    left = MAX_UNPACKED
    for info in archive.infolist():
        name = info.filename.removesuffix(suffix)
        if name == info.filename or name in members:
            raise InputError(f"holds {ascii(info.filename)[:60]}, expected one {suffix} file for each name")
        if info.compress_type not in _METHODS:
            raise InputError(f"{ascii(name)[:60]} is compressed by method {info.compress_type}, expected that of zip")
        if info.file_size > left:
            raise InputError(f"unpacks to more than {MAX_UNPACKED:,} bytes, expected schemes")
        with archive.open(info) as file:
            # The stated size need not be true. Asked for so much, Python unpacks no more; without a number, everything.
            members[name] = file.read(info.file_size + 1)
        left -= info.file_size
    if not members:
        raise InputError("is an empty archive, expected schemes")
    return members
