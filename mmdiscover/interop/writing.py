"""The formats in which a scheme can be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmdiscover.interop.blocks import write_blocks
from mmdiscover.interop.braces import write_braces
from mmdiscover.interop.fast_json import write_fast_json
from mmdiscover.interop.flip import write_flip
from mmdiscover.interop.linear_forms import write_linear_forms
from mmdiscover.interop.maple import write_maple
from mmdiscover.interop.native import write_native
from mmdiscover.interop.npz import write_alphatensor, write_npz

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmdiscover.core.scheme import Scheme


@dataclass(frozen=True)
class ExportFormat:
    """A file format.

    Parameters
    ----------
    extension : str
        Usual end of the name of such a file.
    write : callable
        From a scheme to the text or the bytes of a file; raises `InputError` for one that the format cannot hold.
    """

    extension: str
    write: Callable[[Scheme], str | bytes]

    def content(self, scheme: Scheme) -> bytes:
        """The file for a scheme.

        Raises
        ------
        InputError
            If the format cannot hold this scheme: the message says why.
        """
        content = self.write(scheme)
        return content.encode() if isinstance(content, str) else content


EXPORT_FORMATS: Mapping[str, ExportFormat] = {
    "json": ExportFormat("json", write_native),
    "npz": ExportFormat("npz", write_npz),
    "fmm-json": ExportFormat("json", write_fast_json),
    "alphatensor": ExportFormat("npz", write_alphatensor),
    "maple": ExportFormat("mpl", write_maple),
    "m": ExportFormat("m", write_braces),
    "exp": ExportFormat("exp", write_linear_forms),
    "blocks": ExportFormat("txt", write_blocks),
    "flip": ExportFormat("txt", write_flip),
}
"""File formats by the names that `schemes export --format` takes."""
