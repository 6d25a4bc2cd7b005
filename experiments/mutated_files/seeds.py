"""One small valid file of every format, to be damaged."""

from __future__ import annotations

import io
import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.bench import blocked_scheme
from mmdiscover.core.exact import Gaussian
from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import rescale
from mmdiscover.interop import EXPORT_FORMATS
from mmdiscover.interop.flip import write_flips

if TYPE_CHECKING:
    from mmdiscover.core.scheme import Scheme

# Strassen-Winograd with shared forms.
_REDUCED = """{"n": [2, 2, 2], "m": 7, "z2": false, "complexity": {"naive": 24, "reduced": 15},
"u_fresh": [[2, 3], [4, -0]], "v_fresh": [[1, -0], [3, -4]], "w_fresh": [[0, 5], [7, 6]],
"u": [[0], [1], [1, -5], [3], [4], [5], [0, -2]], "v": [[0], [2], [3], [5, -2], [4], [5], [3, -1]],
"w": [[0, 1], [8, -3], [7, 4, 2], [8, 4]]}"""

_ELIMINATED = """# the third row of A is a11 + a12
1 0
0 1
0 0
#
1 0
0 1
#
1 1
# Substitution information
1 1
#
#
"""


def seed_files() -> dict[str, bytes]:
    """A valid file of every format by its name, made by the program's own writers where it has one.

    Returns
    -------
    dict of str to bytes
    """
    integral, small = blocked_scheme(Format(2, 2, 2)), blocked_scheme(Format(2, 1, 2))
    fractions = rescale(integral, *[np.array([Fraction(-1, 2), 1, Fraction(1, 3), 1, 2, 1, 1], dtype=object)] * 2)
    halves = rescale(small, *[np.array([Fraction(1, 2), Fraction(-1, 4), 1, 1], dtype=object)] * 2)
    gaussian = rescale(small, *[np.array([Gaussian(Fraction(1, 2), Fraction(1, 2)), 1, 1, -1], dtype=object)] * 2)
    files = {name: known.content(integral) for name, known in EXPORT_FORMATS.items()}
    for name, scheme in (
        ("json", gaussian),
        ("npz", fractions),
        ("fmm-json", fractions),
        ("alphatensor", halves),
        ("maple", fractions),
        ("m", gaussian),
        ("exp", fractions),
        ("blocks", fractions),
        ("flip", fractions),
    ):
        files[f"{name}, fractions"] = EXPORT_FORMATS[name].content(scheme)
    native = json.loads(files["json"])
    return files | {
        "json, several": json.dumps([native, json.loads(files["fmm-json"])]).encode(),
        "fmm-json, reduced": json.dumps(_with_forms(json.loads(_REDUCED.replace("-0", '"-0"')))).encode(),
        "flip, several": write_flips([small, integral]).encode(),
        "blocks, eliminated": _ELIMINATED.encode(),
        "U, V, W npz": _factor_archive(integral),
        "notebook": _notebook(integral),
        "matlab": _matlab(integral),
    }


def _with_forms(document: dict[str, Any]) -> dict[str, Any]:
    """Indices, with signs, written out as forms."""
    return {
        key: [[_term(index) for index in form] for form in value] if key[0] in "uvw" else value
        for key, value in document.items()
    }


def _term(index: int | str) -> dict[str, int]:
    return {"index": abs(int(index)), "value": -1 if str(index).startswith("-") else 1}


def _straight(scheme: Scheme) -> list[np.ndarray[Any, Any]]:
    """Factors with W for C instead of Cᵀ."""
    fmt = scheme.format
    w = scheme.w.reshape(fmt.p, fmt.n, -1).swapaxes(0, 1).reshape(scheme.w.shape)
    return [factor.astype(np.int64) for factor in (scheme.u, scheme.v, w)]


def _factor_archive(scheme: Scheme) -> bytes:
    u, v, w = _straight(scheme)
    buffer = io.BytesIO()
    np.savez(buffer, U=u, V=v, W=w)
    return buffer.getvalue()


def _notebook(scheme: Scheme) -> bytes:
    arrays = ", ".join(f"np.array({factor.astype(float).tolist()})" for factor in scheme.arrays)
    cell = {"cell_type": "code", "source": [f"decomposition_222 = ({arrays})"]}
    return json.dumps({"cells": [cell], "nbformat": 4}).encode()


def _matlab(scheme: Scheme) -> bytes:
    blocks = []
    for name, factor in zip("ABC", scheme.arrays, strict=True):
        lines = "\n".join(" ".join(map(str, row)) for row in factor)
        blocks.append(f"{name} = [\n{lines}\n]\n")
    return "".join(blocks).encode()
