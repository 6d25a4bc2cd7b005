"""Damage to files: bytes changed, cut out, repeated, spliced in, and numbers enlarged."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

MOST_BYTES = 2**20
"""Largest file that damage makes."""

_NUMBER = re.compile(rb"\d+")
_LARGE = (
    b"2",
    b"-1",
    b"65536",
    b"999999999",
    b"9223372036854775808",
    b"1" + b"0" * 60,
    b"7" * 199,
    b"7" * 5000,
    b"1/3",
    b"1/0",
    b"0.5",
    b"1e308",
    b"NaN",
    b"2**64",
    b"1/7919",
    b"i",
)
_WORDS = (0, 1, 2**16, 2**31 - 1, 2**32 - 1, 2**63)


def damaged(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """The same file with one to four kinds of damage.

    Parameters
    ----------
    content : bytes
        A valid file. What an archive holds is damaged and packed again, with a right checksum, in half of the cases.
    others : sequence of bytes
        Files that pieces are taken from.
    rng : random.Random

    Returns
    -------
    bytes
        At most `MOST_BYTES`.
    """
    if rng.random() < 0.3:
        return _retyped(content, others, rng)
    if content.startswith(b"PK") and rng.random() < 0.5:
        return _repacked(content, others, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        content = rng.choice(_KINDS)(content, others, rng)[:MOST_BYTES]
    return content


def _repacked(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(buffer, "w") as result:
        victim = rng.choice(archive.namelist())
        for name in archive.namelist():
            member = archive.read(name)
            result.writestr(name, rng.choice(_KINDS)(member, others, rng)[:MOST_BYTES] if name == victim else member)
    return buffer.getvalue()


def _span(content: bytes, rng: Random) -> tuple[int, int]:
    """A piece, short ones more often."""
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + int(len(content) ** rng.random()))


def _changed(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    del others
    result = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8)) if content else 0):
        position = rng.randrange(len(result))
        result[position] = rng.choice((rng.randrange(256), result[position] ^ 1 << rng.randrange(8)))
    return bytes(result)


def _cut(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    del others
    start, end = _span(content, rng)
    return rng.choice((content[:start], content[start:], content[:start] + content[end:]))


def _repeated(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    del others
    start, end = _span(content, rng)
    times = rng.choice((1, 1, 2, 10, 1000, 100_000))
    return content[:end] + content[start:end] * min(times, MOST_BYTES // max(end - start, 1)) + content[end:]


def _spliced(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    source = rng.choice([content, *others])
    start, end = _span(source, rng)
    here, there = _span(content, rng)
    return content[:here] + source[start:end] + content[rng.choice((here, there)) :]


def _enlarged(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    del others
    if rng.random() < 0.2 and len(content) > 8:  # numbers of binary files
        position = rng.randrange(len(content) - 8)
        word = rng.choice(_WORDS).to_bytes(8, "little")[: rng.choice((1, 2, 4, 8))]
        return content[:position] + word + content[position + len(word) :]
    numbers = list(_NUMBER.finditer(content))
    if not numbers:
        return content
    match = rng.choice(numbers)
    return content[: match.start()] + rng.choice(_LARGE) + content[match.end() :]


def _retyped(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """A few digits and signs are others, which most readers take for a scheme."""
    del others
    result = bytearray(content)
    places = [place for place, byte in enumerate(content) if byte in b"0123456789-+ "]
    for _ in range(rng.choice((1, 1, 2, 4)) if places else 0):
        place = rng.choice(places)
        result[place] = rng.choice(b"0123 " if result[place] in b"0123456789" else b"-+ ")
    return bytes(result)


_KINDS = (_changed, _cut, _repeated, _spliced, _enlarged, _retyped)
