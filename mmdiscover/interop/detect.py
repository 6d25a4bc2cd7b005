"""Which format a file is in: its content decides, never its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mmdiscover.errors import InputError
from mmdiscover.interop.blocks import parse_blocks
from mmdiscover.interop.braces import parse_braces
from mmdiscover.interop.fast_json import fast_scheme
from mmdiscover.interop.flip import parse_flip
from mmdiscover.interop.json_text import load_json, require_object
from mmdiscover.interop.linear_forms import parse_linear_forms
from mmdiscover.interop.maple import parse_maple
from mmdiscover.interop.matlab import parse_matlab
from mmdiscover.interop.native import native_scheme
from mmdiscover.interop.notebook import parse_notebook
from mmdiscover.interop.npz import parse_npz
from mmdiscover.interop.parsed import Parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmdiscover.core.scheme import Scheme

_ARCHIVE = b"PK"
_BRACES = re.compile(r"\s*+\{\s*+\{")
_JSON = re.compile(r"\s*+[\[{]")
_TEXTS: tuple[tuple[re.Pattern[str], Callable[[str], list[Parsed]]], ...] = (
    (re.compile(r"\bTensor\s*+:="), parse_maple),
    # Comments of coefficient blocks hold anything.
    (re.compile(r"^[ \t]*+#", re.MULTILINE), parse_blocks),
    (re.compile(r"^[ \t]*+\w++[ \t]*+=\s*+\[", re.MULTILINE), parse_matlab),
    (re.compile(r"[abc][1-9]{2}"), parse_linear_forms),
    (re.compile(r"\A\s*+[+-]?\d"), parse_flip),
)
"""What is found in a format's files and not in those of the formats below it."""


def parse_schemes(content: bytes) -> list[Parsed]:
    """Read the schemes of a file of any known format.

    Parameters
    ----------
    content : bytes
        The whole file.

    Returns
    -------
    list of Parsed
        In the file's order.

    Raises
    ------
    InputError
        If it is in no known format, or not well-formed.
    """
    if content.startswith(_ARCHIVE):
        return parse_npz(content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte {content[error.start]:#04x} at offset {error.start} is not UTF-8, expected a scheme file"
        ) from None
    if not text.strip():
        raise InputError("is empty, expected a scheme")
    if _BRACES.match(text):
        return parse_braces(text)
    if _JSON.match(text):
        return _parse_json(text)
    for pattern, parse in _TEXTS:
        if pattern.search(text):
            return parse(text)
    raise InputError(f"begins with {text.strip()[:40]!r}, which is no known format, expected a scheme file")


def _parse_json(text: str) -> list[Parsed]:
    """One scheme, a list of them, or a notebook."""
    document = load_json(text)
    if isinstance(document, list):
        return [_parsed(item) for item in document]
    if isinstance(document, dict) and "cells" in document:
        return parse_notebook(text)
    return [Parsed((_scheme(document),))]


def _parsed(document: Any) -> Parsed:
    try:
        return Parsed((_scheme(document),))
    except InputError as error:
        return Parsed((), str(error))


def _scheme(document: Any) -> Scheme:
    known = require_object(document)
    return fast_scheme(known) if "n" in known and "format" not in known else native_scheme(known)
