"""Scheme files: what is read, and what can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmdiscover.interop.files import SchemeEntry, read_schemes
from mmdiscover.interop.native import write_native
from mmdiscover.interop.npz import write_npz

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmdiscover.core.scheme import Scheme

__all__ = ["EXPORT_FORMATS", "SchemeEntry", "read_schemes", "write_native", "write_npz"]

EXPORT_FORMATS: Mapping[str, Callable[[Scheme], bytes]] = {
    "json": lambda scheme: write_native(scheme).encode(),
    "npz": write_npz,
}
"""Content of a file for each format that schemes can be exported in."""
