"""What there is to export to. Imports nothing, so that help texts may name it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "python": "plain functions on entries or blocks that need not commute",
        "numpy": "recursive, matrices of any sizes",
        "numba": "as numpy, each sum compiled to one pass",
        "c": "C99 header, recursive, any sizes, BLAS as base case if wanted",
        "cpp": "C++17 header of templates, as c",
        "julia": "module, recursive, any sizes",
        "text": "formulas as papers write them",
        "latex": "the same formulas, typeset",
        "markdown": "page with facts, formulas and the matrices U, V, W",
        "graphviz": "graph of the program in DOT",
        "svg": "picture of that graph",
    }
)
"""By the name that `export_code` takes."""
