"""Scheme files: what is read, and what can be written."""

from mmdiscover.interop.files import SchemeEntry, read_schemes
from mmdiscover.interop.native import write_native
from mmdiscover.interop.writing import EXPORT_FORMATS, ExportFormat

__all__ = ["EXPORT_FORMATS", "ExportFormat", "SchemeEntry", "read_schemes", "write_native"]
