"""The JSON of dronperminov/FastMatrixMultiplication, full and reduced.

One object: ``n`` [n, m, p], ``m`` the rank r, ``z2`` true for a scheme modulo 2. Full: ``u``, ``v``, ``w`` as in native
files, one row per product, W for Cᵀ. Further keys are passed over.

Reduced, with shared subexpressions: ``u`` and ``v`` are r sparse forms, ``w`` is pn of them, over the products; a form
is a list of ``{"index": …, "value": …}``. ``u_fresh``, ``v_fresh`` and ``w_fresh`` define further variables by such
forms: indices from nm (mp, r) on stand for them, in their order.
"""

from __future__ import annotations

import json
import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import Exact, Gaussian
from mmdiscover.core.metrics import additions, additions_of_forms
from mmdiscover.core.rows import read_exact, scheme_of_rows, scheme_rows
from mmdiscover.core.scheme import Scheme
from mmdiscover.errors import InputError
from mmdiscover.interop.json_text import require_keys, sizes_and_rank
from mmdiscover.interop.tokens import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_KEYS = ("n", "m", "z2", "u", "v", "w")
_FRESH = ("u_fresh", "v_fresh", "w_fresh")

MAX_ENTRIES = 2**22
"""Of all three factors. Sparse forms are small where the factors they stand for need not be."""
_MOST_TERMS = 10**7
"""Terms that may be added while variables are replaced by what they stand for."""


def write_fast_json(scheme: Scheme) -> str:
    """Write a scheme as full JSON of FastMatrixMultiplication.

    Parameters
    ----------
    scheme : Scheme

    Raises
    ------
    InputError
        If it has complex entries, or one that is too long to be read again.
    """
    if any(isinstance(entry, Gaussian) for factor in scheme.arrays for entry in factor.ravel()):
        raise InputError(f"{scheme.name} has complex entries, which this file format has not")
    head = {
        "n": scheme.format.sizes,
        "m": scheme.rank,
        "z2": bool(scheme.modulus),
        "complexity": additions(scheme),
    }
    return json.dumps(head | scheme_rows(scheme)) + "\n"


def fast_scheme(document: Mapping[str, Any]) -> Scheme:
    """Read a scheme from an object of either kind.

    Parameters
    ----------
    document : mapping
        JSON values, see `mmdiscover.interop.json_text`.

    Returns
    -------
    Scheme
        Not verified.

    Raises
    ------
    InputError
        If a key is missing, an entry is not exact, an index stands for nothing, or what is declared does not fit.
    """
    reduced = any(key in document for key in _FRESH)
    require_keys(document, (*_KEYS, *_FRESH) if reduced else _KEYS)
    if not isinstance(document["z2"], bool):
        raise InputError(f"z2 is {reprlib.repr(document['z2'])}, expected true or false")
    modulus = 2 if document["z2"] else 0
    if not reduced:
        fmt, rank = sizes_and_rank(document, "n", "m")
        return scheme_of_rows(fmt, rank, document, modulus=modulus)
    return _reduced_scheme(document, modulus)


def _reduced_scheme(document: Mapping[str, Any], modulus: int) -> Scheme:
    fmt, rank = sizes_and_rank(document, "n", "m")
    if sum(fmt.shape) * rank > MAX_ENTRIES:
        raise InputError(f"{fmt} with {rank} products: expected factors of at most {MAX_ENTRIES:,} entries")
    reader = _Forms(document)
    nm, mp, pn = fmt.shape
    u = reader.matrix("u", variables=nm, forms=rank)
    v = reader.matrix("v", variables=mp, forms=rank)
    w = reader.matrix("w", variables=rank, forms=pn).T
    scheme = Scheme(fmt, u, v, w, modulus)
    _check_complexity(document, reader.additions, scheme)
    return scheme


def _check_complexity(document: Mapping[str, Any], reduced: int, scheme: Scheme) -> None:
    """A file that was damaged seldom has as many additions as it says."""
    declared = document.get("complexity")
    if declared is None:
        return
    counted = {"naive": additions(scheme), "reduced": reduced}
    if declared != counted:
        raise InputError(f"complexity is {reprlib.repr(declared)}, but there are {counted} additions")


class _Forms:
    """Sparse forms with what the variables in them stand for put in their place."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._terms = 0
        self.additions = 0
        """Of all forms read so far."""

    def matrix(self, name: str, *, variables: int, forms: int) -> NDArray[np.object_]:
        """Coefficients of all variables (rows) in all forms (columns)."""
        fresh: list[dict[int, Exact]] = []
        key = f"{name}_fresh"
        for number, form in enumerate(_list(self._document[key], key)):
            fresh.append(self._expand(form, f"{key}[{number}]", variables, fresh))
        rows = _list(self._document[name], name)
        if len(rows) != forms:
            raise InputError(f"{name} has {len(rows)} items, expected {forms} forms")
        matrix = np.zeros((variables, forms), dtype=object)
        for number, form in enumerate(rows):
            for index, value in self._expand(form, f"{name}[{number}]", variables, fresh).items():
                matrix[index, number] = value
        return matrix

    def _expand(self, form: Any, place: str, variables: int, fresh: list[dict[int, Exact]]) -> dict[int, Exact]:
        terms = _list(form, place)
        self.additions += additions_of_forms([len(terms)])
        result: dict[int, Exact] = {}
        for position, term in enumerate(terms):
            here = f"{place}[{position}]"
            index, value = _term(term, here)
            if not 0 <= index < variables + len(fresh):
                raise InputError(f"{here} has the index {index}, expected 0 to {variables + len(fresh) - 1}")
            meant = {index: 1} if index < variables else fresh[index - variables]
            self._terms += len(meant)
            if self._terms > _MOST_TERMS:
                raise InputError(f"{place} stands for too many terms, expected at most {_MOST_TERMS:,} in all")
            try:
                for original, coefficient in meant.items():
                    # Sums of sums grow without bound.
                    result[original] = bounded(result.get(original, 0) + value * coefficient)
            except InputError as error:
                raise InputError(f"{here}: {error}") from None
        return result


def _term(term: Any, place: str) -> tuple[int, Exact]:
    if not isinstance(term, dict) or not {"index", "value"} <= set(term) or type(term["index"]) is not int:
        raise InputError(f'{place} is {reprlib.repr(term)}, expected {{"index": …, "value": …}}')
    return term["index"], read_exact(term["value"], f"{place} value")


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{place} is {reprlib.repr(value)}, expected a list")
    return value
