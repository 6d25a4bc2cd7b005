"""The layout of ``.npy`` files, read without ``numpy.load``: no evaluated header, no pickle, nothing unbounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY"
# Python 2 wrote 3L for 3.
_HEADER = re.compile(
    r"\{'descr': '(?P<type>[|<>=]?[A-Za-z]\d{0,9})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,12}L?, ?)*(?:\d{1,12}L?)?)\),? ?\}\s*"
)
_NUMBERS = re.compile(r"[|<>=]?(?:[iu][1248]|f[248])")
_TEXT = re.compile(r"[<>=]?U[1-9]\d{0,2}")
_LAST_ASCII = 127

MAX_ENTRIES = 2**24
"""Of an array: as exact numbers they take much more memory than in the file."""


@dataclass(frozen=True)
class Npy:
    """An array as its file states it.

    Parameters
    ----------
    dtype : str
        For example ``<i8``; ``|O`` for objects.
    shape : tuple of int
    fortran : bool
        Whether columns are contiguous.
    data : bytes
        The entries, or a pickle of them.
    """

    dtype: str
    shape: tuple[int, ...]
    fortran: bool
    data: bytes

    @property
    def pickled(self) -> bool:
        """Whether the entries are Python objects."""
        return self.dtype.endswith("O")

    def array(self) -> NDArray[Any]:
        """The entries as an array of integers, floats or text.

        Raises
        ------
        InputError
            If they are of another type, or the bytes are not as many as type and shape say.
        """
        if _TEXT.fullmatch(self.dtype):
            array = _array(self.dtype, self.shape, self.data, fortran=self.fortran)
            codes = np.frombuffer(self.data, dtype=np.dtype("u4").newbyteorder(array.dtype.byteorder))
            if (codes > _LAST_ASCII).any():  # NumPy fails with a SystemError on what is no character
                raise InputError("holds text that is not ASCII, expected exact numbers")
            return array
        return numeric_array(self.dtype, self.shape, self.data, fortran=self.fortran)


def parse_npy(content: bytes) -> Npy:
    """Read the header of an ``.npy`` file.

    Parameters
    ----------
    content : bytes
        The whole file.

    Raises
    ------
    InputError
        If it is none, or an array of records.
    """
    if content[: len(_MAGIC)] != _MAGIC or len(content) < 12:
        raise InputError("is no .npy file, expected an array of NumPy")
    start = 10 if content[6] == 1 else 12
    size = int.from_bytes(content[8:start], "little")
    match = _HEADER.fullmatch(content[start : start + size].decode("latin-1")) if size <= 10_000 else None
    if match is None:
        raise InputError("has a header that is not read, expected that of an array of numbers")
    shape = tuple(int(text) for text in re.findall(r"\d+", match["shape"]))
    return Npy(match["type"], shape, match["fortran"] == "True", content[start + size :])


def numeric_array(dtype: str, shape: Sequence[int], data: bytes, *, fortran: bool) -> NDArray[Any]:
    """An array of integers or floats from its bytes.

    Raises
    ------
    InputError
        If `dtype` is another one, or there are not as many bytes as type and shape say.
    """
    if _NUMBERS.fullmatch(dtype) is None:
        raise InputError(f"has entries of type {ascii(dtype)[:40]}, expected integers or floats")
    return _array(dtype, shape, data, fortran=fortran)


def _array(dtype: str, shape: Sequence[int], data: bytes, *, fortran: bool) -> NDArray[Any]:
    kind = np.dtype(dtype)
    if len(shape) > 3 or min(shape, default=1) < 1:
        raise InputError(f"is an array of shape {str(tuple(shape))[:60]}, expected at most three sizes, each >= 1")
    if prod(shape) > MAX_ENTRIES:
        raise InputError(f"is an array of shape {tuple(shape)}, expected at most {MAX_ENTRIES:,} entries")
    wanted = prod(shape) * kind.itemsize
    if len(data) != wanted:
        raise InputError(f"has {len(data)} bytes for an array of shape {tuple(shape)} of {dtype}, expected {wanted}")
    return np.frombuffer(data, dtype=kind).reshape(shape, order="F" if fortran else "C")
