"""The schemes that a product may name, and how a scheme becomes trusted."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from mmdiscover.core.format import Format, parse_scheme_name
from mmdiscover.core.scheme import Scheme
from mmdiscover.core.symmetry import permute
from mmdiscover.core.verified import VerifiedScheme
from mmdiscover.errors import InputError
from mmdiscover.verify.brent import check_brent

if TYPE_CHECKING:
    SchemeLike = str | Scheme | VerifiedScheme


@lru_cache(maxsize=1)
def known_schemes() -> dict[str, Scheme]:
    """The schemes that come with the package, by name, each found by `mmdiscover discover`."""
    entries = json.loads(files("mmdiscover.runtime").joinpath("schemes.json").read_text(encoding="utf-8"))
    schemes = {}
    for entry in entries:
        u, v, w = ([list(row) for row in zip(*entry[key], strict=True)] for key in "uvw")
        scheme = Scheme(Format(*entry["format"]), u, v, w)
        schemes[scheme.name] = trusted(scheme)
    return schemes


@lru_cache(maxsize=64)
def trusted(scheme: Scheme) -> Scheme:
    """The same scheme, once it satisfies the Brent equations.

    Raises
    ------
    InputError
        If it does not, naming the first equation that fails, or holds modulo 2 only.
    """
    if scheme.modulus:
        raise InputError(f"scheme {scheme.name} holds modulo {scheme.modulus} only, expected one over Q or Q(i)")
    report = check_brent(scheme)
    if not report.holds:
        raise InputError(f"scheme {scheme.name} does not multiply matrices: {report.first}")
    return scheme


@lru_cache(maxsize=64)
def named(name: str) -> Scheme:
    """A scheme of the package by its name, in any order of its format.

    Raises
    ------
    InputError
        If there is none, listing those there are.
    """
    fmt, rank = parse_scheme_name(name)
    for scheme in known_schemes().values():
        if scheme.format.sorted() == fmt.sorted() and rank in {None, scheme.rank}:
            return permute(scheme, fmt)
    raise InputError(f"scheme {name!r} does not come with mmdiscover, expected one of {', '.join(known_schemes())}")


def resolve(scheme: SchemeLike) -> Scheme:
    """A scheme that may be used: by name, verified before, or verified now.

    Raises
    ------
    InputError
        If it is none of these, or does not multiply matrices.
    """
    if isinstance(scheme, str):
        return named(scheme)
    if isinstance(scheme, VerifiedScheme):
        return trusted(scheme.scheme)
    if isinstance(scheme, Scheme):
        return trusted(scheme)
    raise InputError(f"scheme is {scheme!r}, expected a name such as '2x2x2:7', a Scheme or a VerifiedScheme")
